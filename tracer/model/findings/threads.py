"""A sync function that had to wait, since all worker threads were taken."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from tracer.events import ThreadEnd, ThreadQueued, ThreadStart
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


@dataclass(slots=True)
class ThreadWatch(Watch):
    """Who waited for a thread while none was free.

    A thread that comes late though one was free is the machine's doing, and
    no finding.
    """

    waited: ClassVar = Rule("thread-waited", Severity.WARNING, "thread.queued")
    rules: ClassVar[tuple[Rule, ...]] = (waited,)

    queued: Memory[Job, ThreadQueued] = field(default_factory=Memory)

    def sees(self) -> Mapping[str, Sees]:
        return {
            "thread.queued": self._queued,
            "thread.start": self._started,
            "thread.end": self._ended,
        }

    def _queued(
        self, record: ThreadQueued, req: int | None
    ) -> Iterable[Finding]:
        if record.borrowed >= record.total:
            self.queued.keep((record.req, record.job, record.name), record)
        return NOTHING

    def _started(
        self, record: ThreadStart, req: int | None
    ) -> Iterable[Finding]:
        if not self.queued:
            return NOTHING
        job = record.req, record.job, record.name
        asked = self.queued.pop(job, None)
        if asked is None or record.queued < LONG:
            return NOTHING
        facts: Facts = {
            "name": record.name,
            "ns": record.queued,
            "total": asked.total,
        }
        return (finding(self.waited, asked, record, facts=facts),)

    def _ended(self, record: ThreadEnd, req: int | None) -> Iterable[Finding]:
        if self.queued:  # cancelled before it had one
            self.queued.pop((record.req, record.job, record.name), None)
        return NOTHING
