"""A blocked loop becomes a card: who held it, and who had to wait meanwhile.

Nobody says that he waits: it is found in what came before and after.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field

from tracer.events import Accept, LoopBlocked, LoopSelect, ScopeBuilt, Tick
from tracer.model.lanes.lane import Lane, State
from tracer.model.lanes.threads import Job

TICK = 100_000_000
"""Nanoseconds between two ticks of the server, if nobody holds the loop.

Source: uvicorn, `Server.main_loop`
"""

BLOCKS, MARKS = 1_000, 20_000
"""Blocked turns that are kept; ticks, accepts and scopes that are."""

BRIEF = 1_000_000
"""Nanoseconds that a task may be ready for and is not said to have waited."""

SOON = 6
"""Turns in which a new connection's waiting bytes have become a request."""

LOOK_BACK = 2_000
"""Requests among which a connection's last one is looked for."""

Mark = tuple[int, ...]
"""When something was, then the numbers of what it was about."""


@dataclass(frozen=True, slots=True)
class Card:
    """One blocked turn of the loop.

    Attributes:
        block: What was said of it last.
        until: When it ended; while it lasts, up to when it is known.
        req: The request whose code held the loop, if one's did.
        requests: Those that waited meanwhile, in order of their numbers.
        tasks: Tasks that waited and are no request's, the server's own aside.
        newcomers: Connections that waited to be accepted, and of which no
            request is known.
        tick: Whether the server's tick was due and did not come.
        many: Whether the culprit is only one of many short steps that have
            filled the turn together.
    """

    block: LoopBlocked
    until: int
    req: int | None
    requests: tuple[int, ...] = ()
    tasks: tuple[int, ...] = ()
    newcomers: int = 0
    tick: bool = False
    many: bool = False


