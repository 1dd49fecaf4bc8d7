"""What the text view says of its own, in each language.

Sentences about events are not here: those are `views.explain`'s.
"""

from dataclasses import dataclass
from typing import get_args

from tracer.events.tasks import WaitsFor


@dataclass(frozen=True, slots=True)
class LoopWords:
    """What is said of the event loop in figures; `{}` is filled in.

    Source: ours.
    """

    idle_turns: str
    title: str
    turns: str
    longest: str
    of: str
    tasks: str
    waits: dict[WaitsFor, str]
    late: str
    jobs: str
    threads: str
    queued: str
    blocked: str
    culprit: str
    unseen: str
    nobody: str
    many: str
    waited: str
    alone: str
    tick: str
    newcomers: str
    tasks_more: str
    requests_more: str
    comma: str
    last: str


@dataclass(frozen=True, slots=True)
class SocketWords:
    """What is said of a WebSocket at its end; `{}` is filled in.

    Source: ours.
    """

    messages: str
    open_for: str
    closed: str
    lost: str
    unopened: str
    colon: str
    who: dict[str, str]
    """Who closes, by `WsClose.by`; empty: nobody saw it."""


@dataclass(frozen=True, slots=True)
class Words:
    """The view's own words; `{}` is filled in.

    Source: ours.
    """

    live: str
    recorded: str
    columns: str
    server: str
    connection: str
    no_request: str
    goes_on: str
    head_to_last: str
    bytes_out: str
    app_went_on: str
    outcomes: dict[str, str]
    requests: str
    slowest: str
    findings: str
    more: str
    dropped: str
    reading: str
    again: str
    colon: str
    loop: LoopWords
    socket: SocketWords


ENGLISH = LoopWords(
    idle_turns="… idle turns: {:,} in {}, events: {:,}, at most the tick's",
    title="The event loop",
    turns="turns {:,} · busy {} · idle {}",
    longest="longest turn {} (turn {}{})",
    of=", {}",
    tasks="tasks made {:,} · suspended {:,}×",
    waits={each: each for each in get_args(WaitsFor)},
    late="longest ready but waiting: {}, task {}{}",
    jobs="calls in threads {:,}",
    threads="at most {} of {} threads at once",
    queued="longest wait for one {}, {}{}",
    blocked="blocked {:,}×, {} in all",
    culprit="{} held the loop for {}: {}",
    unseen="One turn held the loop for {}, over before anybody could look",
    nobody="The server",
    many="One turn of many short steps",
    waited="{}; meanwhile waited: {}",
    alone="{}; nobody else had anything to do",
    tick="the server's tick",
    newcomers="{} new connections",
    tasks_more="{} tasks of no request",
    requests_more="{} more requests",
    comma=", ",
    last=" and ",
)

CHINESE = LoopWords(
    idle_turns="… 空闲 {:,} 轮，历时 {}，{:,} 个事件，至多是 tick 的",
    title="事件循环",
    turns="{:,} 轮 · 忙碌 {} · 空闲 {}",
    longest="最长的一轮 {}（第 {} 轮{}）",
    of="，{}",
    tasks="创建任务 {:,} 个 · 挂起 {:,} 次",
    waits={
        "sleep": "睡眠",
        "event": "event",
        "lock": "锁",
        "semaphore": "信号量",
        "condition": "condition",
        "barrier": "barrier",
        "queue": "队列",
        "worker thread": "工作线程",
        "free thread": "空闲线程",
        "child task": "子任务",
        "child tasks": "多个子任务",
        "stream data": "流数据",
        "request body": "请求体",
        "client to read": "客户端读取",
        "socket": "套接字",
        "subprocess": "子进程",
        "gave way": "让一让",
        "held": "停住",
        "future": "future",
    },
    late="就绪而未运行，最久 {}，任务 {}{}",
    jobs="线程中的调用 {:,} 次",
    threads="同时最多用到 {} / {} 个线程",
    queued="等线程最久 {}，{}{}",
    blocked="被阻塞 {:,} 次，共 {}",
    culprit="{} 占住循环 {}：{}",
    unseen="有一轮占住循环 {}，还没来得及看是谁就结束了",
    nobody="服务器",
    many="一轮中的许多短步骤一起",
    waited="{}；这期间在等的有 {}",
    alone="{}；其他人都没有事要做",
    tick="服务器的 tick",
    newcomers="{} 个新连接",
    tasks_more="{} 个不属于任何请求的任务",
    requests_more="另外 {} 个请求",
    comma="、",
    last=" 和 ",
)

ENGLISH_SOCKET = SocketWords(
    messages="messages: {:,} in, {:,} out",
    open_for="open for {} ms",
    closed="closed{} with {}",
    lost="lost without a Close frame",
    unopened="never opened",
    colon=": ",
    who={
        "client": " by the client",
        "app": " by the app",
        "server": " by the server",
        "": "",
    },
)

CHINESE_SOCKET = SocketWords(
    messages="消息：收 {:,} 条，发 {:,} 条",
    open_for="打开了 {} ms",
    closed="{}以 {} 关闭",
    lost="没有关闭帧就断开了",
    unopened="从未打开",
    colon="：",
    who={"client": "由客户端", "app": "由应用", "server": "由服务器", "": ""},
)

WORDS = {
    "en": Words(
        live="live",
        recorded="recorded {}",
        columns=(
            "turn: of the event loop, ┬ where one begins · ms: since the"
            " request's first event, for the server since the trace began"
        ),
        server="the server",
        connection="connection {}",
        no_request="connection {}, no request",
        goes_on="goes on",
        head_to_last="{} ms from the head to the last byte",
        bytes_out="body {:,} B",
        app_went_on="the app went on for {} ms",
        outcomes={
            "running": "running",
            "answered": "answered, the app still at work",
            "done": "done",
            "failed": "failed",
            "broken": "broken off",
            "left": "the client left",
            "refused": "refused, no HTTP",
        },
        requests="Requests",
        slowest="Slowest",
        findings="Findings",
        more="… and {} more",
        dropped="{:,} events were lost: what is shown has gaps",
        reading="reading",
        again="reloaded: {}",
        colon=": ",
        loop=ENGLISH,
        socket=ENGLISH_SOCKET,
    ),
    "zh": Words(
        live="实时",
        recorded="录制于 {}",
        columns=(
            "turn：事件循环的轮次，┬ 为一轮之始 · ms：自该请求的首个事件起，"
            "服务器的则自跟踪开始起"
        ),
        server="服务器",
        connection="连接 {}",
        no_request="连接 {}，没有请求",
        goes_on="继续",
        head_to_last="从请求头到最后一个字节 {} ms",
        bytes_out="响应体 {:,} B",
        app_went_on="应用此后又运行了 {} ms",
        outcomes={
            "running": "进行中",
            "answered": "已响应，应用仍在运行",
            "done": "完成",
            "failed": "失败",
            "broken": "响应不完整",
            "left": "客户端已离开",
            "refused": "已拒绝，不是 HTTP",
        },
        requests="请求",
        slowest="最慢",
        findings="发现",
        more="……另有 {} 条",
        dropped="丢失了 {:,} 个事件：所示内容有缺口",
        reading="读取中",
        again="已重新加载：{}",
        colon="：",
        loop=CHINESE,
        socket=CHINESE_SOCKET,
    ),
}
"""By language; the keys are those of `views.explain.LANGUAGES`."""
