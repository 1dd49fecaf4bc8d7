"""A pane of lines, of which only the visible ones are ever made.

Any number of lines costs the same: a pane says how many there are, and is
asked for those on the screen. It scrolls by itself, so that a new line needs
no layout of the whole screen.
"""

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.strip import Strip

from tracer.views.tui.painted import Painted
from tracer.views.tui.pieces import Line


class Lines(Painted, can_focus=True):
    """Lines with a scroll bar, and with a cursor where `CURSOR` is set."""

    CURSOR: ClassVar[bool] = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
    ]

    top = 0
    """Number of the first visible line."""
    cursor = 0
    """Number of the line with the cursor."""
    above = below = 0
    """Lines of the widget's own over and under them, which don't scroll."""

    @property
    def room(self) -> int:
        """How many lines can be seen at once."""
        return max(self.size.height - self.above - self.below, 0)

    # What a pane says

    def count(self) -> int:
        """How many lines there are."""
        raise NotImplementedError

    def line(self, index: int, width: int) -> Line:
        """The pieces of one line."""
        raise NotImplementedError

    def ground(self, index: int) -> str:
        """The look of a line's ground; empty for the pane's own."""
        return "cursor" if self.CURSOR and index == self.cursor else ""

    def cursor_moved(self) -> None:
        """The user moved the cursor."""

    # What the screen asks

    def render_line(self, y: int) -> Strip:
        width, height = self.size.width, self.room
        y -= self.above
        count, index = self.count(), self.top + y
        bar = count > height and width > 1
        room = width - bar
        if index < count:
            strip = self.strip(self.line(index, room), room, self.ground(index))
        else:
            strip = self.strip((), room)
        if not bar:
            return strip
        look = "accent" if self.has_focus else "faint"
        return Strip.join(
            [strip, self.strip(((self._bar(y, count, height), look),), 1)]
        )

    def _bar(self, y: int, count: int, height: int) -> str:
        thumb = max(1, height * height // count)
        start = round(self.top * (height - thumb) / max(count - height, 1))
        return "█" if start <= y < start + thumb else "│"

    # What moves it

    def reveal(self, index: int) -> bool:
        """Scroll as little as needed to see a line; say whether it did."""
        height = max(self.room, 1)
        top = min(max(self.top, index - height + 1), index)
        top = max(0, min(top, self.count() - height))
        if top == self.top:
            return False
        self.top = top
        self.refresh()
        return True

    def redraw(self, index: int) -> None:
        """Draw one line anew, if it is on the screen."""
        y = index - self.top
        if 0 <= y < self.room:
            self.repaint(0, self.above + y, self.size.width)

    def title(self, *pieces: str | tuple[str, str]) -> None:
        """Set the border's title; never as markup."""
        self.border_title = Content.assemble(*pieces)

    def action_move(self, lines: int) -> None:
        if not self.CURSOR:
            self.scroll_lines(lines)
            return
        last = max(self.count() - 1, 0)
        moved = min(max(self.cursor + lines, 0), last)
        if moved != self.cursor:
            self.redraw(self.cursor)
            self.cursor = moved
            self.redraw(moved)
            self.reveal(moved)
            self.cursor_moved()

    def action_page(self, pages: int) -> None:
        self.action_move(pages * max(self.room - 1, 1))

    def scroll_lines(self, lines: int) -> None:
        """Scroll without moving the cursor."""
        last = max(self.count() - self.room, 0)
        top = min(max(self.top + lines, 0), last)
        if top != self.top:
            self.top = top
            self.refresh()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self.scroll_lines(3)
        event.stop()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self.scroll_lines(-3)
        event.stop()

    def on_click(self, event: events.Click) -> None:
        y = event.y - self.gutter.top - self.above
        index = self.top + y
        inside = 0 <= y < self.room and index < self.count()
        if self.CURSOR and inside:
            self.action_move(index - self.cursor)

    def on_resize(self) -> None:
        self.scroll_lines(0)
