"""The playhead: a request's events on a clock slow enough for eyes.

A request takes two milliseconds; its picture takes some seconds. Each event
gets a dwell from how long the request really stood there, until its next
event, on a log scale.
Which event is lit and where the token stands are functions of the time given
in: there is no clock here.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from tracer.events.log import Record
from tracer.model.requests import Request, advance
from tracer.model.stage import Box, Stop

MOVE = 0.12
"""Seconds for an event that moves the token to another box, at least."""
STAY = 0.03
"""Seconds for an event in the box where the token is, at least."""
LONGEST = 1.2
"""Seconds for any one event, at most."""
SHORT = 100_000
"""Nanoseconds up to which a pause isn't shown as one."""
DECADE = 0.16
"""Seconds that a pause ten times as long takes longer."""


@dataclass(frozen=True, slots=True)
class Beat:
    """One event on the playhead's clock.

    Attributes:
        index: Its place in the request's events.
        stop: Where on the rail it stands.
        start: Seconds of playback at which it begins.
        dwell: Seconds that it lasts.
    """

    index: int
    stop: Stop
    start: float
    dwell: float


@dataclass(frozen=True, slots=True)
class Score:
    """A request's events as beats, with the rail that they are played on."""

    rail: tuple[Box, ...]
    beats: tuple[Beat, ...]

    @property
    def seconds(self) -> float:
        """How long it plays at speed 1."""
        return (
            self.beats[-1].start + self.beats[-1].dwell if self.beats else 0.0
        )


def dwell(gap: int, *, moves: bool) -> float:
    """Seconds of playback for an event after which nothing came for `gap` ns.

    Up to 100 µs look like the least; each factor of ten adds a sixth of a
    second. An event that moves the token gets the time for its way.
    """
    least = MOVE if moves else STAY
    decades = math.log10(max(gap, SHORT) / SHORT)
    return min(LONGEST, least + DECADE * decades)


class Scorer:
    """Lays a request's events out for playing, while more of them come.

    A stream may have ten thousand events, and each look at it shall cost what
    is new in it.
    """

    def __init__(self, start: Request) -> None:
        """Begin with the request before its first event."""
        self._start = start
        self._final = start
        self._known: list[Record] = []
        self._restart()

    def _restart(self) -> None:
        # With the last rail from the beginning, so that no box jumps while
        # it is played.
        self._request = replace(self._start, rail=self._final.rail)
        self._beats: list[Beat] = []

    def score(self, records: Sequence[Record]) -> Score:
        """Lay the events out for playing.

        Args:
            records: All of them so far, oldest first.

        Returns:
            A beat for each record. The last one lasts the least until another
            event says how long it really was.
        """
        count = len(self._known)
        if count and (
            len(records) < count or records[count - 1] is not self._known[-1]
        ):
            # One that came late was put between: nothing can be kept.
            count, self._known, self._final = 0, [], self._start
            self._restart()
        new = records[count:]
        rail = self._final.rail
        for record in new:
            self._final = advance(self._final, record)
        self._known += new
        if self._final.rail != rail:
            self._restart()
            new = self._known
        for record in new:
            self._add(record)
        return Score(self._final.rail, tuple(self._beats))

    def _add(self, record: Record) -> None:
        index = len(self._beats)
        clock = self._settle(record) if index else 0.0
        moved = advance(self._request, record)
        moves = index == 0 or moved.at != self._request.at
        self._beats.append(Beat(index, moved.at, clock, dwell(0, moves=moves)))
        self._request = moved

    def _settle(self, record: Record) -> float:
        """Now that another event came, it is known how long the last stood."""
        last = self._beats[-1]
        before = self._beats[-2].stop if len(self._beats) > 1 else None
        gap = max(0, record.t - self._known[last.index].t)
        lasts = dwell(gap, moves=last.stop != before)
        self._beats[-1] = Beat(last.index, last.stop, last.start, lasts)
        return last.start + lasts


def score(start: Request, records: Sequence[Record]) -> Score:
    """Lay a whole request out for playing, see `Scorer`.

    Args:
        start: The request before its first event, see `requests.first`.
        records: All its events so far, oldest first.
    """
    return Scorer(start).score(records)


def beat_at(played: Score, clock: float) -> int:
    """Index of the beat that is lit when `clock` seconds were played.

    Before the beginning it is the first, after the end the last; -1 if there
    is none.
    """
    low, high = 0, len(played.beats)
    while low < high:
        middle = (low + high) // 2
        if played.beats[middle].start <= clock:
            low = middle + 1
        else:
            high = middle
    return max(low - 1, 0) if played.beats else -1


def travelled(played: Score, clock: float) -> tuple[Stop, Stop, float]:
    """Where the token is: from which stop, to which, and how far (0 to 1).

    It moves in the first part of a beat's dwell and rests in the remainder.

    Raises:
        ValueError: There is no beat.
    """
    index = beat_at(played, clock)
    if index < 0:
        raise ValueError("a score without beats has no token")
    beat = played.beats[index]
    before = played.beats[index - 1].stop if index else beat.stop
    part = (clock - beat.start) / (min(beat.dwell, MOVE) or 1.0)
    return before, beat.stop, min(max(part, 0.0), 1.0)
