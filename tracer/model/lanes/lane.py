"""One task's life, cut into what it was doing: a lane and its segments."""

from bisect import bisect_right
from dataclasses import dataclass, field
from enum import Enum

import msgspec

KEEP = 20_000
"""Segments that one lane keeps; the oldest half goes when there are more."""


class State(Enum):
    """What a lane was doing.

    RUNS: its step ran. READY: it could have run, and others did. WAITS: it
    was suspended. HELD: suspended too, by its user who wants to look. IDLE:
    of the loop and of threads, nobody needed them. UNSEEN: it was alive, and
    its steps were not told, or are no longer kept.
    """

    RUNS = "runs"
    READY = "ready"
    WAITS = "waits"
    HELD = "held"
    IDLE = "idle"
    UNSEEN = "unseen"


class Segment(msgspec.Struct, gc=False):
    """A stretch of a lane in which nothing changed.

    `end` is set once, when the next one begins; nothing else ever changes.

    Attributes:
        start: Nanoseconds of the trace.
        end: The same; None while it lasts.
        state: What the lane was doing.
        task: Number of the task that it is about; None in the loop's lane
            for plain callbacks.
        what: Of WAITS, what for; of READY and RUNS, who woke it.
        by: Of WAITS, the function that waits.
        on: Of WAITS, the task that is waited for; of READY and RUNS, the
            task that woke it.
        where: Source place of the wait.
        line: Line of the wait in that file.
        turn: Turn of the loop in which it began.
    """

    start: int
    end: int | None
    state: State
    task: int | None = None
    what: str = ""
    by: str = ""
    on: int | None = None
    where: int | None = None
    line: int | None = None
    turn: int | None = None


def start_of(segment: Segment) -> int:
    """When it began: what segments are sorted by."""
    return segment.start


@dataclass(slots=True)
class Lane:
    """One task from its making to its end.

    Attributes:
        id: The task's number.
        name: asyncio's own for it, `Task-12`; may be unknown.
        coro: What it runs.
        parent: The task that made it.
        req: The request it works for.
        born: When it was made, or first heard of.
        segments: Oldest first, without a gap; the last one is going on until
            the task has ended.
        ended: When it ended.
        outcome: `returned`, `raised` or `cancelled`, once it has ended.
        error: Type of what it raised.
    """

    id: int
    born: int
    name: str = ""
    coro: str = ""
    parent: int | None = None
    req: int | None = None
    segments: list[Segment] = field(default_factory=list)
    ended: int | None = None
    outcome: str = ""
    error: str = ""

    @property
    def now(self) -> Segment:
        """The newest segment."""
        return self.segments[-1]

    def turn_to(self, segment: Segment) -> int:
        """Begin the next segment, at once if the last one is empty.

        Returns:
            By how many segments the lane has grown; negative if it let go.
        """
        segments = self.segments
        last = segments[-1] if segments else None
        if last is not None:
            segment.start = max(segment.start, last.start)
            last.end = segment.start
            if last.start == segment.start:
                segments[-1] = segment
                return 0
        segments.append(segment)
        return 1 if len(segments) <= KEEP else 1 - self.forget()

    def forget(self) -> int:
        """Let the older half go: of it is known only that it was.

        Returns:
            How many segments went.
        """
        half = len(self.segments) // 2
        if half < 2:  # noqa: PLR2004  # nothing would be won
            return 0
        until = self.segments[half].start
        old = Segment(self.born, until, State.UNSEEN, self.id)
        self.segments[:half] = [old]
        return half - 1

    def end(self, t: int) -> int:
        """Let the life end; give when it really did, never too early."""
        now = self.now
        self.ended = now.end = max(t, now.start)
        return self.ended

    def at(self, t: int) -> Segment | None:
        """What it was doing at `t`; None before and after its life."""
        index = bisect_right(self.segments, t, key=start_of) - 1
        if index < 0 or (self.ended is not None and t >= self.ended):
            return None
        return self.segments[index]

    def between(self, t0: int, t1: int) -> list[Segment]:
        """The segments that have a part between two times."""
        first = max(bisect_right(self.segments, t0, key=start_of) - 1, 0)
        found = self.segments[first : self._after(t1)]
        if found and found[0].end is not None and found[0].end <= t0:
            del found[0]
        return found

    def _after(self, t: int) -> int:
        return bisect_right(self.segments, t, key=start_of)

    def copy(self) -> "Lane":
        """One that the next records don't touch."""
        segments = list(self.segments)
        if segments and segments[-1].end is None:
            segments[-1] = msgspec.structs.replace(segments[-1])
        return Lane(
            self.id,
            self.born,
            self.name,
            self.coro,
            self.parent,
            self.req,
            segments,
            self.ended,
            self.outcome,
            self.error,
        )
