"""A blocked loop becomes a card: who held it, and who had to wait meanwhile.

Nobody says that he waits: it is found in what came before and after. So a
card is settled some turns after its block, once and for all who speak of it.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from tracer.events import (
    Accept,
    LoopBlocked,
    LoopSelect,
    RunAsgiEnd,
    ScopeBuilt,
    Tick,
)
from tracer.events.log import Record
from tracer.model.lanes.lane import Lane, State
from tracer.model.lanes.threads import Job

TICK = 100_000_000
"""Nanoseconds between two ticks of the server, if nobody holds the loop.

Source: uvicorn, `Server.main_loop`
"""

BLOCKS, MARKS = 1_000, 20_000
"""Blocked turns that are kept; ticks, accepts, scopes and ends that are."""

OPEN = 20
"""Blocked turns that may wait to be settled at a time."""

BRIEF = 1_000_000
"""Nanoseconds that a task may be ready for and is not said to have waited."""

SOON = 6
"""As that turn after a blocked one begins, all who waited have come in: one to
accept, one to make the protocol, one to read, one to run the app, and one to
be sure."""

PATIENCE = 500_000_000
"""Nanoseconds after which it is the same, where turns can't be counted."""

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
        tick: Nanoseconds that the server's tick was late; 0: it wasn't due.
        many: Whether the culprit is only one of many short steps that have
            filled the turn together.
        settled: Whether it is the last word: no later record changes it.
    """

    block: LoopBlocked
    until: int
    req: int | None
    requests: tuple[int, ...] = ()
    tasks: tuple[int, ...] = ()
    newcomers: int = 0
    tick: int = 0
    many: bool = False
    settled: bool = False


@dataclass(slots=True)
class Blocked:
    """Blocked turns, and the marks by which is found who waited.

    Attributes:
        blocks: What was said of each last, in order of their beginnings.
        server: The task that ticks.
        open: By `since`, those of which it isn't known yet who waited.
        cards: By `since`, the settled cards of all others.
        fresh: Settled cards that nobody has fetched yet.
    """

    blocks: list[LoopBlocked] = field(default_factory=list)
    server: int | None = None
    open: dict[int, LoopBlocked] = field(default_factory=dict)
    cards: dict[int, Card] = field(default_factory=dict)
    fresh: list[Card] = field(default_factory=list)
    _many: set[int] = field(default_factory=set)
    _ticks: list[Mark] = field(default_factory=list)
    _accepts: list[Mark] = field(default_factory=list)
    _asked: list[Mark] = field(default_factory=list)
    _ended: dict[int, int] = field(default_factory=dict)

    def say(self, record: LoopBlocked) -> None:
        """The loop is held, or was."""
        since, blocks = record.since, self.blocks
        if since in self.cards:
            return  # it comes too late: all has been said
        at = bisect_left(blocks, since, key=_since)
        if at < len(blocks) and blocks[at].since == since:
            if record.over or not blocks[at].over:
                blocks[at] = self.open[since] = record
            return
        # `ran` is of the moment in which it was first seen, and so is `ns`.
        if record.ran is not None and record.ran < record.ns // 2:
            self._many.add(since)
        blocks.insert(at, record)
        self.open[since] = record
        for gone in blocks[:-BLOCKS]:
            self._many.discard(gone.since)
            self.open.pop(gone.since, None)
            self.cards.pop(gone.since, None)
        del blocks[:-BLOCKS]

    def due(self, record: Record) -> list[LoopBlocked]:
        """The open ones of which all is known as this record comes."""
        more = len(self.open) - OPEN
        return [
            each
            for index, each in enumerate(self.open.values())
            if index < more or self._is_due(each, record)
        ]

    def settle(self, card: Card) -> None:
        """Keep the last word on a block."""
        since = card.block.since
        del self.open[since]
        self.cards[since] = card = replace(card, settled=True)
        self.fresh.append(card)

    def _is_due(self, block: LoopBlocked, record: Record) -> bool:
        if not block.over and block is self.blocks[-1]:
            return False  # of an earlier one, the end was lost
        if record.turn is not None and block.turn is not None:
            return record.turn >= block.turn + SOON
        return record.t > _end(block) + PATIENCE

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

    def ended(self, record: RunAsgiEnd) -> None:
        """A request's app has returned."""
        if record.req is not None:
            self._ended[record.req] = record.t
            if len(self._ended) > MARKS:
                del self._ended[next(iter(self._ended))]

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
        jobs = list(jobs)
        returned = {job.task for job in jobs if _returned(job, since, until)}
        threads = {job.task for job in jobs}
        requests, tasks = set[int](), set[int]()
        for lane in lanes:
            if lane.id == block.task or not (
                lane.id in returned
                or _was_ready(lane, since, until)
                or _was_due(lane, until, turns[at : at + 2], threads)
            ):
                continue
            if lane.req is not None:
                requests.add(lane.req)
            elif lane.id != self.server:
                tasks.add(lane.id)
        come, new = self._behind(turns, at, until)
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
        self, turns: list[LoopSelect], at: int, until: int
    ) -> tuple[set[int], int]:
        """Requests and new connections that the next turns found waiting."""
        if at == len(turns):
            return set(), 0
        begin = turns[at].t
        end, later = _begin_of(turns, at + 1), _begin_of(turns, at + SOON - 1)
        asked = _within(self._asked, begin, later)
        of = {conn: req for _, conn, req in reversed(asked)}
        accepted = [conn for _, conn in _within(self._accepts, begin, end)]
        found = {of[conn] for conn in accepted if conn in of}
        for _, _, conn in turns[at].ready:
            if conn is not None:
                req = of.get(conn) or self._last(conn, begin)
                if conn in of or self._runs(req, until):
                    found.add(req)
        return found, sum(conn not in of for conn in accepted)

    def _last(self, conn: int, t: int) -> int:
        """The newest request on a connection before `t`; 0: none is known."""
        before = bisect_left(self._asked, (t, 0, 0))
        for index in range(before - 1, max(before - LOOK_BACK, -1), -1):
            if self._asked[index][1] == conn:
                return self._asked[index][2]
        return 0

    def _runs(self, req: int, t: int) -> bool:
        """Whether a request's app was called and has not returned by `t`."""
        ended = self._ended.get(req)
        return req > 0 and (ended is None or ended > t)

    def _late(self, since: int, until: int) -> int:
        """How late the tick came that was due before the end; 0: none was."""
        before = bisect_left(self._ticks, (since,)) - 1
        if before < 0:
            return 0
        due = self._ticks[before][0] + TICK
        if until - due <= BRIEF:
            return 0
        after = bisect_left(self._ticks, (until,))
        came = self._ticks[after][0] if after < len(self._ticks) else until
        return came - due

    def copy(self) -> "Blocked":
        """One that the next records don't touch."""
        return Blocked(
            list(self.blocks),
            self.server,
            dict(self.open),
            dict(self.cards),
            list(self.fresh),
            set(self._many),
            list(self._ticks),
            list(self._accepts),
            list(self._asked),
            dict(self._ended),
        )


def _was_ready(lane: Lane, since: int, until: int) -> bool:
    """Whether a task could have run, for longer than others would take."""
    for each in lane.between(since, until):
        end = until if each.end is None else min(each.end, until)
        if each.state is State.READY and end - max(each.start, since) > BRIEF:
            return True
    return False


def _was_due(
    lane: Lane, until: int, turns: list[LoopSelect], threads: set[int | None]
) -> bool:
    """Whether the next turns wake it by what came meanwhile.

    A timer or a thread says so to the loop, which hears it between turns.
    When it did so is not always told: then the turn must do.

    Args:
        lane: Of the task.
        until: When the loop was free again.
        turns: The next ones.
        threads: Tasks whose thread's end was told.
    """
    if not turns:
        return False
    numbers = {turn.turn for turn in turns}
    told = False
    for each in lane.between(until, turns[-1].t + BRIEF):
        if each.state is State.RUNS and each.turn in numbers:
            if each.what == "thread" and lane.id not in threads:
                return True
            if each.what == "timer" and not told:
                return True
        told = each.state is State.READY
    return False


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
