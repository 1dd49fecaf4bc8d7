"""h11's Connection, with plain requests and responses taken by a short cut.

h11 asks each message all its questions: is a change of protocol wanted, is
this the last message, how long is the body, is each header legal? For most
of them the answers are known, and asking costs three quarters of what h11
costs. Here what is plain goes at once to where h11 would have come, and what
is not plain is left to h11, untouched. The same events, states, bytes and
errors come out; the tests compare them.

h11's private parts are used: `connection` sees to it that they are those that
are known here.
"""

# ruff: noqa: SLF001  (h11's private parts are what this is about)

from typing import Any

import h11
from h11._headers import Headers, normalize_and_validate
from h11._readers import (
    READERS,
    ContentLengthReader,
    header_field_re,
    request_line_re,
)
from h11._state import CLIENT, SERVER, ConnectionState
from h11._version import __version__
from h11._writers import WRITERS, ChunkedWriter, ContentLengthWriter

FITS = __version__ in {"0.16.0"}
"""Whether this h11's private parts are those that this file knows."""

MANY = 1024
"""So many header lines are kept: the same ones come again and again."""
LONGEST = 256
"""Bytes of a line that is kept."""
_HEADS = 256

_SECRET = frozenset({b"authorization", b"cookie", b"proxy-authorization"})
_ASKS = frozenset({
    b"connection",
    b"content-length",
    b"expect",
    b"transfer-encoding",
    b"upgrade",
})  # fmt: skip
"""Names of headers by which a request asks something of h11."""
_QUIET = frozenset({h11.IDLE, h11.DONE, h11.MUST_CLOSE})
"""States of a client in which nothing follows from no bytes."""
_GONE = frozenset({h11.CLOSED, h11.ERROR})
_READING = frozenset({h11.SEND_BODY, h11.DONE})

Item = tuple[bytes, bytes, bytes]
"""A header as h11 keeps it: the name as it came, in lower case, the value."""

_END = h11.EndOfMessage()
_READ_HEAD: Any = READERS[CLIENT, h11.IDLE]
_READ_NOTHING: Any = READERS[CLIENT, h11.DONE]
_WRITE_HEAD: Any = WRITERS[SERVER, h11.IDLE]

_items: dict[bytes, Item] = {}
_heads: dict[tuple[int, bool], tuple[h11.Response, bytes, int | None]] = {}
"""By the event's id, and whether HEAD was asked for: the event itself (so
that nothing else has its id), its bytes, and its body's length; None: chunked.
"""


