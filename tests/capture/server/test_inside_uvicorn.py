"""Our two classes in the places of uvicorn's, under a real uvicorn."""

# ruff: noqa: ANN401  (apps and uvicorn's objects pass through here)

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from server_running import PATIENCE, Client, wait_until
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

import tracer
from tracer.capture import guest
from tracer.capture.frameworks import uninstrument, watch
from tracer.capture.probe import Note, Probe
from tracer.capture.server import Server, WSProtocol
from tracer.capture.server.adopt import RECORD, adopt
from tracer.capture.server.config import Config
from tracer.events import AppEnter, Event, ServerStarted
from tracer.model.trace import Trace

HTTP = "tracer.capture.server:H11Protocol"
WS = "tracer.capture.server:WSProtocol"
LOOP = "tracer.capture.inside:new_event_loop"

HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\n"
    b"upgrade: websocket\r\nsec-websocket-version: 13\r\n"
    b"sec-websocket-key: x3JJHMbDL1EzLkh9GBhXDw==\r\n\r\n"
)
MASKED_HI = b"\x81\x82\x00\x00\x00\x00hi"
HI, CLOSE = b"\x81\x02hi", b"\x88\x82\x00\x00\x00\x00\x03\xe8"


async def home(request: Request) -> Response:
    return PlainTextResponse(f"{await request.body()!r} ok")


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(text)


def make() -> Starlette:
    return Starlette(routes=[Route("/", home), WebSocketRoute("/ws", echo)])


class Announced:
    """A server that says its port, so that nobody has to guess."""

    port = 0
    servers: Any

    async def startup(self, *args: Any, **kwargs: Any) -> None:
        await super().startup(*args, **kwargs)  # type: ignore[misc]  # a mixin
        self.port = self.servers[0].sockets[0].getsockname()[1]


class Theirs(Announced, uvicorn.Server):
    pass


class Ours(Announced, Server):
    pass


@contextmanager
def inside_uvicorn(app: Any, **options: Any) -> Iterator[int]:
    options = {"http": HTTP, "ws": WS, "loop": "asyncio", **options}
    config = uvicorn.Config(app, port=0, log_config=None, **options)
    with inside(Theirs(config)) as port:
        yield port


@contextmanager
def inside(server: Any) -> Iterator[int]:
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.port > 0)
        yield server.port
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
    assert not thread.is_alive()


def talk(port: int) -> None:
    client = Client(port)
    assert client.get().startswith(b"HTTP/1.1 200 OK\r\n")
    client.close()
    client = Client(port)
    client.send(HANDSHAKE)
    head = client.read_until(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ")
    client.send(MASKED_HI)
    assert client.read_until(HI) == HI
    client.send(CLOSE)
    assert client.read_all()[:2] == b"\x88\x02"
    client.close()


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    path = tmp_path / "out.jsonl"
    monkeypatch.setenv(RECORD, str(path))
    yield path
    guest.guest_for(path).stop()
    uninstrument()


@contextmanager
def ours(app: Any, events: list[Event]) -> Iterator[int]:
    probe = Probe(events.append)
    probe.lens = "on"
    app = watch(app, probe)
    config = Config(app, note=Note(probe), port=0, ws_protocol_class=WSProtocol)
    with inside(Ours(config)) as port:
        yield port


def stories(events: Any) -> list[list[str]]:
    """Tell of each request what doesn't depend on who made the loop."""
    model = Trace()
    model.feed(events)
    return [
        [
            f"{each.kind} {getattr(each, 'name', '')}"
            for each in model.story(number)
            if is_told(each)
        ]
        for number in model.requests
    ]


def is_told(event: Any) -> bool:
    if event.kind in {"accept", "protocol.created"}:
        return False  # before uvicorn has a connection
    if getattr(event, "name", "") == "ProxyHeadersMiddleware":
        return False  # uvicorn's own, around the app
    return str(event.layer) != "loop"


def test_untraced_nothing_is_installed_and_nothing_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(RECORD, raising=False)
    monkeypatch.chdir(tmp_path)
    load = uvicorn.Config.load

    with inside_uvicorn(make(), loop=LOOP) as port:
        talk(port)

    assert uvicorn.Config.load is load
    assert list(tmp_path.iterdir()) == []


def test_a_request_is_recorded_as_under_our_own_server(recorded: Path) -> None:
    events: list[Event] = []
    with ours(make(), events) as port:
        talk(port)
    uninstrument()

    with inside_uvicorn(make()) as port:
        talk(port)

    guest.guest_for(recorded).stop()
    http, websocket = stories(tracer.read(recorded).events)
    assert [http, websocket] == stories(events)
    assert "response.complete " in http
    assert "ws.close " in websocket


def test_with_our_loop_the_server_and_the_lifespan_are_seen_too(
    recorded: Path,
) -> None:
    with inside_uvicorn(make(), loop=LOOP) as port:
        talk(port)

    guest.guest_for(recorded).stop()
    recording = tracer.read(recorded)
    events = recording.events
    told = [each.kind for each in events if each.kind in SERVERS]
    assert list(dict.fromkeys(told)) == list(SERVERS)
    lifespan = [
        each
        for each in events
        if isinstance(each, AppEnter) and each.type == "lifespan"
    ]
    assert [each.turn is not None for each in lifespan] == [True]
    assert recording.header.app == "Starlette"
    assert recording.model.server.url == f"http://127.0.0.1:{port}"
    assert recording.model.server.phase == "stopping"
    sources = recording.model.sources
    started = next(each for each in events if isinstance(each, ServerStarted))
    assert sources[started.where or 0].name == "Server.startup"
    assert {
        each.outcome.value for each in recording.model.requests.values()
    } == {"done"}


SERVERS = (
    "server.run",
    "loop.created",
    "server.config",
    "app.enter",
    "listen.bound",
    "server.started",
    "tick",
    "connection_made",
    "server.stopping",
)


def test_a_file_that_cannot_be_there_is_said_and_uvicorn_serves(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv(RECORD, str(tmp_path / "none" / "out.jsonl"))

    with inside_uvicorn(make()) as port:
        talk(port)

    said = {
        each.message for each in caplog.records if each.name == "asgi_trace"
    }
    folder = tmp_path / "none"
    assert said == {
        f"{RECORD}={folder / 'out.jsonl'}: there is no such folder: {folder};"
        " nothing is recorded"
    }


def test_a_config_is_adopted_once_with_our_defaults_for_what_it_lacks() -> None:
    given = uvicorn.Config(
        make(), root_path="/api", timeout_keep_alive=7, log_config=None
    )

    adopted = adopt(given)

    assert adopt(given) is adopted
    assert adopt(adopted) is adopted
    assert adopted.origin() is given
    assert (adopted.root_path, adopted.timeout_keep_alive) == ("/api", 7)
    assert adopted.app is given.loaded_app
    assert adopted.logger_name == "uvicorn.error"
    assert adopted.note is None
    assert adopted.join_head is Config(make()).join_head
