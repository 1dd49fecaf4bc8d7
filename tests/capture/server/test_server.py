"""The server as a whole, on real sockets: startup, ticks, shutdown."""

# ruff: noqa: ANN401  (scopes and messages pass through here)

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from server_running import PATIENCE, Client, Running, running, wait_until
from starlette.applications import Starlette

from tracer.capture.server import Config, Server

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


class Lifespan:
    """An app with a lifespan; says what it was sent."""

    def __init__(self, fails: str = "", raises: str = "") -> None:
        self.seen: list[str] = []
        self.fails, self.raises = fails, raises

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            return await index(scope, receive, send)
        assert scope["asgi"] == {"version": "3.0", "spec_version": "2.0"}
        scope["state"]["pool"] = 1
        for _ in range(2):
            kind = (await receive())["type"]
            self.seen.append(kind)
            if kind == self.raises:
                raise ValueError("token=hunter2")
            outcome = "failed" if kind == self.fails else "complete"
            await send({"type": f"{kind}.{outcome}", "message": "no"})
        return None


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


STEPS = [
    "server.config",
    "server.run",
    "loop.created",
    "lifespan.startup",
    "lifespan.startup.complete",
    "listen.bound",
    "server.started",
    "tick.headers",
    "server.stopping",
    "shutdown.step",
    "shutdown.step",
    "shutdown.step",
    "lifespan.shutdown",
    "lifespan.shutdown.complete",
    "server.stopped",
]


def test_f4_to_f27_the_life_of_a_server() -> None:
    app = Lifespan()
    with running(app) as run:
        run.client().get()
        run.clients.pop().close()
        run.wait_for("connection_lost")
    kinds = run.kinds("server")
    assert [each for each in kinds if each != "tick"] == STEPS
    assert app.seen == ["lifespan.startup", "lifespan.shutdown"]
    steps = [(each.step, each.waiting) for each in run.of("shutdown.step")]
    assert steps == [
        ("stop_accepting", 1),
        ("close_connections", 0),
        ("wait_closed", 1),
    ]
    assert run.of("server.stopping")[0].reason == "should_exit"
    assert run.of("server.stopped")[0].exit_code == 0
    assert run.of("lifespan.startup.complete")[0].state == ("pool",)


def test_f1_the_config_says_what_runs() -> None:
    with running(index, app_name="a:b", backlog=7) as run:
        (config,) = run.of("server.config")
        assert (config.app, config.loop, config.http) == (
            "a:b",
            "asyncio",
            "h11",
        )
        assert {"python", "h11", "starlette"} <= set(config.versions)
        assert config.options["backlog"] == 7
        assert run.of("loop.created")[0].name == "SelectorEventLoop"
        (bound,) = run.of("listen.bound")
        assert bound.address == f"127.0.0.1:{run.port}"
        assert bound.backlog == 7
        assert run.of("server.started")[0].url == (
            f"http://127.0.0.1:{run.port}"
        )


def test_f5_nobody_can_connect_before_the_app_is_ready() -> None:
    port = free_port()
    ready = threading.Event()
    asked = threading.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        asked.set()
        while not ready.is_set():
            await asyncio.sleep(0.002)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    run = Running(app, True, {"port": port})
    try:
        assert asked.wait(PATIENCE)
        with pytest.raises(ConnectionRefusedError):
            Client(port)
        ready.set()
        run.wait_for("server.started")
        Client(port).close()
    finally:
        ready.set()
        run.stop()


@pytest.mark.parametrize("lifespan", ["auto", "on"])
def test_f6_a_failed_startup_exits_with_3(lifespan: str) -> None:
    app = Lifespan(fails="lifespan.startup")
    with running(app, lifespan=lifespan) as run:
        pass
    assert run.exit_code == 3
    assert [each for each in run.kinds("server") if each != "tick"][3:] == [
        "lifespan.startup",
        "lifespan.startup.failed",
        "server.stopped",
    ]
    assert run.of("server.stopped")[0].exit_code == 3


