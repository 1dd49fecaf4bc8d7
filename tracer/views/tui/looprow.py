"""A lane as it is drawn: a name, segments and marks."""

from dataclasses import dataclass
from enum import Enum

from tracer.events.client import ClientEvent
from tracer.model.lanes import Segment
from tracer.views.tui.pieces import Piece


class Of(Enum):
    """What a row is about: a task, a call in a thread, a thread, a client."""

    TASK = "task"
    JOB = "job"
    WORKER = "worker"
    CLIENT = "client"


@dataclass(frozen=True, slots=True)
class Row:
    """One lane as it is drawn.

    Attributes:
        of: What it is about.
        name: What stands on its left.
        segments: Oldest first.
        req: The request it works for; None: the server's, or many.
        mine: Whether that is the request that is shown.
        ended: When it ended; None: it goes on.
        outcome: How, in asyncio's words, the job's or the client's.
        error: Type of what it raised.
        marks: Moments of its own: each with a glyph and a look.
        events: Of a client's, what happened.
    """

    of: Of
    name: str
    segments: tuple[Segment, ...]
    req: int | None = None
    mine: bool = False
    ended: int | None = None
    outcome: str = ""
    error: str = ""
    marks: tuple[tuple[int, Piece], ...] = ()
    events: tuple[ClientEvent, ...] = ()
