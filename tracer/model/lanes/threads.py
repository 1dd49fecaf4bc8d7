"""Jobs of worker threads become lanes, and the gauge of their pool."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from tracer.events import ThreadEnd, ThreadQueued, ThreadStart

JOBS = 50_000
"""Jobs that are kept; a quarter goes when there are more."""


class Job(msgspec.Struct, gc=False):
    """One call of a sync function in a worker thread.

    Each time is set once, when it has come.

    Attributes:
        name: The function's.
        queued: When a thread was asked for.
        number: The call's number; 0 where it has none.
        pool: Whose threads: anyio's, asyncio's, or those of a limiter.
        total: How many may run at once.
        req: The request it works for.
        task: The task that waits for it.
        worker: The thread it got.
        started: When it began to run.
        ended: When it ended.
        outcome: `returned`, `raised` or `never ran`, once it has ended.
    """

    name: str
    queued: int
    number: int = 0
    pool: str = "anyio"
    total: int = 0
    req: int | None = None
    task: int | None = None
    worker: str = ""
    started: int | None = None
    ended: int | None = None
    outcome: str = ""

    def waited_at(self, t: int) -> bool:
        """Whether it had no thread yet at `t`."""
        until = self.started if self.started is not None else self.ended
        return self.queued <= t and (until is None or t < until)

    def ran_at(self, t: int) -> bool:
        """Whether it had a thread at `t`."""
        return (
            self.started is not None
            and self.started <= t
            and (self.ended is None or t < self.ended)
        )

    def meets(self, t0: int, t1: int) -> bool:
        """Whether it was asked for or ran between two times."""
        return self.queued <= t1 and (self.ended is None or self.ended >= t0)


@dataclass(frozen=True, slots=True)
class Gauge:
    """How a pool of threads stood at one moment.

    Attributes:
        total: How many may run at once; 0 while nobody has asked.
        held: The jobs that ran.
        waiting: Those that had no thread yet, first come first.
    """

    total: int
    held: tuple[Job, ...]
    waiting: tuple[Job, ...]


@dataclass(slots=True)
class Threads:
    """All jobs, in order of asking.

    Attributes:
        jobs: The newest ones, those that have ended too.
        queued: Those that wait for a thread.
        running: Those that have one, by its name.
    """

    jobs: list[Job] = field(default_factory=list)
    queued: list[Job] = field(default_factory=list)
    running: dict[str, Job] = field(default_factory=dict)
    _longest: int = 0
    # No job that is kept took more time, from asking to its end.

    def ask(self, record: ThreadQueued) -> None:
        """A thread was asked for."""
        t = max(record.t, self.jobs[-1].queued) if self.jobs else record.t
        job = Job(
            record.name,
            t,
            record.job,
            record.pool,
            record.total,
            record.req,
            record.task,
        )
        self.jobs.append(job)
        self.queued.append(job)
        if len(self.jobs) > JOBS:
            del self.jobs[: JOBS // 4]
            del self.queued[:-JOBS]

    def start(self, record: ThreadStart) -> None:
        """A thread begins to run a function."""
        job = self._take(record)
        if job is None:  # who asked was not heard: another loop, a loss
            job = Job(record.name, record.t, record.job, req=record.req)
            self._insert(job)
        if (lost := self.running.pop(record.thread, None)) is not None:
            self._end(lost, record.t)
        job.worker, job.started = record.thread, max(record.t, job.queued)
        self.running[record.thread] = job

    def end(self, record: ThreadEnd) -> None:
        """The function ended, or will never run."""
        job = self.running.pop(record.thread, None) or self._take(record)
        if job is not None:
            job.outcome = record.outcome
            self._end(job, record.t)

    def _take(self, record: ThreadStart | ThreadEnd) -> Job | None:
        """The job that an event is about, out of the queue."""
        wanted = (record.job, record.name, record.req)
        for index, job in enumerate(self.queued):
            same = (job.number, job.name, job.req) == wanted
            if job.number == record.job if record.job else same:
                return self.queued.pop(index)
        return None

    def _insert(self, job: Job) -> None:
        """Put a job in whose asking was not heard, in order."""
        at = bisect_right(self.jobs, job.queued, key=_queued)
        self.jobs.insert(at, job)

    def _end(self, job: Job, t: int) -> None:
        job.ended = max(t, job.started or job.queued)
        self._longest = max(self._longest, job.ended - job.queued)

    # Questions

    def between(self, t0: int, t1: int) -> list[Job]:
        """The jobs that were asked for or ran between two times."""
        first = bisect_right(self.jobs, t0 - self._longest - 1, key=_queued)
        last = bisect_right(self.jobs, t1, key=_queued)
        found = [job for job in self._old(first) if job.meets(t0, t1)]
        found += (job for job in self.jobs[first:last] if job.meets(t0, t1))
        return found

    def _old(self, first: int) -> Iterator[Job]:
        """Those that have lasted longer than any that has ended."""
        if first:
            before = self.jobs[first].queued if first < len(self.jobs) else None
            for job in (*self.queued, *self.running.values()):
                if before is None or job.queued < before:
                    yield job

    def gauge(self, t: int, pool: str = "anyio") -> Gauge:
        """How a pool stood at a time."""
        jobs = [job for job in self.between(t, t) if job.pool == pool]
        last = bisect_right(self.jobs, t, key=_queued)
        asked = (j for j in reversed(self.jobs[:last]) if j.pool == pool)
        known = next(asked, None)
        return Gauge(
            0 if known is None else known.total,
            tuple(job for job in jobs if job.ran_at(t)),
            tuple(job for job in jobs if job.waited_at(t)),
        )

    def copy(self) -> "Threads":
        """One that the next records don't touch."""
        going = [*self.queued, *self.running.values()]
        fresh = {id(job): msgspec.structs.replace(job) for job in going}
        return Threads(
            [fresh.get(id(job), job) for job in self.jobs],
            [fresh[id(job)] for job in self.queued],
            {name: fresh[id(job)] for name, job in self.running.items()},
            self._longest,
        )


def _queued(job: Job) -> int:
    return job.queued
