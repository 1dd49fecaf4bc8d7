"""Steps of tasks become lanes: who ran when, who was ready, who waited.

The loop has one thread, so that at most one task runs at a time; what ran on
it is kept in one list beside the lanes.
"""

from bisect import bisect_right
from dataclasses import dataclass, field

from tracer.events import (
    Held,
    Released,
    TaskCreated,
    TaskDone,
    TaskResumed,
    TaskStarted,
    TaskSuspended,
)
from tracer.model.lanes.lane import Lane, Segment, State, start_of

LIT = 100_000
"""Steps that the loop's lane keeps; a quarter goes when there are more."""

SEGMENTS = 300_000
"""Segments of all lanes; then the lanes that ended first are let go."""

CHUNK = 64
"""Lanes that ended, in one drawer of the index."""

Step = TaskStarted | TaskResumed
Stop = TaskSuspended | TaskDone


_STATES = {"held": State.HELD, "gave way": State.READY}
"""What a suspended task waits for, where it is no waiting."""


@dataclass(slots=True)
class Ended:
    """Lanes of tasks that have ended, in order of their ends.

    They lie in drawers, and each drawer knows when its first lane was born:
    a look at some milliseconds opens few of many.
    """

    _drawers: list[list[Lane]] = field(default_factory=list)
    _born: list[int] = field(default_factory=list)

    def add(self, lane: Lane) -> None:
        """Put the newest in."""
        if not self._drawers or len(self._drawers[-1]) >= CHUNK:
            self._drawers.append([])
            self._born.append(lane.born)
        self._drawers[-1].append(lane)
        self._born[-1] = min(self._born[-1], lane.born)

    def forget(self) -> list[Lane]:
        """Take the oldest drawer out."""
        if not self._drawers:
            return []
        del self._born[0]
        return self._drawers.pop(0)

    def between(self, t0: int, t1: int) -> list[Lane]:
        """Those that lived between two times."""
        found: list[Lane] = []
        for drawer, born in zip(
            reversed(self._drawers), reversed(self._born), strict=True
        ):
            last = drawer[-1].ended
            if last is not None and last < t0:
                break  # and all before it
            if born <= t1:
                found += (lane for lane in drawer if _lived(lane, t0, t1))
        return found

    def copy(self) -> "Ended":
        """One that the next records don't touch."""
        made = Ended()
        made._drawers = [list(each) for each in self._drawers]
        made._born = list(self._born)
        return made


def _lived(lane: Lane, t0: int, t1: int) -> bool:
    return lane.born <= t1 and (lane.ended is None or lane.ended >= t0)


