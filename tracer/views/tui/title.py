"""The line on top: what is shown, live or recorded, and what was lost."""

from typing import ClassVar

from textual.strip import Strip

from tracer.views.tui.painted import Painted
from tracer.views.tui.pieces import Piece, fit


class Title(Painted):
    """One line; it gives up its less important words when it is narrow."""

    ALLOW_MAXIMIZE: ClassVar[bool] = False

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._left: tuple[Piece, ...] = ()
        self._right: tuple[Piece, ...] = ()

    def show(self, left: tuple[Piece, ...], right: tuple[Piece, ...]) -> None:
        """Draw these, if they differ from the last ones."""
        if (left, right) != (self._left, self._right):
            self._left, self._right = left, right
            self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        used = sum(len(text) for text, _ in self._right)
        left: list[Piece] = []
        room = width - used
        for text, look in self._left:
            if room > 1:
                left.append((fit(text, room), look))
                room -= len(left[-1][0])
        blank = (" " * max(room, 0), "")
        return self.strip((*left, blank, *self._right), width)
