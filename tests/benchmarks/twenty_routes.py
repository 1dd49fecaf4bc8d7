"""The app that is timed: three pure ASGI middlewares and twenty routes."""

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

TARGET = "/route9"
"""What is asked for: ten routes are tried until one matches."""


class First:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        await self.app(scope, receive, send)


class Second(First):
    pass


class Third(First):
    pass


def endpoint(number: int) -> Callable[[Request], Awaitable[JSONResponse]]:
    async def read(_: Request) -> JSONResponse:
        return JSONResponse({"route": number, "of": "twenty"})

    return read


app = Starlette(
    routes=[Route(f"/route{n}", endpoint(n)) for n in range(20)],
    middleware=[Middleware(each) for each in (First, Second, Third)],
)
