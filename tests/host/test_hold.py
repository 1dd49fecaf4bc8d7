"""A served app, and requests that are held in it while others go on."""

import hashlib
import itertools
import json
import re
import select
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from live import Live, serving

from tracer.events import ClientConnected, Held, Released
from tracer.events.breaks import HOLDABLE, parse_break
from tracer.events.commands import (
    Break,
    Command,
    Go,
    GoAll,
    Hold,
    HoldLoop,
    Step,
    Told,
    Unbreak,
)

APP = """
import asyncio, hashlib
from typing import Annotated

from fastapi import BackgroundTasks, Depends, FastAPI, Request
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import PlainTextResponse


class Ring:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if not scope["path"].startswith("/limited"):
            return await self.app(scope, receive, send)
        try:
            async with asyncio.timeout(0.3):
                await self.app(scope, receive, send)
        except TimeoutError:
            await PlainTextResponse("late", 504)(scope, receive, send)


async def around(request, call_next):
    return await call_next(request)


async def handle(request, error):
    return PlainTextResponse("handled", 418)


app = FastAPI(exception_handlers={KeyError: handle})
app.add_middleware(Ring)
app.add_middleware(BaseHTTPMiddleware, dispatch=around)


async def plain():
    return 1


async def opened():
    yield 2


def threaded():
    return 3


async def later():
    pass


@app.get("/all/{n}")
async def everything(
    n: int,
    request: Request,
    a: Annotated[int, Depends(plain)],
    b: Annotated[int, Depends(opened)],
    tasks: BackgroundTasks,
):
    await request.body()
    tasks.add_task(later)
    return {"n": n, "a": a, "b": b}


@app.get("/sync/{n}")
def sync(n: int, c: Annotated[int, Depends(threaded)]):
    return {"n": n, "c": c}


@app.get("/boom/{n}")
async def boom(n: int):
    raise KeyError(n)


@app.get("/limited/{n}")
async def limited(n: int):
    return n


@app.post("/hash/{n}")
async def hash(n: int, request: Request):
    seen = hashlib.sha256()
    async for piece in request.stream():
        seen.update(piece)
    return PlainTextResponse(seen.hexdigest())
"""

KEEP_ALIVE = 0.2

numbers = itertools.count(1)


class Holding:
    """A child that serves, and what is asked of it from elsewhere."""

    def __init__(self, live: Live, pool: ThreadPoolExecutor) -> None:
        self.live = live
        self._pool = pool

    def tell(self, *wishes: Command) -> None:
        for wish in wishes:
            assert self.live.feed.tell(wish)

    def get(self, path: str) -> Future[bytes]:
        return self._pool.submit(self.live.get, path)

    def of(self, kind: str, **fields: object) -> list[Any]:
        return [
            each
            for each in self.live.seen
            if each.kind == kind
            and all(getattr(each, name) == v for name, v in fields.items())
        ]

    def wait(self, kind: str, **fields: object) -> Any:  # noqa: ANN401
        """Give the latest such event, once there is one."""
        self.live.until(lambda: self.of(kind, **fields))
        return self.of(kind, **fields)[-1]

    def stop_at(self, text: str) -> int:
        """Set a breakpoint, and wait until it counts."""
        number = next(numbers)
        self.tell(Break(number, text, parse_break(text)))
        self.wait("breakpoint.set", id=number)
        return number

    def held(self, path: str) -> Held:
        """Wait until a request for a path is held, and give the event."""
        req = self.wait("scope.built", path=path).req
        found: Held = self.wait("held", req=req)
        return found

    def free(self, *breaks: int) -> None:
        self.tell(*(Unbreak(each) for each in breaks), GoAll())


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Holding]:
    folder = tmp_path_factory.mktemp("held")
    with (
        ThreadPoolExecutor(8) as pool,
        serving(folder, APP, timeout_keep_alive=KEEP_ALIVE) as live,
    ):
        assert live.port
        yield Holding(live, pool)


