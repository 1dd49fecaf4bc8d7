"""A record becomes a row: whose, when, how deep, and one sentence.

A row is values only. What it looks like at which width is `page`'s business.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from tracer.events import (
    AppLog,
    AppOutput,
    Line,
    MiddlewareEnter,
    MiddlewareExit,
    RouterEnter,
    TaskSuspended,
    Unknown,
)
from tracer.events.log import Record
from tracer.model.depth import Depth, depth_of
from tracer.model.safe import safe
from tracer.model.sockets import way_of
from tracer.model.source import SourcePlace
from tracer.model.stage import STOPS, Leg, Part
from tracer.views.explain import Explanations

LEVELS = {
    Part.ACCEPT: 1,
    Part.DATA: 1,
    Part.H11: 2,
    Part.CYCLE: 3,
    Part.APP: 4,
    Part.MIDDLEWARE: 5,
    Part.ROUTER: 5,
    Part.ENDPOINT: 6,
}
"""Indentation by layer, 0 being the loop's; from APP on plus the rings."""

OUTSIDE = ("client.", "loop.", "selector.", "task.")
"""How kinds begin that are no part of the onion: the loop is below it, the
client beside it."""

DEEPEST = 40
"""Levels that are shown as such: a depth in a recording may be anything."""

BAD = frozenset(
    {
        "accept.failed",
        "app.exception",
        "client.refused",
        "dropped",
        "exception.raised",
        "h11.error",
        "lifespan.shutdown.failed",
        "lifespan.startup.failed",
        "limit.rejected",
        "listen.failed",
        "loop.blocked",
        "send.rejected",
        "task.lost",
        "tls.failed",
        "ws.limit",
        "ws.timeout",
    }
)
"""Kinds that nobody wants to see, and nobody should overlook."""

SAID = frozenset({"app.output", "app.log", "access.log"})
"""Kinds in which the app or the server speaks for itself."""

GOOD = frozenset({"response.complete", "client.response"})

MARKS = {
    "loop.select": "┬",
    "task.suspended": "┄",
    "task.resumed": "▸",
    "task.started": "▸",
    "held": "■",
    "released": "▸",
}
"""The loop's own: a turn begins, a task lets go, a task has the loop."""


@dataclass(frozen=True, slots=True)
class Row:
    """One event, ready to be laid out.

    Attributes:
        label: Whose: `#7`, `c3`, or `srv` for the server itself.
        key: Of its block, for its colour; 0: the server's.
        turn: Of the loop; the worker's or client's name in another thread.
        ms: Milliseconds since the request's first event.
        level: Indentation.
        glyph: Which way it goes, and whether it is good.
        kind: Of the event.
        layer: Of the event, for its colour.
        depth: The least depth at which it is shown.
        text: The sentence.
    """

    label: str
    key: int
    turn: str
    ms: str
    level: int
    glyph: str
    kind: str
    layer: str
    depth: Depth
    text: str


@dataclass(slots=True)
class Walk:
    """Where in the layers one request walks.

    Attributes:
        inner: Depth of the innermost middleware that it is in; -1 for none.
        routers: How many it has entered: a mount has one of its own.
        level: Indentation of its last event.
        headed: Whether it has a heading already.
        over: Whether its result was told.
    """

    inner: int = -1
    routers: int = 0
    level: int = 0
    headed: bool = False
    over: bool = False

    def step(self, record: Record) -> int:
        """Take the next event; give its indentation."""
        if record.layer == "server":
            self.level = 0
        if record.kind.startswith(OUTSIDE):
            return 0
        part = STOPS.get(record.kind, (None, None))[0]
        match record:
            case MiddlewareEnter() | MiddlewareExit():
                self.inner = record.depth
            case RouterEnter():
                self.routers += 1
            case _:
                pass
        if part is not None:
            self.level = min(LEVELS[part] + self._rings(part), DEEPEST)
        if isinstance(record, MiddlewareExit):
            self.inner = record.depth - 1
        return self.level

    def _rings(self, part: Part) -> int:
        """How many middlewares and routers stand around a part."""
        match part:
            case Part.MIDDLEWARE:
                return max(self.inner, 0)
            case Part.APP:
                return self.inner + 1
            case Part.ROUTER | Part.ENDPOINT:
                return self.inner + 1 + max(self.routers - 1, 0)
            case _:
                return 0


