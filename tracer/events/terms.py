"""One grammar to pick requests and events: `path=/items/* status=4xx`.

Terms are separated by blanks, and all must hold. A term is `key=value`, with
`!` in front of it for the contrary; a value may hold `*`, and alternatives
stand between commas. A bare word is short for a term: `/items/*` for a path,
`404` or `4xx` for a status, `GET` for a method, anything else for a kind.
Filters, breakpoints and searches are all written so.
"""

import re
from fnmatch import fnmatchcase

import msgspec

from tracer.events import KINDS

REQUEST_KEYS = ("path", "status", "method", "req", "conn", "route")
EVENT_KEYS = ("kind", "layer", "thread", "task", "turn")

_STATUS = re.compile(r"[1-5](\d\d|xx)")
_METHOD = re.compile(r"[A-Z]{3,}")


class FilterError(ValueError):
    """A filter that makes no sense, and why: one sentence for its user."""


class Term(msgspec.Struct, frozen=True, array_like=True):
    """One condition: the value under `key` fits one of `globs`, or not.

    Source: ours.
    """

    key: str
    globs: tuple[str, ...]
    wanted: bool = True

    def holds(self, value: object) -> bool:
        """Whether a value fits; None fits nothing."""
        text = "" if value is None else str(value)
        fits = any(fnmatchcase(text, each) for each in self.globs)
        return fits is self.wanted


def parse_terms(text: str) -> tuple[Term, ...]:
    """Read the terms of one line.

    Raises:
        FilterError: An unknown key, an empty value, or a kind that no event
            has.
    """
    keys = REQUEST_KEYS + EVENT_KEYS
    return tuple(read_term(word, keys) for word in text.split())


def read_term(word: str, keys: tuple[str, ...], what: str = "filter") -> Term:
    """Read one term, whose key must be one of `keys`.

    Args:
        word: Without blanks.
        keys: Those that make sense.
        what: What is being written.

    Raises:
        FilterError: It is another, there is no value, or no such kind.
    """
    wanted = not word.startswith("!")
    key, equals, value = word.removeprefix("!").partition("=")
    if not equals:
        key, value = _key_of(key), key
    if key not in keys:
        known = ", ".join(keys)
        raise FilterError(f"no {what} key {key!r}: the keys are {known}")
    globs = tuple(each for each in value.split(",") if each)
    if not globs:
        raise FilterError(f"the {what} {word!r} has no value after {key!r}")
    if key == "kind":
        _check_kinds(globs)
    if key == "status":
        globs = tuple(each.replace("x", "?") for each in globs)
    if key == "method":
        globs = tuple(each.upper() for each in globs)
    return Term(key, globs, wanted)


def _key_of(bare: str) -> str:
    if bare.startswith("/"):
        return "path"
    if _STATUS.fullmatch(bare.partition(",")[0]):
        return "status"
    if _METHOD.fullmatch(bare.partition(",")[0]):
        return "method"
    return "kind"


def _check_kinds(globs: tuple[str, ...]) -> None:
    for glob in globs:
        if not any(fnmatchcase(kind, glob) for kind in KINDS):
            raise FilterError(
                f"no event has the kind {glob!r}: a kind looks like"
                " 'route.match' or 'send.*', a path begins with '/'"
            )
