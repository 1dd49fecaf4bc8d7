"""A task that a request began, and that is still at work after its end."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from tracer.events import RunAsgiEnd, TaskCreated, TaskDone
from tracer.events.log import Record
from tracer.model.findings.finding import Finding, Rule, Severity, finding
from tracer.model.findings.watch import (
    CLOCK,
    MS,
    NOTHING,
    Memory,
    Sees,
    Watch,
)

GRACE = 50 * MS
"""A task may take so long to end after its request, cancelled perhaps."""

_NUMBERED = re.compile(r"Task-\d+")


@dataclass(slots=True)
class TaskWatch(Watch):
    """Tasks whose request is over while they are not.

    Nobody in the request can await them any more. Whether somebody else
    holds them, the events don't tell.
    """

    outlived: ClassVar = Rule(
        "task-outlived-request", Severity.WARNING, "task.created", inferred=True
    )
    rules: ClassVar[tuple[Rule, ...]] = (outlived,)

    made: Memory[int, dict[int, TaskCreated]] = field(default_factory=Memory)
    """By request, the tasks that it began and that are not done."""
    left: Memory[int, tuple[TaskCreated, Record]] = field(
        default_factory=Memory
    )
    """By task: those left over, with the end of their request."""

    def sees(self) -> Mapping[str, Sees]:
        return {
            "task.created": self._created,
            "task.done": self._done,
            "run_asgi.end": self._ended,
            **dict.fromkeys(CLOCK, self._later),
        }

    def _created(
        self, record: TaskCreated, req: int | None
    ) -> Iterable[Finding]:
        # Without a parent it is the request's own, which the server made.
        if record.req is not None and record.parent is not None:
            tasks = self.made.get(record.req)
            if tasks is None:
                tasks = self.made.keep(record.req, {})
            tasks[record.id] = record
        return NOTHING

    def _done(self, record: TaskDone, req: int | None) -> Iterable[Finding]:
        tasks = self.made.get(record.req or 0)
        if tasks is not None:
            tasks.pop(record.id, None)
        if not self.left:
            return NOTHING
        pair = self.left.pop(record.id, None)
        if pair is None or record.t - pair[1].t < GRACE:
            return NOTHING
        return (self._told(*pair),)

    def _ended(self, record: RunAsgiEnd, req: int | None) -> Iterable[Finding]:
        if record.req is not None:
            for number, task in self.made.pop(record.req, {}).items():
                self.left.keep(number, (task, record))
        return NOTHING

    def _later(self, record: Record, req: int | None) -> Iterable[Finding]:
        return self.end(record.t) if self.left else NOTHING

    def end(self, t: int) -> Iterable[Finding]:
        late = [n for n, (_, end) in self.left.items() if t - end.t >= GRACE]
        return [self._told(*self.left.pop(number)) for number in late]

    def _told(self, task: TaskCreated, end: Record) -> Finding:
        # Names that a library gives say more than its coroutines do; asyncio's
        # own are numbers.
        named = task.name and not _NUMBERED.fullmatch(task.name)
        name = task.name if named else task.coro
        return finding(self.outlived, task, end, facts={"name": name})
