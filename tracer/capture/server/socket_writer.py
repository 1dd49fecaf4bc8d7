"""wsproto's events become bytes on the transport, and each write is said.

The state of the WebSocket is kept here, since every Close frame of ours and
every answer to the handshake passes through.
"""

import asyncio
from typing import Any, Literal

from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    CloseConnection,
    Event,
    Message,
    Ping,
    Pong,
    RejectData,
)

from tracer.capture import redact
from tracer.capture.probe import Note
from tracer.capture.server.deflate import BoundedDeflate
from tracer.capture.server.previews import previewed
from tracer.events import (
    TransportClose,
    TransportWrite,
    WsClose,
    WsMessage,
    WsPing,
    WsPong,
)
from tracer.events.states import SOCKET_CLOSE, SocketState

By = Literal["client", "app", "server"]


class SocketWriter:
    """Writes what one WebSocket sends.

    Attributes:
        conn: wsproto's machine, which knows frames and the handshake.
        note: The request's; the connection's before there is one.
        state: Ours; wsproto's is the same.
        first: Who began to close; None: nobody has.
        deflate: The extension, once it is agreed on.

    Source: ours; uvicorn calls wsproto and the transport in each place.
    """

    def __init__(self, transport: asyncio.Transport, note: Note | None) -> None:
        self.conn = WSConnection(ConnectionType.SERVER)
        self.transport = transport
        self.note = note
        self.state = SocketState.CONNECTING
        self.first: By | None = None
        self.deflate: BoundedDeflate | None = None

    def put(
        self,
        output: bytes,
        of: Literal["handshake", "frame", "body"],
        where: int | None,
    ) -> None:
        """Give bytes to the transport, unless it is closing already."""
        if self.transport.is_closing():
            return
        if (note := self.note) is not None:
            # Before the call: the client may have its bytes before it ends.
            note.two(TransportWrite, where, len(output), of)
        self.transport.write(output)

    def _frame(self, event: Event) -> bytes:
        return self.conn.send(event)

    def message(self, data: str | bytes, where: int | None) -> None:
        """Send a message, as one frame."""
        output = self._frame(Message[Any](data=data))
        if (note := self.note) is not None and not self.transport.is_closing():
            n, sort, text = previewed(data)
            packed = self.deflate.sent if self.deflate else None
            note(WsMessage, where, "out", n, sort, text, 1, packed)
        self.put(output, "frame", where)

    def ping(self, payload: bytes, where: int | None) -> None:
        """Ask whether the client is still there."""
        output = self._frame(Ping(payload=payload))
        if (note := self.note) is not None:
            note(WsPing, where, "out", len(payload))
        self.put(output, "frame", where)

    def pong(self, event: Pong, where: int | None) -> None:
        """Answer the client's ping."""
        output = self._frame(event)
        if (note := self.note) is not None:
            note(WsPong, where, "out", len(event.payload))
        self.put(output, "frame", where)

    def close_frame(
        self, code: int, reason: str | None, by: By, where: int | None
    ) -> None:
        """Send our Close frame: the first, or in answer to the client's."""
        output = self._frame(CloseConnection(code=code, reason=reason))
        self.closes(code, reason, by, where)
        self.put(output, "frame", where)

    def closes(
        self, code: int, reason: str | None, by: By, where: int | None
    ) -> None:
        """Take note of a Close frame, which changes the state."""
        way: Literal["in", "out"] = "in" if by == "client" else "out"
        self.state = SOCKET_CLOSE[self.state, way]
        began = self.first is None
        self.first = self.first or by
        if (note := self.note) is not None:
            said = redact.text(reason or "")
            state = self.state.value
            note.five(WsClose, where, int(code), by, said, began, state)

    def body(self, data: bytes, last: bool, where: int | None) -> None:
        """Send a part of the response that denies the handshake."""
        event = RejectData(data=data, body_finished=last)
        self.put(self._frame(event), "body", where)

    def close(self, where: int | None, reason: str) -> None:
        """Close, once what was written has been sent."""
        if self.transport.is_closing():
            return
        if (note := self.note) is not None:
            note(TransportClose, where, reason)
        self.transport.close()
