"""Standings to a grid of cells: the rail as a picture, without its token."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from tracer.model.stage import Leg
from tracer.views.tui.pieces import Piece, centred, fit, millis
from tracer.views.tui.standing import Standing, State
from tracer.views.tui.track import Slot, Track

TALL, SHORT = 9, 5
"""Rows of a rail with blanks and times, and of one without."""

Grid = list[list[Piece]]

LOOK = {
    State.FUTURE: "future",
    State.SKIPPED: "future",
    State.OPEN: "open",
    State.PASSED: "passed",
    State.FAILED: "failed",
}
BORDERS = {True: tuple("╔╗╚╝═║╫"), False: tuple("╭╮╰╯─│┼")}
"""Whether the token is there -> the border: corners, flat, side, crossing."""

NOTE = 3
"""The row of a tall box's note, from its middle: below the lane back."""
TIME_FITS = 6
"""Cells inside a box in which a glyph and a time have room."""


@dataclass(frozen=True, slots=True)
class Picture:
    """All that a rail's picture depends on.

    Attributes:
        track: Where everything stands.
        boxes: How each box stands.
        active: The box with the token.
        out: Boxes reached on the way out.
        back: Boxes reached on the way back.
        began: `t` of the request's first event.
        waits: What the request waits for in the box with the token; empty:
            it runs.
    """

    track: Track
    boxes: tuple[Standing, ...]
    active: int
    out: frozenset[int]
    back: frozenset[int]
    began: int
    waits: str = ""


def draw(picture: Picture, width: int) -> Grid:
    """Draw a rail, `width` cells wide."""
    track = picture.track
    grid: Grid = [[(" ", "rail")] * width for _ in range(track.rows)]
    _draw_lanes(grid, picture)
    active = track.slot_of(picture.active)
    for number, slot in enumerate(track.slots):
        _draw_box(grid, picture, slot, here=number == active)
    return grid


def _draw_lanes(grid: Grid, picture: Picture) -> None:
    """Both lanes and the turn; what was passed is lit."""
    track = picture.track
    far = max((_middle(track, box) for box in picture.out), default=-1)
    turn = track.turn
    near = min((_middle(track, box) for box in picture.back), default=turn + 1)
    top, bottom = track.lanes[Leg.OUT], track.lanes[Leg.BACK]
    for x in range(turn):
        grid[top][x] = ("─", "passed" if x <= far else "rail")
        grid[bottom][x] = ("─", "passed" if x >= near else "rail")
    grid[top][0] = ("►", "passed")
    grid[bottom][0] = ("◄", "rail")
    look = "passed" if near <= turn and far >= _middle(track, -1) else "rail"
    for y in range(top, bottom + 1):
        grid[y][turn] = ({top: "╮", bottom: "╯"}.get(y, "│"), look)


def _middle(track: Track, box: int) -> int:
    slot = track.slots[-1] if box < 0 else track.slots[track.slot_of(box)]
    return slot.middle


def _draw_box(grid: Grid, picture: Picture, slot: Slot, *, here: bool) -> None:
    stood = [picture.boxes[box] for box in slot.boxes]
    state = together(stood)
    look = "active" if here else LOOK[state]
    if here and state is State.FAILED:
        look = "failed"
    left, right, low_left, low_right, flat, side, cross = BORDERS[here]
    inner, last = slot.width - 2, picture.track.rows - 1
    label = _label(slot.label, inner, flat)
    _write(grid, slot.x, 0, left + label + right, look)
    _write(grid, slot.x, last, low_left + flat * inner + low_right, look)
    for y in range(1, last):
        if y not in picture.track.lanes.values():
            row = y - (last + 1) // 2
            text = _inside(picture, stood, state, row, inner, here=here)
            _write(grid, slot.x, y, side + text + side, look)
            continue
        for x in (slot.x, slot.x + slot.width - 1):
            grid[y][x] = (cross, look)
        for x in range(slot.x + 1, slot.x + slot.width - 1):
            glyph, lane = grid[y][x]
            grid[y][x] = (glyph, f"{lane}@active" if here else lane)


def _inside(  # noqa: PLR0913  # one for each thing that decides it
    picture: Picture,
    stood: Sequence[Standing],
    state: State,
    row: int,
    width: int,
    *,
    here: bool,
) -> str:
    """What stands in a box: a glyph in the middle, a time beside each lane."""
    glyph = "►" if here and state is not State.FAILED else state.value
    into, left = stood[0].entered, stood[-1].left
    note = stood[-1].note
    times = {-1: into, 1: left}
    if picture.track.rows == SHORT:
        times = {}
        if into is not None and width >= TIME_FITS:
            since = millis(into - picture.began, width - 2).strip()
            glyph = f"{glyph} {since}"
        if note and state is State.OPEN:
            glyph = note
    elif row == NOTE:
        return centred(note, width)
    if row == 0:
        return centred(
            picture.waits if here and picture.waits else glyph, width
        )
    at = times.get(row)
    if at is None:
        return " " * width
    return centred(millis(at - picture.began, width).strip(), width)


def together(stood: Sequence[Standing]) -> State:
    """The state of several boxes that are drawn as one."""
    states = [each.state for each in stood]
    for state in (State.FAILED, State.OPEN):
        if state in states:
            return state
    return states[0] if len(set(states)) == 1 else State.OPEN


def _label(name: str, width: int, flat: str) -> str:
    text = fit(name, width)
    blank = width - cell_len(text)
    return flat * (blank // 2) + text + flat * (blank - blank // 2)


def _write(grid: Grid, x: int, y: int, text: str, look: str) -> None:
    """Write a text into a row; a wide character takes two cells of it."""
    for char in text:
        wide = cell_len(char)
        if 0 < wide <= len(grid[y]) - x:
            grid[y][x : x + wide] = [(char, look), *[("", look)] * (wide - 1)]
            x += wide
