"""Events of the loop, of tasks and threads, folded into lanes on one clock."""

from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from tracer.events import (
    Accept,
    Dropped,
    Held,
    LoopBlocked,
    LoopSelect,
    Released,
    RunAsgiEnd,
    ScopeBuilt,
    TaskCreated,
    TaskDone,
    TaskResumed,
    TaskStarted,
    TaskSuspended,
    ThreadEnd,
    ThreadQueued,
    ThreadStart,
    Tick,
)
from tracer.events.log import Record
from tracer.model.lanes.blocked import Blocked, Card
from tracer.model.lanes.lane import Lane, Segment, State
from tracer.model.lanes.tasks import Tasks
from tracer.model.lanes.threads import Gauge, Job, Threads

TURNS = 50_000
"""Turns of the loop that are kept; a quarter goes when there are more."""


Fold = Callable[[Any], None]


@dataclass(frozen=True, slots=True)
class Window:
    """All lanes between two times.

    Attributes:
        start: Nanoseconds of the trace.
        end: The same.
        loop: What ran on the loop: IDLE in `select`, RUNS a task's step or,
            without a task, plain callbacks. No two overlap.
        turns: The turns that began in it.
        tasks: The tasks that lived in it, in order of birth.
        jobs: The calls in worker threads, in order of asking.
        blocks: The turns that took too long.
        holds: When the whole loop was held by its user.
    """

    start: int
    end: int
    loop: tuple[Segment, ...]
    turns: tuple[LoopSelect, ...]
    tasks: tuple[Lane, ...]
    jobs: tuple[Job, ...]
    blocks: tuple[LoopBlocked, ...]
    holds: tuple[tuple[int, int | None], ...]


