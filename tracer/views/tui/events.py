"""The list of a request's events; the playhead's own is marked."""

from bisect import bisect_right
from typing import ClassVar

from textual.binding import Binding, BindingType

from tracer.model.depth import Depth, depth_of
from tracer.model.filter import Filter
from tracer.views.explain import Explanations
from tracer.views.tui.lines import Lines
from tracer.views.tui.messages import PaneChosen, Sought
from tracer.views.tui.moment import Moment
from tracer.views.tui.pieces import Line, fit, millis, pad

ALL = Filter()
SOURCE_PANE = 3
WIDE = 80


class Events(Lines):
    """One line an event: turn, time, what it is, and a sentence."""

    CURSOR = True
    HELP: ClassVar[str] = """
### Events

What happened to the request, in order: the **turn** of the event loop, the
milliseconds since its first event, and what happened. Two lines with one turn
ran without any other code in between.

`up` and `down` move the playhead, `.` and `,` too. `d` changes the depth:
story, stages, events. `enter` goes to the code that spoke.
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Code", show=False)
    ]

    def __init__(
        self,
        explained: Explanations,
        *,
        id: str | None = None,  # noqa: A002
    ) -> None:
        super().__init__(id=id)
        self._explained = explained
        self._moment: Moment | None = None
        self._listed: list[int] = []
        self._key: tuple[object, ...] = ()
        self._seen = 0
        self._filter = ALL
        self.depth = Depth.STAGES

    # What changed?

    def show(self, moment: Moment) -> None:
        """Take a moment: list new events, and move the mark."""
        number = moment.request.number if moment.request else None
        key = (number, self.depth, self._filter)
        self._moment = moment
        if key != self._key or len(moment.story) < self._seen:
            self._key, self._listed, self._seen = key, [], 0
            self.top = self.cursor = 0
            self.refresh()
        self._list(moment)
        line = self.line_of(moment.index)
        before, self.cursor = self.cursor, line
        if line != before:
            for passed in range(min(before, line), max(before, line) + 1):
                self.redraw(passed)
        self.reveal(line)

    def _list(self, moment: Moment) -> None:
        size = len(moment.story)
        if size == self._seen:
            return
        for index in range(self._seen, size):
            record = moment.story[index]
            listed = depth_of(record) <= self.depth
            if listed and self._filter.wants_event(record):
                self._listed.append(index)
                self.redraw(len(self._listed) - 1)
        self._seen = size
        if len(self._listed) > self.size.height:
            self.refresh()  # the scroll bar
        self.title(
            "2 Events ", (f"({len(self._listed)} of {size}, ", "dim"),
            (f"{self.depth.name.lower()})", "dim"),
        )  # fmt: skip

    def filter(self, wanted: Filter) -> None:
        """List only what is wanted."""
        self._filter = wanted

    def line_of(self, index: int) -> int:
        """The line of an event, or of the last one listed before it."""
        return max(bisect_right(self._listed, index) - 1, 0)

    def beside(self, lines: int) -> int | None:
        """The event so many lines from the playhead's, for stepping."""
        if not self._listed or self._moment is None:
            return None
        at = bisect_right(self._listed, self._moment.index) - 1
        exact = at >= 0 and self._listed[at] == self._moment.index
        if lines < 0 and not exact:
            lines += 1
        return self._listed[min(max(at + lines, 0), len(self._listed) - 1)]

    # The lines

    def count(self) -> int:
        return len(self._listed)

    def ground(self, index: int) -> str:
        if index != self.cursor or not self._listed:
            return ""
        return "both" if self.has_focus else "playhead"

    def line(self, index: int, width: int) -> Line:
        assert self._moment is not None
        at = self._listed[index]
        record = self._moment.story[at]
        mark = "►" if index == self.cursor else " "
        turn = "–" if record.turn is None else str(record.turn)
        since = millis(record.t - self._moment.began, 7)
        sentence = self._explained.now(record)
        future = at > self._moment.index
        across = 17 if width < WIDE else 21
        kind = fit(record.kind, across - 1)
        room = width - 14 - across
        return (
            (mark, "token"),
            (pad(turn, 4, right=True), "muted"),
            (f" {since} ", "muted"),
            (pad(kind, across), "faint" if future else record.layer),
            (fit(sentence, room), "faint" if future else ""),
        )

    # What the user picks

    def cursor_moved(self) -> None:
        self.post_message(Sought(self._listed[self.cursor]))

    def action_open(self) -> None:
        self.post_message(PaneChosen(SOURCE_PANE))
