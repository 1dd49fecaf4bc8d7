"""The rail: a request goes out on the upper lane and back on the lower one.

Through the same boxes both ways. That the response passes middleware which
are still open, and that they end after it, is the lesson of this picture.
"""

from itertools import groupby
from typing import ClassVar

from textual import events
from textual.strip import Strip

from tracer.model.lanes import State
from tracer.model.stage import Leg
from tracer.views.tui.messages import Sought
from tracer.views.tui.moment import Moment
from tracer.views.tui.painted import Painted
from tracer.views.tui.pieces import Piece, centred
from tracer.views.tui.rail import SHORT, TALL, Grid, Picture, draw
from tracer.views.tui.standing import Standings
from tracer.views.tui.track import Cell, Track, track

COMET = "·••●"
WAITING = "No request yet: send one, and it comes in here."
FORGOTTEN = "The events of this request are no longer kept: too many came."


class Conveyor(Painted, can_focus=True):
    """The boxes of one request, and the token that moves along them."""

    ALLOW_MAXIMIZE = False
    HELP: ClassVar[str] = """
### The conveyor

A request comes in on the **upper** lane, box by box, turns at the endpoint
and goes back on the **lower** lane, through the same boxes.

`►` the token is here · `✓` left · `…` entered and not left: it waits inside
· `·` not met yet · `–` not needed · `✗` left by an exception

Where the token stands: `… sleep` the task waits, and for what · `░ ready` it
could run, and others do · `■ 3.2 s` you hold it, for so long

At the bottom of a box: `▤ 104 B` a head that `--join-head` holds back, and `1
write` when it has left with the body; `5◄ 6►` the messages of a WebSocket from
and to its client, whose endpoint stays entered until it is closed.

The times are milliseconds since the request's first event. The token's clock
is slowed down: each factor of ten in real time adds a fixed part of a second.
A click on a box moves the playhead there; `p` shows the ladder instead.

The line at the bottom is the whole playback: a high bar is a long real time,
on a log scale, and `┃` is the playhead. A click moves it.
"""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._moment: Moment | None = None
        self._standings: Standings | None = None
        self._track: Track | None = None
        self._waits = ""
        self._drawn: tuple[Picture, int] | None = None
        self._grid: Grid = []
        self._comet: dict[Cell, Piece] = {}

    # What changed?

    def show(self, moment: Moment) -> None:
        """Draw a moment, and only what differs from the last one."""
        before, self._moment = self._moment, moment
        fresh = before is None or moment.score is not before.score
        if fresh and moment.score is not None:
            if self._standings is None:
                self._standings = Standings(moment.score, moment.story)
            self._standings.grow(moment.score, moment.story)
        waits = _waits(moment)
        moved = before is not None and before.index != moment.index
        if fresh or moved or waits != self._waits:
            self._waits = waits
            self._stand()
        self._move()

    def on_resize(self) -> None:
        self._stand()
        self._move()

    def _stand(self) -> None:
        """Draw the boxes anew if one of them changed."""
        moment, standings, width = self._moment, self._standings, self.size[0]
        if moment is None or moment.index < 0 or not width:
            return
        assert moment.score is not None
        assert standings is not None
        rows = TALL if self.size.height >= TALL else SHORT
        boxes = standings.at(moment.index)
        picture = Picture(
            track(moment.score.rail, width, rows),
            boxes,
            moment.score.beats[moment.index].stop.box,
            frozenset(standings.reached[Leg.OUT]),
            frozenset(standings.reached[Leg.BACK]),
            moment.began,
            self._waits,
        )
        if (picture, width) != self._drawn:
            self._drawn, self._track = (picture, width), picture.track
            self._grid = draw(picture, width)
            self.refresh()

    def _move(self) -> None:
        """Put the token where it is now; draw only the cells it changes."""
        if self._moment is None or self._track is None:
            return
        comet = self._token(self._moment, self._track)
        changed = sorted(
            (
                cell
                for cell in {*comet, *self._comet}
                if comet.get(cell) != self._comet.get(cell)
            ),
            key=_row,
        )
        self._comet = comet
        for y, cells in groupby(changed, _row):
            xs = [x for x, _ in cells]
            self.repaint(min(xs), y, max(xs) - min(xs) + 1)

    def _token(self, moment: Moment, rail: Track) -> dict[Cell, Piece]:
        """The cells of the token and of its tail, the further the paler."""
        if moment.index < 0:
            return {}
        before, after, part = moment.token()
        outside = moment.index == 0 and not moment.still
        path = rail.path(None if outside else before, after)
        if part >= 1.0:
            return {path[-1]: (COMET[-1], "token")}
        head = round(part * (len(path) - 1))
        tail = path[max(0, head + 1 - len(COMET)) : head + 1]
        glyphs = COMET[-len(tail) :]
        return {
            cell: (glyph, "token" if glyph == COMET[-1] else "tail")
            for cell, glyph in zip(tail, glyphs, strict=True)
        }

    # The picture

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if self._moment is None or self._moment.index < 0:
            known = self._moment is not None and self._moment.request
            hint = FORGOTTEN if known else WAITING
            middle = y == self.size.height // 2
            text = centred(hint, width) if middle else ""
            return self.strip(((text, "muted"),), width)
        if y >= len(self._grid):
            return self.strip((), width)
        row = list(self._grid[y])
        for (x, line), (glyph, look) in self._comet.items():
            if line == y and x < len(row):
                _, _, ground = row[x][1].partition("@")
                row[x] = (glyph, f"{look}@{ground}" if ground else look)
        pieces = (
            ("".join(text for text, _ in run), look)
            for look, run in groupby(row, lambda piece: piece[1])
        )
        return self.strip(pieces, width)

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


def _waits(moment: Moment) -> str:
    """What the task of the lit event waits for at the playhead."""
    if moment.held is not None:
        return f"■ {moment.held_for:.1f} s"
    record = moment.record
    if record is None or record.task is None:
        return ""
    now = moment.trace.lanes.of(record.task, moment.at)
    if now is None:
        return ""
    match now.state:
        case State.WAITS:
            return f"… {now.what}"
        case State.READY:
            return "░ ready"
        case _:
            return ""


def _row(cell: Cell) -> int:
    return cell[1]
