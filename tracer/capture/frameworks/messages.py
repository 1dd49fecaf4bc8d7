"""What passes between an app and a server that isn't ours, in numbers.

A message may be of any form: the server is to complain of that, not we. It is
given on as it came, and looked at without running anybody's code.
"""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from tracer.capture import sources
from tracer.capture.frameworks.look import is_a
from tracer.capture.probe import Note
from tracer.events import ReceiveCall, ReceiveReturn, SendCall, SendReturn

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

SCOPES = frozenset({"http", "websocket"})
"""Types of scopes whose messages are looked at."""

CARRIES = {
    "http.request": ("body",),
    "http.response.body": ("body",),
    "websocket.receive": ("bytes", "text"),
    "websocket.send": ("bytes", "text"),
    "websocket.http.response.body": ("body",),
}
"""Messages that carry something, and under which keys, the first one first."""

HAS_MORE = frozenset(
    {"http.request", "http.response.body", "websocket.http.response.body"}
)


class Read(NamedTuple):
    """What is told of a message."""

    kind: str
    n: int | None = None
    more_body: bool | None = None
    status: int | None = None
    code: int | None = None


def read(message: Any) -> Read:
    """Look at a message.

    Source: ASGI HTTP and ASGI WebSocket, the events of each
    """
    if type(message) is not dict or type(message.get("type")) is not str:
        return Read("")
    kind = message["type"]
    if (keys := CARRIES.get(kind)) is None:
        status, code = message.get("status"), message.get("code")
        return Read(kind, None, None, _number(status), _number(code))
    data = next(
        (message[key] for key in keys if message.get(key) is not None), b""
    )
    more = message.get("more_body") is True if kind in HAS_MORE else None
    return Read(kind, _size(data), more)


def _number(found: Any) -> int | None:
    return int(found) if is_a(found, int) else None


def _size(data: Any) -> int:
    if type(data) is str:
        return len(data.encode("utf-8", "surrogatepass"))
    return len(data) if is_a(data, (bytes, bytearray, memoryview, str)) else 0


def watch_receive(note: Note, receive: Receive) -> Receive:
    """Make a `receive` that says when it is called, and what came."""
    where = sources.place(receive)

    async def traced() -> Any:
        note.one(ReceiveCall, where, None)
        message = await receive()
        if type(message) is dict:
            kind, n, more, _, code = read(message)
            said = kind, n or 0, bool(more), None, code
            note.five(ReceiveReturn, where, *said)
        return message

    return traced


def watch_send(note: Note, send: Send) -> Send:
    """Make a `send` that says what it was called with, and when it is done."""
    where = sources.place(send)

    async def traced(message: Any) -> None:
        kind, n, more, status, code = read(message)
        if code is None:
            note.four(SendCall, where, kind, n, more, status)
        else:
            note(SendCall, where, kind, n, more, status, "app", code)
        await send(message)
        note.one(SendReturn, where, kind)

    return traced
