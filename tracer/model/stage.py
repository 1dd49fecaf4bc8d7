"""Where on the rail an event stands.

A request goes out through boxes (accept, data, h11, cycle, each middleware,
router, endpoint) and comes back through the same ones. One table says which
kind of event belongs to which box, and on which of the two lanes.
"""

from dataclasses import dataclass
from enum import Enum

from tracer.events import (
    AppEnter,
    EndpointEnter,
    ExceptionHandled,
    MiddlewareEnter,
    MiddlewareExit,
    RouterEnter,
)
from tracer.events.log import Record


class Leg(Enum):
    """Which lane: OUT to the endpoint (above), BACK to the client (below)."""

    OUT = "out"
    BACK = "back"


class Part(Enum):
    """What a box stands for."""

    ACCEPT = "accept"
    DATA = "data"
    H11 = "h11"
    CYCLE = "cycle"
    APP = "app"
    """An app whose inside can't be seen: any ASGI callable."""
    MIDDLEWARE = "middleware"
    ROUTER = "router"
    ENDPOINT = "endpoint"


@dataclass(frozen=True, slots=True)
class Box:
    """One box of a rail.

    Attributes:
        part: What it stands for.
        name: The app's own name for it; the part's where it has none.
        depth: Of a middleware, 0 is the outermost; counts the routers.
    """

    part: Part
    name: str
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Stop:
    """A place on the rail: the number of a box in it, and the lane."""

    box: int
    leg: Leg


SERVER_BOXES = tuple(
    Box(part, part.value)
    for part in (Part.ACCEPT, Part.DATA, Part.H11, Part.CYCLE)
)
"""Where every rail begins; the rest is the app's."""

PLACES: dict[Part | None, int] = {
    box.part: index for index, box in enumerate(SERVER_BOXES)
}
"""Where the server's boxes stand on every rail."""

OUTERMOST, INNERMOST = -1, 1 << 30
"""Depths of what is no middleware: outside of all, and inside of all."""

A, D, H, C, P, M, R, E = Part
OUT, BACK = Leg
HERE = None
"""In the table: where the request is anyway."""

STOPS: dict[str, tuple[Part | None, Leg | None]] = {
    "accept": (A, OUT),
    "protocol.created": (A, OUT),
    "tls.handshake": (A, OUT),
    "tls.failed": (A, OUT),
    "connection_made": (A, OUT),
    "protocol.switched": (A, OUT),
    "keepalive.cancelled": (HERE, HERE),
    "data_received": (D, OUT),
    "bytes": (D, HERE),
    "eof_received": (D, OUT),
    "read.paused": (D, OUT),
    "read.resumed": (D, OUT),
    "h11.event": (H, OUT),
    "h11.error": (H, OUT),
    "proxy.headers": (C, OUT),
    "scope.built": (C, OUT),
    "upgrade.decision": (C, OUT),
    "limit.check": (C, OUT),
    "limit.rejected": (C, OUT),
    "cycle.created": (C, OUT),
    "loop.blocked": (HERE, HERE),
    "selector.register": (HERE, HERE),
    "selector.unregister": (HERE, HERE),
    "task.created": (HERE, HERE),
    "task.started": (HERE, HERE),
    "task.suspended": (HERE, HERE),
    "task.resumed": (HERE, HERE),
    "task.done": (HERE, HERE),
    "task.lost": (HERE, HERE),
    "line": (HERE, HERE),
    "context.changed": (HERE, HERE),
    "scope.changed": (HERE, HERE),
    "held": (HERE, HERE),
    "released": (HERE, HERE),
    "body.buffered": (C, OUT),
    "body.ignored": (C, OUT),
    "run_asgi.start": (C, OUT),
    "receive.call": (C, OUT),
    "receive.return": (C, OUT),
    "app.enter": (P, OUT),
    "app.snapshot": (HERE, HERE),
    "stack.built": (HERE, HERE),
    "middleware.enter": (M, OUT),
    "router.enter": (R, OUT),
    "route.match": (R, OUT),
    "router.redirect": (R, OUT),
    "router.default": (R, OUT),
    "route.handle": (R, OUT),
    "dependency.enter": (E, OUT),
    "dependency.exit": (E, HERE),
    "endpoint.enter": (E, OUT),
    "thread.queued": (HERE, HERE),
    "thread.start": (HERE, HERE),
    "thread.end": (HERE, HERE),
    "exception.raised": (HERE, BACK),
    "endpoint.exit": (E, BACK),
    "response.call": (HERE, BACK),
    "background.start": (E, BACK),
    "background.end": (E, BACK),
    "exception.handled": (M, BACK),
    "middleware.exit": (M, BACK),
    "app.exit": (P, BACK),
    "send.call": (C, BACK),
    "send.return": (C, BACK),
    "send.rejected": (C, BACK),
    "send.dropped": (C, BACK),
    "continue.sent": (C, BACK),
    "continue.dropped": (C, BACK),
    "access.log": (C, BACK),
    "response.start": (C, BACK),
    "head.held": (C, BACK),
    "response.complete": (C, BACK),
    "app.exception": (C, BACK),
    "client.disconnected": (D, OUT),
    "run_asgi.end": (C, BACK),
    "cycle.released": (C, BACK),
    "h11.send": (H, BACK),
    "transport.write": (D, BACK),
    "write.paused": (D, BACK),
    "write.resumed": (D, BACK),
    "conn.decision": (C, BACK),
    "cycle.next": (H, BACK),
    "keepalive.armed": (A, BACK),
    "keepalive.fired": (A, BACK),
    "head.timeout": (H, OUT),
    "conn.shutdown": (A, BACK),
    "transport.close": (A, BACK),
    "connection_lost": (A, BACK),
    "app.output": (HERE, HERE),
    "app.log": (HERE, HERE),
    "ws.handshake": (C, BACK),
    "ws.fragment": (C, HERE),
    "ws.message": (C, HERE),
    "ws.ping": (HERE, HERE),
    "ws.pong": (HERE, HERE),
    "ws.timeout": (HERE, HERE),
    "ws.close": (C, HERE),
    "ws.limit": (C, HERE),
    "client.connected": (HERE, HERE),
    "client.refused": (HERE, HERE),
    "client.sent": (HERE, HERE),
    "client.first_byte": (HERE, HERE),
    "client.chunk": (HERE, HERE),
    "client.response": (HERE, HERE),
    "client.closed": (HERE, HERE),
}
"""Kind -> box and lane. A kind that isn't here is no request's business.

A task that is suspended, and a request that is held, stand where they stood;
for what, `Request.waits` and `Request.held` say. What the client does happens
beside the rail.
"""


