"""Connections on real sockets: how long they last, and in which turns."""

# ruff: noqa: ANN401  (scopes and messages pass through here)

import asyncio
import socket
import threading
import time
from typing import Any

import pytest
from server_running import PATIENCE, Client, running, wait_until

from tracer.capture.loop import LensLoop, TracedLoop
from tracer.capture.probe import CURRENT, Note, Probe
from tracer.capture.server import Config, H11Protocol, Server

START = {"type": "http.response.start", "status": 200}
PLAIN = {**START, "headers": [(b"content-length", b"2")]}
OK = {"type": "http.response.body", "body": b"ok"}


async def index(scope: Any, receive: Any, send: Any) -> None:
    assert scope["type"] == "http"
    await send(PLAIN)
    await send(OK)


class Gate:
    """An app that answers when it is told to; `/` answers at once."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.entered = threading.Event()
        self.error: BaseException | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        if scope["path"] != "/":
            self.entered.set()
            try:
                while not self.opened.is_set():
                    await asyncio.sleep(0.002)
            except asyncio.CancelledError as error:
                self.error = error
                raise
        await index(scope, receive, send)


async def _nowhere(message: Any) -> None:
    pass


def test_f32_the_connection_outlives_its_requests() -> None:
    with running(index, timeout_keep_alive=0.05) as run:
        client = run.client()
        client.get()
        client.get()
        assert client.read_all() == b""
    assert len(run.of("accept")) == 1
    assert [each.req for each in run.of("scope.built")] == [1, 2]
    assert len(run.of("keepalive.armed")) == 2
    assert len(run.of("keepalive.cancelled")) == 1
    assert len(run.of("keepalive.fired")) == 1


def test_f8_one_factory_a_protocol_for_each_connection() -> None:
    with running(index) as run:
        for _ in range(2):
            run.client().get()
    assert [each.obj for each in run.of("protocol.created")] == [1, 2]
    made = run.of("connection_made")
    assert [(each.obj, each.conn) for each in made] == [(1, 1), (2, 2)]


def test_f30_accept_task_and_connection_are_three_turns() -> None:
    with running(index) as run:
        run.client().get()
        (accept,) = run.of("accept")
        (protocol,) = run.of("protocol.created")
        (made,) = run.of("connection_made")
        assert (protocol.turn, made.turn) == (accept.turn + 1, accept.turn + 2)


def test_n5_the_kernel_accepts_while_the_loop_is_blocked() -> None:
    entered, leave = threading.Event(), threading.Event()

    async def block(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        if scope["path"] == "/block":
            entered.set()
            leave.wait(PATIENCE)
        await index(scope, receive, send)

    with running(block) as run:
        run.client().send(b"GET /block HTTP/1.1\r\nhost: a\r\n\r\n")
        assert entered.wait(PATIENCE)
        late = run.client()  # connects at once
        assert len(run.of("accept")) == 1
        leave.set()
        late.get()


def test_n8_the_next_request_runs_beside_a_task_that_goes_on() -> None:
    gate = Gate()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await index(scope, receive, send)
        if scope["path"] != "/":
            await gate(scope, receive, _nowhere)

    with running(app) as run:
        client = run.client()
        client.get(b"/background")
        assert gate.entered.wait(PATIENCE)
        client.get()
        gate.opened.set()
        run.wait_for("run_asgi.end", 2)
    ends = [each.req for each in run.of("run_asgi.end")]
    assert ends == [2, 1]


def test_requests_after_a_big_body_keep_their_own_numbers() -> None:
    """CPython #140947: reading was resumed in the first request's task."""
    numbers = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        note = CURRENT.get()
        numbers.append((note and note.req, scope["path"]))
        while scope["method"] == "POST" and (await receive())["more_body"]:
            pass
        await index(scope, receive, send)

    with running(app) as run:
        client = run.client()
        client.send(
            b"POST /1 HTTP/1.1\r\nhost: a\r\ncontent-length: 3000000\r\n\r\n"
        )
        client.send(bytes(3000000))
        client.read_until(b"ok")
        client.get(b"/2")
        client.get(b"/3")
    assert numbers == [(1, "/1"), (2, "/2"), (3, "/3")]
    assert len(run.of("read.paused")) >= 1
    tasks = [
        each.req
        for each in run.of("task.created")
        if each.coro == "RequestResponseCycle.run_asgi"
    ]
    assert tasks == [1, 2, 3]


