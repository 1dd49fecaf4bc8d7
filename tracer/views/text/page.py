"""Rows become lines: as wide as the terminal, or one line a row in a pipe.

Colour only repeats what the columns and glyphs say already.
"""

from collections.abc import Iterator
from typing import TextIO

from rich.cells import cell_len, set_cell_size
from rich.color import ColorSystem
from rich.console import Console
from rich.style import Style
from rich.text import Text

from tracer.model.depth import Depth
from tracer.views.text.row import Row

WIDE = 110
"""Columns from which on the kind of each event has a column, too."""
ROOMY = 100
"""Columns from which on a layer is indented by two."""
TIGHT = 60
"""Columns below which the turns have no column."""
RULE = 80
"""Columns of a heading where there is no terminal."""
KIND = 20
"""Columns of the kind; only the lifespan's have longer ones."""
LONGEST_KIND = 40
"""Characters of a kind that are shown: an unknown one may be anything."""
LEAST = 20
"""Columns that a sentence gets in any case."""

STYLES = {
    "server": Style.parse("magenta"),
    "loop": Style.parse("dim"),
    "connection": Style.parse("blue"),
    "h11": Style.parse("cyan"),
    "cycle": Style.parse("green"),
    "framework": Style.parse("yellow"),
    "websocket": Style.parse("bright_green"),
    "client": Style.parse("bright_blue"),
    "other": Style.null(),
    "good": Style.parse("bold green"),
    "bad": Style.parse("bold red"),
    "said": Style.parse("italic"),
    "plain": Style.null(),
    "dim": Style.parse("dim"),
    "bold": Style.parse("bold"),
}
"""By layer or tone; the sixteen colours only, so that themes hold."""

LABELS = tuple(
    Style.parse(f"bold {name}")
    for name in ("cyan", "yellow", "green", "magenta", "blue", "bright_red")
)
"""One for each request in turn, so that those that overlap come apart."""

TONES = {"✗": "bad", "✓": "good", "»": "said"}

PLAIN = str.maketrans(
    {
        "┬": "+",
        "┄": "-",
        "▸": ">",
        "■": "#",
        "│": "|",
        "━": "=",
        "→": ">",
        "←": "<",
        "·": ".",
        "✓": "+",
        "✗": "x",
        "»": ">",
        "…": "~",
        "—": "-",
        "×": "x",
        "µ": "u",
    }
)
"""For terminals that have no other characters than their locale's few."""


class Page:
    """The stream that lines go to, and what it can show.

    Attributes:
        coloured: Whether SGR sequences are written.
        terminal: Whether someone looks at it line by line as it comes.
    """

    def __init__(
        self, stream: TextIO, *, color: bool | None, width: int | None
    ) -> None:
        self._stream = stream
        self._width = width
        self._console = Console(file=stream, force_terminal=color)
        unwanted = self._console.no_color or self._console.is_dumb_terminal
        wanted = self._console.is_terminal and not unwanted
        self.coloured = wanted if color is None else color
        self.terminal = stream.isatty()
        encoding = (getattr(stream, "encoding", None) or "utf-8").lower()
        self._encoding = None if encoding.startswith("utf") else encoding

    @property
    def width(self) -> int | None:
        """Columns there are now; None: as many as a line needs."""
        if self._width is not None:
            return self._width
        return self._console.width if self.terminal else None

    def write(self, lines: Iterator[str]) -> None:
        """Write lines and hand them on at once.

        Raises:
            BrokenPipeError: Nobody reads any more.
        """
        text = "".join(f"{line}\n" for line in lines)
        if self._encoding is not None:
            known = text.translate(PLAIN).encode(self._encoding, "replace")
            text = known.decode(self._encoding)
        self._stream.write(text)
        self._stream.flush()

    def fit(self, line: str) -> str:
        """The line, cut where the terminal ends."""
        if self.width is None or cell_len(line) <= self.width:
            return line
        return set_cell_size(line, self.width - 1).rstrip() + "…"

    def wrapped(self, text: str, used: int = 0) -> list[str]:
        """The text in as many lines as the terminal needs.

        Args:
            text: What is to be shown.
            used: Columns that are taken already.
        """
        if self.width is None:
            return [text]
        room = max(self.width - used, LEAST)
        if len(text) * 2 <= room or cell_len(text) <= room:
            return [text]
        lines = Text(text).wrap(self._console, room)
        return [line.plain.rstrip() for line in lines] or [""]

    def paint(self, text: str, style: Style) -> str:
        """The text in a style, where the page is coloured."""
        if not self.coloured or not text:
            return text
        return style.render(text, color_system=ColorSystem.STANDARD)

    def label(self, text: str, key: int) -> str:
        """A request's label in its own colour, a connection's likewise."""
        style = LABELS[key % len(LABELS)] if key else STYLES["server"]
        return self.paint(text, style)

    def heading(self, text: str, aside: str, key: int) -> str:
        """A line across the page that says whose the next lines are."""
        width = min(self.width or RULE, ROOMY)
        room = width - cell_len(aside) - 6
        if self.width is not None and cell_len(text) > room - 2:
            # A target may be long; in a pipe it is given whole.
            text = set_cell_size(text, max(room - 3, 1)).rstrip() + "…"
        rule = "━" * max(room - cell_len(text), 2)
        painted = self.label(text, key)
        left, right = (
            self.paint("━━", STYLES["dim"]),
            self.paint(f"{rule} {aside}" if aside else rule, STYLES["dim"]),
        )
        return f"{left} {painted} {right}"

    def lines(self, row: Row, *, begins: bool) -> Iterator[str]:
        """The line of a row; more than one only where a terminal is narrow.

        Args:
            row: What to lay out.
            begins: Whether its turn begins with it.
        """
        width = self.width
        painted = [self.label(f"{row.label:<4}", row.key)]
        used = max(cell_len(row.label), 4)
        for text, style in self._columns(row, width, begins=begins):
            painted.append(self.paint(text, style))
            used += cell_len(text)
        inset = row.level * (2 if width is None or width >= ROOMY else 1)
        if width is not None:
            inset = min(inset, max(width - used - LEAST - 2, 0))
        tone = TONES.get(row.glyph)
        style = STYLES[tone or row.layer]
        painted.append(" " * inset + self.paint(f"{row.glyph} ", style))
        used += inset + 2
        first, *rest = self.wrapped(row.text, used)
        quiet = "dim" if row.depth is Depth.EVENTS else "plain"
        style = STYLES[tone or quiet]
        yield "".join(painted) + self.paint(first, style)
        for more in rest:
            yield " " * used + self.paint(more, style)

    def _columns(
        self, row: Row, width: int | None, *, begins: bool
    ) -> Iterator[tuple[str, Style]]:
        if width is None or width >= TIGHT:
            mark = "┬" if begins else "│"
            style = STYLES["bold" if begins else "dim"]
            yield f" {row.turn:>4} {mark if row.turn else ' '}", style
        yield f" {row.ms:>8}  ", STYLES["dim"]
        if width is None or width >= WIDE:
            yield f"{row.kind[:LONGEST_KIND]:<{KIND}} ", STYLES[row.layer]