@pytest.fixture
def app(shared: Holding) -> Iterator[Holding]:
    yield shared
    left = {each.id for each in shared.of("breakpoint.set")} - {
        each.id for each in shared.of("breakpoint.cleared")
    }
    shared.free(*left)
    for number in left:
        shared.wait("breakpoint.cleared", id=number)


def answer(data: bytes) -> bytes:
    return re.sub(rb"date: [^\r]*", b"date: now", data)


def stories(holding: Holding, req: int | None) -> list[Any]:
    """A request's own stages, without those of the loop and of holding."""
    return [
        each
        for each in holding.live.seen
        if getattr(each, "req", None) == req
        and each.kind in HOLDABLE
        and each.kind != BYTES
    ]


BYTES = "data_received"
"""Held before anything is known of a request; it has tests of its own."""

OTHERWISE = {"exception.handled": "boom", "router.default": "none"}
STAGES = [
    *((k, OTHERWISE.get(k, "all")) for k in HOLDABLE if k != BYTES),
    ("endpoint.enter", "sync"),
    ("endpoint.exit", "sync"),
    ("dependency.enter", "sync"),
    ("dependency.exit", "sync"),
]
SAID_LATER = {("endpoint.enter", "sync"), ("dependency.enter", "sync")}
"""Their events come from the worker thread, where nobody is held."""


@pytest.mark.parametrize(("kind", "where"), STAGES)
def test_a_request_is_held_at_each_stage_while_another_is_answered(
    app: Holding, kind: str, where: str
) -> None:
    number = next(numbers)
    path = f"/{where}/{number}"
    stop = app.stop_at(f"{kind} path={path}")
    asked = app.get(path)
    mark = app.held(path)
    assert (mark.stage, mark.by, mark.breakpoint) == (kind, "breakpoint", stop)
    before = [e for e in stories(app, mark.req) if e.seq < mark.seq][-1]
    assert (before.kind == kind) is ((kind, where) not in SAID_LATER)

    other = app.live.get(f"/{where}/0")
    assert other.startswith(b"HTTP/1.1 ")
    assert app.of("held", req=mark.req) == [mark]
    app.tell(Unbreak(stop), Step(req=mark.req))
    if kind != "run_asgi.end":
        app.live.until(lambda: len(app.of("held", req=mark.req)) == 2)
        assert app.of("held", req=mark.req)[-1].by == "step"
        app.tell(Go(req=mark.req))

    assert answer(asked.result(30)) == answer(app.live.get(path))
    held = len(app.of("held", req=mark.req))
    app.live.until(lambda: len(app.of("released", req=mark.req)) == held)
    assert app.of("released", req=mark.req)[0].how == "step"


def test_steps_come_in_the_order_of_the_events(app: Holding) -> None:
    path = f"/all/{next(numbers)}"
    stop = app.stop_at(f"run_asgi.start path={path}")
    asked = app.get(path)
    req = app.held(path).req
    app.tell(Unbreak(stop))
    count = 1
    while app.of("held", req=req)[-1].stage != "run_asgi.end":
        app.tell(Step(req=req))
        count += 1
        app.live.until(lambda: len(app.of("held", req=req)) == count)  # noqa: B023
    app.tell(Go(req=req))
    assert asked.result(30).endswith(b'"b":2}')

    held = [each.stage for each in app.of("held", req=req)]
    assert held == [each.kind for each in stories(app, req)]
    assert len(held) > 30


def test_the_next_new_request_is_held_and_no_other(app: Holding) -> None:
    path = f"/all/{next(numbers)}"
    app.tell(Hold())
    app.stop_at("endpoint.enter path=/nothing")  # so the wish has arrived
    asked = app.get(path)
    mark = app.held(path)
    assert (mark.stage, mark.by) == ("run_asgi.start", "hold")
    assert app.live.get(path).startswith(b"HTTP/1.1 200")
    app.tell(GoAll())

    assert asked.result(30).startswith(b"HTTP/1.1 200")


