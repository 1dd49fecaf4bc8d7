"""tracer.trace under servers that aren't ours: the same layers, the same story.

What a server gives of a body in one message, and in how many, is its own
affair: here it is one line. All else is compared as it comes.
"""

import asyncio
import http.client
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

import hypercorn.asyncio
import hypercorn.config
import pytest
import uvicorn
from frameworks_seen import as_it_was, told  # noqa: F401
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route

import tracer
from tracer.capture import guest
from tracer.capture.frameworks import watch
from tracer.capture.probe import Note, Probe
from tracer.capture.server import Config, Server
from tracer.events import Event, ScopeBuilt
from tracer.events.log import Record

PATIENCE = 10.0

REQUESTS: list[tuple[str, str, bytes]] = [
    ("POST", "/echo?token=geheim", b"x" * 100_000),
    ("GET", "/sync", b""),
    ("GET", "/later", b""),
    ("GET", "/stream", b""),
    ("GET", "/no/such", b""),
    ("DELETE", "/in/sync", b""),
    ("GET", "/boom", b""),
]
Answers = list[tuple[int, bytes]]
ANSWERS: Answers = [
    (200, b"100000"),
    (200, b"sync"),
    (200, b"later"),
    (200, b"abc"),
    (404, b"Not Found"),
    (405, b"Method Not Allowed"),
    (500, b"Internal Server Error"),
]


async def echo(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


def sync(request: Request) -> Response:
    return PlainTextResponse("sync")


async def after() -> None:
    """What is done when the client has its answer."""


async def later(request: Request) -> Response:
    return PlainTextResponse("later", background=BackgroundTask(after))


async def pieces() -> AsyncIterator[str]:
    for each in "abc":
        yield each


async def stream(request: Request) -> Response:
    return StreamingResponse(pieces())


async def boom(request: Request) -> Response:
    raise ValueError("no")


@asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[dict[str, int]]:
    yield {"opened": 1}


def make() -> Any:
    return Starlette(
        routes=[
            Route("/echo", echo, methods=["POST"]),
            Route("/sync", sync),
            Route("/later", later),
            Route("/stream", stream),
            Route("/boom", boom),
            Mount("/in", routes=[Route("/sync", sync)]),
        ],
        middleware=[Middleware(GZipMiddleware)],
        lifespan=lifespan,
    )


# Three servers: each serves until the block ends, and gives its port


class Uvicorn(uvicorn.Server):
    port = 0

    async def startup(self, *args: Any, **kwargs: Any) -> None:
        await super().startup(*args, **kwargs)
        self.port = self.servers[0].sockets[0].getsockname()[1]


class Ours(Server):
    port = 0

    async def startup(self, *args: Any, **kwargs: Any) -> None:
        await super().startup(*args, **kwargs)
        self.port = self.servers[0].sockets[0].getsockname()[1]


@contextmanager
def running(server: Uvicorn | Ours) -> Iterator[int]:
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.port > 0)
        yield server.port
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
    assert not thread.is_alive()


@contextmanager
def under_uvicorn(app: Any) -> Iterator[int]:
    options: Any = {"http": "httptools", "loop": "asyncio"}
    config = uvicorn.Config(app, port=0, log_config=None, **options)
    with running(Uvicorn(config)) as port:
        yield port


@contextmanager
def under_hypercorn(app: Any) -> Iterator[int]:
    listening = socket.create_server(("127.0.0.1", 0))
    port: int = listening.getsockname()[1]
    config = hypercorn.config.Config()
    config.bind = [f"fd://{listening.detach()}"]
    config.errorlog = None
    loop: list[asyncio.AbstractEventLoop] = []
    ends = asyncio.Event()

    async def serve() -> None:
        loop.append(asyncio.get_running_loop())
        await hypercorn.asyncio.serve(app, config, shutdown_trigger=ends.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        yield port
    finally:
        wait_until(lambda: bool(loop))
        loop[0].call_soon_threadsafe(ends.set)
        thread.join(PATIENCE)
    assert not thread.is_alive()


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.002)


def ask(port: int) -> Answers:
    answers = []
    for method, path, body in REQUESTS:
        client = http.client.HTTPConnection("127.0.0.1", port, PATIENCE)
        client.request(method, path, body)
        answer = client.getresponse()
        answers.append((answer.status, answer.read()))
        client.close()
    return answers


# The stories


def is_of_the_app(event: Record) -> bool:
    """Say whether it is known wherever the app is served."""
    if event.kind in ("exception.raised", "context.changed"):
        # Their place and their variables are the server's too.
        return event.kind == "exception.raised"
    if event.kind.startswith(("receive.", "send.", "thread.", "scope.")):
        return True
    return isinstance(event, Event) and event.layer == "framework"


def line(event: Any) -> str:
    match event:
        case ScopeBuilt():
            return f"{event.type} {event.method} {event.path} {event.query}"
        case _ if event.kind.startswith("receive."):
            return "receive"
        case _:
            return told(event)


def stories(events: Any) -> list[list[str]]:
    """Tell each request's own story; what is received, as one line."""
    found: dict[int, list[str]] = {}
    for event in events:
        if event.req is not None and is_of_the_app(event):
            found.setdefault(event.req, []).append(line(event))
    return [[each for each, _ in groupby(found[req])] for req in sorted(found)]


@pytest.fixture(scope="module")
def ours() -> list[list[str]]:
    events: list[Event] = []
    probe = Probe(events.append)
    probe.lens = "on"
    app = watch(make(), probe)
    config = Config(app, note=Note(probe), port=0, access_log=False)
    with running(Ours(config)) as port:
        assert ask(port) == ANSWERS
    return stories(events)


@pytest.fixture
def recorded(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "out.jsonl"
    yield path
    guest.guest_for(path).stop()


def is_over(path: Path) -> bool:
    """Say whether the lifespan's end has been written."""
    ends = [
        each for each in path.read_text().split("\n") if '"app.exit"' in each
    ]
    return any('"req":' not in each for each in ends)


SERVERS = [under_uvicorn, under_hypercorn]


@pytest.mark.parametrize("under", SERVERS)
def test_another_server_s_requests_have_the_story_that_ours_have(
    under: Any, ours: list[list[str]], recorded: Path
) -> None:
    with under(tracer.trace(make(), record=recorded)) as port:
        answers = ask(port)

    # The lifespan is over, so all is on its way to the disk.
    wait_until(lambda: is_over(recorded))
    recording = tracer.read(recorded)
    assert answers == ANSWERS
    assert stories(recording.events) == ours
    requests = recording.model.requests.values()
    assert [each.status for each in requests] == [each for each, _ in ANSWERS]
    assert "geheim" not in recorded.read_text()