@dataclass(slots=True)
class Lanes:
    """The loop, its tasks and its worker threads, as far as they were told.

    Attributes:
        turns: The loop's turns, oldest first.
        tasks: A lane for each task.
        threads: The jobs of worker threads.
        blocked: The turns that took too long.
        holds: When the whole loop was held, from when to when.
        last: The newest time of all.
        lossy: Whether events were lost, so that a lane may lack its end.
    """

    turns: list[LoopSelect] = field(default_factory=list)
    tasks: Tasks = field(default_factory=Tasks)
    threads: Threads = field(default_factory=Threads)
    blocked: Blocked = field(default_factory=Blocked)
    holds: list[tuple[int, int | None]] = field(default_factory=list)
    last: int = 0
    lossy: bool = False
    _folds: dict[type, Fold] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        tasks, threads, blocked = self.tasks, self.threads, self.blocked
        self._folds = {
            LoopSelect: self._turn,
            TaskCreated: tasks.created,
            TaskStarted: tasks.stepping,
            TaskResumed: tasks.stepping,
            TaskSuspended: tasks.stopped,
            TaskDone: tasks.stopped,
            ThreadQueued: threads.ask,
            ThreadStart: threads.start,
            ThreadEnd: threads.end,
            LoopBlocked: self._block,
            Tick: self._tick,
            Accept: blocked.accepted,
            ScopeBuilt: blocked.asked,
            RunAsgiEnd: blocked.ended,
            Held: self._hold,
            Released: self._hold,
            Dropped: self._lose,
        }

    def take(self, record: Record) -> None:
        """Fold one record in; most are none of ours."""
        fold = self._folds.get(type(record))
        if fold is not None:
            self.last = max(self.last, record.t)
            fold(record)

    def _turn(self, record: LoopSelect) -> None:
        self.tasks.stepped = True
        if not self.turns or record.t >= self.turns[-1].t:
            self.turns.append(record)
            if len(self.turns) > TURNS:
                del self.turns[: TURNS // 4]
        if self.blocked.open:
            self._settle(self.blocked.due(record))

    def _block(self, record: LoopBlocked) -> None:
        self.blocked.say(record)
        self._settle(self.blocked.due(record))

    def _tick(self, record: Tick) -> None:
        self.blocked.ticked(record)
        if self.blocked.open:
            self._settle(self.blocked.due(record))

    def _settle(self, blocks: Iterable[LoopBlocked]) -> None:
        for block in blocks:
            self.blocked.settle(self.card(block))

    def end(self) -> None:
        """Settle what is still open, when no more will come."""
        self._settle(list(self.blocked.open.values()))

    def settled(self) -> list[Card]:
        """Fetch the cards that were settled since this was last asked."""
        cards = self.blocked.fresh
        if cards:
            self.blocked.fresh = []
        return cards

    def _hold(self, record: Held | Released) -> None:
        if record.stage != "loop":
            self.tasks.gated(record)
        elif isinstance(record, Held):
            self.holds.append((record.t, None))
        elif self.holds and self.holds[-1][1] is None:
            self.holds[-1] = (self.holds[-1][0], record.t)

    def _lose(self, _: Dropped) -> None:
        self.lossy = True

    # Questions

    def window(self, t0: int, t1: int) -> Window:
        """All lanes between two times; it costs what is in between."""
        first = bisect_right(self.turns, t0, key=_begin)
        last = bisect_right(self.turns, t1, key=_begin)
        return Window(
            t0,
            t1,
            tuple(self.loop(t0, t1)),
            tuple(self.turns[first:last]),
            tuple(self.tasks.between(t0, t1)),
            tuple(self.threads.between(t0, t1)),
            tuple(self.blocked.between(t0, t1)),
            tuple(
                each
                for each in self.holds
                if each[0] <= t1 and (each[1] is None or each[1] >= t0)
            ),
        )

    def loop(self, t0: int, t1: int) -> list[Segment]:
        """What ran on the loop between two times.

        What came after the last turn's last step isn't known before the next
        turn begins: there the lane is open.
        """
        steps = self.tasks.steps(t0, t1)
        if not self.turns:
            return steps  # whose loop's turns can't be seen
        made: list[Segment] = []
        at = max(bisect_right(self.turns, t0, key=_begin) - 1, 0)
        done = 0
        for index in range(at, len(self.turns)):
            turn = self.turns[index]
            idle = turn.t - turn.waited
            if idle > t1:
                break
            _add(made, Segment(idle, turn.t, State.IDLE, turn=turn.turn))
            end = None
            if index + 1 < len(self.turns):
                later = self.turns[index + 1]
                end = max(later.t - later.waited, turn.t)
            done = _fill(made, turn, end, steps, done)
        return [each for each in made if each.end is None or each.end >= t0]

    def at(self, t: int) -> dict[int, Segment]:
        """What each task was doing at one moment, by its number."""
        found = ((lane, lane.at(t)) for lane in self.tasks.between(t, t))
        return {lane.id: each for lane, each in found if each is not None}

    def of(self, task: int | None, t: int) -> Segment | None:
        """What one task was doing at one moment."""
        lane = None if task is None else self.tasks.known.get(task)
        return None if lane is None else lane.at(t)

    def gauge(self, t: int, pool: str = "anyio") -> Gauge:
        """How a pool of threads stood at one moment."""
        return self.threads.gauge(t, pool)

    def card(self, block: LoopBlocked) -> Card:
        """Who held the loop, and who had to wait meanwhile.

        Until the card is settled, what is known by now.
        """
        known = self.blocked.cards.get(block.since)
        if known is not None:
            return known
        until = block.since + block.ns
        lanes = self.tasks.between(block.since, until)
        jobs = self.threads.between(block.since, until)
        return self.blocked.card(block, lanes, jobs, self.turns)

    def copy(self) -> "Lanes":
        """One that the next records don't touch."""
        return Lanes(
            list(self.turns),
            self.tasks.copy(),
            self.threads.copy(),
            self.blocked.copy(),
            list(self.holds),
            self.last,
            self.lossy,
        )


def _fill(
    made: list[Segment],
    turn: LoopSelect,
    end: int | None,
    steps: list[Segment],
    done: int,
) -> int:
    """Add a turn's steps, and between them its plain callbacks."""
    t = turn.t
    while done < len(steps):
        step = steps[done]
        if end is not None and step.start >= end:
            break
        done += 1
        if step.end is not None and step.end <= t:
            continue
        _add(made, Segment(t, step.start, State.RUNS, turn=turn.turn))
        _add(made, step)
        t = step.end if step.end is not None else step.start
        if step.end is None:
            return done
    if end is not None:
        _add(made, Segment(t, end, State.RUNS, turn=turn.turn))
    return done


def _add(made: list[Segment], segment: Segment) -> None:
    """Add what has a length, and not before the last one's end."""
    if made and made[-1].end is not None and segment.start < made[-1].end:
        if segment.end is not None and segment.end <= made[-1].end:
            return
        segment = Segment(
            made[-1].end,
            segment.end,
            segment.state,
            segment.task,
            turn=segment.turn,
        )
    if segment.end is None or segment.end > segment.start:
        made.append(segment)


def _begin(turn: LoopSelect) -> int:
    return turn.t