def test_two_are_held_at_once_and_one_is_let_go(app: Holding) -> None:
    first, second = (f"/all/{next(numbers)}" for _ in range(2))
    stop = app.stop_at(f"endpoint.enter path={first},{second}")
    asked = app.get(first), app.get(second)
    marks = app.held(first), app.held(second)
    for each in marks:
        app.wait("task.suspended", task=each.task, waits_for="held")
    app.tell(Go(req=marks[0].req))
    assert asked[0].result(30).startswith(b"HTTP/1.1 200")
    assert not app.of("released", req=marks[1].req)
    app.free(stop)

    assert asked[1].result(30).startswith(b"HTTP/1.1 200")
    assert app.wait("released", req=marks[1].req).how == "all"


def test_a_time_out_of_the_app_goes_on_and_ends_the_hold(app: Holding) -> None:
    path = f"/limited/{next(numbers)}"
    app.stop_at(f"endpoint.enter path={path}")
    asked = app.get(path)
    mark = app.held(path)
    ((name, left),) = mark.timers

    assert asked.result(30).startswith(b"HTTP/1.1 504")
    assert name == "asyncio.timeout"
    assert 0 < left <= 0.3
    found = app.wait("released", req=mark.req)
    assert (found.stage, found.how) == ("endpoint.enter", "cancelled")


def test_a_client_that_leaves_is_seen_while_its_request_is_held(
    app: Holding,
) -> None:
    path = f"/none/{next(numbers)}"
    stop = app.stop_at(f"router.default path={path}")
    with app.live.send(path):
        mark = app.held(path)
    app.wait("connection_lost", conn=mark.conn)
    app.wait("client.disconnected", req=mark.req)
    assert not app.of("released", req=mark.req)
    app.free(stop)

    assert app.wait("run_asgi.end", req=mark.req).branch == "disconnected"


