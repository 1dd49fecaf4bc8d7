"""A blocked loop is a finding, made from its card.

Who held the loop and who waited meanwhile is settled in one place, by
`lanes`: whoever speaks of it says the same.
"""

from tracer.model.findings.finding import (
    Facts,
    Finding,
    Rule,
    Severity,
    finding,
)
from tracer.model.findings.watch import named
from tracer.model.lanes import Card

BLOCKED = Rule("loop-blocked", Severity.WARNING, "loop.blocked")


def blocked(card: Card) -> Finding:
    """Say what a card says.

    Args:
        card: A settled one.
    """
    block = card.block
    facts: Facts = {
        "ns": block.ns,
        "culprit": block.culprit,
        "requests": len(card.requests),
        "who": named(f"#{each}" for each in card.requests),
        "tick": card.tick,
        "many": card.many,
        "held_gil": block.held_gil,
        "over": block.over,
    }
    return finding(BLOCKED, block, facts=facts)
