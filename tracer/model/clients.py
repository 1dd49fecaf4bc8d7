"""What our own clients did: a line for each of their connections.

A client knows nothing of the server's numbers. Its connection is found by
its address, in whichever order the two ends are told; which request an event
is about, by counting: HTTP/1.1 answers in the order of the questions.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec.structs import replace

from tracer.events import (
    KINDS,
    Accept,
    ClientChunk,
    ClientClosed,
    ClientConnected,
    ClientRefused,
    ClientResponse,
    ClientSent,
    ConnectionMade,
    H11Error,
    ScopeBuilt,
)
from tracer.events.client import ClientEvent
from tracer.events.log import Record

LINES = 2_000
"""Lines, and connections of the server, that are kept."""

EVENTS = 500
"""Events of a line that are kept; what comes after them is counted."""

REQUESTS = 1_000
"""Requests of one connection whose order is known: ours have no more."""


class ClientLine(msgspec.Struct, frozen=True):
    """One connection as its client saw it; times as in the trace.

    Attributes:
        thread: Its name in the trace: `client-1`.
        conn: The server's number for it; None while that is unknown.
        scenario: What it was for.
        address: The client's own; empty until it was connected.
        asked: When the client began to connect.
        connected: When the kernel had connected it.
        refused: Why it never was; empty: it was.
        events: All that happened, oldest first.
        more: Events that came after as many as are kept.
        sent: Bytes sent.
        read: Bytes read.
        statuses: Of the answers that were read whole, 1xx included.
        half: When it said that it would send no more.
        closed: When it ended, for the client.
        by: Who ended it: see `ClientClosed.by`.
    """

    thread: str
    conn: int | None = None
    scenario: str = ""
    address: str = ""
    asked: int = 0
    connected: int | None = None
    refused: str = ""
    events: tuple[ClientEvent, ...] = ()
    more: int = 0
    sent: int = 0
    read: int = 0
    statuses: tuple[int, ...] = ()
    half: int | None = None
    closed: int | None = None
    by: str = ""

    def of(self, nth: int) -> tuple[ClientEvent, ...]:
        """What is about its nth request, from 1; 0: about none."""
        return tuple(each for each in self.events if each.nth == nth)


def advance(line: ClientLine, event: ClientEvent) -> ClientLine:
    """The line after one more event of it."""
    if (rule := _RULES.get(type(event))) is not None:
        line = replace(line, **rule(line, event))
    if len(line.events) < EVENTS:
        return replace(line, events=(*line.events, event))
    return replace(line, more=line.more + 1)


def _closed(_: ClientLine, event: ClientClosed) -> dict[str, Any]:
    if event.by == "client, half":
        return {"half": event.t}
    return {"closed": event.t, "by": event.by}


_RULES: dict[type[Record], Callable[[ClientLine, Any], dict[str, Any]]] = {
    ClientConnected: lambda _, e: {
        "address": e.address,
        "scenario": e.scenario,
        "asked": e.t - e.ns,
        "connected": e.t,
    },
    ClientRefused: lambda _, e: {
        "scenario": e.scenario,
        "asked": e.t,
        "refused": e.error,
        "closed": e.t,
    },
    ClientSent: lambda line, e: {"sent": line.sent + e.n},
    ClientChunk: lambda line, e: {"read": line.read + e.n},
    ClientResponse: lambda line, e: {"statuses": (*line.statuses, e.status)},
    ClientClosed: _closed,
}
"""What each kind changes; all are kept among the events."""


class _Accepted(msgspec.Struct, frozen=True):
    """A connection of the server's whose client isn't known to us."""

    conn: int
    t: int


@dataclass(slots=True)
class Clients:
    """The lines of all clients, and whose connections they are.

    Attributes:
        lines: By thread, in order of their first events.
    """

    lines: dict[str, ClientLine] = field(default_factory=dict)
    _of_conn: dict[int, str] = field(default_factory=dict)
    _reqs: dict[int, tuple[int, ...]] = field(default_factory=dict)
    _accepted: dict[str, _Accepted] = field(default_factory=dict)
    _waiting: dict[str, str] = field(default_factory=dict)

    def take(self, record: Record) -> None:
        """Fold one more record in, whatever it is about."""
        match record:
            case ClientEvent():
                self._advance(record)
            case Accept() | ConnectionMade():
                self._accept(record)
            case ScopeBuilt() | H11Error():
                self._ask(record)
            case _:
                pass

    def beside(self, conn: int) -> ClientLine | None:
        """The other end of a connection, if it is one of ours."""
        thread = self._of_conn.get(conn)
        return None if thread is None else self.lines.get(thread)

    def request_of(self, event: ClientEvent) -> int | None:
        """The request that an event is about; None: none, or not known yet.

        That a client connects is about its first request, that it leaves
        about its last one.
        """
        line = self.lines.get(event.thread)
        if line is None or line.conn is None:
            return None
        reqs = self._reqs.get(line.conn, ())
        if isinstance(event, ClientConnected):
            return reqs[0] if reqs else None
        if isinstance(event, ClientClosed):
            return reqs[-1] if reqs else None
        nth = event.nth
        return reqs[nth - 1] if 0 < nth <= len(reqs) else None

    def exchange(self, conn: int, req: int) -> tuple[ClientEvent, ...]:
        """What a client saw of one request; nothing where it isn't ours."""
        line = self.beside(conn)
        reqs = self._reqs.get(conn, ())
        if line is None or req not in reqs:
            return ()
        return line.of(reqs.index(req) + 1)

    def copy(self) -> "Clients":
        """One of its own with the same values."""
        return Clients(
            dict(self.lines),
            dict(self._of_conn),
            dict(self._reqs),
            dict(self._accepted),
            dict(self._waiting),
        )

    # The client's end

    def _advance(self, event: ClientEvent) -> None:
        line = self.lines.get(event.thread) or ClientLine(event.thread)
        self.lines[event.thread] = line = advance(line, event)
        if isinstance(event, ClientConnected):
            here = self._accepted.get(line.address)
            # A port is used again some day: an older connection isn't ours.
            if here is not None and here.t >= line.asked:
                del self._accepted[line.address]
                self._join(line.thread, here.conn)
            else:
                self._waiting[line.address] = line.thread
        if len(self.lines) > LINES:
            self._forget()

    def _join(self, thread: str, conn: int) -> None:
        self._of_conn[conn] = thread
        self.lines[thread] = replace(self.lines[thread], conn=conn)

    def _forget(self) -> None:
        """Let the oldest go that are over; a quarter at once."""
        over = [
            thread
            for thread, line in self.lines.items()
            if line.closed is not None
        ]
        for thread in over[: LINES // 4]:
            line = self.lines.pop(thread)
            self._waiting.pop(line.address, None)
            if line.conn is not None:
                self._of_conn.pop(line.conn, None)
                self._reqs.pop(line.conn, None)

    # The server's end

    def _accept(self, record: Accept | ConnectionMade) -> None:
        conn = record.conn
        if conn is None or conn in self._of_conn:
            return
        thread = self._waiting.pop(record.client, None)
        if thread is not None and thread in self.lines:
            self._join(thread, conn)
            return
        self._accepted[record.client] = _Accepted(conn, record.t)
        _keep_newest(self._accepted)

    def _ask(self, record: ScopeBuilt | H11Error) -> None:
        if (conn := record.conn) is None:
            return
        # Bytes that were no HTTP have the number of a request all the same:
        # see `placing`.
        req = -conn if record.req is None else record.req
        reqs = self._reqs.get(conn, ())
        if reqs[-1:] != (req,) and len(reqs) < REQUESTS:
            self._reqs[conn] = (*reqs, req)
            _keep_newest(self._reqs)


def _keep_newest(kept: dict[Any, Any]) -> None:
    if len(kept) > LINES:
        del kept[next(iter(kept))]


TAKEN = frozenset(
    {"accept", "connection_made", "scope.built", "h11.error"}
    | {kind for kind, cls in KINDS.items() if issubclass(cls, ClientEvent)}
)
"""The kinds that are worth a call of `take`."""
