"""Events of ours become bytes on the transport, and each write is said."""

import asyncio
from typing import Literal

import h11

from tracer.capture.probe import Note
from tracer.capture.server.connection import HasStates, names_of, states_of
from tracer.events import H11Send, TransportClose, TransportWrite

Part = Literal["head", "body", "head+body", "end"]

END = h11.EndOfMessage()
HANGUP = h11.ConnectionClosed()


class Writer:
    """Writes on behalf of one subject: the connection, or one request.

    Source: ours; uvicorn calls h11 and the transport in each place.
    """

    __slots__ = ("conn", "machine", "note", "transport")

    def __init__(
        self,
        conn: h11.Connection,
        transport: asyncio.Transport,
        note: Note | None,
        machine: HasStates | None = None,
    ) -> None:
        self.conn = conn
        self.machine = states_of(conn) if machine is None else machine
        self.transport = transport
        self.note = note

    def about(self, note: Note | None) -> "Writer":
        """The same, for a request on this connection; None: not traced."""
        if note is None:
            return self
        return Writer(self.conn, self.transport, note, self.machine)

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
        if (note := self.note) is not None:
            # Before the call: the client may have its bytes before it ends.
            note.two(TransportWrite, where, len(output), of)
        self.transport.write(output)
        return output

    def frame(self, event: h11.Event, where: int | None) -> bytes:
        """Let h11 frame one event, and keep its bytes for now.

        Raises:
            h11.LocalProtocolError: HTTP doesn't allow the event here.
        """
        output = self.conn.send(event)
        assert output is not None
        if self.note is not None:
            self._note_sent(self.note, where, type(event).__name__, len(output))
        return output

    def put(self, output: bytes, of: Part, where: int | None) -> None:
        """Give bytes to the transport that were framed before."""
        if (note := self.note) is not None:
            note.two(TransportWrite, where, len(output), of)
        self.transport.write(output)

    def hang_up(self, where: int | None, reason: str) -> None:
        """Tell h11 that nothing more will be sent, and close."""
        self.conn.send(HANGUP)
        if self.note is not None:
            self._note_sent(self.note, where, "ConnectionClosed", 0)
        self.close(where, reason)

    def _note_sent(
        self, note: Note, where: int | None, name: str, n: int
    ) -> None:
        theirs, ours = names_of(self.machine)
        note.four(H11Send, where, name, theirs, ours, n)

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