def test_an_error_at_startup_is_taken_for_no_lifespan_unless_on() -> None:
    with running(Lifespan(raises="lifespan.startup")) as run:
        run.client().get()
    assert run.of("lifespan.unsupported")[0].type == "ValueError"
    assert "lifespan.shutdown" not in run.kinds("server")
    with running(Lifespan(raises="lifespan.startup"), lifespan="on") as run:
        pass
    (failed,) = run.of("lifespan.startup.failed")
    assert failed.message == "ValueError: token=[hidden]"
    assert run.exit_code == 3


def test_a_traceback_as_message_is_told_by_its_last_line() -> None:
    @asynccontextmanager
    async def down(_: Starlette) -> AsyncIterator[None]:
        if START:
            raise ValueError("the database is down")
        yield

    with running(Starlette(lifespan=down)) as run:
        pass

    (failed,) = run.of("lifespan.startup.failed")
    assert failed.message == "ValueError: the database is down"


@pytest.mark.parametrize(
    "broken",
    [Lifespan(fails="lifespan.shutdown"), Lifespan(raises="lifespan.shutdown")],
    ids=["fails", "raises"],
)
def test_a_failed_shutdown_ends_all_the_same(broken: Lifespan) -> None:
    with running(broken) as run:
        pass
    assert [each.asked for each in run.of("lifespan.shutdown.failed")] == [True]
    (stopped,) = run.of("server.stopped")
    assert (stopped.exit_code, stopped.forced) == (0, False)


def test_f26_a_hook_that_was_skipped_is_not_said_to_have_failed() -> None:
    with running(Starlette()) as run:
        run.wait_for("server.started")
        run.server.force_exit = run.server.should_exit = True
        run.wait_for("lifespan.shutdown.failed")
    assert run.of("lifespan.shutdown") == []
    # Starlette sends `failed` when its lifespan is cancelled.
    assert [each.asked for each in run.of("lifespan.shutdown.failed")] == [
        False
    ]


def test_lifespan_off_asks_the_app_nothing() -> None:
    app = Lifespan()
    with running(app, lifespan="off") as run:
        run.client().get()
    assert app.seen == []


def test_f14_a_taken_port_exits_with_3_after_both_hooks() -> None:
    app = Lifespan()
    with running(index) as first, running(app, port=first.port) as run:
        pass
    assert run.exit_code == 3
    assert [each for each in run.kinds("server") if each != "tick"][3:] == [
        "lifespan.startup",
        "lifespan.startup.complete",
        "listen.failed",
        "lifespan.shutdown",
        "lifespan.shutdown.complete",
        "server.stopped",
    ]
    (failed,) = run.of("listen.failed")
    assert failed.address == f"127.0.0.1:{first.port}"
    assert "address already in use" in failed.error


