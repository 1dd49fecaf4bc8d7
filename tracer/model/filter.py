"""One grammar to pick requests and events: `path=/items/* status=4xx`.

Terms are separated by blanks, and all must hold. A term is `key=value`, with
`!` in front of it for the contrary; a value may hold `*`, and alternatives
stand between commas. A bare word is short for a term: `/items/*` for a path,
`404` or `4xx` for a status, `GET` for a method, anything else for a kind.
"""

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase

from tracer.events import KINDS
from tracer.events.log import Record
from tracer.model.requests import OVER, Request

REQUEST_KEYS = ("path", "status", "method", "req", "conn", "route")
EVENT_KEYS = ("kind", "layer", "thread", "task", "turn")

_STATUS = re.compile(r"[1-5](\d\d|xx)")
_METHOD = re.compile(r"[A-Z]{3,}")


class FilterError(ValueError):
    """A filter that makes no sense, and why: one sentence for its user."""


@dataclass(frozen=True, slots=True)
class Term:
    """One condition: the value under `key` fits one of `globs`, or not."""

    key: str
    globs: tuple[str, ...]
    wanted: bool = True

    def holds(self, value: object) -> bool:
        """Whether a value fits; None fits nothing."""
        text = "" if value is None else str(value)
        fits = any(fnmatchcase(text, each) for each in self.globs)
        return fits is self.wanted


@dataclass(frozen=True, slots=True)
class Filter:
    """Terms about requests and terms about events, from one line of text."""

    requests: tuple[Term, ...] = ()
    events: tuple[Term, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.requests or self.events)

    @property
    def needs_status(self) -> bool:
        """Whether a request can't be judged before its response starts."""
        return any(term.key == "status" for term in self.requests)

    @property
    def names_events(self) -> bool:
        """Whether kinds or layers are asked for by name."""
        return any(
            term.wanted and term.key in {"kind", "layer"}
            for term in self.events
        )

    def judge(self, request: Request) -> bool | None:
        """Whether a request is asked for; None: that isn't known yet."""
        known = [_is_known(request, term.key) for term in self.requests]
        for term, is_known in zip(self.requests, known, strict=True):
            if is_known and not term.holds(_request_value(request, term.key)):
                return False
        return True if all(known) else None

    def wants_request(self, request: Request) -> bool:
        """Whether a request, as it stands now, is asked for."""
        return all(
            term.holds(_request_value(request, term.key))
            for term in self.requests
        )

    def wants_event(self, record: Record) -> bool:
        """Whether an event of a wanted request is asked for."""
        return all(
            term.holds(getattr(record, term.key, None)) for term in self.events
        )


def _request_value(request: Request, key: str) -> object:
    match key:
        case "req":
            return request.number
        case "route":
            # A route's name begins with its methods, and has a blank then.
            return request.route.rpartition(" ")[2]
        case _:
            return getattr(request, key)


def _is_known(request: Request, key: str) -> bool:
    """Whether the value under a key is there, or will never be."""
    match key:
        case _ if request.outcome in OVER:
            return True
        case "path" | "method":
            return bool(request.method)
        case "status":
            return request.status is not None
        case "route":
            return bool(request.route) or request.status is not None
        case _:
            return True


def parse_filter(text: str) -> Filter:
    """Read a filter.

    Raises:
        FilterError: An unknown key, an empty value, or a kind that no event
            has.
    """
    terms = [_term(word) for word in text.split()]
    return Filter(
        tuple(each for each in terms if each.key in REQUEST_KEYS),
        tuple(each for each in terms if each.key in EVENT_KEYS),
    )


def _term(word: str) -> Term:
    wanted = not word.startswith("!")
    key, equals, value = word.removeprefix("!").partition("=")
    if not equals:
        key, value = _key_of(key), key
    if key not in REQUEST_KEYS + EVENT_KEYS:
        known = ", ".join(REQUEST_KEYS + EVENT_KEYS)
        raise FilterError(f"no filter key {key!r}: the keys are {known}")
    globs = tuple(each for each in value.split(",") if each)
    if not globs:
        raise FilterError(f"the filter {word!r} has no value after {key!r}")
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
