"""The short runs: apps without a framework, and servers that don't start.

They run in a thread of the test's own process, on real sockets.
"""

# ruff: noqa: ANN401  (scopes and messages pass through here)

import asyncio
import logging
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from facts_kit import Story, guests
from server_running import Running, running

from tracer.capture.server import Server

START = {"type": "http.response.start", "status": 200}
LENGTH = {**START, "headers": [(b"content-length", b"2")]}
BODY = {"type": "http.response.body", "body": b"ok"}
PART = {**BODY, "more_body": True}


class App:
    """Breaks the rules of ASGI as its path says, or keeps them."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
        if scope["type"] == "lifespan":
            return await agree(receive, send)
        return await getattr(self, scope["path"].strip("/"))(receive, send)

    async def keeps(self, receive: Any, send: Any) -> None:
        await send(LENGTH)
        await send(BODY)

    async def raises(self, receive: Any, send: Any) -> None:
        raise ValueError("no")

    async def raises_late(self, receive: Any, send: Any) -> None:
        await send(LENGTH)
        await send({**PART, "body": b"o"})
        raise ValueError("no")

    async def returns(self, receive: Any, send: Any) -> str:
        await self.keeps(receive, send)
        return "a value"

    async def says_nothing(self, receive: Any, send: Any) -> None:
        return

    async def stops(self, receive: Any, send: Any) -> None:
        await send(START)
        await send(PART)

    async def body_first(self, receive: Any, send: Any) -> None:
        try:
            await send(BODY)
        except RuntimeError:
            await self.keeps(receive, send)

    async def goes_on(self, receive: Any, send: Any) -> None:
        await self.keeps(receive, send)
        await send(BODY)

    async def listens(self, receive: Any, send: Any) -> None:
        """Ask for the disconnect before the response is complete."""
        await receive()
        gone = asyncio.create_task(receive(), name="listener")
        await send(LENGTH)
        await asyncio.sleep(0)
        await send(BODY)
        await gone


async def agree(receive: Any, send: Any) -> None:
    for _ in range(2):
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})


async def refuse(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no water"})


def told(run: Running, **got: object) -> Story:
    return Story(run.events, got)


def bare() -> Story:
    """Each path once, a client that stays too long, and a server's notify."""
    got: dict[str, object] = {"handler": signal.getsignal(signal.SIGTERM)}

    async def notify() -> None:
        """What a worker would tell its manager by."""

    options: dict[str, Any] = {"lens": "on", "timeout_keep_alive": 0.05}
    options |= {"callback_notify": notify, "timeout_notify": 3600}
    with (
        running(App(), **options) as run,
        guests(run.port) as visit,
    ):
        got["during"] = signal.getsignal(signal.SIGTERM)
        for path in (
            "raises", "raises_late", "returns", "says_nothing", "stops",
            "body_first", "goes_on", "listens", "keeps",
        ):  # fmt: skip
            client = visit()
            client.ask(f"/{path}")
            got[path] = client.rest()
        client = visit()
        client.send(b"GET /keeps HTTP/1.0\r\n\r\n")
        got["1.0"] = client.rest()
        run.wait_for("tick.headers", 2)
    return told(run, **got)


def full() -> Story:
    """At most so many at once, and in all: one too many of both."""
    opened = asyncio.Event()
    got: dict[str, object] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await agree(receive, send)
            return
        if scope["path"] == "/open":
            opened.set()
        await opened.wait()
        await App().keeps(receive, send)

    with (
        running(app, limit_concurrency=5, limit_max_requests=2) as run,
        guests(run.port) as visit,
    ):
        waiting = [visit() for _ in range(3)]
        for each in waiting:
            each.ask("/wait")
        run.wait_for("run_asgi.start", 3)
        idle, late = visit(), visit()
        run.wait_for("connection_made", 5)
        late.ask("/refused")
        got["refused"] = late.rest()
        idle.close()
        run.wait_for("connection_lost", 2)
        last = visit()
        # All answer in one turn of the loop, so no tick comes between.
        last.ask("/open")
        for each in (last, *waiting):
            each.answer()
        run.thread.join(30)
    return told(run, **got)


def exact() -> Story:
    """As many requests as are allowed, and no more."""
    with (
        running(App(), limit_max_requests=1) as run,
        guests(run.port) as visit,
    ):
        visit().get("/keeps")
        run.thread.join(30)
        ended = not run.thread.is_alive()
    return told(run, ended=ended)


def refuses() -> Story:
    """An app whose startup fails."""
    with running(refuse) as run:
        run.thread.join(30)
    return told(run, exit=run.exit_code)


def taken() -> Story:
    """A port that another server has."""
    with running(App()) as first, running(App(), port=first.port) as run:
        run.thread.join(30)
    return told(run, exit=run.exit_code)


def unix(folder: Path) -> Story:
    """A Unix socket, and what its file is like."""
    path = folder / "sock"
    with running(App(), uds=str(path)) as run, guests(str(path)) as visit:
        mode = path.stat().st_mode & 0o777
        visit().get("/keeps")
    return told(run, mode=mode, path=str(path))


@contextmanager
def logged() -> Iterator[list[str]]:
    """What the server says of itself in its log."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger(Server.logger_name)
    level = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    try:
        yield lines
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def handed(how: str) -> Story:
    """A socket that somebody else has opened, as descriptor or as it is."""
    with socket.create_server(("127.0.0.1", 0)) as given:
        port = given.getsockname()[1]
        fd = given.fileno()
        option: Any = {"fd": fd} if how == "fd" else {"sockets": [given]}
        with (
            logged() as log,
            running(App(), **option) as run,
            guests(port) as visit,
        ):
            answer = visit().get("/keeps")
    return told(run, port=port, fd=fd, answer=answer, log=log)


def cancelled() -> Story:
    """A request that the end of the server doesn't wait for."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await agree(receive, send)
        else:
            await asyncio.sleep(3600)

    with (
        running(app, timeout_graceful_shutdown=0.1) as run,
        guests(run.port) as visit,
    ):
        client = visit()
        client.ask("/")
        run.wait_for("run_asgi.start")
        run.server.should_exit = True
        answer = client.rest()
        run.thread.join(30)
    return told(run, answer=answer)
