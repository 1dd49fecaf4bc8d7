"""Text to pieces: a line as words and the names of their looks.

A pane says what a word is (`muted`, `bad`, `h11`); which colour that has is
`trace.tcss`'s business. Widths are cells of the terminal, not characters.
"""

from collections.abc import Iterable

from rich.cells import cell_len, set_cell_size

Piece = tuple[str, str]
"""A text, and the name of its look; an empty name is the pane's own."""
Line = tuple[Piece, ...]


def fit(text: str, width: int) -> str:
    """Cut a text to `width` cells, with an ellipsis where it was longer."""
    if width <= 0:
        return ""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + "…"


def pad(text: str, width: int, *, right: bool = False) -> str:
    """Make a text exactly `width` cells wide, cut or filled with blanks."""
    text = fit(text, width)
    blanks = " " * (width - cell_len(text))
    return blanks + text if right else text + blanks


def centred(text: str, width: int) -> str:
    """Put a text in the middle of `width` cells."""
    text = fit(text, width)
    return pad(" " * ((width - cell_len(text)) // 2) + text, width)


def wrap(text: str, width: int) -> list[str]:
    """Break a text into lines of at most `width` cells.

    Between words, and between any two characters of a script that has no
    blanks.
    """
    lines, line, room = [], "", max(width, 2)
    for word in _words(text):
        if line and cell_len(line) + cell_len(word.rstrip()) > room:
            lines.append(line.rstrip())
            line = ""
        *heads, rest = _cut(word, room)
        lines += heads
        line += rest
    if line.strip():
        lines.append(line.rstrip())
    return lines


def _cut(word: str, room: int) -> list[str]:
    """A word that is wider than a line, in as many parts as it needs."""
    parts = [""]
    for char in word:
        if cell_len(parts[-1].rstrip() + char.rstrip()) > room:
            parts.append("")
        parts[-1] += char
    return parts


def _words(text: str) -> Iterable[str]:
    word = ""
    for char in text:
        after_blank = word.endswith(" ") and char != " "
        # A stop that follows a wide character stays with it.
        wide = cell_len(char) > 1 and char not in "，。、；：？！）」』”"
        if word and (after_blank or wide):
            yield word
            word = ""
        word += char
    if word:
        yield word


def duration(ns: int) -> str:
    """Say nanoseconds the way people do: `12 µs`, `0.34 ms`, `1.20 s`."""
    for unit, size in (("s", 1_000_000_000), ("ms", 1_000_000)):
        if ns >= size // 100 * (100 if unit == "s" else 10):
            return f"{ns / size:.2f} {unit}"
    return f"{ns / 1000:.0f} µs"


def millis(ns: int, width: int = 8) -> str:
    """Say nanoseconds in milliseconds, as exactly as `width` allows."""
    value = ns / 1_000_000
    for digits in (3, 2, 1):
        if len(text := f"{value:.{digits}f}") <= width:
            return text.rjust(width)
    return f"{value:.0f}".rjust(width)


def many(count: int, one: str) -> str:
    """Count things: `1 byte`, `1 204 bytes`."""
    number = f"{count:,}".replace(",", " ")
    return f"{number} {one}" if count == 1 else f"{number} {one}s"
