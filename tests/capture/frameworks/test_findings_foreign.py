"""What can be found without a server of ours: by `tracer.instrument`."""

import asyncio
from typing import Any

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket

import tracer
from tracer.capture.frameworks import served
from tracer.events import Event
from tracer.model.trace import Trace


async def accepts(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.close()


class Mute:
    """A middleware that neither calls its app nor answers."""

    def __init__(self, app: object) -> None:
        self.app = app

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        pass


def test_a_websocket_that_no_route_takes_is_found() -> None:
    app = Starlette(routes=[WebSocketRoute("/ws", accepts)])
    sent, found = asked(app, "websocket", "/ws")
    assert (sent, found) == (["websocket.accept", "websocket.close"], [])
    sent, found = asked(app, "websocket", "/other")
    assert sent == ["websocket.close"]
    assert found == [("handshake-refused", {"path": "/other"})]


def test_a_middleware_that_keeps_quiet_is_found() -> None:
    app = Starlette()
    app.add_middleware(Mute)
    assert asked(app, "http", "/") == (
        [],
        [
            ("response-incomplete", {"branch": "nothing"}),
            ("middleware-swallowed", {"how": "call", "who": "Mute"}),
        ],
    )


Found = list[tuple[str, dict[str, object]]]


def asked(app: Starlette, kind: str, path: str) -> tuple[list[str], Found]:
    """What the app sends, as any server would ask it, and what is found."""
    said: list[Event] = []
    sent: list[str] = []

    async def receive() -> Message:
        return {"type": f"{kind}.connect"}

    async def send(message: Message) -> None:
        sent.append(message["type"])

    scope: dict[str, Any] = {
        "type": kind, "path": path, "method": "GET", "headers": [],
        "query_string": b"",
    }  # fmt: skip
    try:
        serve = tracer.instrument(app, said.append)
        asyncio.run(serve(scope, receive, send))
    finally:
        served.uninstrument()
    trace = Trace()
    trace.feed(said)
    trace.end()
    return sent, [(each.rule, dict(each.facts)) for each in trace.findings]
