"""Small parts of an app, of each sort, to put apps together from."""

from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response


async def home(request: Request) -> Response:
    return PlainTextResponse("home")


def sync(request: Request) -> Response:
    return PlainTextResponse("sync")


async def boom(request: Request) -> Response:
    raise ValueError("no")


async def bare(scope: Any, receive: Any, send: Any) -> None:
    await PlainTextResponse("bare")(scope, receive, send)


class Raw:
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse("raw")(scope, receive, send)


class Pure:
    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


class Slotted:
    __slots__ = ("nxt",)

    def __init__(self, app: Any) -> None:
        self.nxt = app

    def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
        return self.nxt(scope, receive, send)


def closure(app: Any) -> Any:
    async def wrapped(scope: Any, receive: Any, send: Any) -> None:
        await app(scope, receive, send)

    return wrapped


HOME = [
    "endpoint.enter home function async",
    "endpoint.exit home PlainTextResponse",
    "response.call PlainTextResponse 200",
]
