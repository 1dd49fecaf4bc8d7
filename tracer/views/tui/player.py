"""The player: which request is shown, and where its playback stands.

It turns passing time into a moment. There is no clock here: whoever owns one
says how much time has passed.
"""

from bisect import bisect_left
from dataclasses import dataclass
from enum import Enum

from tracer.events import Held, Released, TaskSuspended
from tracer.events.log import Record
from tracer.model.holds import held_at
from tracer.model.playback import Score, Scorer, beat_at
from tracer.model.requests import OVER
from tracer.model.trace import Trace
from tracer.views.tui.moment import Moment

SPEEDS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
LINGER = 0.8
"""Seconds that a finished picture stays before the next one."""
PATIENCE = 4.0
"""Seconds to wait at the last event of a request that doesn't end."""
QUEUE = 3
"""Requests that wait to be shown; of more than these only the newest is."""
BEHIND = 0.35
"""Seconds of playback that one who is held is shown late, at most."""
SETTLED = 0.99
"""Part of a beat's dwell after which its token has arrived."""


class Edge(Enum):
    """How the playhead meets what has only just happened.

    NONE: it comes to it in its own time. KEPT: the request is held and
    stepped, so it is always at the newest event. LEFT: it was let go; the
    playback passes over the time that it stood, and goes on as ever.
    """

    NONE = "none"
    KEPT = "kept"
    LEFT = "left"