@dataclass(slots=True)
class Blocked:
    """Blocked turns, and the marks by which is found who waited.

    Attributes:
        blocks: What was said of each last, in order of their beginnings.
        server: The task that ticks.
    """

    blocks: list[LoopBlocked] = field(default_factory=list)
    server: int | None = None
    _many: set[int] = field(default_factory=set)
    _ticks: list[Mark] = field(default_factory=list)
    _accepts: list[Mark] = field(default_factory=list)
    _asked: list[Mark] = field(default_factory=list)

    def say(self, record: LoopBlocked) -> None:
        """The loop is held, or was."""
        blocks = self.blocks
        if blocks and blocks[-1].since == record.since:
            if record.over or not blocks[-1].over:
                blocks[-1] = record
            return
        # `ran` is of the moment in which it was first seen, and so is `ns`.
        if record.ran is not None and record.ran < record.ns // 2:
            self._many.add(record.since)
        at = bisect_right(blocks, record.since, key=_since)
        blocks.insert(at, record)
        for gone in blocks[:-BLOCKS]:
            self._many.discard(gone.since)
        del blocks[:-BLOCKS]

    def ticked(self, record: Tick) -> None:
        """The server's own task has looked around."""
        self.server = record.task
        _mark(self._ticks, (record.t,))

    def accepted(self, record: Accept) -> None:
        """A connection came out of the listening socket."""
        if record.conn is not None:
            _mark(self._accepts, (record.t, record.conn))

    def asked(self, record: ScopeBuilt) -> None:
        """A request came in."""
        if record.conn is not None and record.req is not None:
            _mark(self._asked, (record.t, record.conn, record.req))

    # Questions

    def between(self, t0: int, t1: int) -> list[LoopBlocked]:
        """The blocked turns that have a part between two times."""
        last = bisect_right(self.blocks, t1, key=_since)
        return [each for each in self.blocks[:last] if _end(each) >= t0]

    def card(
        self,
        block: LoopBlocked,
        lanes: Iterable[Lane],
        jobs: Iterable[Job],
        turns: list[LoopSelect],
    ) -> Card:
        """Say who waited while the loop was held.

        Args:
            block: One of `blocks`.
            lanes: Those that lived meanwhile.
            jobs: Those of worker threads that were under way meanwhile.
            turns: All turns of the loop, in order.
        """
        since, until = block.since, _end(block)
        # Its middle: who measures the end may be late by some milliseconds.
        at = bisect_right(turns, since + block.ns // 2, key=_begin)
        requests, tasks, alive = set[int](), set[int](), set[int]()
        returned = {job.task for job in jobs if _returned(job, since, until)}
        for lane in lanes:
            if lane.req is not None and lane.at(until) is not None:
                alive.add(lane.req)
            if lane.id == block.task or not (
                lane.id in returned
                or _was_ready(lane, since, until)
                or _was_due(lane, until, turns[at : at + 2])
            ):
                continue
            if lane.req is not None:
                requests.add(lane.req)
            elif lane.id != self.server:
                tasks.add(lane.id)
        come, new = self._behind(turns, at, alive)
        return Card(
            block,
            until,
            block.req,
            tuple(sorted((requests | come) - {block.req})),
            tuple(sorted(tasks)),
            new,
            self._late(since, until),
            since in self._many,
        )

    def _behind(
        self, turns: list[LoopSelect], at: int, alive: set[int]
    ) -> tuple[set[int], int]:
        """Requests and new connections that the next turns found waiting."""
        if at == len(turns):
            return set(), 0
        begin = turns[at].t
        end, later = _begin_of(turns, at + 1), _begin_of(turns, at + SOON)
        asked = _within(self._asked, begin, later)
        of = {conn: req for _, conn, req in reversed(asked)}
        accepted = [conn for _, conn in _within(self._accepts, begin, end)]
        found = {of[conn] for conn in accepted if conn in of}
        for _, _, conn in turns[at].ready:
            if conn is not None:
                req = of.get(conn) or self._last(conn, begin)
                if conn in of or req in alive:
                    found.add(req)
        return found, sum(conn not in of for conn in accepted)

    def _last(self, conn: int, t: int) -> int:
        """The newest request on a connection before `t`; 0: none is known."""
        before = bisect_left(self._asked, (t, 0, 0))
        for index in range(before - 1, max(before - LOOK_BACK, -1), -1):
            if self._asked[index][1] == conn:
                return self._asked[index][2]
        return 0

    def _late(self, since: int, until: int) -> bool:
        """Whether a tick was due before the end, and the last one is older."""
        before = bisect_left(self._ticks, (since,)) - 1
        return before >= 0 and until - self._ticks[before][0] > TICK

    def copy(self) -> "Blocked":
        """One that the next records don't touch."""
        return Blocked(
            list(self.blocks),
            self.server,
            set(self._many),
            list(self._ticks),
            list(self._accepts),
            list(self._asked),
        )


def _was_ready(lane: Lane, since: int, until: int) -> bool:
    """Whether a task could have run, for longer than others would take."""
    for each in lane.between(since, until):
        end = until if each.end is None else min(each.end, until)
        if each.state is State.READY and end - max(each.start, since) > BRIEF:
            return True
    return False


def _was_due(lane: Lane, until: int, turns: list[LoopSelect]) -> bool:
    """Whether its timer came due meanwhile: the next turns wake it by that.

    When exactly it was due is not told.
    """
    if not turns:
        return False
    numbers = {turn.turn for turn in turns}
    return any(
        each.state is State.RUNS
        and each.what == "timer"
        and each.turn in numbers
        for each in lane.between(until, turns[-1].t + BRIEF)
    )


def _returned(job: Job, since: int, until: int) -> bool:
    """Whether a thread had its result, and the loop could not take it."""
    return job.ended is not None and since < job.ended < until - BRIEF


def _within(marks: list[Mark], t0: int, t1: int | None) -> list[Mark]:
    """The marks from `t0` on, up to `t1`."""
    last = len(marks) if t1 is None else bisect_left(marks, (t1,))
    return marks[bisect_left(marks, (t0,)) : last]


def _begin_of(turns: list[LoopSelect], index: int) -> int | None:
    return turns[index].t if index < len(turns) else None


def _since(block: LoopBlocked) -> int:
    return block.since


def _end(block: LoopBlocked) -> int:
    return block.since + block.ns


def _begin(turn: LoopSelect) -> int:
    return turn.t


def _mark(marks: list[Mark], mark: Mark) -> None:
    """Put a mark in; one that comes too late is passed over."""
    if not marks or mark > marks[-1]:
        marks.append(mark)
        if len(marks) > MARKS:
            del marks[: MARKS // 4]
