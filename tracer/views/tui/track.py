"""Boxes to places on the screen: the rail's geometry, cells and no colours.

Names are kept whole while there is room, then shortened, then cut to three
letters; at last the boxes in the middle become one, which says how many.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from tracer.model.stage import Box, Leg, Part, Stop

LEFT, RIGHT = 4, 3
"""Cells for the way in, and for the turn behind the last box."""
ROOMY, TIGHT, TINY = 10, 8, 5
"""Widths of a box: with room to spare, with a time in it, with a glyph."""
WIDEST = 16

Cell = tuple[int, int]
"""x and y, from the upper left corner of the rail."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A box on the screen.

    Attributes:
        x: Its left border.
        width: Borders included.
        label: What of its name fits.
        boxes: The rail's boxes that it stands for, more than one if folded.
    """

    x: int
    width: int
    label: str
    boxes: tuple[int, ...]

    @property
    def middle(self) -> int:
        """The column in which a token rests."""
        return self.x + self.width // 2


def plain_name(box: Box) -> str:
    """A box's name without the word that all middleware share."""
    if box.part is Part.MIDDLEWARE:
        return box.name.removesuffix("Middleware") or box.name
    return box.name


def three_letters(box: Box) -> str:
    """A box's name where there is no room for names."""
    short = {Part.ROUTER: "rtr", Part.ENDPOINT: "end"}
    return short.get(box.part, plain_name(box)[:3])


def lay_out(rail: Sequence[Box], width: int) -> tuple[Slot, ...]:
    """Give each box of a rail its place in `width` cells."""
    room = width - LEFT - RIGHT
    count = len(rail)
    each: list[tuple[int, ...]] = [(n,) for n in range(count)]
    for names in ([box.name for box in rail], [plain_name(b) for b in rail]):
        wanted = [max(cell_len(name) + 2, ROOMY) for name in names]
        if sum(wanted) + 2 * (count - 1) <= room:
            return _placed(names, _grown(wanted, room, 2), 2, each)
    if count * TIGHT + count - 1 <= room:
        names = [plain_name(box) for box in rail]
        wanted = [max(cell_len(name) + 2, TIGHT) for name in names]
        return _placed(
            names, _grown(_shrunk(wanted, room - count + 1), room, 1), 1, each
        )
    folded = _folded(count, (room + 1) // (TINY + 1))
    names = [
        three_letters(rail[boxes[0]]) if len(boxes) == 1 else f"+{len(boxes)}"
        for boxes in folded
    ]
    widths = _grown([TINY] * len(folded), room, 1)
    return _placed(names, widths, 1, folded)


def _grown(widths: list[int], room: int, gap: int) -> list[int]:
    """Share out what is left of the room, evenly."""
    spare = room - sum(widths) - gap * (len(widths) - 1)
    more = max(spare, 0) // len(widths)
    return [max(width, min(width + more, WIDEST)) for width in widths]


def _shrunk(widths: list[int], room: int) -> list[int]:
    """Take from the widest until all fit."""
    widths = list(widths)
    while sum(widths) > room:
        widths[widths.index(max(widths))] -= 1
    return widths


def _folded(count: int, slots: int) -> list[tuple[int, ...]]:
    """Make one of as many boxes in the middle as must be saved."""
    each: list[tuple[int, ...]] = [(n,) for n in range(count)]
    if count <= slots:
        return each
    before = min(5, max(slots - 2, 1))  # the server's boxes, and one ring
    after = max(slots - before - 1, 1)
    middle = tuple(range(before, count - after))
    return [*each[:before], middle, *each[count - after :]]


def _placed(
    names: Sequence[str],
    widths: Sequence[int],
    gap: int,
    boxes: Sequence[tuple[int, ...]],
) -> tuple[Slot, ...]:
    slots, x = [], LEFT
    for name, width, numbers in zip(names, widths, boxes, strict=True):
        slots.append(Slot(x, width, name, numbers))
        x += width + gap
    return tuple(slots)


@dataclass(frozen=True, slots=True)
class Track:
    """A rail on the screen: its boxes, its two lanes and the turn.

    Attributes:
        slots: From left to right.
        lanes: The row of each lane.
        rows: How high it is.
    """

    slots: tuple[Slot, ...]
    lanes: dict[Leg, int]
    rows: int

    @property
    def turn(self) -> int:
        """The column in which the lanes meet."""
        last = self.slots[-1]
        return last.x + last.width

    def slot_of(self, box: int) -> int:
        """The slot that stands for a box."""
        for number, slot in enumerate(self.slots):
            if box in slot.boxes:
                return number
        return len(self.slots) - 1

    def cell(self, stop: Stop) -> Cell:
        """Where a token rests."""
        slot = self.slots[self.slot_of(stop.box)]
        return slot.middle, self.lanes[stop.leg]

    def path(self, start: Stop | None, end: Stop) -> list[Cell]:
        """The cells that a token passes, both ends included.

        From outside it comes in on the left. It changes lanes in the turn
        behind the last box, or straight down (or up) in any other.
        """
        (x2, y2) = self.cell(end)
        if start is None:
            return _between(0, x2, y2)
        (x1, y1) = self.cell(start)
        if y1 == y2:
            return _between(x1, x2, y1)
        last = self.slot_of(start.box) == len(self.slots) - 1
        if start.leg is Leg.OUT and last:
            x, step = self.turn, [(self.turn, y) for y in range(y1 + 1, y2)]
            return [*_between(x1, x, y1), *step, *_between(x, x2, y2)]
        down = range(y1, y2, 1 if y2 > y1 else -1)
        return [*((x1, y) for y in down), *_between(x1, x2, y2)]


def _between(x1: int, x2: int, y: int) -> list[Cell]:
    step = 1 if x2 >= x1 else -1
    return [(x, y) for x in range(x1, x2 + step, step)]


def track(rail: Sequence[Box], width: int, rows: int) -> Track:
    """Lay a rail out in `width` cells and `rows` rows (5 or 9)."""
    lane = 1 if rows < 9 else 2  # noqa: PLR2004
    lanes = {Leg.OUT: lane, Leg.BACK: rows - 1 - lane}
    return Track(lay_out(rail, width), lanes, rows)
