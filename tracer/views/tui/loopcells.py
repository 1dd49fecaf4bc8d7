"""Segments to a row of cells: what a lane looks like on an axis.

A cell shows what filled most of it. A step that took less than half a cell
is a half block: so no column ever has two whole ones, and what ran is never
lost between two waits.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from tracer.model.lanes import Segment, State
from tracer.views.tui.loopaxis import Axis
from tracer.views.tui.pieces import Piece

GLYPHS = {
    State.RUNS: ("█", "good"),
    State.READY: ("░", "warn"),
    State.WAITS: ("┄", "muted"),
    State.HELD: ("■", "accent"),
    State.IDLE: ("▁", "faint"),
    State.UNSEEN: ("─", "faint"),
}
"""Glyph and look of each state."""

PART = "▌"
"""A step that takes less than half of its cell."""
HALF = 0.5
THREAD = "▒", "framework"
"""A function that runs in a worker thread, beside the loop."""
NAMED = frozenset({State.WAITS, State.HELD})
"""States in which a lane says what for."""

Cells = list[Piece]


@dataclass(frozen=True, slots=True)
class View:
    """The part of an axis that is on the screen.

    Attributes:
        axis: The whole.
        left: Its cell at the left edge.
        width: Cells on the screen.
        now: Up to when anything is known.
    """

    axis: Axis
    left: int
    width: int
    now: int

    @property
    def start(self) -> int:
        """The time at the left edge."""
        return self.axis.t(self.left)

    @property
    def end(self) -> int:
        """The time at the right edge."""
        return self.axis.t(self.left + self.width)

    def holds(self, t: int) -> bool:
        """Whether a time is on the screen."""
        stretches = self.axis.stretches
        known = stretches[0].start <= t <= stretches[-1].end
        return known and 0 <= self.x(t) <= self.width

    def x(self, t: int) -> float:
        """The cell of a time on the screen; it may lie beside it."""
        return self.axis.x(t) - self.left

    def column(self, t: int) -> int:
        """The column of a time; the edges stand for all beyond them."""
        return min(max(int(self.x(t)), 0), self.width - 1)

    def span(self, segment: Segment) -> tuple[float, float]:
        """From which cell to which a segment goes, cut at the edges."""
        end = self.now if segment.end is None else segment.end
        begin = self.x(segment.start)
        return max(begin, 0.0), min(max(self.x(end), begin), self.width)


@dataclass(slots=True)
class Run:
    """Neighbouring cells of one segment; cells shared with others are not.

    Attributes:
        first: The first whole cell.
        last: The cell behind the last one.
    """

    segment: Segment
    first: int
    last: int


def fill(segments: Iterable[Segment], view: View) -> list[Segment | None]:
    """Give each cell the segment that it shows."""
    return [
        None if owner is None else owner[0] for owner in _owners(segments, view)
    ]


def _owners(
    segments: Iterable[Segment], view: View
) -> list[tuple[Segment, float] | None]:
    """For each cell what it shows, and how much of the cell that fills.

    What runs comes before all that doesn't, however short it was.
    """
    cells: list[tuple[Segment, float] | None] = [None] * view.width
    ran = [0.0] * view.width
    for segment in segments:
        begin, end = view.span(segment)
        runs = segment.state is State.RUNS
        for x in range(int(begin), min(int(end) + 1, view.width)):
            part = min(end, x + 1) - max(begin, x)
            if part <= 0 and not (runs and begin == end):
                continue
            ran[x] += part if runs else 0.0
            owner = cells[x]
            if owner is None or _wins(segment, part, owner):
                cells[x] = segment, part
    return [
        (owner[0], ran[x])
        if owner is not None and owner[0].state is State.RUNS
        else owner
        for x, owner in enumerate(cells)
    ]


def _wins(new: Segment, part: float, old: tuple[Segment, float]) -> bool:
    ranks = _rank(new), _rank(old[0])
    return part > old[1] if ranks[0] == ranks[1] else ranks[0] > ranks[1]


def _rank(segment: Segment) -> int:
    """A task's step before plain callbacks, and both before all waiting."""
    if segment.state is not State.RUNS:
        return 0
    return 1 if segment.task is None else 2