@dataclass(slots=True)
class Tasks:
    """All tasks, and what of them ran on the loop.

    Attributes:
        alive: Those that have not ended, by number, in order of birth.
        known: All that are kept, by number.
        lit: The steps that ran, in order of time; no two of them overlap.
        stepped: Whether steps are told at all: without the lens, only that
            tasks begin and end.
        size: Segments of all lanes.
        most: So many are kept; None: `SEGMENTS`.
    """

    alive: dict[int, Lane] = field(default_factory=dict)
    known: dict[int, Lane] = field(default_factory=dict)
    lit: list[Segment] = field(default_factory=list)
    stepped: bool = False
    size: int = 0
    most: int | None = None
    _ended: Ended = field(default_factory=Ended)
    _most: int = 0
    _running: list[Lane] = field(default_factory=list)
    # The lanes in a step: more than one within an eager task's first step.

    # What happened

    def created(self, record: TaskCreated) -> None:
        """A task is made: it could run from now on."""
        lane = self._lane(record.id, record.t, record.req, State.READY)
        lane.name, lane.coro = record.name or lane.name, record.coro
        lane.parent = record.parent
        if lane.req is None and (made := self.alive.get(record.parent or 0)):
            lane.req = made.req  # in a context that doesn't know the request

    def stepping(self, record: Step) -> None:
        """A step begins, in a task that was ready for some time."""
        t, woken, by = record.t, "", None
        heard = max(t - record.ready, 0)
        lane = self._lane(record.id, heard, record.req, State.UNSEEN)
        if isinstance(record, TaskResumed):
            woken, by, self.stepped = record.woken_by, record.by, True
        if not self.stepped:
            self._turn(lane, self._segment(lane, t, State.UNSEEN, record))
            return
        self._nest(lane, record)
        if lane.now.state is not State.READY and record.ready > 0:
            since = max(t - record.ready, lane.now.start)
            ready = self._segment(lane, since, State.READY, record)
            ready.what, ready.on = woken, by
            self._turn(lane, ready)
        self._light(lane, t, record, woken, by)

    def stopped(self, record: Stop) -> None:
        """A step ends: the task waits, or it has ended."""
        if isinstance(record, TaskSuspended):
            self.stepped = True
        lane = self._lane(record.id, record.t, record.req, State.UNSEEN)
        lit = self._unlight(lane)
        if isinstance(record, TaskDone):
            self._done(lane, record)
        else:
            what = record.waits_for
            state = _STATES.get(what, State.WAITS)
            segment = self._segment(lane, record.t, state, record)
            # What is ready says by whom it was woken: see `TaskResumed`.
            segment.what = "turn" if state is State.READY else what
            segment.by = record.by
            segment.on, segment.line = record.on, record.line
            segment.where = record.where
            self._turn(lane, segment)
        if lit and self._running:  # an eager task gives the loop back
            self._light(self._running.pop(), record.t, record)
        if self.size > max(self.most or SEGMENTS, self._most):
            self._forget()

    def gated(self, record: Held | Released) -> None:
        """A task is held or let go, where its steps are not told."""
        lane = self.alive.get(record.task or 0)
        if lane is None or self.stepped:
            return
        state = State.HELD if isinstance(record, Held) else State.UNSEEN
        if lane.now.state is not state:
            self._turn(lane, self._segment(lane, record.t, state, record))

    # The lanes

    def _lane(self, number: int, t: int, req: int | None, state: State) -> Lane:
        """The lane of a task, a new one for one that is first heard of."""
        lane = self.alive.get(number)
        if lane is None:
            lane = self.alive[number] = self.known[number] = Lane(number, t)
            lane.segments.append(Segment(t, None, state, number))
            self.size += 1
        if lane.req is None:
            lane.req = req
        return lane

    def _turn(self, lane: Lane, segment: Segment) -> None:
        self.size += lane.turn_to(segment)

    @staticmethod
    def _segment(
        lane: Lane, t: int, state: State, record: Step | Stop | Held | Released
    ) -> Segment:
        return Segment(t, None, state, lane.id, turn=record.turn)

    def _done(self, lane: Lane, record: TaskDone) -> None:
        lane.end(record.t)
        lane.outcome, lane.error = record.outcome, record.error or ""
        del self.alive[lane.id]
        self._ended.add(lane)

    # The one that runs

    def _nest(self, lane: Lane, record: Step) -> None:
        """What becomes of a task that still ran when another one's step began.

        It stands still while its eager child takes the first step inside of
        its own. Anything else means that its end was lost.
        """
        if not self._running:
            return
        outer = self._running[-1]
        step = outer.now
        if (
            isinstance(record, TaskStarted)
            and lane.parent == outer.id
            and lane.born >= step.start
            and record.turn == step.turn
        ):
            wait = self._segment(outer, record.t, State.WAITS, record)
            wait.what, wait.by, wait.on = "child task", "eager start", lane.id
            self._turn(outer, wait)
            return
        for lost in self._running:
            if self.lit and self.lit[-1] is lost.now:
                self.lit.pop()
            lost.now.state = State.UNSEEN
        self._running.clear()

    def _light(
        self,
        lane: Lane,
        t: int,
        record: Step | Stop,
        woken: str = "",
        by: int | None = None,
    ) -> None:
        """Let a task run, from when the last one has stopped."""
        if self.lit:
            t = max(t, self.lit[-1].end or self.lit[-1].start)
        runs = self._segment(lane, t, State.RUNS, record)
        runs.what, runs.on = woken, by
        self._turn(lane, runs)
        self._running.append(lane)
        self.lit.append(runs)
        if len(self.lit) > LIT:
            del self.lit[: LIT // 4]

    def _unlight(self, lane: Lane) -> bool:
        """Let a task's step end; whose end was lost inside of it ends too."""
        if lane not in self._running:
            return False
        while (inner := self._running.pop()) is not lane:
            if self.lit and self.lit[-1] is inner.now:
                self.lit.pop()
            inner.now.state = State.UNSEEN
        return True

    # Who is asked for, and who is forgotten

    def between(self, t0: int, t1: int) -> list[Lane]:
        """Those that lived between two times, in order of birth."""
        found = self._ended.between(t0, t1)
        found += (lane for lane in self.alive.values() if lane.born <= t1)
        return sorted(found, key=lambda lane: (lane.born, lane.id))

    def steps(self, t0: int, t1: int) -> list[Segment]:
        """What ran on the loop between two times, in order."""
        first = max(bisect_right(self.lit, t0, key=start_of) - 1, 0)
        return self.lit[first : bisect_right(self.lit, t1, key=start_of)]

    def _forget(self) -> None:
        """Let the oldest go until a quarter is free."""
        while self.size > (self.most or SEGMENTS) * 3 // 4:
            gone = self._ended.forget()
            if not gone:
                # So many are alive: each keeps its newer half.
                self.size -= sum(map(Lane.forget, self.alive.values()))
                self._most = self.size * 2
                return
            for lane in gone:
                self.size -= len(lane.segments)
                if self.known.get(lane.id) is lane:
                    del self.known[lane.id]

    def copy(self) -> "Tasks":
        """One that the next records don't touch."""
        alive = {number: lane.copy() for number, lane in self.alive.items()}
        lit = list(self.lit)
        if lit and lit[-1].end is None:
            owner = alive.get(lit[-1].task or 0)
            lit[-1] = lit[-1] if owner is None else owner.now
        return Tasks(
            alive,
            {**self.known, **alive},
            lit,
            self.stepped,
            self.size,
            self.most,
            self._ended.copy(),
            self._most,
            [alive[lane.id] for lane in self._running],
        )
