"""Pieces to strips: what all widgets of this package draw with.

A widget here never holds markup: it gives pieces, and they become segments
with the colours that `trace.tcss` has for their looks.
"""

from collections.abc import Iterable
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from tracer.views.tui.pieces import Piece

LOOKS = (
    # What a word says.
    "muted", "faint", "strong", "accent", "good", "bad", "warn", "loud",
    # Whose it is.
    "server", "loop", "connection", "h11", "cycle", "framework",
    "websocket", "client", "other", "app",
    # Grounds of whole lines.
    "cursor", "playhead", "both",
    # The rail.
    "rail", "future", "passed", "open", "active", "failed", "token", "tail",
)  # fmt: skip
"""Names of looks: each is the class `look--NAME` in `trace.tcss`."""


class Palette(Widget):
    """The one widget that has the looks; all painted ones stand inside it.

    Each look is a node of its own to Textual: one set of them for the whole
    screen starts much faster than one for each pane.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"look--{name}" for name in LOOKS}

    def style_of(self, name: str) -> tuple[Style, bool]:
        """A look's style, and whether it has a ground of its own."""
        style = self.get_component_rich_style(f"look--{name}")
        return style, style.bgcolor != self.rich_style.bgcolor


class Painted(Widget):
    """A widget that draws lines of pieces, itself and only itself."""

    def notify_style_update(self) -> None:
        """Forget the colours: the theme or the focus changed."""
        super().notify_style_update()
        self._looks: dict[tuple[str, str], Style] = {}

    def look(self, name: str, ground: str = "") -> Style:
        """The style of a look, on the ground of another one.

        `token@active` is short for the look `token` on the ground `active`.
        """
        if "@" in name:
            name, _, ground = name.partition("@")
        looks = self.__dict__.setdefault("_looks", {})
        style: Style | None = looks.get((name, ground))
        if style is None:
            style = looks[name, ground] = self._mixed(name, ground)
        return style

    def _mixed(self, name: str, ground: str) -> Style:
        palette = next(
            each for each in self.ancestors if isinstance(each, Palette)
        )
        own = self.rich_style
        style, has_ground = palette.style_of(name) if name else (own, True)
        if not has_ground:
            style += Style(bgcolor=own.bgcolor)
        if ground:
            under, _ = palette.style_of(ground)
            marks = Style(bold=under.bold, reverse=under.reverse)
            style += Style(bgcolor=under.bgcolor) + marks
        return style

    def strip(
        self, pieces: Iterable[Piece], width: int, ground: str = ""
    ) -> Strip:
        """Make a line of exactly `width` cells, cut or filled."""
        segments = [
            Segment(text, self.look(name, ground)) for text, name in pieces
        ]
        used = sum(cell_len(segment.text) for segment in segments)
        made = Strip(segments, used)
        return made.adjust_cell_length(width, self.look("", ground))

    def repaint(self, x: int, y: int, width: int, height: int = 1) -> None:
        """Ask for a part of the inside to be drawn anew."""
        # Textual adds the border itself.
        self.refresh(Region(x, y, width, height))
