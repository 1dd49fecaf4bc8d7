"""A tea house, with one of each thing that a request can meet on its way."""

import asyncio
import time
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.base import RequestResponseEndpoint as CallNext
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

TEAS = {7: "sencha", 42: "oolong"}


class Stamp:
    """Pure ASGI: its own `send` sees each message on its way out."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        async def stamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"].append((b"x-house", b"tea"))
            await send(message)

        await self.app(scope, receive, stamped)


class Greeting(BaseHTTPMiddleware):
    """Starlette's way: a request in, a response out, a task more for each."""

    async def dispatch(self, request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        response.headers["X-Greeting"] = "welcome"
        return response


async def home(_: Request) -> Response:
    return JSONResponse({"teas": len(TEAS)})


async def show(request: Request) -> Response:
    number = request.path_params["number"]
    if number not in TEAS:
        raise HTTPException(404, "We have no such tea")
    return JSONResponse({"tea": TEAS[number], **request.query_params})


async def order(request: Request) -> Response:
    tea = (await request.json())["tea"]  # waits until the body is there
    return JSONResponse(
        {"brewing": tea}, 202, None, None, BackgroundTask(brew, tea)
    )


async def brew(tea: str) -> None:  # the answer has left before this begins
    await asyncio.sleep(0.3)
    print(f"{tea} is ready")


def grind(_: Request) -> Response:  # no `async`: runs in a worker thread
    time.sleep(0.2)
    return JSONResponse({"ground": True})


async def pour(_: Request) -> Response:
    async def cups() -> AsyncIterator[str]:
        for cup in range(1, 4):
            await asyncio.sleep(0.2)  # the loop serves others meanwhile
            yield f"cup {cup}\n"

    return StreamingResponse(cups(), media_type="text/plain")


async def spill(_: Request) -> Response:
    raise RuntimeError("the pot is broken")


KITCHEN = [Route("/", grind), Route("/pour", pour)]
ROUTES = [
    Route("/", home),
    Route("/teas/{number:int}", show),
    Route("/teas", order, methods=["POST"]),
    Mount("/kitchen", routes=KITCHEN),
    Route("/spill", spill),
]
app = Starlette(
    routes=ROUTES, middleware=[Middleware(Stamp), Middleware(Greeting)]
)
