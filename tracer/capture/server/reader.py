"""h11 under a lens: each event it parses is said, with the bytes it came of.

Exists only where a connection is traced. It changes nothing that h11 does.
"""

import h11

from tracer.capture import redact
from tracer.capture.probe import Note
from tracer.capture.server.connection import names_of, states_of
from tracer.capture.server.head import content_type
from tracer.capture.server.refuse import CAN_ANSWER
from tracer.events import Bytes, H11Error, H11Event

HeardEvent = h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]

Told = tuple[str, str, int, bytes]
"""A head as a line and as text, its bytes' number, and the body's type."""


def _tell(raw: bytes, event: h11.Request) -> Told:
    method = event.method.decode("ascii")
    version = event.http_version.decode("ascii")
    line = f"{method} {redact.target(event.target)} HTTP/{version}"
    kind = content_type(event.headers.raw_items())
    return line, redact.head(raw), len(raw), kind


_told: redact.Kept[bytes, Told] = redact.Kept(_tell)


class Reader:
    """Takes one connection's events out of h11.

    Attributes:
        note: Whose event the next one is: the request's while one is being
            read or answered, else the connection's.
    """

    def __init__(
        self, conn: h11.Connection, note: Note, where: int | None
    ) -> None:
        self.conn = conn
        self.note = note
        self._machine = states_of(conn)
        self._connection = note
        self._where = where
        self._preview = redact.Body()

    def request_is_over(self) -> None:
        """Say that what follows belongs to no request yet."""
        self.note = self._connection

    def next_event(self) -> HeardEvent:
        """Give h11's next event.

        Raises:
            h11.RemoteProtocolError: The bytes are no HTTP/1.1.
        """
        conn = self.conn
        # h11 doesn't keep the bytes of a head: what its buffer has lost
        # afterwards was the head.
        at_head = self._machine.states[h11.CLIENT] is h11.IDLE
        before = conn.trailing_data[0] if at_head else b""
        try:
            event = conn.next_event()
        except h11.RemoteProtocolError as error:
            self._note_error(error, before or conn.trailing_data[0])
            raise
        if event is h11.NEED_DATA or event is h11.PAUSED:
            self._note(event.__name__)
        elif type(event) is h11.Request:
            self._note_request(event, before)
        elif type(event) is h11.Data:
            self._note_data(event)
        else:
            self._note(type(event).__name__)
            if type(event) is h11.EndOfMessage and event.headers:
                self._note_trailers(event)
        return event

    def _note(self, name: str) -> None:
        theirs, ours = names_of(self._machine)
        self.note.three(H11Event, self._where, name, theirs, ours)

    def _note_request(self, event: h11.Request, before: bytes) -> None:
        self.note = self._connection.about(
            req=self._connection.probe.next_req()
        )
        told = _told.known(before)
        if told is None:  # it is a new one, or other bytes follow it
            after = len(self.conn.trailing_data[0])
            told = _told(before[: len(before) - after], event)
        line, text, n, kind = told
        theirs, ours = names_of(self._machine)
        note, where = self.note, self._where
        note.five(H11Event, where, "Request", theirs, ours, None, line)
        note.four(Bytes, where, "in", "head", text, n)
        self._preview = redact.Body(kind)

    def _note_data(self, event: h11.Data) -> None:
        size = len(event.data)
        theirs, ours = names_of(self._machine)
        self.note.four(H11Event, self._where, "Data", theirs, ours, size)
        self._say("body", self._preview.feed(bytes(event.data)), size)

    def _note_trailers(self, event: h11.EndOfMessage) -> None:
        lines = [b"%s: %s" % pair for pair in event.headers.raw_items()]
        # redact.head takes the first line for a request line.
        raw = b"\r\n".join([b"", *lines, b""])
        self._say("trailers", redact.head(raw)[2:], len(raw) - 2)

    def _note_error(self, error: h11.RemoteProtocolError, raw: bytes) -> None:
        message = redact.text(str(error))
        status = 400 if self.conn.our_state in CAN_ANSWER else None
        self.note(H11Error, self._where, message, status)
        if raw:
            shown = redact.head(raw[: redact.PREVIEW])
            self._say("garbage", shown, len(raw))

    def _say(self, of: str, text: str, n: int) -> None:
        self.note.four(Bytes, self._where, "in", of, text, n)
