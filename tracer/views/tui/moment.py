"""What the panes draw: one request, at one place of its playback."""

from collections.abc import Sequence
from dataclasses import dataclass

from tracer.events import Held, Released
from tracer.events.log import Record
from tracer.model.playback import Score, travelled
from tracer.model.requests import OVER, Request
from tracer.model.stage import Leg, Stop
from tracer.model.trace import Trace

ENOUGH = 0.97
"""A token that is this far has arrived."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One look at the trace.

    Attributes:
        trace: All that is known.
        request: The one that is shown, as it stands now; None: none yet.
        story: Its events.
        score: They as beats; the story may have grown since.
        index: Which event is lit, -1 for none.
        clock: Seconds of playback.
        still: The token jumps from stop to stop: paused steps, or reduced
            motion.
        held: The hold in which the request stands at the lit event, and its
            end, if that has come; None: nothing holds it there.
        now: `t` of this look where the server runs, else of the lit event.
    """

    trace: Trace
    request: Request | None = None
    story: Sequence[Record] = ()
    score: Score | None = None
    index: int = -1
    clock: float = 0.0
    still: bool = False
    held: tuple[Held, Released | None] | None = None
    now: int = 0

    @property
    def record(self) -> Record | None:
        """The event that is lit."""
        return self.story[self.index] if self.index >= 0 else None

    @property
    def began(self) -> int:
        """`t` of the request's first event."""
        return self.story[0].t if self.story else 0

    @property
    def at(self) -> int:
        """`t` of the playhead, which moves on between two events."""
        if self.score is None or self.index < 0:
            return self.now
        record, after = self.story[self.index], self.index + 1
        if after >= min(len(self.story), len(self.score.beats)):
            over = self.request is None or self.request.outcome in OVER
            return record.t if over else max(record.t, self.now)
        beat = self.score.beats[self.index]
        part = (self.clock - beat.start) / (beat.dwell or 1.0)
        gap = self.story[after].t - record.t
        return record.t + round(gap * min(max(part, 0.0), 1.0))

    @property
    def played(self) -> Sequence[Record]:
        """The events up to the one that is lit."""
        return self.story[: self.index + 1]

    @property
    def held_for(self) -> float:
        """Seconds of that hold: all of them where its end is known."""
        if self.held is None:
            return 0.0
        held, end = self.held
        ns = self.now - held.t if end is None else end.ns
        return max(0, ns) / 1_000_000_000

    def token(self) -> tuple[Stop, Stop, float]:
        """From which stop to which the token moves, and how far it is."""
        if self.score is None or not self.score.beats:
            return Stop(0, Leg.OUT), Stop(0, Leg.OUT), 1.0
        if self.still:
            stop = self.score.beats[self.index].stop
            return stop, stop, 1.0
        before, after, part = travelled(self.score, self.clock)
        return before, after, part if part < ENOUGH else 1.0
