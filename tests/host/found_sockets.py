"""WebSockets for the tests of findings: each bad one beside a good one."""

import asyncio

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import (
    BaseHTTPMiddleware,
    RequestResponseEndpoint,
)
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

CALLED = asyncio.Event()


class Guard(BaseHTTPMiddleware):
    """Lets all through that it sees."""

    async def dispatch(
        self, request: Request, call_next: RequestResponseEndpoint
    ) -> Response:
        return await call_next(request)


async def accepts(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.close(4401)


async def refuses(websocket: WebSocket) -> None:
    await websocket.close(4401)


async def listens(websocket: WebSocket) -> None:
    await websocket.accept()
    async for _ in websocket.iter_text():
        pass


async def talks(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            await websocket.send_text("tick")
            await asyncio.sleep(0.01)
    except WebSocketDisconnect:
        pass


async def is_deaf(websocket: WebSocket) -> None:
    await websocket.accept()
    await CALLED.wait()
    await websocket.close()


async def calls(_: Request) -> Response:
    CALLED.set()
    return PlainTextResponse("called")


guarded = Starlette(
    routes=[WebSocketRoute("/listens", listens), Route("/calls", calls)],
    middleware=[Middleware(Guard)],
)
app = Starlette(
    routes=[
        WebSocketRoute("/accepts", accepts),
        WebSocketRoute("/refuses", refuses),
        WebSocketRoute("/listens", listens),
        WebSocketRoute("/talks", talks),
        WebSocketRoute("/deaf", is_deaf),
        Mount("/guarded", guarded),
    ]
)
