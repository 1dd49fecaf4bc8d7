"""The same endpoint below a BaseHTTPMiddleware, and beside it without."""

import asyncio
from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route


async def asks(request: Request) -> Response:
    for _ in range(30):
        if await request.is_disconnected():
            return PlainTextResponse("knew it")
        await asyncio.sleep(0.01)
    return PlainTextResponse("never heard")


async def waits(request: Request) -> Response:
    await asyncio.Event().wait()
    return PlainTextResponse("never")


async def nothing(request: Request, call_next: Callable[..., Any]) -> Any:  # noqa: ANN401
    return await call_next(request)


below = Starlette(
    routes=[Route("/asks", asks)],
    middleware=[Middleware(BaseHTTPMiddleware, dispatch=nothing)],
)
app = Starlette(
    routes=[
        Mount("/below", below),
        Route("/asks", asks),
        Route("/waits", waits),
    ],
)
