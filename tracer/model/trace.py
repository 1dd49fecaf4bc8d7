"""Records in, state out: the fold that serves live view and replay alike."""

import dataclasses
from bisect import insort
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import msgspec
from msgspec.structs import replace

from tracer.events import (
    AppLog,
    AppOutput,
    ConnectionMade,
    Dropped,
    H11Error,
    Header,
    LifespanStartup,
    ListenBound,
    ProtocolCreated,
    ServerStarted,
    ServerStopped,
    ServerStopping,
    Source,
    StackBuilt,
    TaskCreated,
    TaskDone,
    TaskStarted,
    Tick,
    TickHeaders,
)
from tracer.events.log import Record
from tracer.model import connections, requests
from tracer.model.connections import Connection
from tracer.model.findings import Finding, findings_in
from tracer.model.requests import OVER, Outcome, Request
from tracer.model.safe import SafeStr, door, safe_lines
from tracer.model.source import SourcePlace, source_place
from tracer.model.stage import SERVER_BOXES, rail_of

KEEP = 400_000
"""Events that are kept for looking at; older requests keep their row only."""

OUTPUT = 5_000
"""Lines of app output that are kept."""

EPILOGUE = frozenset(
    {
        "keepalive.armed",
        "keepalive.fired",
        "conn.decision",
        "conn.shutdown",
        "cycle.next",
        "transport.close",
        "connection_lost",
        "eof_received",
    }
)
"""Kinds that, said of a connection alone, belong to what was last on it."""


class ServerView(msgspec.Struct, frozen=True):
    """The server as a whole.

    Attributes:
        phase: not started, starting, running, stopping, stopped.
        url: Where it listens.
        reason: Why it stops.
        exit_code: Once it stopped in order.
        ticks: The housekeeping counter; it stands still with the loop.
        connections: Open ones, at the last tick.
        tasks: Request tasks, at the last tick.
        total_requests: Responses completed, at the last tick.
        date: The `Date` that new responses get.
        dropped: Events that a full queue lost.
    """

    phase: str = "not started"
    url: str = ""
    reason: str = ""
    exit_code: int | None = None
    ticks: int = 0
    connections: int = 0
    tasks: int = 0
    total_requests: int = 0
    date: str = ""
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class OutputLine:
    """One line that the app printed or logged.

    Attributes:
        t: When, in nanoseconds of the trace.
        req: The request it came from, where that is known.
        origin: `stdout`, `stderr`, or the level and logger of a log record.
        text: The line.
    """

    t: int
    req: int | None
    origin: str
    text: SafeStr