def lane_cells(
    segments: Sequence[Segment], view: View, *, threads: bool = False
) -> Cells:
    """A lane with the reasons of its waits.

    Args:
        segments: What it was doing, in order.
        view: Where.
        threads: Whether it runs in a worker thread, beside the loop; then
            what it runs stands there, too.
    """
    owners = _owners(segments, view)
    cells = [_glyph(owner) for owner in owners]
    named = NAMED | {State.RUNS} if threads else NAMED
    if threads:
        cells = [THREAD if glyph in "█▌" else (glyph, look)
                 for glyph, look in cells]  # fmt: skip
    shown = [owner and owner[0] for owner in owners]
    marks = _cut(cells, view)
    for run in _runs(shown):
        if run.segment.state in named:
            part = _widest(run, marks)
            # Over a mark rather than not at all: the axis has it, too.
            narrow = part.last - part.first < len(run.segment.what) + 2
            _label(cells, run if narrow else part, run.segment.what)
    return cells


def _glyph(owner: tuple[Segment, float] | None) -> Piece:
    if owner is None:
        return " ", ""
    segment, part = owner
    glyph, look = GLYPHS[segment.state]
    if segment.state is State.RUNS and part <= HALF:
        glyph = PART
    return glyph, look


def _runs(owners: Iterable[Segment | None]) -> Iterator[Run]:
    x = 0
    for segment, cells in groupby(owners):
        length = len(list(cells))
        if segment is not None:
            yield Run(segment, x, x + length)
        x += length


def _label(cells: Cells, run: Run, text: str) -> None:
    """Write a word into the middle of a run, if there is room around it."""
    width = run.last - run.first
    if text and len(text) + 4 <= width:
        text = f" {text} "
    if not text or len(text) + 2 > width:
        return
    at = run.first + (width - len(text)) // 2
    look = cells[at][1]
    for x, char in enumerate(text, at):
        cells[x] = char, look


def loop_cells(
    segments: Sequence[Segment], view: View, owners: dict[int, int | None]
) -> Cells:
    """The loop's own lane: who runs, by the number of the request.

    Args:
        segments: What ran, in order.
        view: Where.
        owners: The requests of the tasks, None for tasks of no request.
    """
    shown = fill(segments, view)
    cells: Cells = []
    for segment in shown:
        cells.append(_who(segment, owners))
    for run in _runs(shown):
        task = run.segment.task
        req = None if task is None else owners.get(task)
        if req is not None:
            _number(cells, run, f"#{req}")
    _cut(cells, view)
    return cells


def _who(segment: Segment | None, owners: dict[int, int | None]) -> Piece:
    if segment is None:
        return " ", ""
    if segment.state is not State.RUNS:
        return GLYPHS[segment.state]
    if segment.task is None:
        return "c", "connection"
    req = owners.get(segment.task)
    return ("s", "server") if req is None else (str(req)[-1], "good")


def _number(cells: Cells, run: Run, number: str) -> None:
    """Write a request's number into a run, once, where it fits."""
    width = run.last - run.first
    if width < len(number) + 2:
        return
    at = run.first + (width - len(number)) // 2
    for x in range(run.first, run.last):
        cells[x] = "█", cells[x][1]
    for x, char in enumerate(number, at):
        cells[x] = char, cells[x][1]


def _widest(run: Run, marks: list[int]) -> Run:
    """The widest part of a run that has no mark of a cut in it."""
    inside = (x for x in marks if run.first <= x < run.last)
    edges = [run.first - 1, *inside, run.last]
    parts = pairwise(edges)
    before, after = max(parts, key=lambda part: part[1] - part[0])
    return Run(run.segment, before + 1, after)


def _cut(cells: Cells, view: View) -> list[int]:
    """Mark where time is cut out; give the columns of the marks."""
    marks = []
    for each in view.axis.stretches:
        if each.cut:
            x = int(each.x + each.cells / 2) - view.left
            if 0 <= x < view.width and cells[x][0] not in "█▌":
                cells[x] = "⋯", cells[x][1]
                marks.append(x)
    return marks
