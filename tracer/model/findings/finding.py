"""What a rule is, and what it gives when it fires: plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType

from tracer.events.log import Record

Facts = Mapping[str, str | int | float]
"""What a finding's sentence is filled with, by the names of its slots."""


NONE: Facts = MappingProxyType({})


class Severity(Enum):
    """How bad it is: ERROR broke something, WARNING may have, INFO tells."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"

    @property
    def rank(self) -> int:
        """0 for the mildest."""
        return tuple(Severity).index(self)


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that is looked for.

    Attributes:
        id: The same in every version.
        severity: How bad it is.
        explains: The kind whose explanation says more.
        inferred: Whether it is concluded from what was seen, and not seen
            itself.
    """

    id: str
    severity: Severity
    explains: str
    inferred: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that fired.

    Attributes:
        rule: Id of the rule.
        severity: How bad it is.
        req: The request it is about, if it is about one.
        conn: The connection it is about, if it is about one.
        proofs: The events that show it, in the order in which they came.
        facts: What the sentence says of this very case.
    """

    rule: str
    severity: Severity
    req: int | None
    conn: int | None
    proofs: tuple[Record, ...]
    facts: Facts = field(default_factory=dict)

    @property
    def proof(self) -> Record:
        """The event that settled it."""
        return self.proofs[-1]


def finding(
    rule: Rule, *proofs: Record, facts: Facts = NONE, req: int | None = None
) -> Finding:
    """Make a finding of a rule.

    Args:
        rule: The one that fired.
        proofs: As in `Finding`, one at least.
        facts: As in `Finding`.
        req: Whose request it is, where none of the proofs knows.
    """
    conn = None
    for proof in proofs:
        req = proof.req if proof.req is not None else req
        conn = proof.conn if proof.conn is not None else conn
    return Finding(rule.id, rule.severity, req, conn, proofs, facts)
