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
    10: "Find",
    11: "Break",
    12: "WebSocket",
}
"""Names of the panes by their numbers, in the order of their tabs."""

KEYS = {10: "!", 11: "B", 12: "w"}
"""Keys of the panes that have no digit of their own."""

ROOM = ((9, 2), (4, 2), (3, 2), (3, 1), (2, 1), (1, 1))
"""Letters of an unlit tab's name, and blanks around it: the first that fit."""


def key_of(number: int) -> str:
    """The key that brings a pane to the front."""
    return KEYS.get(number, str(number))


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
        for letters, blanks in ROOM:
            made = [
                (number, self._one(number, letters, blanks))
                for number in self._numbers
            ]
            if sum(len(text) for _, (text, _) in made) <= self.size.width:
                break
        return made

    def _one(self, number: int, letters: int, blanks: int) -> Piece:
        key, name = key_of(number), NAMES[number]
        if number == self._lit:
            return f"[{key} {name}]", "active"
        return f" {key} {name[:letters]}{' ' * (blanks - 1)}", "muted"

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
