"""One WebSocket: the handshake, messages both ways, and how it is closed.

A WebSocket begins as an HTTP request, so what comes before the handshake's
answer stands in the layers `connection`, `h11` and `cycle`. The app's own
messages are `receive.return` and `send.call`, as with HTTP.
"""

from typing import ClassVar, Literal

from tracer.events.envelope import Event, Layer

Direction = Literal["in", "out"]
Sort = Literal["text", "binary"]
State = Literal[
    "CONNECTING",
    "OPEN",
    "REMOTE_CLOSING",
    "LOCAL_CLOSING",
    "CLOSED",
    "REJECTING",
]
"""A WebSocket's state, see `states.SocketState`."""


class WsEvent(Event, frozen=True, gc=False):
    """Something happened on one WebSocket."""

    layer: ClassVar[Layer] = "websocket"


class WsHandshake(WsEvent, tag="ws.handshake", frozen=True, gc=False):
    """The handshake is answered: the connection is a WebSocket now, or not.

    `accepted`: 101, frames from here on. `refused`: the app closed before it
    accepted, 403. `denied`: the app answered with a response of its own.
    `invalid`: the client's request is no handshake, and no app is asked.
    `failed`: the app gave up without an answer, 500.

    Source: RFC 6455, section 4.2; ASGI WebSocket, "Accept - send event"
    """

    outcome: Literal["accepted", "refused", "denied", "invalid", "failed"]
    status: int
    state: State
    subprotocol: str | None = None
    """The one that the app chose among those that the client offered."""
    extensions: tuple[str, ...] = ()
    """What was agreed on, with its parameters."""
    reason: str | None = None
    """What is wrong with an invalid handshake."""


class WsFragment(WsEvent, tag="ws.fragment", frozen=True, gc=False):
    """One frame of a message that comes in several.

    The app sees none of them: it gets the message once it is whole. One
    read of the socket is not one frame, and neither is one `send()`.

    Source: RFC 6455, section 5.4
    """

    direction: Direction
    type: Sort
    n: int
    """Bytes in this frame, unpacked; of a text, its whole characters'."""
    last: bool
    buffered: int
    """Bytes of the message so far, this frame included."""


class WsMessage(WsEvent, tag="ws.message", frozen=True, gc=False):
    """A whole message has come, or was handed to the transport.

    Source: RFC 6455, section 6
    """

    direction: Direction
    n: int
    """Bytes of the message, unpacked; of a text, as UTF-8."""
    type: Sort
    text: str
    """Its beginning, redacted; of a binary message in hexadecimal, and
    nothing where something in it had to be hidden."""
    fragments: int = 1
    """How many frames it came in."""
    compressed: int | None = None
    """Bytes of payload on the wire; None: it went as it is."""


class WsPing(WsEvent, tag="ws.ping", frozen=True, gc=False):
    """One side asks whether the other is still there.

    The server answers by itself; the app never hears of it.

    Source: RFC 6455, section 5.5.2; uvicorn, `WSProtocol.handle_ping`
    """

    direction: Direction
    n: int
    """Bytes of payload, which the answer repeats."""


class WsPong(WsEvent, tag="ws.pong", frozen=True, gc=False):
    """The answer to a ping, or a sign of life that nobody asked for.

    Source: RFC 6455, section 5.5.3; uvicorn, `WSProtocol.handle_pong`
    """

    direction: Direction
    n: int
    rtt: int | None = None
    """Nanoseconds since the ping that it answers, if that was ours."""


class WsTimeout(WsEvent, tag="ws.timeout", frozen=True, gc=False):
    """The client didn't answer our ping, or our close, in time.

    Source: uvicorn, `WSProtocol.keepalive_timeout` and `close_timer`
    """

    of: Literal["pong", "close"]
    seconds: float


class WsClose(WsEvent, tag="ws.close", frozen=True, gc=False):
    """A Close frame: one side says that it will send no more.

    Each side sends one, so an orderly end has two of these. A connection
    that is lost without any gives the app a code that nobody sent: 1005 or
    1006.

    Source: RFC 6455, sections 5.5.1 and 7.4
    """

    code: int
    by: Literal["client", "app", "server"]
    """Who sends this frame."""
    reason: str
    first: bool
    """Whether it began the closing; else it answers the other one's."""
    state: State


class WsLimit(WsEvent, tag="ws.limit", frozen=True, gc=False):
    """A message is larger than allowed: the server closes with 1009.

    A compressed one is measured while it is unpacked and never unpacked
    whole, so that a few bytes can't become gigabytes.

    Source: RFC 6455, section 7.4.1; uvicorn, `ws_max_size`
    """

    limit: int
    n: int
    """Bytes of the message so far: the least that it has."""
    packed: bool
    """Whether it was compressed; then more of it is unknown."""
