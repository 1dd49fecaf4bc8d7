"""A screen without a terminal: a feed in memory, a clock that is turned."""

import asyncio
import os
import re
import sys
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import textual
from textual.pilot import Pilot

from tracer.events import (
    Accept,
    AppEnter,
    AppExit,
    AppOutput,
    Bytes,
    ConnDecision,
    ConnectionMade,
    CycleCreated,
    DataReceived,
    EndpointEnter,
    EndpointExit,
    Event,
    H11Event,
    H11Send,
    Header,
    KeepaliveArmed,
    ListenBound,
    MiddlewareEnter,
    MiddlewareExit,
    ReceiveReturn,
    ResponseCall,
    ResponseComplete,
    ResponseStart,
    RouteHandle,
    RouteMatch,
    RouterEnter,
    RunAsgiEnd,
    RunAsgiStart,
    ScopeBuilt,
    SendCall,
    SendReturn,
    ServerConfig,
    ServerStarted,
    Source,
    StackBuilt,
    TaskCreated,
    TaskStarted,
    Tick,
    TickHeaders,
    TransportWrite,
)
from tracer.events.commands import Command
from tracer.events.log import Decoder, Record
from tracer.views import feed as feeds
from tracer.views.tui import TraceApp

GOLDENS = Path(__file__).parent / "goldens"
PINNED = "8.2.8"
MODEL = Path(__file__).parents[2] / "model"
TEAHOUSE = MODEL / "teahouse.jsonl"

# The model's tests know how a chat goes: `websocket_talk`.
sys.path.append(str(MODEL))

DATE = "Sun, 01 Feb 2026 10:00:00 GMT"
CODE = '''async def read_item(request):
    """Return one item."""
    number = request.path_params["item_id"]
    return JSONResponse({"item": number})
'''
LAYERS = ("ServerErrorMiddleware", "Timing", "ExceptionMiddleware")


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class MemoryFeed:
    """Records in a list, as a feed.

    Attributes:
        told: The commands that were passed on.
        sent: What clients were sent: scenario, target and count.
        refusal: What `send` answers; None: it begins.
    """

    progress = None
    known: tuple[feeds.Scenario, ...] = (
        ("get", "One request.", "一个请求。"),
        ("slow-body", "A body that comes late.", "迟到的请求体。"),
    )

    def __init__(
        self, records: Iterable[Record] = (), *, live: bool = True
    ) -> None:
        self.live = live
        self.title = "app:app"
        self.header: Header | None = None
        self.coming = list(records)
        self.ended = False
        self.waiting = False
        self.changed: str | None = None
        self.problem: str | None = None
        self.stops = 0
        self.rounds = 0
        self.clients = False
        self.told: list[Command] = []
        self.sent: list[tuple[str, str, int]] = []
        self.refusal: str | None = None

    def take(self) -> list[Record]:
        taken, self.coming = self.coming, []
        return taken

    def renewed(self) -> str | None:
        changed, self.changed = self.changed, None
        return changed

    def wait(self, timeout: float) -> None:
        """Nothing ever has to be waited for."""

    def stop(self) -> None:
        self.stops += 1

    def again(self) -> bool:
        self.rounds += self.clients
        return self.clients

    def tell(self, command: Command) -> bool:
        self.told.append(command)
        return self.live

    def scenarios(self) -> tuple[feeds.Scenario, ...]:
        return self.known if self.live else ()

    def send(self, scenario: str, target: str, count: int) -> str | None:
        self.sent.append((scenario, target, count))
        return self.refusal


