"""Rules that a server of its own is needed for; and that none is left out."""

import socket
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
import uvicorn
from found_alone import FAILS, FEW, LATE, STARTS
from live import APP, PATIENCE, Live, serving
from socket_scenes import with_a_silent_client, with_websockets
from stalled import stalled
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket
from test_findings_served import BAD
from watched import Watched, watching

import tracer
from tracer.capture.frameworks import served
from tracer.events import Event as TraceEvent
from tracer.events import KeepaliveFired
from tracer.events.log import Record
from tracer.model.findings import RULES
from tracer.model.trace import Trace

Found = Iterator[set[str]]
"""What was found after a good neighbour, after the bad one, and so on."""


def found(records: Sequence[Record]) -> set[str]:
    """The rules of a whole trace; a busy machine may hold up any loop."""
    trace = Trace()
    trace.feed(records)
    trace.end()
    return {each.rule for each in trace.findings} - {"loop-blocked"}


def at_its_limits(folder: Path) -> Found:
    with serving(folder, FEW, limit_concurrency=2, backlog=5) as live:
        assert b" 200 " in live.get("/")
        yield found(live.seen)
        _say(live, b"no HTTP\r\n\r\n")
        live.until(lambda: "h11.error" in live.kinds and not _open(live))
        yield found(live.seen)

        assert b" 200 " in live.get("/")
        yield found(live.seen)
        with socket.create_connection(("127.0.0.1", live.port), PATIENCE):
            assert b" 503 " in live.get("/")
        live.until(lambda: "limit.rejected" in live.kinds)
        yield found(live.seen)

        live.get("/few")
        live.until(lambda: _open(live) == 0)
        made = live.kinds.count("connection_made")
        address = "127.0.0.1", live.port
        with socket.create_connection(address, PATIENCE):
            live.until(lambda: live.kinds.count("connection_made") > made)
            yield found(live.seen)
            with socket.create_connection(address, PATIENCE):
                live.until(lambda: "accept.failed" in live.kinds)
        yield found(live.seen)


def _say(live: Live, data: bytes) -> None:
    with socket.create_connection(("127.0.0.1", live.port), PATIENCE) as sock:
        sock.sendall(data)
        while sock.recv(1 << 16):
            pass


def _open(live: Live) -> int:
    count = live.kinds.count
    return count("connection_made") - count("connection_lost")


def on_a_taken_port(folder: Path) -> Found:
    with serving(folder, APP) as live:
        assert live.port
        with serving(folder, APP, port=live.port) as second:
            second.drain()
        yield found(live.seen)
        yield found(second.seen)


def with_a_lifespan(folder: Path) -> Found:
    for source in (STARTS, FAILS):
        with serving(folder, source) as live:
            live.until(lambda: "lifespan.startup" in live.kinds)
            live.feed.stop()
            live.drain()
        yield found(live.seen)


def to_a_viewer(folder: Path) -> Found:
    with serving(folder, APP) as live:
        live.get("/")
        live.feed.stop()
        live.drain()
    yield found(live.seen)
    yield found(stalled(folder))


def below_a_base_http_middleware(folder: Path) -> Found:
    with watching(folder, "found_hidden") as watched:
        for path in ("/asks", "/below/asks"):
            watched.leave(path, "endpoint.enter")
            yield watched.rules(path, "client-left") - {"went-on-alone"}


def asked_to_end(folder: Path) -> Found:
    for path in ("/asks", "/waits"):
        with watching(
            folder, "found_hidden", timeout_graceful_shutdown=0.6
        ) as watched:
            with watched.ask(path):
                watched.until_kind(path, "endpoint.enter")
                watched.live.feed.stop()
                watched.live.drain()
            # What is cut off is an exception for the app.
            yield found(watched.live.seen) - {"app-exception"}


def idle(folder: Path) -> Found:
    with watching(
        folder, "found_broken", timeout_keep_alive=0.5, slow_callback=0.05
    ) as watched:
        with watched.ask("/fine", "Connection: keep-alive\r\n") as prompt:
            watched.until_kind("/fine", "run_asgi.end")
            prompt.sendall(b"GET /sleeps HTTP/1.1\r\nHost: h\r\n\r\n")
            watched.until_kind("/sleeps", "run_asgi.end")
        yield found(watched.live.seen) - {"route-shadowed"}
        deadline = time.monotonic() + PATIENCE
        while not watched.look().found["keepalive-race"]:
            assert time.monotonic() < deadline
            _come_late(watched)
        yield found(watched.live.seen) - {"route-shadowed"}


