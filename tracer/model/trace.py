"""Records in, state out: the fold that serves live view and replay alike."""

import dataclasses
from bisect import insort
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from tracer.events import (
    KINDS,
    AppLog,
    AppOutput,
    Header,
    Layer,
    Source,
    StackBuilt,
)
from tracer.events.log import Record
from tracer.model import connections, holds, requests, server
from tracer.model.clients import TAKEN, Clients
from tracer.model.connections import Connection
from tracer.model.findings import RULED, Finding, Findings, blocked
from tracer.model.holds import HOLDING, Holds
from tracer.model.lanes import Lanes
from tracer.model.loopstats import COUNTED, LoopStats
from tracer.model.placing import Placed, Placing
from tracer.model.requests import OVER, Request
from tracer.model.safe import SafeStr, door, safe_lines
from tracer.model.server import ServerView
from tracer.model.source import SourcePlace, source_place
from tracer.model.stage import SERVER_BOXES, rail_of

__all__ = ["KEEP", "OutputLine", "ServerView", "Trace"]

KEEP = 400_000
"""Events that are kept for looking at; older requests keep their row only."""

OUTPUT = 5_000
"""Lines of app output that are kept."""

ROWS = 100_000
"""Requests, and closed connections, that keep their row."""

FIRST, NEWEST = 100, 1_000
"""Findings of each rule that are kept with their proofs, at least: the first
ones and the newest. All are counted, and one rule's don't push out another's.
"""


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
        keep: How many events are kept; then the oldest requests lose theirs.
        rows: How many requests are kept at all, those under way aside.
        server: The server as a whole.
        requests: By number, in order of arrival.
        connections: By number.
        sources: By id.
        findings: In order of their proofs.
        holds: Who is held still now, and the breakpoints.
        clients: What clients of ours did, by their connections.
        lanes: The loop, its tasks and the worker threads, on one clock.
        loop: What the event loop did, in figures.
        output: The newest lines that the app printed or logged.
        layers: The app's middleware stack, outermost first.
        count: Records so far.
        last: The newest `t`.
        found: How often each rule fired, by its id.
    """

    header: Header | None = None
    keep: int = KEEP
    server: ServerView = field(default_factory=ServerView)
    requests: dict[int, Request] = field(default_factory=dict)
    connections: dict[int, Connection] = field(default_factory=dict)
    sources: dict[int, SourcePlace] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    holds: Holds = field(default_factory=Holds)
    clients: Clients = field(default_factory=Clients)
    lanes: Lanes = field(default_factory=Lanes)
    loop: LoopStats = field(default_factory=LoopStats)
    output: deque[OutputLine] = field(
        default_factory=lambda: deque(maxlen=OUTPUT)
    )
    layers: tuple[str, ...] = ()
    count: int = 0
    last: int = 0
    rows: int = ROWS
    found: Counter[str] = field(default_factory=Counter)
    _stories: dict[int, list[Record]] = field(default_factory=dict)
    _starts: dict[int, Request] = field(default_factory=dict)
    _kept: int = 0
    _gone: int = 0
    _placing: Placing = field(default_factory=Placing)
    _watching: Findings = field(default_factory=Findings)

    def feed(self, records: Iterable[Record]) -> set[int]:
        """Fold more records in.

        Args:
            records: In the order of the log, as they were read; their texts
                need not be safe yet.

        Returns:
            Numbers of the requests that changed.
        """
        return {req for req, _ in self.tell(records) if req is not None}

    def tell(self, records: Iterable[Record]) -> list[Placed]:
        """Fold more records in, and say whose each of them is.

        Args:
            records: As for `feed`.

        Returns:
            Requests' numbers (None: no request's) with records, made safe,
            that turned out to be their own. Each record is told once, when
            it is known whose it is; `leftover` has those still unknown.
        """
        told: list[Placed] = []
        for raw in records:
            record = door(raw)
            self.count += 1
            self.last = max(self.last, record.t)
            self.lanes.take(record)
            req = None
            for req, own in self._placing.place(record, self.requests):
                if own:
                    told.append((req, own))
                    self._tell_all(req, own)
            if record.kind in TAKEN:
                told += self._beside(record)
            self._rest(record, req)
            if self.lanes.blocked.fresh:
                self._find(map(blocked, self.lanes.settled()))
        self._forget()
        return told

    def leftover(self) -> list[Record]:
        """Give the records that found no request, when no more will come."""
        return self._placing.leftover()

    def end(self) -> None:
        """Judge what waited for more, when no more will come."""
        self.lanes.end()
        self._find(map(blocked, self.lanes.settled()))
        self._find(self._watching.end(self.last))

    def story(self, number: int) -> Sequence[Record]:
        """A request's events, from accept or its first bytes to its end.

        In order of `t`, then `seq`. Empty for one that was forgotten.
        """
        return self._stories.get(number, ())

    def start_of(self, number: int) -> Request | None:
        """The request as it stood before its first event, for `playback`."""
        return self._starts.get(number)

    def is_finished(self, number: int) -> bool:
        """Whether a request is over, and its connection with it or busy anew.

        More events of it are not to be expected then.
        """
        request = self.requests.get(number)
        if request is None or request.outcome in OVER:
            conn = None if request is None else request.conn
            return conn is None or self._placing.current.get(conn) != number
        return False

    def copy(self) -> "Trace":
        """A trace of its own with the same values."""
        return dataclasses.replace(
            self,
            requests=dict(self.requests),
            connections=dict(self.connections),
            sources=dict(self.sources),
            findings=list(self.findings),
            clients=self.clients.copy(),
            lanes=self.lanes.copy(),
            loop=self.loop.copy(),
            output=deque(self.output, maxlen=OUTPUT),
            found=Counter(self.found),
            _stories={key: list(each) for key, each in self._stories.items()},
            _starts=dict(self._starts),
            _placing=self._placing.copy(),
            _watching=self._watching.copy(),
        )

    # A request's own story

    def _beside(self, record: Record) -> list[Placed]:
        """What our clients said, as soon as it is known about which request."""
        self.clients.take(record)
        placed = self._placing.place_clients(
            record, self.clients, self.requests
        )
        for req, own in placed:
            self._tell_all(req, own)
        return placed

    def _tell_all(self, req: int | None, records: Sequence[Record]) -> None:
        if req is None:
            return
        if req not in self.requests:
            if not self._is_new(req, records):
                return
            self._begin(req, records)
        for record in records:
            self._tell(req, record)

    def _tell(self, req: int, record: Record) -> None:
        story = self._stories.get(req)
        if story is None:
            return  # forgotten: its row stays as it was
        if story and (record.t, record.seq) < (story[-1].t, story[-1].seq):
            insort(story, record, key=lambda each: (each.t, each.seq))
        else:
            story.append(record)
        self._kept += 1
        self.requests[req] = requests.advance(self.requests[req], record)

    def _is_new(self, req: int, records: Sequence[Record]) -> bool:
        """Or an echo of one whose row is gone: numbers only rise."""
        if req > 0:
            return req > self._gone
        return any(each.kind == "h11.error" for each in records)

    def _begin(self, req: int, records: Sequence[Record]) -> None:
        rail = rail_of(self.layers) if self.layers else SERVER_BOXES
        start = requests.first(records[0], req, rail)
        start = replace(start, conn=records[-1].conn)
        self._starts[req] = self.requests[req] = start
        self._stories[req] = []

    def _forget(self) -> None:
        """Let the oldest go, when there are too many; a quarter at once."""
        if self._kept > self.keep:
            for number in list(self._stories):
                if self._kept <= self.keep * 3 // 4:
                    break
                if self.requests[number].outcome in OVER:
                    self._lose(number)
        if len(self.requests) > self.rows:
            over = [n for n, r in self.requests.items() if r.outcome in OVER]
            for number in over[: self.rows // 4]:
                self._lose(number)
                del self.requests[number]
                self._gone = max(self._gone, number)
        if len(self.connections) > self.rows:
            closed = [n for n, c in self.connections.items() if c.closed]
            for number in closed[: self.rows // 4]:
                del self.connections[number]

    def _lose(self, number: int) -> None:
        self._kept -= len(self._stories.pop(number, ()))
        self._starts.pop(number, None)

    # All the rest

    def _rest(self, record: Record, req: int | None) -> None:
        if record.conn is not None:
            conn = self.connections.get(record.conn)
            if conn is None:
                conn = Connection(record.conn, opened=record.t)
                self.connections[record.conn] = conn
            if (changed := connections.advance(conn, record)) is not conn:
                self.connections[record.conn] = changed
        for take in _TAKES.get(type(record), ()):
            take(self, record, req)

    def _count(self, record: Record, req: int | None) -> None:
        self.loop.feed(record, req)

    def _hold(self, record: Record, _: int | None) -> None:
        self.holds = holds.advance(self.holds, record)

    def _judge(self, record: Record, req: int | None) -> None:
        if found := self._watching.see(record, req):
            self._find(found)

    def _find(self, found: Iterable[Finding]) -> None:
        for finding in found:
            if self._has_lost(finding):
                continue
            self.findings.append(finding)
            self.found[finding.rule] = n = self.found[finding.rule] + 1
            if n > FIRST + NEWEST and n % (NEWEST // 4) == 0:
                self._thin(finding.rule)

    def _has_lost(self, finding: Finding) -> bool:
        """Whether it is about a request whose beginning `--keep` let go of.

        What spoke for it may be gone too, so nothing is held against it.
        """
        if self.header is None or self.header.kept_from == 1:
            return False
        request = self.requests.get(finding.req or 0)
        return request is not None and not request.method

    def _thin(self, rule: str) -> None:
        """Let a rule's findings go that are neither first nor newest."""
        all_ = self.findings
        of_rule = [n for n, each in enumerate(all_) if each.rule == rule]
        gone = set(of_rule[FIRST:-NEWEST])
        all_[:] = [each for n, each in enumerate(all_) if n not in gone]

    def _rare(self, record: Record, req: int | None) -> None:
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
                self.server = server.advance(self.server, record)

    def _print(
        self, record: AppOutput | AppLog, req: int | None, origin: str
    ) -> None:
        for line in safe_lines(record.text.removesuffix("\n")):
            self.output.append(OutputLine(record.t, req, origin, line))


_RARE = frozenset(
    {
        "app.log",
        "app.output",
        "dropped",
        "source",
        "stack.built",
        "tls.failed",
        "tls.handshake",
    }
)
"""Kinds that change the trace as a whole, besides those of the server."""

Take = Callable[[Trace, Record, int | None], None]


def _takes(kind: str, layer: Layer) -> tuple[Take, ...]:
    """Who takes records of a kind, besides their request."""
    parts: dict[Take, bool] = {
        Trace._rare: layer == "server" or kind in _RARE,  # noqa: SLF001
        Trace._count: kind in COUNTED,  # noqa: SLF001
        Trace._hold: kind in HOLDING,  # noqa: SLF001
        Trace._judge: kind in RULED,  # noqa: SLF001
    }
    return tuple(take for take, wants in parts.items() if wants)


_TAKES: dict[type, tuple[Take, ...]] = {
    cls: _takes(kind, cls.layer) for kind, cls in KINDS.items()
}
