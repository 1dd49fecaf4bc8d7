"""What the text view says of its own, in each language.

Sentences about events are not here: those are `views.explain`'s.
"""

from dataclasses import dataclass


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
    ),
}
"""By language; the keys are those of `views.explain.LANGUAGES`."""
