"""What went wrong, on top of everything: one sentence, and a way on."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from tracer.model.safe import safe_lines


class Problem(ModalScreen[None]):
    """A sentence from the feed, perhaps with the app's own traceback.

    What was recorded can still be read.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,space", "dismiss", "Back to the trace")
    ]

    def __init__(self, sentence: str) -> None:
        super().__init__()
        self._lines = safe_lines(sentence)

    def compose(self) -> ComposeResult:
        hint = "esc: back to what was seen   ctrl+q: quit"
        with VerticalScroll():
            yield Static(Content("\n".join(self._lines)))
            yield Static(Content(hint), classes="hint")
