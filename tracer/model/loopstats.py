"""What the loop did, counted: turns, waits, threads, and who held it.

A pure fold, one small step an event: nothing is walked twice, and what is
kept does not grow with the trace, but for the few tasks that are alive.
"""

from collections import Counter
from dataclasses import dataclass, field, replace

from tracer.events import (
    LoopBlocked,
    LoopSelect,
    TaskCreated,
    TaskDone,
    TaskResumed,
    TaskStarted,
    TaskSuspended,
    ThreadEnd,
    ThreadQueued,
    ThreadStart,
)
from tracer.events.log import Record
from tracer.events.tasks import WaitsFor

COUNTED = frozenset(
    {
        "loop.blocked",
        "loop.select",
        "task.created",
        "task.done",
        "task.resumed",
        "task.started",
        "task.suspended",
        "thread.end",
        "thread.queued",
        "thread.start",
    }
)
"""Kinds that change the figures."""


@dataclass(frozen=True, slots=True)
class Most:
    """The greatest of its kind so far, and whose it was.

    Attributes:
        ns: Nanoseconds.
        what: A turn's number, a task's, or a function's name.
        req: The request it belongs to, where it belongs to one.
        t: When it was over.
    """

    ns: int = 0
    what: str = ""
    req: int | None = None
    t: int = 0


@dataclass(slots=True)
class LoopStats:
    """The figures of one trace.

    Attributes:
        turns: Turns of the loop that were seen.
        idle: Nanoseconds that the loop waited.
        busy: Nanoseconds that it ran callbacks.
        longest: The longest turn; its request is whose step was the longest
            in it.
        tasks: Tasks that were made.
        waits: How often a task was suspended, by what it waited for.
        late: The longest time for which a task could run and did not.
        jobs: Calls in worker threads.
        threads: Most of anyio's worker threads that ran at once.
        total: How many of these may, at most; 0: nobody asked for one.
        queued: The longest wait for a thread.
        blocked: How often the loop was blocked.
        held_up: Nanoseconds that this took in all.
        culprit: The longest of them.
    """

    turns: int = 0
    idle: int = 0
    busy: int = 0
    longest: Most = Most()
    tasks: int = 0
    waits: Counter[WaitsFor] = field(default_factory=Counter)
    late: Most = Most()
    jobs: int = 0
    threads: int = 0
    total: int = 0
    queued: Most = Most()
    blocked: int = 0
    held_up: int = 0
    culprit: Most = Most()
    _turn: LoopSelect | None = None
    _step: Most = Most()
    _since: int = 0
    _running: int = 0
    _others: set[int] = field(default_factory=set)
    """Calls that are under way, or asked for, in threads of another pool."""

    def feed(self, record: Record, req: int | None) -> None:
        """Count one more record.

        Args:
            record: Any one, in the order of the log.
            req: The request it belongs to.
        """
        match record:
            case LoopSelect():
                self._select(record)
            case TaskCreated():
                self.tasks += 1
            case TaskStarted() | TaskResumed():
                self._since = record.t
                if record.ready > self.late.ns:
                    task = str(record.id)
                    self.late = Most(record.ready, task, req, record.t)
            case TaskSuspended():
                self.waits[record.waits_for] += 1
                self._let_go(record, req)
            case TaskDone():
                self._let_go(record, req)
            case LoopBlocked() if record.over:
                self.blocked += 1
                self.held_up += record.ns
                most = Most(record.ns, record.culprit, req, record.t)
                self.culprit = _greater(self.culprit, most)
            case ThreadQueued() | ThreadStart() | ThreadEnd():
                self._thread(record, req)
            case _:
                pass

    def copy(self) -> "LoopStats":
        """One of its own with the same figures."""
        return replace(
            self, waits=Counter(self.waits), _others=set(self._others)
        )

    def _select(self, record: LoopSelect) -> None:
        before, self._turn = self._turn, record
        self.turns += 1
        self.idle += record.waited
        if before is not None:
            lasted = max(record.t - record.waited - before.t, 0)
            self.busy += lasted
            turn = "" if before.turn is None else str(before.turn)
            most = Most(lasted, turn, self._step.req, before.t)
            self.longest = _greater(self.longest, most)
        self._step = Most()

    def _let_go(
        self, record: TaskSuspended | TaskDone, req: int | None
    ) -> None:
        step = Most(record.t - self._since, str(record.id), req, record.t)
        self._step = _greater(self._step, step)

    def _thread(
        self, record: ThreadQueued | ThreadStart | ThreadEnd, req: int | None
    ) -> None:
        match record:
            case ThreadQueued(pool="anyio"):
                self.total = max(self.total, record.total)
            case ThreadQueued():
                self._others.add(record.job)
            case ThreadStart():
                self.jobs += 1
                wait = Most(record.queued, record.name, req, record.t)
                self.queued = _greater(self.queued, wait)
                if record.job not in self._others:
                    self._running += 1
                    self.threads = max(self.threads, self._running)
            case ThreadEnd() if record.job in self._others:
                self._others.discard(record.job)
            case ThreadEnd() if record.outcome != "never ran":
                self._running = max(self._running - 1, 0)
            case _:
                pass


def _greater(one: Most, other: Most) -> Most:
    return other if other.ns > one.ns else one