@dataclass
class Maker:
    """Makes events in order of time, for one request after the other."""

    t: int = 0
    turn: int = 4
    made: list[Event] = field(default_factory=list)
    who: dict[str, int] = field(default_factory=dict)

    def __call__(
        self, cls: Callable[..., Event], *payload: object, after: int = 20_000
    ) -> None:
        self.t += after
        self.made.append(
            cls(
                *payload,
                seq=len(self.made) + 1,
                t=self.t,
                turn=self.turn,
                thread="loop",
                **self.who,
            )
        )

    def start(self) -> None:
        """The server comes up."""
        self(Source, 1, "app.py", 12, "read_item", CODE)
        file, name = "tracer/capture/server/protocol.py", "data_received"
        self(Source, 2, file, 40, name, "def data_received(self, data): ...\n")
        self(ServerConfig, "app:app", "asyncio", "h11", {"h11": "0.16"}, {})
        self(ListenBound, "tcp", "127.0.0.1:8000", 2048)
        self(ServerStarted, "http://127.0.0.1:8000")
        self(Tick, 1, 0, 0, 0)
        self(TickHeaders, DATE, 2)
        self(StackBuilt, LAYERS, ())

    def accept(self, conn: int) -> None:
        """A client connects."""
        self.who = {"conn": conn}
        self(Accept, f"127.0.0.1:5000{conn}", 9, after=1_000_000)
        self(ConnectionMade, conn, f"127.0.0.1:5000{conn}", "", conn)

    def ask(self, req: int, conn: int, path: str, query: str = "") -> None:
        """Its request comes in, as far as the app's call."""
        head = f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n"
        self.turn += 1
        self.who = {"conn": conn, "where": 2}
        self(DataReceived, len(head), after=150_000)
        self.who = {"conn": conn, "req": req, "where": 2}
        line = f"GET {path} HTTP/1.1"
        self(H11Event, "Request", "SEND_BODY", "SEND_RESPONSE", None, line)
        self(Bytes, "in", "head", head, len(head))
        scope = ("GET", path, path, query, "", "1.1", "http", "", "")
        self(ScopeBuilt, *scope, (("host", "x"),), (), req)
        self(CycleCreated, (("date", DATE),), False)
        self(TaskCreated, req + 10, "Task", "run_asgi")
        self(H11Event, "EndOfMessage", "DONE", "SEND_RESPONSE")
        self.turn += 1
        self.who["task"] = req + 10
        self(TaskStarted, req + 10)
        self(RunAsgiStart)
        self(AppEnter, "Starlette", "http")
        for depth, name in enumerate(LAYERS):
            self(MiddlewareEnter, name, depth)
        self(RouterEnter, "http", path, 2)
        self(RouteMatch, "GET /", "NONE")
        self(RouteMatch, "GET /items/{item_id}", "FULL")
        self(RouteHandle, "GET /items/{item_id}", ("item_id",))
        self.who["where"] = 1
        self(EndpointEnter, "read_item", "function", "async")

    def answer(self, status: int = 200, n: int = 12) -> None:
        """The endpoint returns, the response leaves, the app ends."""
        self(ReceiveReturn, "http.request", 0, False)
        self(EndpointExit, "read_item", "JSONResponse", after=400_000)
        self.who["where"] = 2
        self(ResponseCall, "JSONResponse", status)
        self(SendCall, "http.response.start", None, None, status)
        named = (("date", DATE, "tick"), ("content-length", "12", "app"))
        self(ResponseStart, status, named)
        self(H11Send, "Response", "DONE", "SEND_BODY", 80)
        self(TransportWrite, 80, "head")
        self(SendReturn, "http.response.start")
        self(SendCall, "http.response.body", n, False)
        self(H11Send, "Data", "DONE", "SEND_BODY", n)
        self(TransportWrite, n, "body")
        self(Bytes, "out", "body", '{"item": 42}', n)
        self(H11Send, "EndOfMessage", "DONE", "DONE", 0)
        self(ResponseComplete, n)
        self(ConnDecision, True, "HTTP/1.1 keeps it")
        self(KeepaliveArmed, 5.0)
        for depth, name in reversed(list(enumerate(LAYERS))):
            self(MiddlewareExit, name, depth)
        self(AppExit, "Starlette")
        self(RunAsgiEnd, "complete")

    def say(self, text: str) -> None:
        """The app prints a line."""
        self(AppOutput, "stdout", text)

    def taken(self) -> list[Event]:
        """What was made since the last call."""
        made, self.made = self.made, []
        return made


def exchanges(count: int = 1) -> list[Event]:
    """A server, and so many whole requests on one connection."""
    make = Maker()
    make.start()
    make.accept(1)
    for number in range(1, count + 1):
        make.ask(number, 1, f"/items/{number}", "q=1")
        make.say(f"item {number}\n")
        make.answer()
    return make.taken()


def teahouse() -> list[Record]:
    """The recorded run of the demo."""
    return Decoder().feed(TEAHOUSE.read_bytes())


@dataclass
class Stage:
    """An app under test."""

    app: TraceApp
    feed: MemoryFeed
    clock: Clock
    pilot: Pilot[int]
    last: str = ""

    async def after(self, seconds: float = 0.0) -> None:
        """Let so much time pass, and look again."""
        self.clock.now += seconds
        self.app.tick()
        await self.pilot.pause()

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    @property
    def text(self) -> str:
        """What is on the screen, or was when it closed."""
        if self.last:
            return self.last
        strips = self.app.screen._compositor.render_strips()
        lines = ("".join(part.text for part in strip) for strip in strips)
        return "\n".join(line.rstrip() for line in lines) + "\n"


Scenario = Callable[[Stage], Awaitable[None]]


def play(  # noqa: PLR0913  # each has a default
    scenario: Scenario,
    records: Iterable[Record] = (),
    *,
    size: tuple[int, int] = (120, 40),
    live: bool = True,
    lang: str = "en",
    theme: str = "textual-dark",
    filter: str = "",  # noqa: A002
) -> Stage:
    """Run a scenario on a screen of its own."""
    clock, feed = Clock(), MemoryFeed(records, live=live)
    app = TraceApp(feed, filter=filter, lang=lang, clock=clock)
    app.player.still = False  # the tests' environment asks for no motion
    app.theme = theme

    async def go() -> Stage:
        async with app.run_test(size=size) as pilot:
            stage = Stage(app, feed, clock, pilot)
            await stage.after()
            await scenario(stage)
            await pilot.pause()
            stage.last = stage.text
            return stage

    return asyncio.run(go())


def same_as_golden(name: str, text: str) -> None:
    """Compare with a reviewed file; GOLDENS=write makes it.

    Another Textual draws other frames: then there is nothing to compare.
    """
    if textual.__version__ != PINNED:
        pytest.skip(f"goldens are Textual {PINNED}'s")
    path = GOLDENS / name
    if os.environ.get("GOLDENS") == "write":
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def picture(app: TraceApp) -> str:
    """The screen as SVG, the same each time."""
    svg = app.export_screenshot(simplify=True)
    return re.sub(r"terminal-\d+-", "terminal-", svg)
