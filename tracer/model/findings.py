"""What a reader should look at: plain rules over single events.

Each rule is a kind, a condition and a severity. The event that proves it is
kept with it, and its explanation is the finding's sentence.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from tracer.events.log import Record


class Severity(Enum):
    """How bad it is: ERROR broke something, WARNING may have."""

    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that fired.

    Attributes:
        rule: Id of the rule, the same in every version.
        severity: How bad it is.
        req: The request it is about, if it is about one.
        proof: The event that shows it.
    """

    rule: str
    severity: Severity
    req: int | None
    proof: Record


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: an event of `kind` for which `holds` is true."""

    id: str
    kind: str
    severity: Severity
    holds: Callable[[Any], bool]


def _always(_: object) -> bool:
    return True


RULES = (
    Rule("app-exception", "app.exception", Severity.ERROR, _always),
    Rule(
        "response-incomplete",
        "run_asgi.end",
        Severity.ERROR,
        lambda e: e.branch in {"no response", "incomplete", "returned a value"},
    ),
    Rule("send-rejected", "send.rejected", Severity.ERROR, _always),
    Rule("client-left", "client.disconnected", Severity.WARNING, _always),
    Rule("not-http", "h11.error", Severity.WARNING, _always),
    Rule("limit-rejected", "limit.rejected", Severity.WARNING, _always),
    Rule("lifespan-failed", "lifespan.startup.failed", Severity.ERROR, _always),
    Rule("listen-failed", "listen.failed", Severity.ERROR, _always),
    Rule("events-dropped", "dropped", Severity.WARNING, _always),
)

_BY_KIND: dict[str, tuple[Rule, ...]] = {
    rule.kind: tuple(each for each in RULES if each.kind == rule.kind)
    for rule in RULES
}

RULED = frozenset(_BY_KIND)
"""Kinds that some rule is about."""


def findings_in(record: Record, req: int | None) -> tuple[Finding, ...]:
    """The findings that one record proves, mostly none.

    Args:
        record: Any record.
        req: The request that it belongs to.
    """
    return tuple(
        Finding(rule.id, rule.severity, req, record)
        for rule in _BY_KIND.get(record.kind, ())
        if rule.holds(record)
    )
