"""The event loop on one time axis: who runs, who could, who waits for what.

One line for the loop itself, where one thing is lit at a time, and one for
each task and worker thread. The window follows the playhead.
"""

from collections.abc import Hashable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.strip import Strip

from tracer.model.lanes import Segment, Window
from tracer.model.requests import OVER
from tracer.views.tui.lines import Lines
from tracer.views.tui.loopaxis import Axis, Times, lay_axis
from tracer.views.tui.loopcells import Cells, View, lane_cells, loop_cells
from tracer.views.tui.looplanes import rows_of
from tracer.views.tui.looprow import Of, Row
from tracer.views.tui.loopwords import (
    axis_cells,
    detail,
    legend,
    mark,
    pool,
    turn_cells,
)
from tracer.views.tui.messages import Picked
from tracer.views.tui.moment import Moment
from tracer.views.tui.pieces import Line, Piece, duration, pad

NAME = 19
"""Cells for the names on the left."""
NARROW = 14
"""The same where the pane has no room for that."""
WIDE = 70
"""Cells of a pane that has."""

CLOSEST, FARTHEST = 12, -6
"""How often the picture can be doubled and halved."""
EDGE = 0.1
"""Part of the screen in which the playhead makes it turn the page."""

PAST = 1_000_000_000
"""Nanoseconds that are shown while there is no request."""
LATE = 2_000_000_000
"""Nanoseconds after which nothing more is told of a moment."""
BUSY = 5_000
"""Steps of tasks up to which idle time is looked for."""

TALL = 9
"""Lines of a pane that has room for the legend."""
TALLER = 16
"""Lines of a pane that has room for the loop's own legend, too."""


