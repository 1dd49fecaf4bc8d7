"""The ladder: boxes downwards, time to the right; nesting without motion.

It is what spans say, drawn on the playback's clock, so that microseconds can
be seen beside seconds. The real durations stand on the right.
"""

from collections.abc import Hashable, Iterable
from typing import ClassVar

from tracer.model.spans import spans
from tracer.model.stage import Box, Part
from tracer.views.tui.moment import Moment
from tracer.views.tui.pieces import Line, Piece, duration, pad
from tracer.views.tui.rows import Rows
from tracer.views.tui.standing import OPENS
from tracer.views.tui.track import plain_name

NAME, REAL = 16, 11
"""Cells for the names on the left and the durations on the right."""


class Ladder(Rows):
    """One line a box: `▒` open, `█` where the token is, `●` an event there."""

    HELP: ClassVar[str] = """
### The ladder

The same boxes, downwards; time goes to the right, on the playback's slowed
clock. A bar is as long as the box was open, and the number on the right is
its real duration. What is nested stands below what holds it.
"""

    def show(self, moment: Moment) -> None:
        """Draw a moment, the token's line in sight."""
        super().show(moment)
        if moment.score is not None and moment.index >= 0:
            self.reveal(moment.score.beats[moment.index].stop.box)

    def key(self, moment: Moment) -> Hashable:
        return (moment.index, id(moment.score), self.size.height)

    def rows(self, moment: Moment, width: int) -> Iterable[Line]:
        score = moment.score
        if score is None or moment.index < 0:
            yield (("Waiting for a request.", "muted"),)
            return
        room = max(width - NAME - REAL - 2, 8)
        open_at = _bars(moment)
        active = score.beats[moment.index].stop.box
        for number, box in enumerate(score.rail):
            look = "token" if number == active else _look(box)
            mark = "►" if number == active else " "
            yield (
                (mark, "token"),
                (pad(plain_name(box), NAME - 1), look),
                ("│", "faint"),
                *_row(moment, number, open_at.get(number), room),
                (
                    pad(_real(moment, open_at.get(number)), REAL, right=True),
                    "muted",
                ),
            )


def _bars(moment: Moment) -> dict[int, tuple[int, int | None]]:
    """The first span of each box: indexes of its first and last event."""
    assert moment.score is not None
    found: dict[int, tuple[int, int | None]] = {}
    for span in spans(moment.played):
        box = moment.score.beats[span.first].stop.box
        kind = moment.played[span.first].kind
        if OPENS.get(kind) is moment.score.rail[box].part:
            found.setdefault(box, (span.first, span.last))
    return found


def _row(
    moment: Moment, box: int, bar: tuple[int, int | None] | None, room: int
) -> Iterable[Piece]:
    assert moment.score is not None
    beats = moment.score.beats
    scale = (room - 1) / (moment.score.seconds or 1.0)
    cells = [(" ", "")] * room
    now = int(beats[moment.index].start * scale)
    if bar is not None:
        first, last = bar
        end = now if last is None else int(beats[last].start * scale)
        glyph = ("█", "accent") if last is None else ("▒", "passed")
        for x in range(int(beats[first].start * scale), end + 1):
            cells[x] = glyph
    for beat in beats[: moment.index + 1]:
        if beat.stop.box == box:
            cells[int(beat.start * scale)] = (
                "●",
                moment.story[beat.index].layer,
            )
    if beats[moment.index].stop.box == box:
        cells[now] = ("●", "token")
    return cells


def _real(moment: Moment, bar: tuple[int, int | None] | None) -> str:
    if bar is None:
        return ""
    first, last = bar
    end = moment.story[moment.index if last is None else last].t
    more = "…" if last is None else ""
    return duration(end - moment.story[first].t) + more


def _look(box: Box) -> str:
    if box.part in {Part.ACCEPT, Part.DATA}:
        return "connection"
    known = {Part.H11: "h11", Part.CYCLE: "cycle", Part.ENDPOINT: "app"}
    return known.get(box.part, "framework")