class LeanConnection(h11.Connection):
    """The server's side of one connection.

    Source: h11, `Connection`
    """

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """Give what comes next in the bytes that were received."""
        theirs = self._cstate.states[CLIENT]
        event: h11.Event | None = None
        if theirs is h11.SEND_BODY:
            event = self._plain_body()
        elif self._receive_buffer._data:
            if theirs is h11.IDLE:
                event = self._plain_request()
        elif theirs in _QUIET and not self._receive_buffer_closed:
            return h11.NEED_DATA
        return super().next_event() if event is None else event

    def _plain_request(self) -> h11.Request | None:
        """Take a head out of the buffer, if it asks nothing of h11."""
        state, buffer = self._cstate, self._receive_buffer
        size = buffer._data.find(b"\r\n\r\n")
        if size < 0 or not state.keep_alive:
            return None
        line, *lines = bytes(buffer._data[:size]).split(b"\r\n")
        first = request_line_re.fullmatch(line)
        items = [_items.get(each) or _item(each) for each in lines]
        length = _length(items)
        if first is None or length is None:
            return None
        method, target, version = first.groups()
        plain = method != b"CONNECT" and version == b"1.1"
        if not plain or state.states[SERVER] is not h11.IDLE:
            return None
        del buffer._data[: size + 4]
        buffer._next_line_search = buffer._multiple_lines_search = 0
        self._request_method, self.their_http_version = method, version
        state.states[CLIENT] = h11.SEND_BODY
        state.states[SERVER] = h11.SEND_RESPONSE
        self._reader = ContentLengthReader(length)
        return _request(method, target, version, items)

    def _plain_body(self) -> h11.Data | h11.EndOfMessage | None:
        """Take a piece of a body of known length, or its end."""
        reader = self._reader
        if type(reader) is not ContentLengthReader:
            return None
        if reader._remaining:
            event = reader(self._receive_buffer)
        elif self._only_ends(SERVER):
            event, self._reader = _END, _READ_NOTHING
            self._cstate.states[CLIENT] = h11.DONE
        else:
            return None
        if event is not None:
            self.client_is_waiting_for_100_continue = False
        return event

    def _only_ends(self, other: type[CLIENT] | type[SERVER]) -> bool:
        """Whether the end of one side's message changes that side alone."""
        state = self._cstate
        return (
            state.keep_alive
            and not state.pending_switch_proposals
            and state.states[other] not in _GONE
        )

    def send(  # type: ignore[override]  # all its overloads in one
        self, event: h11.Event
    ) -> bytes | None:
        """Give the bytes of an event of ours."""
        if type(event) is h11.Response:
            return self._send_head(event)
        states, writer = self._cstate.states, self._writer
        if writer is None or states[SERVER] is not h11.SEND_BODY:
            return super().send(event)
        if type(event) is h11.EndOfMessage and self._only_ends(CLIENT):
            states[SERVER], self._writer = h11.DONE, None
        elif type(event) is not h11.Data:
            return super().send(event)
        output: list[bytes] = []
        try:
            writer(event, output.append)
        except BaseException:
            self._process_error(self.our_role)
            raise
        return b"".join(output)

    def _send_head(self, event: h11.Response) -> bytes:
        state = self._cstate
        key = id(event), self._request_method == b"HEAD"
        plain = (
            state.keep_alive
            and not state.pending_switch_proposals
            and state.states[SERVER] is h11.SEND_RESPONSE
            and state.states[CLIENT] in _READING
        )
        if plain and (known := _heads.get(key)) is not None:
            _, output, length = known
            state.states[SERVER] = h11.SEND_BODY
            self.client_is_waiting_for_100_continue = False
            self._writer = (
                ChunkedWriter()
                if length is None
                else ContentLengthWriter(length)
            )
            return output
        output = super().send(event)
        if plain and state.keep_alive:
            _keep_head(key, (event, output, self._writer))
        return output

    @property
    def trailing_data(self) -> tuple[bytes, bool]:
        """What was received and not parsed, and whether no more will come."""
        return bytes(self._receive_buffer._data), self._receive_buffer_closed

    def start_next_cycle(self) -> None:
        """Make ready for the next request."""
        states = self._cstate.states
        done = states[CLIENT] is states[SERVER] is h11.DONE
        if not (done and self._only_ends(CLIENT)):
            super().start_next_cycle()
            return
        states[CLIENT] = states[SERVER] = h11.IDLE
        self._request_method = None
        self._reader, self._writer = _READ_HEAD, _WRITE_HEAD


def machine_of(conn: LeanConnection) -> ConnectionState:
    """Give h11's state machine itself: it is one for the connection's life."""
    return conn._cstate


def lowered(request: h11.Request) -> list[tuple[bytes, bytes]]:
    """Give a request's headers, their names in lower case."""
    return [(name, value) for _, name, value in request.headers._full_items]


def _item(line: bytes) -> Item | None:
    """Let h11 read one line of a head; None: there is something about it."""
    found = header_field_re.fullmatch(line)
    if found is None:
        return None
    pair = found["field_name"], found["field_value"]
    try:
        (item,) = normalize_and_validate([pair], _parsed=True)._full_items
    except h11.LocalProtocolError:
        return None
    # A secret is not kept for longer than its request lasts.
    if len(line) <= LONGEST and item[1] not in _SECRET:
        if len(_items) >= MANY:
            _items.clear()
        _items[line] = item
    return item


def _length(items: list[Item | None]) -> int | None:
    """Give the length of a request's body; None: its head is not plain."""
    length = None
    hosts = 0
    for item in items:
        if item is None:
            return None
        _, name, value = item
        if name == b"host":
            hosts += 1
        elif name in _ASKS:
            if name == b"content-length" and length is None:
                length = int(value)
            elif name != b"connection" or value.lower() != b"keep-alive":
                return None
    return (length or 0) if hosts == 1 else None


def _request(
    method: bytes, target: bytes, version: bytes, items: list[Any]
) -> h11.Request:
    """Make a request of what was looked at already."""
    request = h11.Request.__new__(h11.Request)
    fill = object.__setattr__  # it is frozen
    fill(request, "method", method)
    fill(request, "target", target)
    fill(request, "http_version", version)
    fill(request, "headers", Headers(items))
    return request


def _keep_head(
    key: tuple[int, bool], made: tuple[h11.Response, bytes, Any]
) -> None:
    event, output, writer = made
    if type(writer) is ContentLengthWriter:
        length = writer._length
    elif type(writer) is ChunkedWriter:
        length = None
    else:
        return
    if len(_heads) >= _HEADS:
        _heads.clear()
    _heads[key] = event, output, length
