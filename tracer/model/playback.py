"""The playhead: a request's events on a clock slow enough for eyes.

A request takes two milliseconds; its picture takes some seconds. Each event
gets a dwell from how long the request really stood there, on a log scale.
Which event is lit and where the token stands are functions of the time given
in: there is no clock here.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tracer.events.log import Record
from tracer.model.requests import Request, advance
from tracer.model.stage import Box, Stop

MOVE = 0.12
"""Seconds for an event that moves the token to another box, at least."""
STAY = 0.04
"""Seconds for an event in the box where the token is, at least."""
LONGEST = 1.2
"""Seconds for any one event, at most."""


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
    """Seconds of playback for an event that came `gap` ns after the last.

    10 µs look like the least; each factor of ten adds a quarter second.
    """
    least = MOVE if moves else STAY
    decades = math.log10(max(gap, 10_000) / 10_000)
    return min(LONGEST, least + (0.25 if moves else 0.15) * decades)


def score(start: Request, records: Sequence[Record]) -> Score:
    """Lay a request's events out for playing.

    Args:
        start: The request before its first event, see `requests.first`.
        records: All its events so far, oldest first.

    Returns:
        A beat for each record. The rail is the last one, so that boxes don't
        jump while playing: the stops are those of the whole rail.
    """
    final = start
    for record in records:
        final = advance(final, record)
    request = Request(
        number=start.number,
        conn=start.conn,
        times=start.times,
        rail=final.rail,
    )
    beats: list[Beat] = []
    clock, before = 0.0, records[0].t if records else 0
    for index, record in enumerate(records):
        moved = advance(request, record)
        lasts = dwell(
            max(0, record.t - before),
            moves=moved.at != request.at or index == 0,
        )
        beats.append(Beat(index, moved.at, clock, lasts))
        clock += lasts
        before, request = record.t, moved
    return Score(final.rail, tuple(beats))


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
