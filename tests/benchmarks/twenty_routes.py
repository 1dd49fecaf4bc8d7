"""The apps that are timed: three middlewares and twenty routes.

What is asked for stands among the first dozen, so that about ten routes are
tried until one matches. `app` has pure ASGI middlewares; in `based` one of
the three is a BaseHTTPMiddleware.
"""

from collections.abc import AsyncIterator, Awaitable, Callable

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import (
    BaseHTTPMiddleware,
    RequestResponseEndpoint,
)
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send


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


class Based(BaseHTTPMiddleware):
    async def dispatch(
        self, request: Request, call_next: RequestResponseEndpoint
    ) -> Response:
        return await call_next(request)


def endpoint(number: int) -> Callable[[Request], Awaitable[JSONResponse]]:
    async def read(_: Request) -> JSONResponse:
        return JSONResponse({"route": number, "of": "twenty"})

    return read


async def echo(request: Request) -> Response:
    return Response(await request.body())


def plain(_: Request) -> JSONResponse:
    return JSONResponse({"mode": "thread"})


async def stream(_: Request) -> StreamingResponse:
    async def chunks() -> AsyncIterator[bytes]:
        for number in range(5):
            yield b"chunk %d of a streamed response\n" % number

    return StreamingResponse(chunks(), media_type="text/plain")


ROUTES = [
    *[Route(f"/route{n}", endpoint(n)) for n in range(10)],
    Route("/echo", echo, methods=["POST"]),
    Route("/plain", plain),
    Route("/stream", stream),
    *[Route(f"/route{n}", endpoint(n)) for n in range(13, 20)],
]

app = Starlette(
    routes=ROUTES,
    middleware=[Middleware(each) for each in (First, Second, Third)],
)
based = Starlette(
    routes=ROUTES,
    middleware=[Middleware(each) for each in (First, Based, Third)],
)
