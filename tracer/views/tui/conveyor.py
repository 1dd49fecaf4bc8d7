"""The rail: a request goes out on the upper lane and back on the lower one.

Through the same boxes both ways. That the response passes middleware which
are still open, and that they end after it, is the lesson of this picture.
"""

from itertools import groupby
from typing import ClassVar

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.strip import Strip

from tracer.model.stage import Leg
from tracer.views.tui.messages import Sought
from tracer.views.tui.moment import Moment
from tracer.views.tui.painted import Painted
from tracer.views.tui.pieces import Piece, centred, millis
from tracer.views.tui.standing import Standing, Standings, State
from tracer.views.tui.track import Cell, Slot, Track, track

TALL, SHORT = 9, 5
COMET = "·••●"

LOOK = {
    State.FUTURE: "future",
    State.SKIPPED: "future",
    State.OPEN: "open",
    State.PASSED: "passed",
    State.FAILED: "failed",
}
BORDERS = {
    # State and whether the token is here: corners, and the sides.
    True: "╔╗╚╝═║╫",
    False: "╭╮╰╯─│┼",
}


class Conveyor(Painted):
    """The boxes of one request, and the token that moves along them."""

    ALLOW_MAXIMIZE = False
    HELP: ClassVar[str] = """
### The conveyor

A request comes in on the **upper** lane, box by box, turns at the endpoint
and goes back on the **lower** lane, through the same boxes.

`►` the token is here · `✓` left · `…` entered and not left: it waits inside
· `·` not met yet · `–` not needed · `✗` left by an exception

The times are milliseconds since the request's first event. The token's clock
is slowed down: each factor of ten in real time adds a fixed part of a second.
A click on a box moves the playhead there; `p` shows the ladder instead.
"""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._moment: Moment | None = None
        self._track: Track | None = None
        self._standings: Standings | None = None
        self._boxes: tuple[Standing, ...] = ()
        self._grid: list[list[Piece]] = []
        self._comet: dict[Cell, Piece] = {}
        self._key: tuple[object, ...] = ()

    # What changed?

    def show(self, moment: Moment) -> None:
        """Draw a moment, and only what differs from the last one."""
        fresh = self._moment is None or moment.score is not self._moment.score
        at = self._moment.index if self._moment else -1
        self._moment = moment
        if fresh and moment.score:
            self._standings = Standings(moment.score, moment.story)
        if fresh or at != moment.index:
            self._stand()
        self._move()

    def on_resize(self) -> None:
        self._key = ()
        self._stand()
        self._move()

    def _stand(self) -> None:
        """Lay the boxes out anew if one of them changed."""
        moment, standings = self._moment, self._standings
        if moment is None or moment.score is None or standings is None:
            return
        self._boxes = standings.at(moment.index)
        active = moment.score.beats[moment.index].stop
        reached = tuple(len(standings.reached[leg]) for leg in Leg)
        width, rows = self.size.width, self._rows()
        rail = moment.score.rail
        key = (self._boxes, active, reached, rail, width, rows)
        if key != self._key and width > 0:
            self._key = key
            self._track = track(rail, width, rows)
            self._draw(self._track)
            self.refresh()

    def _rows(self) -> int:
        return TALL if self.size.height >= TALL else SHORT

    def _move(self) -> None:
        """Put the token where it is now; draw only the cells it changes."""
        if self._moment is None or self._track is None:
            return
        comet = self._tail(self._moment, self._track)
        changed = {
            cell
            for cell in {*comet, *self._comet}
            if comet.get(cell) != self._comet.get(cell)
        }
        self._comet = comet
        for y, cells in groupby(sorted(changed, key=lambda c: c[1]), _row):
            xs = [x for x, _ in cells]
            self.repaint(min(xs), y, max(xs) - min(xs) + 1)

    def _tail(self, moment: Moment, rail: Track) -> dict[Cell, Piece]:
        if moment.index < 0:
            return {}
        before, after, part = moment.token()
        outside = moment.index == 0 and not moment.still
        path = rail.path(None if outside else before, after)
        head = round(part * (len(path) - 1))
        if part >= 1.0:
            return {path[-1]: (COMET[-1], "token")}
        tail = path[max(0, head - 3) : head + 1]
        glyphs = COMET[-len(tail) :]
        return {
            cell: (glyph, "token" if glyph == COMET[-1] else "tail")
            for cell, glyph in zip(tail, glyphs, strict=True)
        }

    # The picture

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if y >= len(self._grid) or self._track is None:
            hint = (
                "Waiting for a request." if y == self.size.height // 2 else ""
            )
            quiet = self._moment is None or self._moment.index < 0
            text = centred(hint, width) if quiet else ""
            return self.strip(((text, "muted"),), width)
        row = self._grid[y]
        over = {
            x: piece for (x, line), piece in self._comet.items() if line == y
        }
        if over:
            row = [over.get(x, piece) for x, piece in enumerate(row)]
        pieces = (
            ("".join(text for text, _ in run), look)
            for look, run in groupby(row, lambda piece: piece[1])
        )
        return self.strip(pieces, width)

    def _draw(self, rail: Track) -> None:
        width = self.size.width
        grid = [[(" ", "rail")] * width for _ in range(rail.rows)]
        self._draw_lanes(grid, rail)
        active = self._active_slot(rail)
        for number, slot in enumerate(rail.slots):
            self._draw_box(grid, rail, slot, here=number == active)
        self._grid = grid

    def _active_slot(self, rail: Track) -> int:
        moment = self._moment
        assert moment is not None
        assert moment.score is not None
        return rail.slot_of(moment.score.beats[moment.index].stop.box)

    def _draw_lanes(self, grid: list[list[Piece]], rail: Track) -> None:
        assert self._standings is not None
        reached = self._standings.reached
        far = max(
            (rail.slots[rail.slot_of(b)].middle for b in reached[Leg.OUT]),
            default=0,
        )
        near = min(
            (rail.slots[rail.slot_of(b)].middle for b in reached[Leg.BACK]),
            default=rail.turn + 1,
        )
        top, bottom = rail.lanes[Leg.OUT], rail.lanes[Leg.BACK]
        for x in range(rail.turn):
            grid[top][x] = ("─", "passed" if x <= far else "rail")
            grid[bottom][x] = ("─", "passed" if x >= near else "rail")
        turned = "passed" if near <= rail.turn else "rail"
        grid[top][0] = ("►", "passed")
        grid[bottom][0] = ("◄", "passed" if near == 0 else "rail")
        for y in range(top, bottom + 1):
            glyph = {top: "╮", bottom: "╯"}.get(y, "│")
            grid[y][rail.turn] = (glyph, turned)

    def _draw_box(
        self, grid: list[list[Piece]], rail: Track, slot: Slot, *, here: bool
    ) -> None:
        stood = [self._boxes[box] for box in slot.boxes]
        state = _together(stood)
        look = "active" if here else LOOK[state]
        upper_left, upper_right, lower_left, lower_right, flat, side, cross = (
            BORDERS[here]
        )
        inner = slot.width - 2
        label = _label(slot.label, inner, flat)
        _write(grid, slot.x, 0, upper_left + label + upper_right, look)
        bottom = lower_left + flat * inner + lower_right
        _write(grid, slot.x, rail.rows - 1, bottom, look)
        for y in range(1, rail.rows - 1):
            if y in rail.lanes.values():
                for x in (slot.x, slot.x + slot.width - 1):
                    grid[y][x] = (cross, look)
                if here:
                    for x in range(slot.x + 1, slot.x + slot.width - 1):
                        grid[y][x] = (grid[y][x][0], "active")
                continue
            text = self._inside(
                stood, state, y - rail.rows // 2, inner, here=here
            )
            _write(grid, slot.x, y, side + text + side, look)

    def _inside(
        self,
        stood: list[Standing],
        state: State,
        row: int,
        width: int,
        *,
        here: bool,
    ) -> str:
        """What stands in a box: a glyph in the middle, times beside lanes."""
        began = self._moment.began if self._moment else 0
        glyph = "►" if here and state is not State.FAILED else state.value
        into, out = stood[0].entered, stood[-1].left
        tall = self._rows() == TALL
        if row == 0:
            if tall or into is None or width < 6:  # noqa: PLR2004
                return centred(glyph, width)
            return centred(
                f"{glyph} {millis(into - began, width - 2).strip()}", width
            )
        t = {-1: into, 1: out}.get(row)
        return centred(
            "" if t is None else millis(t - began, width).strip(), width
        )

    def on_click(self, event: events.Click) -> None:
        """Move the playhead to the first event in the box."""
        moment, rail = self._moment, self._track
        if moment is None or rail is None or moment.score is None:
            return
        x = event.x - self.gutter.left
        for slot in rail.slots:
            if slot.x <= x < slot.x + slot.width:
                for beat in moment.score.beats:
                    if beat.stop.box in slot.boxes:
                        self.post_message(Sought(beat.index))
                        return


def _row(cell: Cell) -> int:
    return cell[1]


def _write(
    grid: list[list[Piece]], x: int, y: int, text: str, look: str
) -> None:
    for offset, char in enumerate(text):
        if x + offset < len(grid[y]):
            grid[y][x + offset] = (char, look)


def _label(name: str, width: int, flat: str) -> str:
    text = centred(name, width).strip() if cell_len(name) > width else name
    left = (width - cell_len(text)) // 2
    return flat * left + text + flat * (width - left - cell_len(text))


def _together(stood: list[Standing]) -> State:
    """The state of several boxes that are drawn as one."""
    states = [each.state for each in stood]
    for state in (State.FAILED, State.OPEN):
        if state in states:
            return state
    return states[0] if len(set(states)) == 1 else State.OPEN
