"""A breakpoint, as it is written and as it is understood: kind and terms.

`endpoint.enter path=/items/*` is the grammar of `events.terms`, but for where
a request can be held at all, and what is known of it there.
"""

from fnmatch import fnmatchcase

from tracer.events import KINDS
from tracer.events.terms import FilterError, Term, read_term

BREAK_KEYS = ("kind", "path", "method", "req", "conn", "name")
"""`name` is what a stage calls itself: an endpoint, a middleware."""

HOLDABLE = (
    "data_received",
    "run_asgi.start",
    "run_asgi.end",
    "receive.call",
    "receive.return",
    "send.call",
    "send.return",
    "app.enter",
    "app.exit",
    "middleware.enter",
    "middleware.exit",
    "router.enter",
    "router.default",
    "route.handle",
    "dependency.enter",
    "dependency.exit",
    "endpoint.enter",
    "endpoint.exit",
    "response.call",
    "background.start",
    "background.end",
    "exception.handled",
)
"""Kinds at which a request can stand: behind each there is an await, or, at
the first, bytes that can wait. At all others our code may not suspend."""

UNKNOWN_YET = ("path", "method", "name")
"""What a connection's bytes don't tell before they are parsed."""

NEAREST = {
    "accept": "data_received",
    "protocol.created": "data_received",
    "tls.handshake": "data_received",
    "tls.failed": "data_received",
    "connection_made": "data_received",
    "keepalive.cancelled": "data_received",
    "h11.event": "data_received",
    "h11.error": "data_received",
    "bytes": "data_received",
    "proxy.headers": "run_asgi.start",
    "scope.built": "run_asgi.start",
    "upgrade.decision": "run_asgi.start",
    "limit.check": "run_asgi.start",
    "limit.rejected": "run_asgi.start",
    "cycle.created": "run_asgi.start",
    "task.created": "run_asgi.start",
    "task.started": "run_asgi.start",
    "task.done": "run_asgi.end",
    "cycle.released": "run_asgi.end",
    "app.exception": "run_asgi.end",
    "body.buffered": "receive.return",
    "client.disconnected": "receive.return",
    "continue.sent": "receive.return",
    "continue.dropped": "send.call",
    "access.log": "send.return",
    "response.start": "send.return",
    "response.complete": "send.return",
    "h11.send": "send.return",
    "transport.write": "send.return",
    "transport.close": "send.return",
    "conn.decision": "send.return",
    "keepalive.armed": "send.return",
    "ws.handshake": "send.return",
    "ws.fragment": "receive.return",
    "ws.message": "receive.return",
    "ws.ping": "data_received",
    "ws.pong": "data_received",
    "ws.close": "receive.return",
    "ws.limit": "data_received",
    "protocol.switched": "run_asgi.start",
    "stack.built": "app.enter",
    "scope.changed": "middleware.enter",
    "route.match": "route.handle",
    "router.redirect": "response.call",
    "thread.queued": "endpoint.enter",
    "thread.start": "endpoint.enter",
    "thread.end": "endpoint.exit",
    "line": "endpoint.enter",
    "exception.raised": "exception.handled",
}
"""Where to break instead: the next stage that can be held, mostly."""


def parse_break(text: str) -> tuple[Term, ...]:
    """Read the terms of a breakpoint.

    Raises:
        FilterError: No kind, one at which nobody can be held, or a key of
            which nothing is known there.
    """
    terms = tuple(
        read_term(word, BREAK_KEYS, "breakpoint") for word in text.split()
    )
    kinds = kinds_of(terms)
    asked = [each for each in terms if each.key == "kind" and each.wanted]
    if not asked:
        raise FilterError(
            "a breakpoint begins with the kind of event to hold at, such as"
            " endpoint.enter"
        )
    if not kinds:
        raise FilterError(_why_not(asked[0].globs))
    early = [each.key for each in terms if each.key in UNKNOWN_YET]
    if kinds == {"data_received"} and early:
        raise FilterError(
            f"at data_received no {early[0]} is known yet: break at"
            " run_asgi.start"
        )
    return terms


def kinds_of(terms: tuple[Term, ...]) -> frozenset[str]:
    """Give the kinds at which these terms can hold somebody."""
    about = [each for each in terms if each.key == "kind"]
    return frozenset(
        kind for kind in HOLDABLE if all(each.holds(kind) for each in about)
    )


def _why_not(globs: tuple[str, ...]) -> str:
    kind = next(
        each for each in KINDS for glob in globs if fnmatchcase(each, glob)
    )
    if kind in HOLDABLE:
        return "no kind is left to hold at"
    nearest = NEAREST.get(kind)
    if nearest is None:
        can = ", ".join(HOLDABLE)
        return f"nobody can be held at {kind}; it is possible at {can}"
    return (
        f"nobody can be held at {kind}, where nothing may wait; the nearest"
        f" stage that can is {nearest}"
    )