ARROWS = {Leg.OUT: "→", Leg.BACK: "←", None: "·"}
WAYS = {"in": ARROWS[Leg.OUT], "out": ARROWS[Leg.BACK]}


def glyph_of(record: Record) -> str:
    """One character that says where an event leads."""
    if record.kind in BAD:
        return "✗"
    if record.kind in SAID:
        return "»"
    if record.kind in GOOD:
        return "✓"
    if record.kind in MARKS:
        return MARKS[record.kind]
    if (way := way_of(record)) is not None:
        return WAYS[way]
    return ARROWS[STOPS.get(record.kind, (None, None))[1]]


def milliseconds(ns: int) -> str:
    """Nanoseconds as milliseconds, to the microsecond."""
    return f"{ns / 1_000_000:.3f}"


TURN = 6
"""Characters that a turn, or another thread's name, has at most."""


def turn_of(record: Record) -> str:
    """The loop's turn, or who else was at work: `w3` is worker-3."""
    if record.thread != "loop":
        name, _, number = record.thread.partition("-")
        return safe(name[:1] + number)[:TURN]
    return "" if record.turn is None else str(record.turn)


def label_of(key: int) -> str:
    """`#7` for a request, `c3` for a connection, `srv` for the server."""
    if key == 0:
        return "srv"
    return f"#{key}" if key > 0 else f"c{-key}"


def row_of(record: Record, key: int, level: int, start: int, said: str) -> Row:
    """Make the row of one record.

    Args:
        record: An event, its texts safe.
        key: Whose it is: a request's number, a connection's, negative, or 0.
        level: Its indentation, by its request's `Walk`.
        start: The `t` that time is counted from.
        said: Its sentence.
    """
    return Row(
        label=label_of(key),
        key=key,
        turn=turn_of(record),
        ms=milliseconds(record.t - start),
        level=level,
        glyph=glyph_of(record),
        kind=record.kind,
        layer=record.layer,
        depth=depth_of(record),
        text=said,
    )


def sentence(record: Record, say: Explanations) -> str:
    """What happened, on one line, harmless to draw.

    Of a kind that this version doesn't know, the fields themselves.
    """
    said = say.now(_short(record), safe)
    if not isinstance(record, Unknown):
        return said
    shown = " ".join(
        f"{key}={value!r}"
        for key, value in record.fields.items()
        if key not in ENVELOPE
    )
    return safe(f"{said}: {shown}" if shown else said)


def place_of(record: Record, sources: Mapping[int, SourcePlace]) -> str:
    """Where a task waits, `app.py:14`, or which line runs, with its text.

    Empty for all else, or if unknown.
    """
    if not isinstance(record, TaskSuspended | Line) or record.line is None:
        return ""
    source = sources.get(record.where or 0)
    if source is None:
        return ""
    place = f"{source.file}:{record.line}"
    index = source.at(record.line) if isinstance(record, Line) else None
    return place if index is None else f"{place} {source.lines[index].strip()}"


def _short(record: Record) -> Record:
    """The record; of a traceback, its first line and its last."""
    if not isinstance(record, AppLog | AppOutput):
        return record
    lines = record.text.strip().splitlines()
    if len(lines) <= FEW:
        return record
    return replace(record, text=f"{lines[0]} … {lines[-1]}")


FEW = 3
"""Lines of app output that are shown whole, as one."""

ENVELOPE = frozenset(
    ("kind", "seq", "t", "turn", "thread", "conn", "req", "task", "where")
)
"""Keys that each event has, and that have columns of their own."""
