"""A line of terms, see `events.terms`, judges requests and their events."""

from dataclasses import dataclass

from tracer.events.log import Record
from tracer.events.terms import (
    EVENT_KEYS,
    REQUEST_KEYS,
    FilterError,
    Term,
    parse_terms,
)
from tracer.model.requests import OVER, Request

__all__ = ["Filter", "FilterError", "Term", "parse_filter"]


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
    terms = parse_terms(text)
    return Filter(
        tuple(each for each in terms if each.key in REQUEST_KEYS),
        tuple(each for each in terms if each.key in EVENT_KEYS),
    )
