"""A server that means to end, and whom it waits for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from tracer.events import RunAsgiEnd, ScopeBuilt, ShutdownStep
from tracer.events.log import Record
from tracer.model.findings.finding import (
    Facts,
    Finding,
    Rule,
    Severity,
    finding,
)
from tracer.model.findings.watch import (
    CLOCK,
    MS,
    NOTHING,
    Memory,
    Sees,
    Watch,
    named,
)

LONG = 500 * MS
"""A wait that a person notices."""

WAITS = frozenset({"wait_connections", "wait_tasks"})
"""Steps that end only when somebody else does."""


@dataclass(slots=True)
class ShutdownWatch(Watch):
    """For whom a shutdown waits."""

    waited: ClassVar = Rule(
        "shutdown-waited", Severity.WARNING, "shutdown.step"
    )
    rules: ClassVar[tuple[Rule, ...]] = (waited,)

    running: Memory[int, ScopeBuilt] = field(default_factory=Memory)
    step: ShutdownStep | None = None

    def sees(self) -> Mapping[str, Sees]:
        return {
            "scope.built": self._came,
            "run_asgi.end": self._went,
            "shutdown.step": self._stepped,
            "lifespan.shutdown": self._over,
            "server.stopped": self._over,
            **dict.fromkeys(CLOCK, self._later),
        }

    def _came(self, record: ScopeBuilt, req: int | None) -> Iterable[Finding]:
        if record.req is not None:
            self.running.keep(record.req, record)
        return NOTHING

    def _went(self, record: RunAsgiEnd, req: int | None) -> Iterable[Finding]:
        found = self._later(record, req)
        self.running.pop(record.req or 0, None)
        return found

    def _stepped(
        self, record: ShutdownStep, req: int | None
    ) -> Iterable[Finding]:
        found = self._later(record, req)
        waits = record.step in WAITS and record.waiting > 0
        self.step = record if waits else None
        return found

    def _over(self, record: Record, req: int | None) -> Iterable[Finding]:
        found = self._later(record, req)
        self.step = None
        return found

    def _later(self, record: Record, req: int | None) -> Iterable[Finding]:
        return NOTHING if self.step is None else self.end(record.t)

    def end(self, t: int) -> Iterable[Finding]:
        step = self.step
        if step is None or t - step.t < LONG:
            return NOTHING
        self.step = None
        who = [f"#{n} {s.method} {s.path}" for n, s in self.running.items()]
        facts: Facts = {
            "step": step.step,
            "waiting": step.waiting,
            "ns": t - step.t,
            "who": named(who),
        }
        return (finding(self.waited, step, facts=facts),)
