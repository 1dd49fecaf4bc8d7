"""Who is held still, where and since when; which breakpoints are set.

Made from what the traced process said, never from what a viewer asked for: a
wish that had no effect is not shown as one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tracer.events import (
    BreakpointCleared,
    BreakpointSet,
    ClientDisconnected,
    ConnectionLost,
    Held,
    Released,
)
from tracer.events.log import Record

HOLDING = frozenset(
    {
        "held",
        "released",
        "breakpoint.set",
        "breakpoint.cleared",
        "client.disconnected",
        "connection_lost",
        "server.stopped",
    }
)
"""Kinds that change who is held, or what is known of them."""

LOOP = "loop"
"""The stage at which it is the whole loop that is held."""

MOST = 1_000
"""Of more that are held at once, or breakpoints, the newest are kept."""

SECOND = 1_000_000_000  # nanoseconds

Whose = tuple[int | None, int | None, int | None]
"""A request's number, its connection's and the task's that stands: of bytes
that were kept before they were a request only the second, of the loop none.
Several tasks of one request may be held at once."""


@dataclass(frozen=True, slots=True)
class Holding:
    """One that stands still.

    Attributes:
        req: The request; None for bytes that are kept unread, and the loop.
        conn: Its connection.
        stage: The kind of the event at which it stands.
        since: When, in nanoseconds of the trace.
        by: What holds it: `hold`, `step` or `breakpoint`.
        breakpoint: Which one, if it was one.
        timers: Names of the timers that went on, with the seconds that each
            had left at `since`.
        left: When its client went away meanwhile; None: it didn't.
        task: The task that stands, where that is known.
    """

    req: int | None
    conn: int | None
    stage: str
    since: int
    by: str
    breakpoint: int | None = None
    timers: tuple[tuple[str, float], ...] = ()
    left: int | None = None
    task: int | None = None

    @property
    def whose(self) -> Whose:
        """What tells it from all others that are held."""
        if self.req is None:
            return None, self.conn, None
        return self.req, None, self.task

    @property
    def is_loop(self) -> bool:
        """Whether it is the whole loop, and so everybody."""
        return self.req is None and self.stage == LOOP

    def seconds(self, t: int) -> float:
        """How long it had been held at a moment of the trace."""
        return max(0, t - self.since) / SECOND

    def timers_at(self, t: int) -> tuple[tuple[str, float], ...]:
        """The timers, with what each had left at that moment; 0: it is up."""
        gone = self.seconds(t)
        return tuple(
            (name, max(0.0, left - gone)) for name, left in self.timers
        )


@dataclass(frozen=True, slots=True)
class Breakpoint:
    """A breakpoint that is set.

    Attributes:
        id: Its number.
        text: Its terms, as its user wrote them.
        hits: How many requests it has held.
    """

    id: int
    text: str
    hits: int = 0


@dataclass(frozen=True, slots=True)
class Holds:
    """All that are held, the longest first, and the breakpoints by their ids.

    Source: ours.
    """

    held: tuple[Holding, ...] = ()
    breakpoints: tuple[Breakpoint, ...] = ()

    @property
    def loop(self) -> Holding | None:
        """The whole loop, if it is held."""
        return next((each for each in self.held if each.is_loop), None)

    def of(self, req: int | None) -> Holding | None:
        """A request that is held, its longest; None: it isn't."""
        if req is None:
            return None
        return next((each for each in self.held if each.req == req), None)

    def by_breakpoint(self, id: int) -> tuple[Holding, ...]:  # noqa: A002
        """Those that a breakpoint holds now."""
        return tuple(each for each in self.held if each.breakpoint == id)


def advance(holds: Holds, record: Record) -> Holds:
    """What holds after one more record.

    Args:
        holds: What held before.
        record: Any record; those of the kinds in `HOLDING` change something.
    """
    match record:
        case Held():
            return _hold(holds, record)
        case Released():
            return _without(holds, _whose(record))
        case BreakpointSet():
            new = Breakpoint(record.id, record.text)
            kept = (b for b in holds.breakpoints if b.id != record.id)
            return replace(holds, breakpoints=(*kept, new)[-MOST:])
        case BreakpointCleared():
            kept = (b for b in holds.breakpoints if b.id != record.id)
            return replace(holds, breakpoints=tuple(kept))
        case ClientDisconnected() | ConnectionLost() if holds.held:
            return _leave(holds, record)
        case _ if record.kind == "server.stopped":
            return Holds()
        case _:
            return holds


def _whose(record: Held | Released) -> Whose:
    if record.req is not None:
        return record.req, None, record.task
    return None, None if record.stage == LOOP else record.conn, None


def _without(holds: Holds, whose: Whose) -> Holds:
    kept = tuple(each for each in holds.held if each.whose != whose)
    return replace(holds, held=kept)


def _hold(holds: Holds, record: Held) -> Holds:
    loop = record.req is None and record.stage == LOOP
    new = Holding(
        record.req,
        None if loop else record.conn,
        record.stage,
        record.t,
        record.by,
        record.breakpoint,
        record.timers,
        task=record.task,
    )
    rest = _without(holds, new.whose)
    hit = tuple(
        replace(each, hits=each.hits + 1)
        if each.id == record.breakpoint
        else each
        for each in holds.breakpoints
    )
    return Holds((*rest.held, new)[-MOST:], hit)


def _leave(holds: Holds, record: Record) -> Holds:
    """A client went away; bytes that were kept for nobody are gone with it."""
    gone, lost = record.conn, isinstance(record, ConnectionLost)
    if gone is None:
        return holds
    kept = []
    for each in holds.held:
        if each.conn != gone or (each.req is None and not lost):
            kept.append(each)
        elif each.req is not None:
            left = record.t if each.left is None else each.left
            kept.append(replace(each, left=left))
    return replace(holds, held=tuple(kept))


def held_at(
    story: Sequence[Record], index: int
) -> tuple[Held, Released | None] | None:
    """Whether a request stands held at one of its events.

    Args:
        story: Its events, oldest first.
        index: The event at which one looks.

    Returns:
        The hold under way there, and the release that ended it later, if it
        has come; None: nothing held it there.
    """
    gone: set[int | None] = set()
    for at in range(index, -1, -1):
        match story[at]:
            case Released() as record:
                gone.add(record.task)
            case Held() as held if held.task not in gone:
                return held, _end_of(held, story, index + 1)
            case Held() as held:
                gone.remove(held.task)  # it was held there, and is not here
            case _:
                pass
    return None


def _end_of(held: Held, story: Sequence[Record], start: int) -> Released | None:
    for at in range(start, len(story)):
        record = story[at]
        if isinstance(record, Released) and record.task == held.task:
            return record
    return None
