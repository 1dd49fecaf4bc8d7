"""Whose event is it? Each record finds the request that it belongs to.

A request's number is known only when its first bytes were parsed. What came
before (accept, the read, the task that was made for it) waits here until
then; what comes after it on its connection is still its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tracer.events import (
    KINDS,
    ClientClosed,
    ClientConnected,
    ConnectionLost,
    ConnectionMade,
    H11Error,
    H11Event,
    ProtocolCreated,
    TaskCreated,
    TaskDone,
    TaskLost,
    TaskResumed,
    TaskStarted,
    TaskSuspended,
    TlsFailed,
)
from tracer.events.client import ClientEvent
from tracer.events.log import Record
from tracer.model.clients import Clients
from tracer.model.requests import Outcome, Request

EPILOGUE = frozenset(
    {
        "keepalive.armed",
        "keepalive.fired",
        "conn.decision",
        "conn.shutdown",
        "cycle.next",
        "h11.send",
        "transport.close",
        "connection_lost",
        "eof_received",
        "selector.register",
        "selector.unregister",
    }
)
"""Kinds that, said of a connection alone, belong to what was last on it."""

ASKS = frozenset({"NEED_DATA", "PAUSED", "ConnectionClosed"})
"""What h11 says when it has nothing to give: nothing new begins by it."""

LOST = 1_000
"""Connections whose end is remembered, since some words come after it."""

MOST_HEARD = 1_000
"""Words of one client that wait for the request that they are about."""

Placed = tuple[int | None, Sequence[Record]]
"""A request's number (None: no request's) and records that are its own."""

WAITS: Placed = (None, ())
"""It isn't known yet whose it is."""


