"""What is worth a look: one line a finding, and what to do about it below."""

from typing import ClassVar

from rich.cells import cell_len
from textual.binding import Binding, BindingType
from textual.strip import Strip

from tracer.model.findings import RULES, Finding
from tracer.model.safe import safe
from tracer.views.explain.findings import FindingTexts
from tracer.views.tui.lines import Lines
from tracer.views.tui.messages import Proved
from tracer.views.tui.moment import Moment
from tracer.views.tui.pieces import Line, fit, pad, wrap

GLYPHS = {
    "error": ("✗", "bad"),
    "warning": ("‼", "warn"),
    "info": ("·", "accent"),
}
"""Glyph and look of each severity."""

PART = 0.6
"""Part of the pane for what to do about one of them, at most."""
NOTHING = "Nothing to look at was found so far."


class Findings(Lines):
    """The findings in the order in which they were made."""

    CURSOR = True
    HELP: ClassVar[str] = """
### Findings

What the rules noticed, in order: how bad it is, whose request, one sentence.
`✗` broke something · `‼` may have · `·` tells

Below it stands what to do about the one under the cursor. `enter` goes to the
request, and freezes the playhead at the event that proves it.

`asgi-trace findings FILE` prints those of a recording.
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "To its proof", show=False)
    ]

    def __init__(
        self,
        texts: FindingTexts,
        *,
        id: str | None = None,  # noqa: A002
    ) -> None:
        super().__init__(id=id)
        self._texts = texts
        self._moment: Moment | None = None
        self._found: list[Finding] = []
        self._key: tuple[int, int] = (-1, -1)
        self._advice: tuple[Finding | None, int, list[Line]] = (None, 0, [])

    # What changed?

    def show(self, moment: Moment) -> None:
        """List what was found; the cursor stays where it is."""
        self._moment = moment
        self._found = moment.trace.findings
        total = sum(moment.trace.found.values())
        key = (total, len(self._found))
        if key == self._key:
            return
        self._key = key
        kept = "" if total == len(self._found) else f"{len(self._found)} of "
        self.title("! Findings ", (f"({kept}{total})", "dim"))
        self._settle()

    def on_resize(self) -> None:
        self._settle()
        super().on_resize()

    def _settle(self) -> None:
        """Divide the lines between the list and the advice."""
        self.cursor = min(self.cursor, max(len(self._found) - 1, 0))
        self.below = 0
        if self._found:
            most = int(self.size.height * PART)
            self.below = min(len(self._advised(self.size.width)), most)
        self.reveal(self.cursor)
        self.refresh()

    # The lines

    def count(self) -> int:
        return len(self._found) or 1

    def line(self, index: int, width: int) -> Line:
        if not self._found:
            return ((f" {NOTHING}", "muted"),)
        found = self._found[index]
        glyph, look = GLYPHS[found.severity.value]
        sentence = self._texts.now(found, safe)
        return (
            (f"{glyph} ", look),
            (pad(_whose(found), 5) + " ", "muted"),
            (fit(sentence, width - 8), ""),
        )

    def ground(self, index: int) -> str:
        return super().ground(index) if self._found else ""

    def render_line(self, y: int) -> Strip:
        if not self.below or y < self.room:
            return super().render_line(y)
        width = self.size.width
        lines = self._advised(width)
        at = y - self.room
        return self.strip(lines[at] if at < len(lines) else (), width)

    def _advised(self, width: int) -> list[Line]:
        """What to do about the one under the cursor, made when it is new."""
        found = self._found[min(self.cursor, len(self._found) - 1)]
        known, wide, _ = self._advice
        if known is not found or wide != width:
            self._advice = found, width, self._lines_of(found, width)
        return self._advice[2]

    def _lines_of(self, found: Finding, width: int) -> list[Line]:
        texts, rule = self._texts, found.rule
        inferred = " (concluded, not seen)" if RULES[rule].inferred else ""
        title = fit(f"─ {texts.title(rule)}{inferred} ", width)
        line = "─" * max(width - cell_len(title), 0)
        room = max(width - 1, 1)
        proof = f"{found.proof.kind}, seq {found.proof.seq}"
        return [
            ((title, "strong"), (line, "faint")),
            *(((each, ""),) for each in wrap(texts.now(found, safe), room)),
            *(((each, ""),) for each in wrap(texts.what_to_do(rule), room)),
            (
                (f"see {texts.explains(rule)}", "accent"),
                (f"   proof: {proof}   {rule}", "muted"),
            ),
        ]

    # What the user picks

    def cursor_moved(self) -> None:
        self._settle()

    def action_open(self) -> None:
        if self._found:
            self.post_message(Proved(self._found[self.cursor]))


def _whose(found: Finding) -> str:
    if found.req is None:
        return "–"
    return f"#{found.req}" if found.req > 0 else f"c{-found.req}"