def _come_late(watched: Watched) -> None:
    """Send while the loop is blocked until after the timer was due."""
    count = watched.live.kinds.count
    armed, blocked = count("keepalive.armed"), count("loop.blocked")
    ended = watched.ended("/blocks")
    with watched.ask("/fine", "Connection: keep-alive\r\n") as late:
        watched.until(
            lambda _: watched.live.kinds.count("keepalive.armed") > armed
        )
        with watched.ask("/blocks?for=0.7"):
            watched.until(
                lambda _: watched.live.kinds.count("loop.blocked") > blocked
            )
            late.sendall(b"GET /fine HTTP/1.1\r\nHost: h\r\n\r\n")
            watched.until(lambda _: watched.ended("/blocks") > ended)
            late.recv(1 << 16)


def under_uvicorn(folder: Path) -> Found:
    """A handshake, which our own server leaves to others."""
    said: list[TraceEvent] = []
    app = Starlette(routes=[WebSocketRoute("/ws", _accepts)])
    config = uvicorn.Config(
        tracer.instrument(app, said.append), port=0, http="h11",
        loop="asyncio", ws="wsproto", log_config=None,
    )  # fmt: skip
    server = Announced(config)
    thread = Thread(target=server.run)
    thread.start()
    try:
        assert server.listening.wait(PATIENCE)
        for path, status in (("/ws", b"101"), ("/other", b"403")):
            assert status in server.handshake(path)
            yield found(said)
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
        served.uninstrument()
    assert not thread.is_alive()


async def _accepts(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.close()


class Announced(uvicorn.Server):
    """A server that says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = Event()

    async def startup(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        await super().startup(*args, **kwargs)
        self.listening.set()

    def handshake(self, path: str) -> bytes:
        """Ask for a WebSocket, and give the first line of the answer."""
        port = self.servers[0].sockets[0].getsockname()[1]
        head = (
            f"GET {path} HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\n"
            "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as sock:
            sock.sendall(head.encode())
            return sock.recv(1 << 16).partition(b"\r\n")[0]


SCENES: dict[Callable[[Path], Found], tuple[str, ...]] = {
    at_its_limits: ("not-http", "limit-rejected", "accept-failed"),
    on_a_taken_port: ("listen-failed",),
    with_a_lifespan: ("lifespan-failed",),
    to_a_viewer: ("events-dropped",),
    below_a_base_http_middleware: ("disconnect-hidden",),
    asked_to_end: ("shutdown-waited",),
    idle: ("keepalive-race",),
    under_uvicorn: ("handshake-refused",),
    with_websockets: (
        "close-code-lost",
        "sent-to-nobody",
        "message-unread",
        "message-too-big",
        "middleware-http-only",
    ),
    with_a_silent_client: ("socket-silent",),
}
"""Servers, and the rules that are triggered there one after the other."""


@pytest.mark.parametrize(
    ("scene", "rules"), SCENES.items(), ids=[e.__name__ for e in SCENES]
)
def test_a_server_is_found_to_do_it_and_its_neighbour_is_not(
    scene: Callable[[Path], Found], rules: tuple[str, ...], tmp_path: Path
) -> None:
    seen = list(scene(tmp_path))
    wanted = [
        {*rules[: number + bad]}
        for number in range(len(rules))
        for bad in (False, True)
    ]
    assert seen == wanted


def test_every_rule_is_triggered_by_a_served_app() -> None:
    paths = {rule for rules in BAD.values() for rule in rules}
    servers = {rule for rules in SCENES.values() for rule in rules}
    assert paths | servers == {*RULES}
    assert not paths & servers


KEEP_ALIVE = 0.25
READ = "data_received"


def test_a_request_that_came_too_late_is_known_by_its_client(
    tmp_path: Path,
) -> None:
    """A real client sends just after the timer has fired, unaware of it."""
    script = tmp_path / "late.toml"
    script.write_text(LATE)
    client = ("--script", str(script), "--name", "late",
              "--pace", f"{KEEP_ALIVE + 0.02}")  # fmt: skip
    with serving(
        tmp_path, APP, client=client, timeout_keep_alive=KEEP_ALIVE
    ) as live:
        deadline = time.monotonic() + PATIENCE
        while not (lost := _lost(live)):
            assert time.monotonic() < deadline
            live.until(lambda: not live.feed.playing)
            live.feed.again()
    (one, *_) = lost
    assert one.facts["seconds"] == KEEP_ALIVE
    assert isinstance(one.proofs[0], KeepaliveFired)
    assert one.proofs[1].kind == "client.sent"
    read = [e.t for e in live.seen if (e.kind, e.conn) == (READ, one.conn)]
    assert max(read) < one.proofs[0].t


def _lost(live: Live) -> list[Any]:
    trace = Trace()
    trace.feed(live.seen)
    trace.end()
    return [each for each in trace.findings if each.facts.get("how") == "lost"]
