"""What a reader should look at: small rules over the events.

Read `finding` (what a rule and a finding are), then `single`, the rules that
one event proves alone, and `blocked`, which reads a card of the loop's lanes.
All others remember something, and stand in a file for each theme: `threads`,
`tasks`, `body`, `leaving`, `response`, `layers`, `routing` (with `paths`),
`sockets`, `idle`, `shutdown`. `watch` is what they share, and `fold` puts them
together. The sentences are with the explanations.
"""

from tracer.model.findings.blocked import blocked
from tracer.model.findings.finding import Facts, Finding, Rule, Severity
from tracer.model.findings.fold import RULED, RULES, Findings

__all__ = [
    "RULED",
    "RULES",
    "Facts",
    "Finding",
    "Findings",
    "Rule",
    "Severity",
    "blocked",
]
