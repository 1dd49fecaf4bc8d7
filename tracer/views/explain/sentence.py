"""A sentence with slots, and an event, become one line of text.

Sentences are written in the files beside this one, with `{field}` and
`{field:how}` in them. What a value looks like is decided here; which words go
with it stands in the language's file. It knows no event by name.
"""

import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

Safe = Callable[[object], str]
"""Makes a text from outside harmless to draw."""

SHOWN = 3
"""Items of a list that are named; of more, the number is given."""

STEPS = ((1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs"))
"""Units of time above the nanosecond, and how many of these they hold."""


@dataclass(frozen=True, slots=True)
class Words:
    """What a language needs to write values.

    Source: ours.
    """

    comma: str
    """Stands between the items of a list."""
    nothing: str
    """Stands for None and for an empty list."""
    units: Mapping[str, tuple[str, ...]]
    """By name: the form for one, and the form for more, where it differs."""
    items: "Mapping[str, Mapping[str, Sentence]]"
    """By name: how to write an item that is a tuple, by its first value.

    Its slots are numbers: the values of the item. `other` is for items that
    no case fits, or that have no value for one of the slots.
    """


@dataclass(frozen=True, slots=True)
class Slot:
    """A place in a sentence that a field of the event fills.

    Source: ours.
    """

    field: str
    how: str
    """`number`, `duration`, `list`, a unit, a form of items, or empty."""


Sentence = tuple[str | Slot, ...]


@dataclass(frozen=True, slots=True)
class Choice(Generic[T]):
    """Several things to say, one for each value of a field.

    Source: ours.
    """

    by: str
    cases: "Mapping[str, T | Choice[T]]"


def pick(said: T | Choice[T], event: object) -> T | None:
    """Choose by the event's values until one thing is left to say.

    Returns:
        None where no case fits, and there is no `else`.
    """
    found: T | Choice[T] | None = said
    while isinstance(found, Choice):
        case = _case(getattr(event, found.by, None))
        found = found.cases.get(case, found.cases.get("else"))
    return found


def _case(value: object) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:g}"
        case tuple() | list() | dict():
            return "else" if value else "empty"
        case _:
            return str(value)


def parse(text: str) -> Sentence:
    """Take a sentence apart into its texts and its slots.

    Raises:
        ValueError: Its braces don't match.

    Source: Python, "Format String Syntax", for the braces only.
    """
    parts: list[str | Slot] = []
    for before, field, how, _ in string.Formatter().parse(text):
        if before:
            parts.append(before)
        if field is not None:
            parts.append(Slot(field, how or ""))
    return tuple(parts)


def fill(sentence: Sentence, event: object, words: Words, safe: Safe) -> str:
    """Put the event's values into a sentence.

    A value is put in once and not looked at again, so braces in it stay
    braces. Every text goes through `safe`, and its lines become one.
    """
    return "".join(
        part
        if isinstance(part, str)
        else _written(getattr(event, part.field, None), part.how, words, safe)
        for part in sentence
    )


def _written(value: object, how: str, words: Words, safe: Safe) -> str:
    match value:
        case _ if how in words.units:
            return _with_unit(value, words.units[how], words)
        case None:
            return words.nothing
        case tuple() | list() if how in words.items:
            forms = words.items[how]
            return _listed([_item(v, forms) for v in value], words, safe)
        case tuple() | list() | dict():
            return _listed(tuple(value), words, safe)
        case int() if how == "duration":
            return duration(value)
        case int() if how == "number":
            return f"{value:,}"
        case int():
            return str(value)
        case float():
            return f"{value:g}"
        case _:
            return _one_line(value, safe)


def _item(value: object, forms: "Mapping[str, Sentence]") -> str:
    """Write an item that is a tuple in the form that its first value has."""
    values = value if isinstance(value, tuple | list) else (value,)
    known = {str(place): each for place, each in enumerate(values)}
    form = forms.get(_case(known.get("0")), forms["other"])
    slots = [part.field for part in form if isinstance(part, Slot)]
    if any(known.get(each) is None for each in slots):
        form = forms["other"]
    return "".join(
        part if isinstance(part, str) else str(known.get(part.field, ""))
        for part in form
    )


def _one_line(value: object, safe: Safe) -> str:
    lines = (line.strip() for line in str(value).splitlines())
    return safe(" ".join(line for line in lines if line))


def _listed(items: Sequence[object], words: Words, safe: Safe) -> str:
    if not items:
        return words.nothing
    shown = words.comma.join(_one_line(each, safe) for each in items[:SHOWN])
    rest = len(items) - SHOWN
    return f"{shown}{words.comma}+{rest}" if rest > 0 else shown


def _with_unit(value: object, forms: Sequence[str], words: Words) -> str:
    match value:
        case int() | float():
            n = value
        case tuple() | list() | dict():
            n = len(value)
        case _:
            return words.nothing
    form = forms[0] if n == 1 else forms[-1]
    return form.replace("{n}", f"{n:,}" if isinstance(n, int) else f"{n:,g}")


def duration(ns: int) -> str:
    """Nanoseconds as a person says them: `850 ns`, `4.5 ms`, `12 s`."""
    for size, unit in STEPS:
        if ns >= size:
            digits = 1 if ns < 10 * size else 0
            return f"{ns / size:,.{digits}f} {unit}"
    return f"{ns} ns"
