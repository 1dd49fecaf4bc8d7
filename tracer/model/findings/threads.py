"""A sync function that had to wait, since all worker threads were taken."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from tracer.events import Dropped, ThreadEnd, ThreadQueued, ThreadStart
from tracer.model.findings.finding import (
    Facts,
    Finding,
    Rule,
    Severity,
    finding,
)
from tracer.model.findings.watch import MS, NOTHING, Memory, Sees, Watch

LONG = 10 * MS
"""A wait for a thread that is worth telling."""

Job = tuple[int | None, int, str]
"""The request, the number of the call, and the function's name."""

Pool = tuple[str, int]
"""What it is, and how many threads it has."""


@dataclass(slots=True)
class ThreadWatch(Watch):
    """Who waited for a thread while none was free.

    A thread that comes late though one was free is the machine's doing, and
    no finding. `borrowed` alone doesn't tell: who has just asked borrows only
    in a later turn. So those who asked before are counted, too.
    """

    waited: ClassVar = Rule("thread-waited", Severity.WARNING, "thread.queued")
    rules: ClassVar[tuple[Rule, ...]] = (waited,)

    jobs: Memory[Job, tuple[ThreadQueued, bool]] = field(default_factory=Memory)
    """Calls that have not ended, and whether they found all threads taken."""
    asked: Memory[Pool, int] = field(default_factory=Memory)
    """How many calls of each pool have not ended."""

    def sees(self) -> Mapping[str, Sees]:
        return {
            "thread.queued": self._queued,
            "thread.start": self._started,
            "thread.end": self._ended,
            "dropped": self._lost,
        }

    def _queued(
        self, record: ThreadQueued, req: int | None
    ) -> Iterable[Finding]:
        pool = record.pool, record.total
        before = self.asked.get(pool, 0)
        full = max(before, record.borrowed) >= record.total
        self.asked.keep(pool, before + 1)
        self.jobs.keep(_job(record), (record, full))
        return NOTHING

    def _started(
        self, record: ThreadStart, req: int | None
    ) -> Iterable[Finding]:
        asked, full = self.jobs.get(_job(record), (None, False))
        if asked is None or not full or record.queued < LONG:
            return NOTHING
        facts: Facts = {
            "name": record.name,
            "ns": record.queued,
            "total": asked.total,
        }
        return (finding(self.waited, asked, record, facts=facts),)

    def _ended(self, record: ThreadEnd, req: int | None) -> Iterable[Finding]:
        asked, _ = self.jobs.pop(_job(record), (None, False))
        if asked is not None:
            pool = asked.pool, asked.total
            self.asked[pool] = max(self.asked.get(pool, 0) - 1, 0)
        return NOTHING

    def _lost(self, record: Dropped, req: int | None) -> Iterable[Finding]:
        # Whose end was lost would seem to run for ever.
        self.jobs.clear()
        self.asked.clear()
        return NOTHING


def _job(record: ThreadQueued | ThreadStart | ThreadEnd) -> Job:
    return record.req, record.job, record.name