def test_f64_a_slow_reader_gets_every_byte() -> None:
    size, times = 1 << 18, 24

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        length = b"%d" % (size * times)
        await send({**START, "headers": [(b"content-length", length)]})
        for each in range(times):
            body = bytes([each]) * size
            more_body = each < times - 1
            await send({**OK, "body": body, "more_body": more_body})

    with running(app) as run:
        client = run.client()
        client.send(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        run.wait_for("write.paused")
        _, _, body = client.read_all().partition(b"\r\n\r\n")
        assert body == b"".join(bytes([n]) * size for n in range(times))
        assert len(run.of("write.resumed")) >= 1


def turns_of_a_get(
    loop: Any, note: Note | None, monkeypatch: pytest.MonkeyPatch
) -> list[tuple[str, int]]:
    """In which turns things happen, counted from the first read."""
    found: list[tuple[str, int]] = []

    def watch(name: str) -> None:
        original = getattr(H11Protocol, name)

        def watched(self: H11Protocol, *args: Any) -> Any:
            found.append((name, loop.passes))
            return original(self, *args)

        monkeypatch.setattr(H11Protocol, name, watched)

    for name in ("connection_made", "data_received", "on_response_complete"):
        watch(name)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        found.append(("app", loop.passes))
        await receive()
        await asyncio.sleep(0)
        await index(scope, receive, send)

    server = Server(Config(app, port=0, lifespan="off", note=note))

    def client() -> None:
        wait_until(lambda: server.started)
        caller = Client(server.servers[0].sockets[0].getsockname()[1])
        time.sleep(0.01)  # else the bytes may come with the connection
        caller.get()
        caller.close()
        server.should_exit = True

    thread = threading.Thread(target=client)
    thread.start()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(server.serve())
    thread.join()
    first = dict(found)["data_received"]
    return [(name, at - first) for name, at in found]


class Counted:
    passes = 0

    def _run_once(self) -> None:
        self.passes += 1
        super()._run_once()  # type: ignore[misc]  # asyncio's


class CountedPlain(Counted, asyncio.SelectorEventLoop):
    pass


class CountedTraced(Counted, TracedLoop):
    pass


class CountedLens(Counted, LensLoop):
    pass


@pytest.mark.parametrize("kind", [CountedTraced, CountedLens])
def test_a_get_takes_the_same_turns_traced_and_not(
    monkeypatch: pytest.MonkeyPatch, kind: Any
) -> None:
    events: list[Any] = []
    note = Note(Probe(events.append))
    note.probe.lens = "on" if kind is CountedLens else "off"
    with monkeypatch.context() as patch:
        traced = turns_of_a_get(kind(note.probe), note, patch)
    with monkeypatch.context() as patch:
        plain = turns_of_a_get(CountedPlain(), None, patch)
    assert [each for each in traced if each[0] != "connection_made"] == [
        ("data_received", 0),
        ("app", 1),
        ("on_response_complete", 2),
    ]
    # When the connection is made depends on the 10 ms, and on a tick.
    assert [each for each in plain if each[0] != "connection_made"] == [
        each for each in traced if each[0] != "connection_made"
    ]
    assert [name for name, _ in plain] == [name for name, _ in traced]


def test_events_are_in_order_of_time_and_turn() -> None:
    with running(index) as run:
        run.client().get()
    times = [each.t for each in run.events]
    assert times == sorted(times)
    turns = [each.turn for each in run.events[3:]]
    assert None not in turns
    assert turns == sorted(turns, key=lambda turn: turn or 0)


def test_untraced_installs_nothing() -> None:
    loops: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        loops.append(type(asyncio.get_running_loop()))
        await index(scope, receive, send)

    with running(app, traced=False) as run:
        run.client().get()
        (listener,) = run.server.servers[0].sockets
        assert type(listener._sock) is socket.socket
    assert set(loops) == {asyncio.SelectorEventLoop}
    assert run.events == []
