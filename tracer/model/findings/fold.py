"""Records in, findings out: each kind's records go to those who watch it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tracer.events.log import Record
from tracer.model.findings.blocked import BLOCKED
from tracer.model.findings.body import BodyWatch
from tracer.model.findings.finding import Finding, Rule
from tracer.model.findings.idle import IdleWatch
from tracer.model.findings.layers import LayerWatch
from tracer.model.findings.leaving import LeavingWatch
from tracer.model.findings.response import ResponseWatch
from tracer.model.findings.routing import RoutingWatch
from tracer.model.findings.shutdown import ShutdownWatch
from tracer.model.findings.single import SingleWatch
from tracer.model.findings.sockets import SocketWatch
from tracer.model.findings.tasks import TaskWatch
from tracer.model.findings.threads import ThreadWatch
from tracer.model.findings.watch import NOTHING, Sees, Watch, copied

WATCHES: tuple[type[Watch], ...] = (
    SingleWatch,
    ThreadWatch,
    TaskWatch,
    BodyWatch,
    LeavingWatch,
    ResponseWatch,
    LayerWatch,
    RoutingWatch,
    SocketWatch,
    IdleWatch,
    ShutdownWatch,
)

RULES: dict[str, Rule] = {
    rule.id: rule
    for rules in (*(watch.rules for watch in WATCHES), (BLOCKED,))
    for rule in rules
}
"""Every rule there is, by its id; `BLOCKED` looks at cards, not at records."""


def _watches() -> tuple[Watch, ...]:
    return tuple(make() for make in WATCHES)


RULED: frozenset[str] = frozenset(
    kind for watch in _watches() for kind in watch.sees()
)
"""Kinds that some rule is about; no other record need be shown to `see`."""


@dataclass(slots=True)
class Findings:
    """Watches a trace, record by record."""

    watches: tuple[Watch, ...] = field(default_factory=_watches)
    _sees: dict[str, tuple[Sees, ...]] = field(
        init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        by_kind: dict[str, list[Sees]] = {}
        for watch in self.watches:
            for kind, see in watch.sees().items():
                by_kind.setdefault(kind, []).append(see)
        self._sees = {kind: tuple(each) for kind, each in by_kind.items()}

    def see(self, record: Record, req: int | None) -> Sequence[Finding]:
        """Take one record, and say what it settles: mostly nothing.

        Args:
            record: The next one of the log, made safe.
            req: The request that it belongs to.
        """
        found: list[Finding] = []
        for see in self._sees.get(record.kind, ()):
            if (seen := see(record, req)) is not NOTHING:
                found += seen
        return found or NOTHING

    def end(self, t: int) -> Iterable[Finding]:
        """Say what is still open, when no more will come.

        Args:
            t: The newest time of the trace.
        """
        return [each for watch in self.watches for each in watch.end(t)]

    def copy(self) -> "Findings":
        """One of its own that remembers the same."""
        return Findings(tuple(copied(each) for each in self.watches))