class Loop(Lines):
    """The loop, its tasks and its threads around the playhead."""

    CURSOR = True
    HELP: ClassVar[str] = """
### The event loop

Time goes to the right, to one scale; the numbers on top are milliseconds
since the request's first event. `▼` is the playhead.

The line **loop** is the one thread that runs everything: at each moment it
does **one** thing. A digit is the request whose task runs (the last digit of
its number), `s` a task of the server, `c` a plain callback, `▁` the loop
sleeps in `select`. Above it are the numbers of its turns.

Below are the tasks, those of the shown request first: `█` runs on the loop
(`▌` for less than half of that time) · `░` could run, and others did ·
`┄` waits, with what for · `■` held by you · `✗` ended by an exception ·
`▒` runs in a worker thread · `─` alive, its steps are not told.
A client of ours has a line, too: `○` connected · `►` sent · `◄` read ·
`✓` a whole answer · `│` closed.

`⋯` time is cut out in which no request ran; above it stands how much.

`+` and `-` zoom, `left` and `right` move the playhead and the window with
it, `up` and `down` choose a lane, `enter` shows its request, `z` gives the
pane the whole screen. What the chosen lane does at the playhead stands at
the bottom.
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("plus,equals_sign", "closer(1)", "Zoom in", show=False),
        Binding("minus", "closer(-1)", "Zoom out", show=False),
        Binding("enter", "open", "Its request", show=False),
    ]

    above, below = 3, 2

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._moment: Moment | None = None
        self._zoom = 0
        self._key: Hashable = None
        self._view: View | None = None
        self._window: Window | None = None
        self._rows: list[Row] = []
        self._owners: dict[int, int | None] = {}
        self._cells: dict[int, Cells] = {}
        self._head: tuple[Cells, Cells, Cells] = ([], [], [])
        self._at = -1
        self._request: int | None = None

    # What changed?

    def show(self, moment: Moment) -> None:
        """Draw a moment, and only if it looks different."""
        self._moment = moment
        number = moment.request.number if moment.request else None
        if number != self._request:
            self._request, self.top, self.cursor = number, 0, 0
        width = self._width()
        if width < 1:
            return
        start, end = self._life(moment)
        page = self._page(moment.at)
        known = min(moment.trace.lanes.last, end + LATE)
        key = (number, start, end, width, self.size.height, self._zoom, known)
        if key != self._key or page:
            self._key = key
            self._look(moment, start, end, width)
            self.refresh()
        at = self._view.column(moment.at) if self._view else -1
        if at != self._at:
            self._at = at
            self.refresh()

    def on_resize(self) -> None:
        height = self.size.height
        self.below = 1 + (height > TALL) + (height > TALLER)
        if self._moment is not None:
            self.show(self._moment)
        super().on_resize()

    def _width(self) -> int:
        """Cells for the lanes, a blank and the scroll bar aside."""
        return self.size.width - self._names() - 2

    def _names(self) -> int:
        return NAME if self.size.width >= WIDE else NARROW

    def _life(self, moment: Moment) -> Times:
        """From when to when a request lived; the last second if there is none.

        What its connection did after it is no more of its life.
        """
        trace, request = moment.trace, moment.request
        if request is None or not moment.story:
            return max(0, trace.last - PAST), trace.last
        times, began = request.times, moment.story[0].t
        if request.outcome not in OVER:
            return began, max(trace.last, began)
        marks = (times.arrived, times.complete, times.ended)
        end = max(mark for mark in marks if mark is not None)
        lanes = trace.lanes.tasks.between(began, end)
        ends = [each.ended for each in lanes if each.req == request.number]
        end = max(end, *(each or end for each in ends), end)
        seen = trace.clients.exchange(request.conn or 0, request.number)
        if seen:  # the client's end begins before ours, and ends after it
            began, end = min(began, seen[0].t), max(end, seen[-1].t)
        return began, end

    def _page(self, t: int) -> bool:
        """Whether the playhead has come to the edge of what is seen."""
        view = self._view
        if view is None or self._zoom <= 0:
            return False
        x, edge = view.x(t), view.width * EDGE
        first = view.left <= 0 and x < edge
        last = view.left + view.width >= view.axis.cells and (
            x > view.width - edge
        )
        return not (edge <= x <= view.width - edge or first or last)

    def _look(self, moment: Moment, start: int, end: int, width: int) -> None:
        """Lay the axis out, and find the lanes on it."""
        lanes = moment.trace.lanes
        if self._zoom < 0:
            more = (end - start) * (2**-self._zoom - 1) // 2
            start, end = max(0, start - more), end + more
            end = min(end, max(lanes.last, start + 1))
        axis = self._axis(moment, start, end, width << max(self._zoom, 0))
        left = 0
        if self._zoom > 0:
            left = max(0, int(axis.x(moment.at)) - width // 2)
            left = min(left, max(0, int(axis.cells) - width))
        view = self._view = View(axis, left, width, max(lanes.last, end))
        window = self._window = lanes.window(view.start, view.end)
        number = moment.request.number if moment.request else None
        self._rows = rows_of(window, moment.trace, number)
        self._owners = {lane.id: lane.req for lane in window.tasks}
        self._cells.clear()
        self.cursor = min(self.cursor, max(len(self._rows) - 1, 0))
        self.top = max(0, min(self.top, len(self._rows) - self.room))
        began = moment.began
        self._head = (
            axis_cells(view, began),
            turn_cells(view, window.turns),
            loop_cells(window.loop, view, self._owners),
        )
        self._name_it(axis)

    def _axis(self, moment: Moment, start: int, end: int, cells: int) -> Axis:
        return lay_axis(start, end, _busy(moment, start, end), cells)

    def _name_it(self, axis: Axis) -> None:
        zoom = f", ×{2**self._zoom:g}" if self._zoom else ""
        said = f"(a cell is {duration(round(axis.scale))}{zoom})"
        assert self._moment is not None
        lossy = self._moment.trace.lanes.lossy
        lost = " events were lost: an end may be missing" if lossy else ""
        self.title("0 Loop ", (said, "dim"), (lost, "bold"))

    # The lines

    def count(self) -> int:
        return len(self._rows)

    def line(self, index: int, width: int) -> Line:
        row = self._rows[index]
        cells = self._cells.get(index)
        if cells is None:
            cells = self._cells[index] = self._lane(row)
        here = "►" if index == self.cursor else " "
        look = "strong" if row.mine else "muted"
        name = pad(row.name, self._names() - 1)
        return ((here, "token"), (name, look), *self._played(cells))

    def _lane(self, row: Row) -> Cells:
        assert self._view is not None
        cells = lane_cells(
            row.segments, self._view, threads=row.of in {Of.JOB, Of.WORKER}
        )
        for t, piece in row.marks:
            if self._view.holds(t):
                cells[self._view.column(t)] = piece
        return cells

    def _played(self, cells: Cells) -> Line:
        """The cells, those beyond the playhead paler, its own marked."""
        pieces: list[Piece] = []
        for x, (text, look) in enumerate(cells):
            name = look if x <= self._at else "faint"
            if x == self._at:
                name = f"{look}@playhead"
            if pieces and pieces[-1][1] == name:
                pieces[-1] = pieces[-1][0] + text, name
            else:
                pieces.append((text, name))
        return tuple(pieces)

    def render_line(self, y: int) -> Strip:
        width, height = self.size
        if self._view is None:
            return self.strip((), width)
        if y < self.above:
            return self.strip(self._over(y), width)
        if y >= height - self.below:
            return self.strip(self._under(y - height + self.below), width)
        return super().render_line(y)

    def _over(self, y: int) -> Line:
        """The axis, the turns and the loop."""
        name, look = (("ms", "muted"), ("turn", "muted"), ("loop", "strong"))[y]
        cells = self._head[y]
        if y == 0 and 0 <= self._at < len(cells):
            cells = mark(cells, self._at)
        return ((pad(f" {name}", self._names()), look), *self._played(cells))

    def _under(self, y: int) -> Line:
        """What the lane with the cursor does, and what the glyphs mean."""
        moment = self._moment
        if y or moment is None:
            return legend(y - 1)
        gauge = moment.trace.lanes.gauge(moment.at)
        busy = pool(gauge)
        row = self._rows[self.cursor] if self._rows else None
        room = self.size.width - len(busy)
        said = detail(row, moment, room) if row else ()
        return (*said, (busy, "accent"))

    # What the user picks

    def cursor_moved(self) -> None:
        self.refresh()  # the line at the bottom

    def action_open(self) -> None:
        row = self._rows[self.cursor] if self._rows else None
        if row is not None and row.req is not None and not row.mine:
            self.post_message(Picked(row.req))

    def action_closer(self, steps: int) -> None:
        zoom = min(max(self._zoom + steps, FARTHEST), CLOSEST)
        if zoom != self._zoom and self._moment is not None:
            self._zoom, self._key = zoom, None
            self.show(self._moment)


def _busy(moment: Moment, start: int, end: int) -> list[Times]:
    """When a request ran, on the loop or in a thread, in order."""
    lanes = moment.trace.lanes
    known, jobs = lanes.tasks.known, lanes.threads.between(start, end)
    steps: list[Segment] = lanes.tasks.steps(start, end)
    if len(steps) > BUSY:
        return [(start, end)]
    now = lanes.last
    ran: list[tuple[int, int | None]] = [
        (job.started, job.ended) for job in jobs if job.started is not None
    ]
    for step in steps:
        lane = None if step.task is None else known.get(step.task)
        if lane is not None and lane.req is not None:
            ran.append((step.start, step.end))
    return sorted((a, now if b is None else b) for a, b in ran)