@dataclass(slots=True)
class Player:
    """Plays one request after the other.

    Attributes:
        trace: Where the requests come from.
        live: Pass over what came too fast, see `QUEUE`; a recording plays all.
        still: Reduced motion.
        number: The request that is shown.
        clock: Seconds of playback at speed 1.
        playing: Whether time moves the playhead.
        follow: Whether the next request comes by itself.
        passed: How many were passed over before this one.
        edge: How it meets what has only just happened.
        now: `t` of the present, as whoever owns the clock knows it.
    """

    trace: Trace
    live: bool
    still: bool = False
    number: int | None = None
    clock: float = 0.0
    playing: bool = True
    follow: bool = True
    passed: int = 0
    speed: float = 1.0
    edge: Edge = Edge.NONE
    now: int = 0
    _score: Score | None = None
    _scorer: Scorer | None = None
    _scored: int = -1
    _rested: float = 0.0
    _held: tuple[Held, Released | None] | None = None
    _held_at: tuple[int, int, int] = (0, -1, 0)

    # What time does

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        if self.number is None and not self._begin():
            return
        self._rescore()
        if not self.playing:
            return
        speed = self.speed if self.edge is Edge.NONE else max(self.speed, 1.0)
        end = self.reach
        before = self.clock
        self.clock = min(end, before + seconds * speed)
        if self.clock < end:
            self._rested = 0.0
            return
        self._rested += seconds - (self.clock - before) / speed
        is_held = self.trace.holds.of(self.number) is not None
        if self.follow and not is_held and self._rested >= self._rest():
            self._next()

    def _rest(self) -> float:
        request = self.trace.requests.get(self.number or 0)
        over = request is None or request.outcome in OVER
        return LINGER if over else PATIENCE

    def _begin(self) -> bool:
        """Show the first request there is."""
        told = (n for n in self.trace.requests if self.trace.story(n))
        number = next(told, None)
        if number is not None:
            self._show(number)
        return number is not None

    def _next(self) -> None:
        later: list[int] = []
        for number in reversed(self.trace.requests):
            if number == self.number:
                break
            if self.trace.story(number):
                later.append(number)
        if self.live and len(later) > QUEUE:
            self._show(later[0])
            self.passed = len(later) - 1
        elif later:
            self._show(later[-1])

    def _show(self, number: int) -> None:
        self.number, self.clock, self.passed = number, 0.0, 0
        self._scorer = self._score = None
        self._scored, self._rested = -1, 0.0
        self.edge = Edge.NONE
        self._rescore()

    def _rescore(self) -> None:
        number = self.number or 0
        story = self.trace.story(number)
        if len(story) == self._scored:
            return
        known, self._scored = self._scored, len(story)
        start = self.trace.start_of(number)
        if start is None:
            self._scorer = self._score = None
            return
        self._scorer = self._scorer or Scorer(start)
        self._score = self._scorer.score(story)
        self._keep_up(known)

    def _keep_up(self, known: int) -> None:
        """Come to the newest event, if that is what is wanted."""
        assert self._score is not None
        beats = self._score.beats
        if self.edge is Edge.NONE or not 0 <= known < len(beats):
            return
        # The time for which it stood has been seen: it stood here, too.
        self.clock = max(self.clock, beats[known].start)
        if self.edge is Edge.KEPT:
            self.clock = max(self.clock, self.reach - BEHIND)
        else:
            self.edge = Edge.NONE

    # What the user does

    def select(self, number: int) -> None:
        """Show a request from its beginning, and stay with it."""
        self._show(number)
        self.follow = False
        self.playing = True

    def stand(self, number: int) -> None:
        """Show a request that is held where it stands, and stay there."""
        if number != self.number:
            self._show(number)
        self._rescore()
        self.edge, self.playing = Edge.KEPT, True
        self.clock = min(max(self.clock, self.reach - BEHIND), self.reach)

    def let_go(self) -> None:
        """The request goes on: play what comes at its own pace."""
        if self.edge is Edge.KEPT:
            self.edge = Edge.LEFT

    def freeze(self) -> None:
        """Stop the playhead, or go on; at the end, from the beginning."""
        self.edge = Edge.NONE
        self.playing = not self.playing
        if not self.playing:
            self.follow = False
        elif self.clock >= self.seconds:
            self.clock = self._rested = 0.0

    def go(self, index: int) -> None:
        """Freeze at an event."""
        beats = self._score.beats if self._score else ()
        self._stop()
        if beats:
            beat = beats[min(max(index, 0), len(beats) - 1)]
            self.clock = beat.start + beat.dwell * SETTLED

    def seek(self, number: int, record: Record) -> bool:
        """Freeze at an event of a request; False: it is no longer kept."""
        when = record.t, record.seq
        story = self.trace.story(number)
        index = bisect_left(story, when, key=lambda each: (each.t, each.seq))
        if index == len(story):
            return False
        self._show(number)
        self.go(index)
        return True

    def scrub(self, seconds: float) -> None:
        """Freeze, and move the playhead by so much playback."""
        self._stop()
        self.clock = min(max(self.clock + seconds, 0.0), self.seconds)

    def _stop(self) -> None:
        self.playing = self.follow = False
        self.edge = Edge.NONE

    def faster(self, steps: int) -> None:
        """Change the speed by one step, up or down."""
        at = SPEEDS.index(self.speed) + steps
        self.speed = SPEEDS[min(max(at, 0), len(SPEEDS) - 1)]

    def toggle_follow(self) -> None:
        """Follow the newest request, or stay with this one."""
        self.follow = not self.follow
        self.playing = self.playing or self.follow

    # What there is to see

    @property
    def seconds(self) -> float:
        """How long the shown request plays."""
        return self._score.seconds if self._score else 0.0

    @property
    def reach(self) -> float:
        """How far time alone plays it.

        One who is held stands at the stage: that its task let go of the loop
        there is only how it is done.
        """
        story = self.trace.story(self.number or 0)
        if self.edge is not Edge.KEPT or self._score is None or not story:
            return self.seconds
        index = len(self._score.beats) - 1
        if isinstance(story[index], TaskSuspended):
            index -= 1
        if index < 0 or not isinstance(story[index], Held):
            return self.seconds
        beat = self._score.beats[index]
        return beat.start + beat.dwell * SETTLED

    @property
    def moving(self) -> bool:
        """Whether time alone would change the picture."""
        return self.playing and self.clock < self.reach

    def moment(self) -> Moment:
        """What is to be drawn now."""
        number = self.number or 0
        story = self.trace.story(number)
        played = self._score
        index = beat_at(played, self.clock) if played and story else -1
        return Moment(
            self.trace,
            self.trace.requests.get(number) if self.number else None,
            story,
            played,
            index,
            self.clock,
            self.still,
            self._hold_at(number, index),
            self.now if self.live else (story[index].t if index >= 0 else 0),
        )

    def _hold_at(
        self, number: int, index: int
    ) -> tuple[Held, Released | None] | None:
        """The hold at an event; looked for when something may have changed."""
        story = self.trace.story(number)
        if (number, index, len(story)) != self._held_at:
            self._held_at = number, index, len(story)
            self._held = held_at(story, index)
        return self._held
