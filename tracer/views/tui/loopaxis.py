"""Times to cells: one scale everywhere, and marked cuts where nobody ran.

A request works for some microseconds and sleeps for a second. To one scale
there would be nothing to see of the work, so long stretches in which no
request ran are cut out; each cut says how long it was.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

CUT = 7
"""Cells of a cut: what it takes to say how long it was."""
WORTH = 14
"""Cells that a stretch would take at least for being cut out."""
APART = 14
"""Cells of the axis for each cut that it may have."""
FINEST = 50
"""Nanoseconds of a cell, at least."""

Times = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the axis.

    Attributes:
        start: Nanoseconds of the trace.
        end: The same.
        x: Its first cell; cells begin between two characters, too.
        cells: How many it has.
        cut: Whether it is longer than it looks.
    """

    start: int
    end: int
    x: float
    cells: float
    cut: bool


@dataclass(frozen=True, slots=True)
class Axis:
    """All stretches, from left to right without a gap.

    Attributes:
        stretches: At least one.
        scale: Nanoseconds of a cell, outside of the cuts.
    """

    stretches: tuple[Stretch, ...]
    scale: float

    @property
    def cells(self) -> float:
        """How many cells it has in all."""
        last = self.stretches[-1]
        return last.x + last.cells

    def x(self, t: int) -> float:
        """The cell of a time; outside of the axis that of its edge."""
        at = bisect_right(self.stretches, t, key=_start) - 1
        each = self.stretches[max(at, 0)]
        part = (t - each.start) / max(each.end - each.start, 1)
        return each.x + each.cells * min(max(part, 0.0), 1.0)

    def t(self, x: float) -> int:
        """The time of a cell."""
        at = bisect_right(self.stretches, x, key=_x) - 1
        each = self.stretches[max(at, 0)]
        part = (x - each.x) / (each.cells or 1.0)
        length = each.end - each.start
        return each.start + round(length * min(max(part, 0.0), 1.0))


def lay_axis(start: int, end: int, busy: Iterable[Times], cells: int) -> Axis:
    """Lay the time from `start` to `end` out in so many cells.

    Args:
        start: Nanoseconds of the trace.
        end: The same.
        busy: When something ran that is worth seeing, sorted by beginnings.
        cells: Of the whole axis.
    """
    end = max(end, start + cells * FINEST)
    gaps = sorted(_gaps(start, end, busy), key=_length, reverse=True)
    cuts: list[Times] = []
    scale = (end - start) / cells
    for gap in gaps[: cells // APART]:
        rest = end - start - sum(map(_length, cuts)) - _length(gap)
        room = cells - CUT * (len(cuts) + 1)
        if _length(gap) < WORTH * scale or rest < room * FINEST:
            break
        cuts.append(gap)
        scale = rest / room
    return Axis(tuple(_stretches(start, end, sorted(cuts), scale)), scale)


def _gaps(start: int, end: int, busy: Iterable[Times]) -> list[Times]:
    """The stretches between the busy ones; those to both edges count too."""
    made, free = [], start
    for begins, ends in busy:
        if begins > free:
            made.append((free, min(begins, end)))
        free = max(free, ends)
    if free < end:
        made.append((free, end))
    return [(a, b) for a, b in made if a < b]


def _stretches(
    start: int, end: int, cuts: Sequence[Times], scale: float
) -> list[Stretch]:
    made: list[Stretch] = []
    x = 0.0
    for begins, ends in (*cuts, (end, end)):
        if begins > start:
            cells = (begins - start) / scale
            made.append(Stretch(start, begins, x, cells, cut=False))
            x += cells
        if ends > begins:
            made.append(Stretch(begins, ends, x, CUT, cut=True))
            x += CUT
        start = ends
    return made


def _length(times: Times) -> int:
    return times[1] - times[0]


def _start(stretch: Stretch) -> int:
    return stretch.start


def _x(stretch: Stretch) -> float:
    return stretch.x