@dataclass(slots=True)
class Placing:
    """The records whose request isn't known yet, and who owns what.

    Attributes:
        pending: By connection: what came since its last request's end.
        unmade: By object: protocols that have no connection yet.
        current: By connection: the last request on it; negative for bytes
            that were no HTTP.
        owners: By task: the request that it works for.
        orphans: By task: what it said before that was known.
        lost: By connection that is gone, of the newest ones: the same, for
            what its protocol says in its last moment.
        heard: By client: what it said that is about a request not known yet.
        stepping: The orphan whose first step runs: what it says next tells
            whose it is.
    """

    pending: dict[int, list[Record]] = field(default_factory=dict)
    unmade: dict[int, Record] = field(default_factory=dict)
    current: dict[int, int] = field(default_factory=dict)
    owners: dict[int, int] = field(default_factory=dict)
    orphans: dict[int, list[Record]] = field(default_factory=dict)
    lost: dict[int, int | None] = field(default_factory=dict)
    heard: dict[str, list[ClientEvent]] = field(default_factory=dict)
    stepping: int | None = None

    def place(
        self, record: Record, requests: Mapping[int, Request]
    ) -> list[Placed]:
        """Say whose a record is, and whose it makes the ones before it.

        Args:
            record: The next one of the log.
            requests: Those known so far.

        Returns:
            Each record once, over all calls: those of a request's beginning
            together with the one that told its number.
        """
        free: list[Placed] = []
        if self.stepping is not None and record.thread == "loop":
            free = self._let_go(record)
        if type(record) not in _APART:
            if record.req is not None:
                placed = self._of_request(record, record.req, requests)
            else:
                placed = self._of_connection(record, requests)
            return [*free, placed] if free else [placed]
        match record:
            case TaskCreated() | TaskStarted() | TaskDone():
                return [*free, self._of_task(record, requests)]
            case TaskSuspended() | TaskResumed() | TaskLost() if (
                record.req is None and record.conn is None
            ):
                return [*free, self._of_step(record)]
            case ClientEvent():
                self.heard.setdefault(record.thread, []).append(record)
                return free  # `place_clients` will say
            case ProtocolCreated() if record.conn is None:
                before = self.unmade.pop(record.obj, None)
                self.unmade[record.obj] = record
                return free if before is None else [*free, (None, (before,))]
            case _ if record.req is None:
                return [*free, self._of_connection(record, requests)]
            case _:
                return [*free, self._of_request(record, record.req, requests)]

    def place_clients(
        self,
        record: Record,
        clients: Clients,
        requests: Mapping[int, Request],
    ) -> list[Placed]:
        """Say which requests the words of our clients are about.

        A client is told later than the server, since its words come from
        another process; or earlier, where the loop was blocked.

        Args:
            record: One that `clients` has taken just now.
            clients: What is known of them.
            requests: Those known so far.
        """
        thread: str | None = record.thread
        if not isinstance(record, ClientEvent):
            line = None if record.conn is None else clients.beside(record.conn)
            thread = None if line is None else line.thread
        if thread is None:
            return []
        said = self.heard.pop(thread, [])
        placed: list[Placed] = []
        kept: list[ClientEvent] = []
        for each in said:
            req = clients.request_of(each)
            if req in requests:
                placed.append((req, (each,)))
            elif _is_about_none(each) or len(said) > MOST_HEARD:
                placed.append((None, (each,)))
            else:
                kept.append(each)
        if kept:
            self.heard[thread] = kept
        return placed

    def _of_request(
        self, record: Record, req: int, requests: Mapping[int, Request]
    ) -> Placed:
        mine: list[Record] = []
        if req not in requests:
            mine = self._prelude(req, record)
        if record.task is not None and record.task not in self.owners:
            self.owners[record.task] = req
            mine += self.orphans.pop(record.task, ())
        mine.append(record)
        return req, mine

    def _let_go(self, record: Record) -> list[Placed]:
        """A task whose first words name no request works for none."""
        task, self.stepping = self.stepping, None
        if task is None or (record.task == task and record.req is not None):
            return []
        freed = self.orphans.pop(task, None)
        return [(None, freed)] if freed else []

    def leftover(self) -> list[Record]:
        """Give what found no request, in order; nothing is left after it."""
        lists: list[Sequence[Record]] = [
            *self.pending.values(),
            *self.orphans.values(),
            *self.heard.values(),
        ]
        rest = [*self.unmade.values(), *(r for each in lists for r in each)]
        for kept in (self.pending, self.orphans, self.unmade, self.heard):
            kept.clear()
        return sorted(rest, key=lambda each: (each.t, each.seq))

    def copy(self) -> "Placing":
        """One of its own with the same records."""
        return Placing(
            {key: list(each) for key, each in self.pending.items()},
            dict(self.unmade),
            dict(self.current),
            dict(self.owners),
            {key: list(each) for key, each in self.orphans.items()},
            dict(self.lost),
            {key: list(each) for key, each in self.heard.items()},
            self.stepping,
        )

    def _prelude(self, req: int, record: Record) -> list[Record]:
        if record.conn is None:
            return []
        self.current[record.conn] = req
        return self.pending.pop(record.conn, [])

    def _of_connection(
        self, record: Record, requests: Mapping[int, Request]
    ) -> Placed:
        conn = record.conn
        if conn is None:
            return None, (record,)
        if conn in self.lost:
            return self.lost[conn], (record,)
        mine = [record]
        if isinstance(record, ConnectionMade | TlsFailed):
            created = self.unmade.pop(record.obj, None)
            mine = [created, record] if created is not None else mine
        current = self.current.get(conn)
        if current is not None and self._is_on(current, record, requests):
            return self._end(conn, record, current, mine)
        mine = [*self.pending.pop(conn, ()), *mine]
        if isinstance(record, H11Error):
            self.current[conn] = -conn
            return -conn, mine
        if isinstance(record, ConnectionLost | TlsFailed):
            return self._end(conn, record, None, mine)
        self.pending[conn] = mine
        return WAITS

    def _end(
        self, conn: int, record: Record, req: int | None, mine: list[Record]
    ) -> Placed:
        """The last record of a connection takes along what still waits."""
        if isinstance(record, ConnectionLost | TlsFailed):
            self.current.pop(conn, None)
            mine = [*self.pending.pop(conn, ()), *mine]
            self.lost[conn] = req
            if len(self.lost) > LOST:
                del self.lost[next(iter(self.lost))]
        return req, mine

    def _is_on(
        self, current: int, record: Record, requests: Mapping[int, Request]
    ) -> bool:
        """Does a connection's event still belong to the last request?"""
        if record.kind in EPILOGUE or current < 0:
            return True  # after garbage nothing new begins
        if self.pending.get(record.conn or 0):
            return False  # bytes of the next one have come already
        if isinstance(record, H11Event) and record.name in ASKS:
            return True
        request = requests.get(current)
        running = request is not None and request.outcome is Outcome.RUNNING
        return running or record.kind == "read.resumed"

    def _of_step(
        self, record: TaskSuspended | TaskResumed | TaskLost
    ) -> Placed:
        """A task's later words are whose the task is, if that is known."""
        if record.id in self.orphans:
            self.orphans[record.id].append(record)
            return WAITS
        return self.owners.get(record.id), (record,)

    def _of_task(
        self,
        record: TaskCreated | TaskStarted | TaskDone,
        requests: Mapping[int, Request],
    ) -> Placed:
        owner = record.req or self.owners.get(record.id)
        if owner is None and isinstance(record, TaskCreated):
            owner = self.owners.get(record.parent or 0)
        if isinstance(record, TaskDone):
            self.owners.pop(record.id, None)
        elif owner is not None:
            self.owners[record.id] = owner
        before = self.orphans.pop(record.id, [])
        if owner is not None:
            prelude: list[Record] = []
            if owner not in requests:
                prelude = self._prelude(owner, record)
            return owner, [*prelude, *before, record]
        if isinstance(record, TaskDone):
            return None, [*before, record]
        self.orphans[record.id] = [*before, record]
        if isinstance(record, TaskStarted):
            self.stepping = record.id
        return WAITS


_APART = frozenset(
    {
        ProtocolCreated,
        TaskCreated,
        TaskDone,
        TaskLost,
        TaskResumed,
        TaskStarted,
        TaskSuspended,
    }
    | {cls for cls in KINDS.values() if issubclass(cls, ClientEvent)}
)
"""Kinds that are not simply their request's, or their connection's."""


def _is_about_none(event: ClientEvent) -> bool:
    """Whether a client's words will never be about a request."""
    ends = isinstance(event, ClientConnected | ClientClosed)
    return event.nth == 0 and not ends
