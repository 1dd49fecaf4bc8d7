"""What all watches share: how they are asked, and how much they remember.

A watch sees the events of some kinds, remembers a little, and says what it
found. It never looks back at the trace, so that a running server and a
recording, read in pieces of any size, give the same findings.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, ClassVar, TypeVar

from tracer.model.findings.finding import Finding, Rule

Sees = Callable[[Any, int | None], Iterable[Finding]]
"""Takes a record of the kind it is there for, and whose request it is."""

NOTHING: tuple[Finding, ...] = ()

CLOCK = ("tick", "loop.select")
"""Kinds that come again and again: by them a watch sees time go by."""

MANY = 10_000
"""Things that a watch remembers at a time; the oldest are forgotten."""

MS = 1_000_000

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")
T = TypeVar("T")


class Watch:
    """Rules that look at the same events, and what they remember of them."""

    rules: ClassVar[tuple[Rule, ...]]

    def sees(self) -> Mapping[str, Sees]:
        """Who takes the records of a kind, by kind."""
        raise NotImplementedError

    def end(self, t: int) -> Iterable[Finding]:
        """Say what was still open when the trace ended.

        Args:
            t: The newest time that is known.
        """
        return NOTHING


class Memory(dict[Key, Value]):
    """The newest things that are remembered, `MANY` at most."""

    def keep(self, key: Key, value: Value) -> Value:
        """Remember a thing; give it back."""
        if key not in self and len(self) >= MANY:
            del self[next(iter(self))]
        self[key] = value
        return value


def copied(value: T) -> T:
    """A copy that later events don't touch.

    What can grow is copied at any depth, records and texts are shared.
    """
    made: Any = value
    if isinstance(value, dict):
        made = type(value)({k: copied(each) for k, each in value.items()})
    elif isinstance(value, list):
        made = [copied(each) for each in value]
    elif isinstance(value, set):
        made = set(value)
    elif is_dataclass(value) and not _is_frozen(value):
        parts = {f.name: copied(getattr(made, f.name)) for f in fields(value)}
        made = type(made)(**parts)
    return made  # type: ignore[no-any-return]  # the same type as it came


def _is_frozen(value: object) -> bool:
    params = getattr(type(value), "__dataclass_params__", None)
    return bool(params and params.frozen)


def named(names: Iterable[str], shown: int = 3) -> str:
    """Several names as one text: the first few, and how many more."""
    each = list(dict.fromkeys(names))
    more = len(each) - shown
    text = ", ".join(each[:shown])
    return f"{text}, +{more}" if more > 0 else text
