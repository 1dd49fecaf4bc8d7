"""The app of the long run: a tea house with a route for each fact.

It is served in a process of its own, from a folder of the test's. Where one
side must wait for the other, a file there says so.
"""

# ruff: noqa: ANN401  (scopes and messages pass through here)

import asyncio
import functools
import threading
import time
from collections.abc import AsyncIterator, Generator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.endpoints import HTTPEndpoint
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import (
    PlainTextResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

HERE = Path(__file__).parent
MEETING = threading.Barrier(2)


async def until(flag: str) -> None:
    while not (HERE / flag).exists():
        await asyncio.sleep(0.005)


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[dict[str, Any]]:
    yield {"shelf": []}


class Outer:
    """Adds a header to what passes on the way out."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def mark(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"].append((b"x-outer", b"1"))
            await send(message)

        await self.app(scope, receive, mark)


class Inner:
    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


class Added(Inner):
    """Put around the others by `add_middleware`."""


async def home(request: Request) -> Response:
    return PlainTextResponse("ok")


async def echo(request: Request, greeting: str = "") -> Response:
    return PlainTextResponse(str(len(await request.body())))


def meet(request: Request) -> Response:
    """Two of these can only end if both are in a thread at once."""
    MEETING.wait(20)
    time.sleep(0.01)
    return PlainTextResponse("met")


def plain(request: Request) -> Response:
    return PlainTextResponse("plain")


async def wait(request: Request) -> Response:
    await until(request.query_params["for"])
    return PlainTextResponse("waited")


async def block(request: Request) -> Response:
    """Hold the loop until a client outside has done its part."""
    (HERE / "blocked").touch()
    deadline = time.monotonic() + 20
    while not (HERE / "unblock").exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    return PlainTextResponse("blocked")


async def state(request: Request) -> Response:
    """Leave something in the state, which nobody else may find."""
    own = request.scope["state"]
    own[f"mine {request.query_params['n']}"] = True
    return PlainTextResponse(f"{len(own)} {id(own['shelf'])}")


async def slow_reader(request: Request) -> Response:
    """Take nothing of the body before a file is there."""
    await until(request.query_params["for"])
    n = 0
    async for piece in request.stream():
        n += len(piece)
    return PlainTextResponse(str(n))


async def flood(request: Request) -> Response:
    async def much() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield bytes(1 << 18)

    return StreamingResponse(much(), headers={"content-length": f"{1 << 24}"})


async def large(request: Request) -> Response:
    return Response(bytes(1 << 22))


async def drip(request: Request) -> Response:
    async def drops() -> AsyncIterator[bytes]:
        while True:
            yield b"drop"
            await asyncio.sleep(0.01)

    return StreamingResponse(drops())


async def later(flag: str) -> None:
    await until(flag)


async def background(request: Request) -> Response:
    task = BackgroundTask(later, request.query_params["for"])
    return PlainTextResponse("soon", background=task)


async def boom(request: Request) -> Response:
    raise ValueError("no tea")


async def teapot(request: Request) -> Response:
    raise HTTPException(418)


async def too_late(request: Request) -> Response:
    try:
        request.app.add_middleware(Added)
    except RuntimeError as error:
        return PlainTextResponse(str(error))
    return PlainTextResponse("added")


async def sorry(request: Request, error: Exception) -> Response:
    return PlainTextResponse("sorry", 500)


async def short(request: Request, error: Exception) -> Response:
    return PlainTextResponse("stout", 418)


class Page(HTTPEndpoint):
    async def get(self, request: Request) -> Response:
        return PlainTextResponse("page")


class Whole:
    """A class as endpoint: made with the three, then awaited."""

    def __init__(self, scope: Any, receive: Any, send: Any) -> None:
        self.three = scope, receive, send

    def __await__(self) -> Generator[Any, None, None]:
        return PlainTextResponse("whole")(*self.three).__await__()


class Callable:
    """An instance as endpoint: called with the three."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        version = scope["asgi"]["spec_version"]
        await PlainTextResponse(version)(scope, receive, send)


async def chat(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text(await socket.receive_text())
    await socket.close()


app = Starlette(
    lifespan=lifespan,
    middleware=[Middleware(Outer), Middleware(Inner)],
    exception_handlers={Exception: sorry, 418: short},
    routes=[
        Route("/", home),
        Route("/a b", home),
        Route("/echo", echo, methods=["post"]),
        Route("/partial", functools.partial(echo, greeting="hello")),
        Route("/meet", meet),
        Route("/plain", plain),
        Route("/wait", wait),
        Route("/block", block),
        Route("/state", state),
        Route("/slow", slow_reader, methods=["POST"]),
        Route("/flood", flood),
        Route("/large", large),
        Route("/drip", drip),
        Route("/background", background),
        Route("/boom", boom),
        Route("/teapot", teapot),
        Route("/late", too_late),
        Route("/page", Page),
        Route("/whole", Whole),
        Route("/called", Callable()),
        WebSocketRoute("/chat", chat),
        Route("/brew", echo, methods=["POST"]),
        Route("/brew", home, name="brewed"),
        Route("/pour/", echo, methods=["POST"]),
        Route("/tea", home, methods=["GET"]),
    ],
)
app.add_middleware(Added)
