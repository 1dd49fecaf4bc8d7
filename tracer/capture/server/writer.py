"""Events of ours become bytes on the transport, and each write is said."""

import asyncio
from typing import Literal

import h11

from tracer.capture.probe import Note
from tracer.events import H11Send, TransportClose, TransportWrite

Part = Literal["head", "body", "head+body", "end"]

END = h11.EndOfMessage()
HANGUP = h11.ConnectionClosed()


class Writer:
    """Writes on behalf of one subject: the connection, or one request.

    Source: ours; uvicorn calls h11 and the transport in each place.
    """

    __slots__ = ("conn", "note", "transport")

    def __init__(
        self,
        conn: h11.Connection,
        transport: asyncio.Transport,
        note: Note | None,
    ) -> None:
        self.conn = conn
        self.transport = transport
        self.note = note

    def write(
        self,
        event: h11.Event,
        of: Part,
        where: int | None,
        after: bytes = b"",
    ) -> bytes:
        """Let h11 frame one event, and give its bytes to the transport.

        Args:
            event: The event.
            of: Which part of the message it is.
            where: The place that speaks.
            after: A head that was held back, to go out in the same write.

        Raises:
            h11.LocalProtocolError: HTTP doesn't allow the event here.
        """
        output = self.frame(event, where)
        if after:
            of = "head+body" if output else "head"
            output = after + output
        self.put(output, of, where)
        return output

    def frame(self, event: h11.Event, where: int | None) -> bytes:
        """Let h11 frame one event, and keep its bytes for now.

        Raises:
            h11.LocalProtocolError: HTTP doesn't allow the event here.
        """
        conn = self.conn
        output = conn.send(event)
        assert output is not None
        if (note := self.note) is not None:
            name, n = type(event).__name__, len(output)
            theirs, ours = conn.their_state.__name__, conn.our_state.__name__
            note.four(H11Send, where, name, theirs, ours, n)
        return output

    def put(self, output: bytes, of: Part, where: int | None) -> None:
        """Give bytes to the transport."""
        if (note := self.note) is not None:
            # Before the call: the client may have its bytes before it ends.
            note.two(TransportWrite, where, len(output), of)
        self.transport.write(output)

    def hang_up(self, where: int | None, reason: str) -> None:
        """Tell h11 that nothing more will be sent, and close."""
        self.conn.send(HANGUP)
        if (note := self.note) is not None:
            theirs = self.conn.their_state.__name__
            ours = self.conn.our_state.__name__
            note.four(H11Send, where, "ConnectionClosed", theirs, ours, 0)
        self.close(where, reason)

    def close(self, where: int | None, reason: str) -> None:
        """Close, once what was written has been sent."""
        if (note := self.note) is not None:
            note(TransportClose, where, reason)
        self.transport.close()

    def abort(self, where: int | None, reason: str) -> None:
        """Close at once; what was written and not sent is lost."""
        if (note := self.note) is not None:
            note(TransportClose, where, reason)
        self.transport.abort()
