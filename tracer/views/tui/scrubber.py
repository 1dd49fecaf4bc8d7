"""The playback as one line: where the playhead is, and what is to come.

The height of each cell is how long the request really stood still there, on a
log scale; its colour is whose event it was.
"""

import math
from typing import ClassVar

from textual import events
from textual.strip import Strip

from tracer.model.playback import Score, beat_at
from tracer.views.tui.messages import Sought
from tracer.views.tui.moment import Moment
from tracer.views.tui.painted import Painted
from tracer.views.tui.pieces import Piece, duration

BARS = "▁▂▃▄▅▆▇█"


class Scrubber(Painted):
    """The time line of one request."""

    ALLOW_MAXIMIZE: ClassVar[bool] = False

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._moment: Moment | None = None
        self._score: Score | None = None
        self._bars: list[Piece] = []
        self._at = -1
        self._left: Piece = ("", "")
        self._right: Piece = ("", "")

    def show(self, moment: Moment, left: Piece) -> None:
        """Draw the playhead where it is, if it moved by a cell."""
        width = self.size.width
        right = self._said(moment)
        room = max(width - len(left[0]) - len(right) - 2, 0)
        score = moment.score
        seconds = score.seconds if score else 0.0
        at = int(moment.clock / seconds * (room - 1)) if seconds and room else 0
        fresh = score is not self._score or room != len(self._bars)
        now = (at, (right, "muted"), left)
        self._moment = moment
        if fresh:
            self._score, self._bars = score, _bars(moment, room)
        if fresh or now != (self._at, self._right, self._left):
            self._at, self._right, self._left = now
            self.refresh()

    def _said(self, moment: Moment) -> str:
        record = moment.record
        if record is None:
            return ""
        since = duration(record.t - moment.began)
        turn = "" if record.turn is None else f"turn {record.turn}  "
        return f" {turn}+{since}  {moment.index + 1}/{len(moment.story)} "

    def render_line(self, y: int) -> Strip:
        bars = [
            ("┃", "token") if x == self._at else (text, look)
            if x < self._at else (text, "faint")
            for x, (text, look) in enumerate(self._bars)
        ]  # fmt: skip
        return self.strip(
            (self._left, (" ", ""), *bars, (" ", ""), self._right),
            self.size.width,
        )

    def on_click(self, event: events.Click) -> None:
        x = event.x - len(self._left[0]) - 1
        if self._score and 0 <= x < len(self._bars):
            clock = x / max(len(self._bars) - 1, 1) * self._score.seconds
            self.post_message(Sought(beat_at(self._score, clock)))


def _bars(moment: Moment, width: int) -> list[Piece]:
    score = moment.score
    if score is None or not score.beats or width < 1:
        return []
    bars: list[Piece] = []
    for x in range(width):
        clock = x / max(width - 1, 1) * score.seconds
        index = min(beat_at(score, clock), len(moment.story) - 1)
        record = moment.story[index]
        gap = record.t - moment.story[max(index - 1, 0)].t
        decades = math.log10(max(gap, 1_000) / 1_000)
        height = min(int(decades * 1.4), len(BARS) - 1)
        bars.append((BARS[height], record.layer))
    return bars