def test_f16_f17_the_tick_stops_while_a_handler_blocks() -> None:
    async def block(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        time.sleep(0.25)  # that is the point
        await index(scope, receive, send)

    with running(block) as run:
        run.client().get()
        run.wait_for("tick", 4)
    counters = [each.counter for each in run.of("tick")]
    assert counters == list(range(len(counters)))
    start = run.of("run_asgi.start")[0].t
    end = run.of("run_asgi.end")[0].t
    assert [each for each in run.of("tick") if start < each.t < end] == []
    assert end - start > 0.25e9


def test_f18_the_date_is_made_once_a_second() -> None:
    with running(index) as run:
        client = run.client()
        client.get()
        run.wait_for("tick.headers", 2)
        client.get()
    dates = [each.date for each in run.of("tick.headers")]
    shown = [dict(each.default_headers) for each in run.of("cycle.created")]
    assert [each["date"] for each in shown] == dates[:2]
    assert dates[0] != dates[1]
    ticks = [each for each in run.of("tick") if each.counter % 10 == 0]
    assert len(dates) == len(ticks)


def test_f19_the_loop_is_said_to_be_alive() -> None:
    called = []

    async def notify() -> None:
        called.append(1)

    with running(index, callback_notify=notify, timeout_notify=60) as run:
        run.wait_for("tick.headers", 2)
    assert len(run.of("tick.notify")) == len(called) == 1


def test_f20_enough_requests_end_the_server() -> None:
    with running(index, limit_max_requests=2) as run:
        client = run.client()
        client.get()
        client.get()
        run.wait_for("server.stopped")
    assert run.of("server.stopping")[0].reason == "limit_max_requests"
    assert run.of("tick")[-1].total_requests == 2


def test_f20_the_jitter_is_drawn_once() -> None:
    config = Config(index, limit_max_requests=5, limit_max_requests_jitter=3)
    server = Server(config)
    assert 5 <= (server.limit_max_requests or 0) <= 8
    assert server.limit_max_requests == server.limit_max_requests


def test_f21_f23_f24_a_shutdown_lets_a_request_finish() -> None:
    gate = Gate()
    with running(gate) as run:
        port = run.port
        idle, busy = run.client(), run.client()
        idle.get()
        busy.send(b"GET /wait HTTP/1.1\r\nhost: a\r\n\r\n")
        assert gate.entered.wait(PATIENCE)
        run.server.should_exit = True
        assert idle.read_all() == b""
        with pytest.raises(ConnectionRefusedError):
            Client(port)
        wait_until(
            lambda: any(
                each.step == "wait_connections"
                for each in run.of("shutdown.step")
            )
        )
        gate.opened.set()
        assert busy.read_all().endswith(b"ok")
    outcomes = [(each.conn, each.outcome) for each in run.of("conn.shutdown")]
    assert sorted(outcomes) == [(1, "closed"), (2, "after response")]
    assert run.of("conn.decision")[-1].reason == "the server is shutting down"
    assert [each.step for each in run.of("shutdown.step")] == [
        "stop_accepting",
        "close_connections",
        "wait_connections",
        "wait_closed",
    ]


def test_f25_a_task_that_goes_on_is_waited_for() -> None:
    gate = Gate()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await index(scope, receive, send)
        await gate({**scope, "path": "/wait"}, receive, _nowhere)

    with running(app) as run:
        run.client().get()
        assert gate.entered.wait(PATIENCE)
        run.server.should_exit = True
        wait_until(
            lambda: any(
                each.step == "wait_tasks" for each in run.of("shutdown.step")
            )
        )
        gate.opened.set()
    assert run.of("server.stopped")[0].exit_code == 0


async def _nowhere(message: Any) -> None:
    pass


def test_f24_the_timeout_cancels_what_is_left() -> None:
    gate = Gate()
    with running(gate, timeout_graceful_shutdown=0.05) as run:
        client = run.client()
        client.send(b"GET /wait HTTP/1.1\r\nhost: a\r\n\r\n")
        assert gate.entered.wait(PATIENCE)
        run.server.should_exit = True
        assert b" 500 " in client.read_all()
    assert isinstance(gate.error, asyncio.CancelledError)
    assert gate.error.args == (
        "Task cancelled, timeout graceful shutdown exceeded",
    )
    assert run.of("shutdown.step")[-1].step == "cancel_tasks"


def test_f26_force_exit_waits_for_nothing() -> None:
    gate = Gate()
    app = Lifespan()

    async def both(scope: Any, receive: Any, send: Any) -> None:
        await (app if scope["type"] == "lifespan" else gate)(
            scope, receive, send
        )

    with running(both) as run:
        client = run.client()
        client.send(b"GET /wait HTTP/1.1\r\nhost: a\r\n\r\n")
        assert gate.entered.wait(PATIENCE)
        run.server.force_exit = run.server.should_exit = True
        run.wait_for("server.stopped")
        client.read_all()
    assert app.seen == ["lifespan.startup"]
    # The closing loop cancels the hook that was not run.
    assert [each.asked for each in run.of("lifespan.shutdown.failed")] == [
        False
    ]
    assert run.of("server.stopped")[0].forced
