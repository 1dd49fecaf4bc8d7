"""A client of a WebSocket on a wire: bytes in, writes and events out.

The client's side is wsproto's own, so its frames are masked as they must be.
"""

# ruff: noqa: ANN401  (messages and events of all sorts pass through here)

import struct
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from server_wire import DEFAULT_HEADERS, Wire, _open, wire
from uvicorn.protocols.http.h11_impl import H11Protocol as UvicornProtocol
from uvicorn.server import ServerState as UvicornState
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, Event, Message, Request
from wsproto.extensions import PerMessageDeflate

from tracer.capture.server import WSProtocol

Handler = Callable[[Any, Any], Awaitable[None]]


class App:
    """Keeps what it received, and then does what a test says."""

    def __init__(self, then: Handler | None = None) -> None:
        self.got: list[Any] = []
        self.scope: Any = None
        self.raised: BaseException | None = None
        self._then = then or accepts

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scope = scope

        async def kept() -> Any:
            message = await receive()
            self.got.append(message)
            return message

        try:
            await self._then(kept, send)
        except BaseException as error:
            self.raised = error
            raise


async def accepts(receive: Any, send: Any) -> None:
    """Accept, and take whatever comes."""
    await receive()
    await send({"type": "websocket.accept"})
    while (await receive())["type"] != "websocket.disconnect":
        pass


async def echoes(receive: Any, send: Any) -> None:
    """Accept, and send back whatever comes."""
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] != "websocket.disconnect":
        await send({**message, "type": "websocket.send"})


class Client:
    """The client's end of a wire."""

    def __init__(self, opened: Wire) -> None:
        self.wire = opened
        self.conn = WSConnection(ConnectionType.CLIENT)
        self._read = 0

    def asks(
        self,
        *headers: tuple[bytes, bytes],
        packs: bool = False,
        subprotocols: tuple[str, ...] = (),
        path: str = "/",
    ) -> list[Event]:
        """Send the handshake."""
        return self.sends(
            Request(
                host="a",
                target=path,
                extra_headers=list(headers),
                subprotocols=list(subprotocols),
                extensions=[PerMessageDeflate()] if packs else [],
            )
        )

    def opens(self, *headers: tuple[bytes, bytes], **how: Any) -> None:
        """Send the handshake, which must be accepted."""
        (answer,) = self.asks(*headers, **how)
        assert isinstance(answer, AcceptConnection)

    def bytes_of(self, *events: Event) -> bytes:
        return b"".join(self.conn.send(each) for each in events)

    def sends(self, *events: Event) -> list[Event]:
        """Send these in one piece, and read what is answered."""
        self.wire.receives(self.bytes_of(*events))
        return self.reads()

    def skips(self) -> None:
        """Leave out what was written until now: it was HTTP."""
        self._read = len(self.wire.written)

    def reads(self) -> list[Event]:
        """Read what was written since the last time."""
        written = self.wire.written
        data, self._read = written[self._read :], len(written)
        if data:
            self.conn.receive_data(data)
        return list(self.conn.events())


@contextmanager
def socket_wire(app: Any, **options: Any) -> Iterator[tuple[Wire, Client]]:
    """A connection to our own protocols."""
    with wire(app, ws_protocol_class=WSProtocol, **options) as opened:
        yield opened, Client(opened)


@contextmanager
def uvicorn_socket_wire(
    app: Any, **options: Any
) -> Iterator[tuple[Wire, Client]]:
    """A connection to uvicorn's."""

    def make(made: Wire) -> UvicornProtocol:
        config = uvicorn.Config(
            app, log_config=None, ws="wsproto", proxy_headers=False, **options
        )
        config.load()
        state = UvicornState()
        state.default_headers = DEFAULT_HEADERS
        return UvicornProtocol(config, state, {}, _loop=made.loop)

    with _open(make, False, "uvicorn") as opened:
        yield opened, Client(opened)


def text(data: str, last: bool = True) -> Message[str]:
    """A frame of text."""
    return Message(data=data, message_finished=last)


def said(events: list[Any]) -> list[tuple[Any, ...]]:
    """Events as their payloads, without when and where."""
    envelope = {"seq", "t", "turn", "thread", "conn", "req", "task", "where"}
    return [
        (
            each.kind,
            *(
                getattr(each, name)
                for name in each.__struct_fields__
                if name not in envelope
            ),
        )
        for each in events
    ]


def socket_events(wire: Wire) -> list[tuple[Any, ...]]:
    return said([each for each in wire.events if each.layer == "websocket"])


def frame(
    opcode: int, payload: bytes, *, fin: bool = True, rsv1: bool = False
) -> bytes:
    """A client's frame, masked with zeros."""
    first = opcode | (0x80 if fin else 0) | (0x40 if rsv1 else 0)
    n = len(payload)
    if n < 126:
        size = struct.pack("!B", 0x80 | n)
    elif n < 1 << 16:
        size = struct.pack("!BH", 0x80 | 126, n)
    else:
        size = struct.pack("!BQ", 0x80 | 127, n)
    return bytes([first]) + size + bytes(4) + payload


def received(app: App) -> list[Any]:
    """Give the messages that the app has got."""
    return [
        each.get("text", each.get("bytes"))
        for each in app.got
        if each["type"] == "websocket.receive"
    ]