def memory(pid: int) -> int:
    """The resident bytes of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc")
def test_a_held_upload_keeps_the_memory_flat_and_arrives_whole(
    app: Holding,
) -> None:
    path, body = f"/hash/{next(numbers)}", bytes(range(256)) * (1 << 15)
    head = f"POST {path} HTTP/1.1\r\nhost: h\r\ncontent-length: {len(body)}"
    stop = app.stop_at(f"run_asgi.start path={path}")
    with socket.create_connection(("127.0.0.1", app.live.port), 30) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)
        before = memory(app.live.feed.pid)
        sock.sendall(head.encode() + b"\r\n\r\n")
        mark = app.held(path)
        sock.setblocking(False)
        sent = 0
        # As long as the kernels take it: what stands still stays so.
        while select.select([], [sock], [], 0.5)[1]:
            sent += sock.send(body[sent : sent + (1 << 16)])
        paused = app.wait("read.paused", req=mark.req)
        grown = memory(app.live.feed.pid) - before
        assert sent < len(body)
        assert paused.buffered < 1 << 20
        assert grown < 3 << 20
        app.free(stop)
        sock.settimeout(30)
        sock.sendall(body[sent:])
        got = b""
        while not got.endswith(hashlib.sha256(body).hexdigest().encode()):
            data = sock.recv(1 << 16)
            assert data, got
            got += data


def read_whole(sock: socket.socket) -> bytes:
    """Read an answer that ends as those of `/all` do."""
    got = b""
    while not got.endswith(b"}"):
        data = sock.recv(1 << 16)
        assert data, got
        got += data
    return got


def test_bytes_kept_for_longer_than_the_keep_alive_are_not_lost(
    app: Holding,
) -> None:
    path = f"/all/{next(numbers)}"
    stop = app.stop_at(BYTES)
    with app.live.send(path) as sock:
        first = app.wait("held", stage=BYTES)
        app.tell(Go(conn=first.conn))
        assert read_whole(sock).startswith(b"HTTP/1.1 200")
        sock.sendall(f"GET {path} HTTP/1.1\r\nhost: h\r\n\r\n".encode())
        app.live.until(lambda: len(app.of("held", conn=first.conn)) == 2)
        long = time.monotonic() + 3 * KEEP_ALIVE
        app.live.until(lambda: time.monotonic() > long)
        assert not app.of("keepalive.fired", conn=first.conn)
        app.tell(Unbreak(stop), Step(conn=first.conn))
        app.live.until(lambda: len(app.of("held", conn=first.conn)) == 3)
        mark = app.of("held", conn=first.conn)[-1]
        assert (mark.stage, mark.by) == ("run_asgi.start", "step")
        app.tell(GoAll())

        assert read_whole(sock).startswith(b"HTTP/1.1 200")


def test_while_the_loop_is_held_the_kernel_takes_the_clients(
    app: Holding,
) -> None:
    before = len(app.of("held", stage="loop"))
    app.tell(HoldLoop(30))
    app.live.until(lambda: len(app.of("held", stage="loop")) > before)
    path = f"/sync/{next(numbers)}"
    socks = [app.live.send(path, "Connection: close\r\n") for _ in range(3)]
    assert select.select(socks, [], [], 0.3)[0] == []
    app.tell(GoAll())

    for sock in socks:
        with sock:
            assert sock.recv(1 << 16).startswith(b"HTTP/1.1 200")
    released = app.wait("released", stage="loop")
    assert released.how == "all"
    assert released.ns > 0.3e9
    mark = app.of("held", stage="loop")[-1]
    blamed = app.of("loop.blocked")
    assert not [e for e in blamed if e.since <= mark.t <= e.since + e.ns]


def test_what_a_client_tells_stands_in_the_same_trace(app: Holding) -> None:
    now = time.monotonic_ns()
    event = ClientConnected(
        "127.0.0.1:9", 7, t=now, thread="client-4", req=3, seq=9
    )
    lines = [
        json.dumps({"kind": event.kind, "address": "127.0.0.1:9", "ns": 7,
                    "t": now, "thread": "client-4", "req": 3, "seq": 9}),
        '{"kind":"tick","t":1,"thread":"client-4"}',
        '{"kind":"client.refused","error":"no","t":1,"thread":"loop"}',
        "nonsense",
    ]  # fmt: skip
    app.tell(Told(lines=tuple(lines)))
    found = app.wait("client.connected", thread="client-4")
    assert (found.address, found.ns, found.req) == ("127.0.0.1:9", 7, None)
    around = [e.t for e in app.live.seen if e.kind == "tick"]
    assert abs(found.t - around[-1]) < 5e9
    app.live.until(lambda: app.live.feed.last_words.count("\n") >= 3)

    words = app.live.feed.last_words
    assert words.count("a client's event that is none") == 2
    assert "no client is called 'loop'" in words
    assert not app.of("client.refused")


BREAK = Break(1, "endpoint.enter", parse_break("endpoint.enter"))

SMALL = """
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

async def one(request):
    return PlainTextResponse("1")

app = Starlette(routes=[Route("/all/1", one)])
"""


@pytest.mark.parametrize(
    ("how", "codes"),
    [(None, {0}), (signal.SIGTERM, {143, -15}), (signal.SIGINT, {0})],
)
@pytest.mark.parametrize("loop", [False, True])
def test_the_end_comes_in_time_whoever_is_held(
    tmp_path: Path, how: signal.Signals | None, codes: set[int], loop: bool
) -> None:
    with (
        ThreadPoolExecutor(1) as pool,
        serving(tmp_path, SMALL, breaks=(BREAK,)) as live,
    ):
        held = Holding(live, pool)
        asked = held.get("/all/1")
        held.held("/all/1")
        if loop:
            held.tell(HoldLoop(60))
            held.wait("held", stage="loop")
        began = time.monotonic()
        if how is None:
            live.feed.stop()
        else:
            live.feed.signal(how)
        live.drain()

        assert time.monotonic() - began < 3
        assert live.feed.returncode in codes
        assert asked.result(30).startswith(b"HTTP/1.1 200")
        told: list[Released] = held.of("released")
        assert {each.how for each in told} == {"shutdown"}
        assert len(told) == 1 + loop
        assert [e.text for e in held.of("breakpoint.set")] == ["endpoint.enter"]
