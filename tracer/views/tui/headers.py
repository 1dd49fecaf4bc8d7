"""The headers both ways; of the response's, who added each one."""

from collections.abc import Hashable, Iterable
from typing import ClassVar

from tracer.events import CycleCreated, ResponseStart, ScopeBuilt
from tracer.views.tui.moment import Moment
from tracer.views.tui.pieces import Line, fit, pad
from tracer.views.tui.rows import Rows, played_of

ORIGINS = {
    "tick": "server",
    "config": "server",
    "app": "app",
    "mirrored": "connection",
    "h11": "h11",
    "wsproto": "h11",
    "server": "server",
}
"""Who added a header -> the look of the word."""

ERRORS = 400
"""Statuses from here on say that something went wrong."""


class Headers(Rows):
    """Request headers as they came, response headers with their origin."""

    HELP: ClassVar[str] = """
### Headers

Of the response's headers, the word on the left says who added each:
**tick** the server's once-a-second tick (`date`), **config** its
configuration, **app** the app and its middleware, **mirrored** the request
asked for it, **h11** (or **wsproto**, for a WebSocket) the parser put it in
when writing, **server** the server's own answer.

Nobody can change them after `http.response.start`.
"""

    def key(self, moment: Moment) -> Hashable:
        return tuple(
            played_of(moment, "scope.built", "response.start", "cycle.created")
        )

    def rows(self, moment: Moment, width: int) -> Iterable[Line]:
        scope = response = defaults = None
        for record in moment.played:
            match record:
                case ScopeBuilt():
                    scope = record
                case CycleCreated():
                    defaults = record
                case ResponseStart():
                    response = record
                case _:
                    pass
        yield (("request", "strong"),)
        for name, value in scope.headers if scope else ():
            yield _header(name, value, width)
        if scope is None:
            yield (("not parsed yet", "muted"),)
        yield ()
        if response is not None:
            yield from _response(response, width)
            return
        yield (("response ", "strong"), ("not started", "muted"))
        for name, value in defaults.default_headers if defaults else ():
            yield (("waiting  ", "faint"), *_header(name, value, width - 9))


def _response(response: ResponseStart, width: int) -> Iterable[Line]:
    look = "good" if response.status < ERRORS else "bad"
    yield (("response ", "strong"), (str(response.status), look))
    for name, value, origin in response.headers:
        whose = (pad(origin, 9), ORIGINS.get(origin, "muted"))
        yield (whose, *_header(name, value, width - 9))


def _header(name: str, value: str, width: int) -> Line:
    return (
        (name, "cycle"),
        (": ", "muted"),
        (fit(value, max(width - len(name) - 2, 8)), ""),
    )
