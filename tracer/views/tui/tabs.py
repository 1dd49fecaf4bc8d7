"""The names of the panes with their keys; the one that is shown is lit."""

from textual import events
from textual.strip import Strip

from tracer.views.tui.messages import PaneChosen
from tracer.views.tui.painted import Painted
from tracer.views.tui.pieces import Piece

NAMES = {
    1: "Requests",
    2: "Events",
    3: "Source",
    4: "Bytes",
    5: "h11",
    6: "ASGI",
    7: "Headers",
    8: "Server",
    9: "Output",
    0: "Loop",
}


class Tabs(Painted):
    """One line of tabs."""

    ALLOW_MAXIMIZE = False

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._numbers: tuple[int, ...] = ()
        self._lit = 0

    def show(self, numbers: tuple[int, ...], lit: int) -> None:
        """Draw the tabs of these panes."""
        if (numbers, lit) != (self._numbers, self._lit):
            self._numbers, self._lit = numbers, lit
            self.refresh()

    def _pieces(self) -> list[tuple[int, Piece]]:
        most = next(
            (n for n in (9, 4, 3, 2) if self._width(n) <= self.size.width), 1
        )
        made = []
        for number in self._numbers:
            lit = number == self._lit
            name = NAMES[number] if lit else NAMES[number][:most]
            text = f"[{number} {name}]" if lit else f" {number} {name} "
            made.append((number, (text, "active" if lit else "muted")))
        return made

    def _width(self, letters: int) -> int:
        """Cells of all tabs, if the unlit ones have at most so many letters."""
        return sum(
            len(NAMES[n] if n == self._lit else NAMES[n][:letters]) + 4
            for n in self._numbers
        )

    def render_line(self, y: int) -> Strip:
        pieces = [piece for _, piece in self._pieces()]
        return self.strip(pieces, self.size.width)

    def on_click(self, event: events.Click) -> None:
        x = event.x
        for number, (text, _) in self._pieces():
            if 0 <= x < len(text):
                self.post_message(PaneChosen(number))
                return
            x -= len(text)
