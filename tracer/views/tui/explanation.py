"""The lit event in words: what happened, why, who says so."""

from typing import ClassVar

from tracer.events.log import Record
from tracer.model.safe import safe
from tracer.views.explain import Explanations
from tracer.views.tui.lines import Lines
from tracer.views.tui.moment import Moment
from tracer.views.tui.pieces import Line, wrap


class Explanation(Lines):
    """A sentence, a paragraph, and where the article differs from today."""

    HELP: ClassVar[str] = """
### The explanation

What just happened, why it is so, what people get wrong, and who says so. Where
the article that this tool follows differs from today, that is said too.
"""

    def __init__(
        self,
        explained: Explanations,
        *,
        id: str | None = None,  # noqa: A002
    ) -> None:
        super().__init__(id=id)
        self._explained = explained
        self._record: Record | None = None
        self._lines: list[tuple[str, str]] = []
        self._width = 0

    def show(self, moment: Moment) -> None:
        """Explain the lit event, if it is another one."""
        record = moment.record
        if record is self._record and self._width == self.size.width:
            return
        if record is not self._record:
            self.top = 0
        self._record = record
        self._explain()
        self.refresh()

    def on_resize(self) -> None:
        self._explain()
        super().on_resize()

    def _explain(self) -> None:
        self._width = self.size.width
        self._lines = []
        record = self._record
        if record is None or not self._width:
            self.title("What happened")
            return
        kind, said = record.kind, self._explained
        self.title(said.title(kind), (f"  {kind}", "dim"))
        self._say(said.now(record, safe), "strong")
        self._say(said.why(kind, record), "")
        if (article := said.article(kind, record)) is not None:
            self._say(article, "warn")
        self._say(said.source(kind), "muted")

    def _say(self, text: str, look: str) -> None:
        # Two columns are left for the scroll bar.
        for line in wrap(text, self._width - 2):
            self._lines.append((line, look))

    def count(self) -> int:
        return len(self._lines)

    def line(self, index: int, width: int) -> Line:
        return (self._lines[index],)
