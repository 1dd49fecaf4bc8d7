"""The code that spoke: the function in which the lit event was noted."""

from functools import lru_cache
from textwrap import dedent
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.content import Content
from textual.highlight import highlight
from textual.strip import Strip

from tracer.model.source import SourcePlace
from tracer.views.tui.lines import Lines
from tracer.views.tui.moment import Moment
from tracer.views.tui.pieces import Line, wrap

OWNERS = {
    "server": "code of the server",
    "framework": "code of the framework",
    "app": "your own code",
}
"""Whose code it is, in words."""

NO_EVENT = "No event is lit."
NO_PLACE = (
    "No Python code of the server, the framework or the app stands behind"
    " this event: asyncio or the kernel did it, or the tracer noted it."
)
NO_TEXT = "The recording has no source text for this place."


@lru_cache(maxsize=64)
def _coloured(text: str) -> tuple[Content, ...]:
    made = highlight(text, language="python")
    return tuple(made.split("\n", allow_blank=True))


class Source(Lines):
    """A function's text; marked is the line that runs or waits, or line 1."""

    HELP: ClassVar[str] = """
### Source

The function in which the lit event was noted: the server's own code, the
framework's, or yours. The text is that of the moment when it was loaded, and
a recording carries it along. `►` marks the line at which a task waits, the
loop is blocked, or (with `--lines`) the one about to run; for all other events
the function's first line.
"""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._place: SourcePlace | None = None
        self._hint = NO_EVENT
        self._text: tuple[Content, ...] = ()
        self._marked = 0

    def show(self, moment: Moment) -> None:
        """Show the code of the lit event, if it is another place or line."""
        record = moment.record
        where = record.where if record else None
        place = moment.trace.sources.get(where) if where is not None else None
        hint = NO_PLACE if record else NO_EVENT
        # Three kinds have a line, each in the file that `where` names.
        line = place and place.at(getattr(record, "line", None))
        if (place, hint) != (self._place, self._hint) or not self.border_title:
            self._place, self._hint = place, hint
            self._open(place)
            self._mark(line or 0)
        elif (line or 0) != self._marked:
            self._mark(line or 0)

    def _mark(self, index: int) -> None:
        self._marked = index
        self.reveal(index)
        self.refresh()

    def _open(self, place: SourcePlace | None) -> None:
        self.top = 0
        self._text = ()
        owner = OWNERS[place.owner] if place else ""
        self.border_subtitle = Content(owner)
        if place is None:
            self.title("3 Source")
        else:
            head = f"3 {place.file}:{place.line}  "
            self.title(head, (place.name, "bold"))
            if place.lines:
                self._text = _coloured(dedent("\n".join(place.lines)))
            else:
                self._hint = NO_TEXT

    def count(self) -> int:
        return len(self._text) or len(self._wrapped())

    def _wrapped(self) -> list[str]:
        return wrap(self._hint, self.size.width - 2)

    def line(self, index: int, width: int) -> Line:
        if not self._text:
            return ((self._wrapped()[index], "muted"),)
        assert self._place is not None
        mark = "►" if index == self._marked else " "
        number = self._place.line + index
        return ((mark, "token"), (f"{number:>5} ", "faint"))

    def render_line(self, y: int) -> Strip:
        strip = super().render_line(y)
        index = self.top + y
        if not 0 <= index < len(self._text):
            return strip
        gutter = 7
        width = strip.cell_length
        bar = strip.crop(width - 1) if self.count() > self.size.height else None
        room = width - gutter - (1 if bar else 0)
        base = self.look("")
        code = Strip(
            [
                Segment(text, base + (style or Style()))
                for text, style, _ in self._text[index].render_segments(
                    self.visual_style
                )
            ]
        ).adjust_cell_length(max(room, 0), base)
        parts = [strip.crop(0, gutter), code]
        return Strip.join([*parts, bar] if bar else parts)