MAKES_BOXES = frozenset(
    {"middleware.enter", "router.enter", "endpoint.enter", "app.enter"}
)
"""Kinds by which a box may be entered that the rail doesn't have."""

INSIDE = frozenset({"receive.call", "receive.return", "send.return"})
"""Kinds by which the app of an open WebSocket is at work again.

Of a request, the next stage will tell. A WebSocket's endpoint is entered once
and stays, however much is said: it is there that the messages come and go.
"""

_FIXED = {
    kind: Stop(PLACES[part], leg)
    for kind, (part, leg) in STOPS.items()
    if part in PLACES and leg is not HERE
}
"""The server's stops, made in advance: its boxes stand still."""

_STILL = frozenset(k for k, place in STOPS.items() if place == (HERE, HERE))
"""Kinds that move nothing."""


def with_box(
    rail: tuple[Box, ...], record: Record, depth: int
) -> tuple[Box, ...]:
    """The rail with the box that this record is the first to enter.

    Args:
        rail: The boxes so far, outermost first.
        record: What happened.
        depth: Depth of the innermost middleware that was entered and not yet
            left, -1 for none: a router stands right inside of it.
    """
    match record:
        case MiddlewareEnter():
            box = Box(Part.MIDDLEWARE, record.name, record.depth)
        case RouterEnter():
            box = Box(Part.ROUTER, Part.ROUTER.value, depth + 1)
        case EndpointEnter():
            box = Box(Part.ENDPOINT, record.name, INNERMOST)
        case AppEnter() if len(rail) == len(SERVER_BOXES):
            box = Box(Part.APP, record.name, OUTERMOST)
        case _:
            return rail
    return rail if box in rail else _inserted(rail, box)


def rail_of(layers: tuple[str, ...]) -> tuple[Box, ...]:
    """The rail that a request will meet, by the app's middleware stack.

    Args:
        layers: As in `stack.built`: outermost first, the router left out.
    """
    rings = tuple(
        Box(Part.MIDDLEWARE, name, depth) for depth, name in enumerate(layers)
    )
    router = Box(Part.ROUTER, Part.ROUTER.value, len(rings))
    endpoint = Box(Part.ENDPOINT, Part.ENDPOINT.value, INNERMOST)
    return (*SERVER_BOXES, *rings, router, endpoint)


def _inserted(rail: tuple[Box, ...], box: Box) -> tuple[Box, ...]:
    """Keep the app's boxes in order of depth, a router behind its rings.

    An app whose inside turns out to be visible gives its box up; what was
    only expected at the same place gives way to what came.
    """
    kept = [
        b
        for b in rail[len(SERVER_BOXES) :]
        if b.part is not Part.APP and (b.part, b.depth) != (box.part, box.depth)
    ]
    kept.append(box)
    kept.sort(key=lambda b: (b.depth, b.part is Part.MIDDLEWARE))
    return (*SERVER_BOXES, *kept)


def stop_of(
    record: Record, rail: tuple[Box, ...], now: Stop, depth: int
) -> Stop:
    """Where this record stands, if the request stood at `now` before.

    Args:
        record: What happened.
        rail: The request's boxes, `with_box` applied.
        now: Where the request stood.
        depth: As for `with_box`.

    Returns:
        `now` itself for kinds that move nothing, and for a box that the rail
        doesn't have.
    """
    kind = record.kind
    if kind in _STILL:
        return now
    fixed = _FIXED.get(kind)
    if fixed is not None:
        return fixed
    part, leg = STOPS.get(kind, (HERE, HERE))
    box = now.box if part is None else _find(record, part, rail, depth)
    if box is None:
        return now
    leg = leg or now.leg
    return now if (box, leg) == (now.box, now.leg) else Stop(box, leg)


def inside(rail: tuple[Box, ...], now: Stop, *, entered: bool) -> Stop:
    """Where an open WebSocket is while its app has, or awaits, a message.

    Args:
        rail: The request's boxes.
        now: Where it is said to be otherwise, and stays if nobody knows
            which of the app's boxes it is in.
        entered: Whether an endpoint was entered.
    """
    last = len(rail) - 1
    return Stop(last, OUT) if entered or rail[last].part is P else now


def _find(
    record: Record, part: Part, rail: tuple[Box, ...], depth: int
) -> int | None:
    wanted = [i for i, box in enumerate(rail) if box.part is part]
    exact: list[int] = []
    match record:
        case MiddlewareEnter() | MiddlewareExit():
            exact = [i for i in wanted if rail[i].depth == record.depth]
        case ExceptionHandled():
            exact = [i for i in wanted if rail[i].name == record.by]
        case _:
            if part is Part.ROUTER:
                exact = [i for i in wanted if rail[i].depth == depth + 1]
    found = exact or wanted
    return found[-1] if found else None