@dataclass(slots=True)
class Trace:
    """All that is known after the records so far.

    The values in it are frozen; the trace itself grows by `feed`. `copy`
    gives one that later records don't touch.

    Attributes:
        header: Line 1.
        server: The server as a whole.
        requests: By number, in order of arrival.
        connections: By number.
        sources: By id.
        findings: In order of their proofs.
        output: The newest lines that the app printed or logged.
        layers: The app's middleware stack, outermost first.
        count: Records so far.
        last: The newest `t`.
    """

    header: Header | None = None
    keep: int = KEEP
    server: ServerView = field(default_factory=ServerView)
    requests: dict[int, Request] = field(default_factory=dict)
    connections: dict[int, Connection] = field(default_factory=dict)
    sources: dict[int, SourcePlace] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    output: deque[OutputLine] = field(
        default_factory=lambda: deque(maxlen=OUTPUT)
    )
    layers: tuple[str, ...] = ()
    count: int = 0
    last: int = 0
    _stories: dict[int, list[Record]] = field(default_factory=dict)
    _starts: dict[int, Request] = field(default_factory=dict)
    _kept: int = 0
    _pending: dict[int, list[Record]] = field(default_factory=dict)
    _unmade: dict[int, Record] = field(default_factory=dict)
    _current: dict[int, int] = field(default_factory=dict)
    _owners: dict[int, int] = field(default_factory=dict)
    _orphans: dict[int, list[Record]] = field(default_factory=dict)

    def feed(self, records: Iterable[Record]) -> set[int]:
        """Fold more records in.

        Args:
            records: In the order of the log, as they were read; their texts
                need not be safe yet.

        Returns:
            Numbers of the requests that changed.
        """
        changed: set[int] = set()
        for raw in records:
            record = door(raw)
            self.count += 1
            self.last = max(self.last, record.t)
            req = self._place(record)
            if req is not None:
                changed.add(req)
            if record.conn is not None:
                self._connection(record, record.conn)
            self._rest(record, req)
            self.findings += findings_in(record, req)
        if self._kept > self.keep:
            self._forget()
        return changed

    def story(self, number: int) -> Sequence[Record]:
        """A request's events, from accept or its first bytes to its end.

        In order of `t`, then `seq`. Empty for one that was forgotten.
        """
        return self._stories.get(number, ())

    def start_of(self, number: int) -> Request | None:
        """The request as it stood before its first event, for `playback`."""
        return self._starts.get(number)

    def copy(self) -> "Trace":
        """A trace of its own with the same values."""
        twin = dataclasses.replace(
            self,
            requests=dict(self.requests),
            connections=dict(self.connections),
            sources=dict(self.sources),
            findings=list(self.findings),
            output=deque(self.output, maxlen=OUTPUT),
        )
        for name in ("_starts", "_unmade", "_current", "_owners"):
            setattr(twin, name, dict(getattr(self, name)))
        for name in ("_stories", "_pending", "_orphans"):
            lists = getattr(self, name).items()
            setattr(twin, name, {key: list(each) for key, each in lists})
        return twin

    # Whose event is it?

    def _place(self, record: Record) -> int | None:
        """Give the record to its request, or keep it until that is known."""
        match record:
            case TaskCreated() | TaskStarted() | TaskDone():
                return self._of_task(record)
            case ProtocolCreated() if record.conn is None:
                self._unmade[record.obj] = record
                return None
            case Source():
                return None
            case _:
                pass
        req = record.req
        if req is None:
            return self._of_connection(record)
        if record.task is not None and record.task not in self._owners:
            self._adopt(record.task, req)
        return self._tell(req, record)

    def _of_connection(self, record: Record) -> int | None:
        conn = record.conn
        if conn is None:
            return None
        waiting = self._pending.setdefault(conn, [])
        if isinstance(record, ConnectionMade):
            created = self._unmade.pop(record.obj, None)
            if created is not None:
                waiting.append(created)
        current = self._current.get(conn)
        if current is not None and self._is_on(current, record):
            return self._tell(current, record)
        if isinstance(record, H11Error):
            waiting.append(record)
            return self._tell_all(-conn, self._pending.pop(conn))
        waiting.append(record)
        return None

    def _is_on(self, current: int, record: Record) -> bool:
        """Does a connection's event still belong to the last request?"""
        if record.kind in EPILOGUE:
            return True
        if current < 0:
            return True  # after garbage nothing new begins
        if self._pending.get(self.requests[current].conn or 0):
            return False  # bytes of the next one have come already
        h11_is_idle = record.kind == "h11.event" and getattr(
            record, "name", ""
        ) in {"NEED_DATA", "PAUSED", "ConnectionClosed"}
        running = self.requests[current].outcome is Outcome.RUNNING
        return h11_is_idle or running or record.kind == "read.resumed"

    def _of_task(
        self, record: TaskCreated | TaskStarted | TaskDone
    ) -> int | None:
        owner = record.req or self._owners.get(record.id)
        if owner is None and isinstance(record, TaskCreated):
            owner = self._owners.get(record.parent or 0)
        if owner is None:
            self._orphans.setdefault(record.id, []).append(record)
            if isinstance(record, TaskDone):
                del self._orphans[record.id]
            return None
        self._owners[record.id] = owner
        if isinstance(record, TaskDone):
            self._owners.pop(record.id, None)
        return self._tell(owner, record)

    def _adopt(self, task: int, req: int) -> None:
        """A task turned out to be this request's: take what it said before."""
        self._owners[task] = req
        for record in self._orphans.pop(task, ()):
            self._tell(req, record)

    # The request's own story

    def _tell_all(self, req: int, records: list[Record]) -> int:
        for record in records:
            self._tell(req, record)
        return req

    def _tell(self, req: int, record: Record) -> int:
        if req not in self.requests:
            self._begin(req, record)
        story = self._stories.get(req)
        if story is None:
            return req  # forgotten: its row stays as it was
        late = bool(story) and (record.t, record.seq) < (
            story[-1].t,
            story[-1].seq,
        )
        if late:
            insort(story, record, key=lambda each: (each.t, each.seq))
        else:
            story.append(record)
        self._kept += 1
        self.requests[req] = requests.advance(self.requests[req], record)
        return req

    def _begin(self, req: int, record: Record) -> None:
        prelude: list[Record] = []
        if record.conn is not None:
            prelude = self._pending.pop(record.conn, [])
            self._current[record.conn] = req
        rail = rail_of(self.layers) if self.layers else SERVER_BOXES
        start = requests.first(prelude[0] if prelude else record, req, rail)
        start = replace(start, conn=record.conn)
        self._starts[req] = self.requests[req] = start
        self._stories[req] = []
        self._tell_all(req, prelude)

    def _forget(self) -> None:
        """Let the oldest ended requests' events go until enough are gone."""
        for number in list(self._stories):
            if self._kept <= self.keep * 3 // 4:
                break
            if self.requests[number].outcome in OVER:
                self._kept -= len(self._stories.pop(number))
                del self._starts[number]

    # All the rest

    def _connection(self, record: Record, number: int) -> None:
        conn = self.connections.get(number)
        if conn is None:
            conn = Connection(number, opened=record.t)
        self.connections[number] = connections.advance(conn, record)

    def _rest(self, record: Record, req: int | None) -> None:
        match record:
            case Source():
                self.sources[record.id] = source_place(record)
            case StackBuilt():
                # The outermost app's: a mounted app's stack comes later.
                self.layers = self.layers or record.layers
            case AppOutput():
                self._print(record, req, record.stream)
            case AppLog():
                self._print(record, req, f"{record.level} {record.logger}")
            case _:
                self.server = _advance_server(self.server, record)

    def _print(
        self, record: AppOutput | AppLog, req: int | None, origin: str
    ) -> None:
        for line in safe_lines(record.text.removesuffix("\n")):
            self.output.append(OutputLine(record.t, req, origin, line))


def _advance_server(server: ServerView, record: Record) -> ServerView:
    match record:
        case LifespanStartup() | ListenBound():
            return replace(server, phase="starting")
        case ServerStarted():
            return replace(server, phase="running", url=record.url)
        case ServerStopping():
            return replace(server, phase="stopping", reason=record.reason)
        case ServerStopped():
            return replace(server, phase="stopped", exit_code=record.exit_code)
        case Tick():
            return replace(
                server,
                ticks=record.counter,
                connections=record.connections,
                tasks=record.tasks,
                total_requests=record.total_requests,
            )
        case TickHeaders():
            return replace(server, date=record.date)
        case Dropped():
            return replace(server, dropped=server.dropped + record.n)
        case _:
            return server
