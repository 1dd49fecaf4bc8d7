"""A small form: which of our clients shall be sent, to what, how often.

What they do is data; the form lists what it was given.
"""

from collections.abc import Callable, Sequence
from typing import ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.strip import Strip
from textual.widgets import Input, Label, Static

from tracer.views.feed import Scenario
from tracer.views.tui.lines import Lines
from tracer.views.tui.painted import Palette
from tracer.views.tui.pieces import Line, fit, pad, wrap

LANGUAGES = {"en": 1, "zh": 2}
"""Where in a scenario its sentence stands, by language."""
ABOUT = 3
"""Lines for the whole sentence of the scenario under the cursor."""
DIGITS = 4
"""Of the number of requests, at most."""
OWN = "its own"
KEYS = "enter sends   tab next field   esc back"


class Choice(NamedTuple):
    """What is filled in, and what was sent.

    Attributes:
        scenario: What the client does.
        target: Path and query to ask for.
        times: How many requests; 0: as many as the scenario has.
    """

    scenario: str
    target: str
    times: int


Send = Callable[[str, str, int], str | None]
"""As `Feed.send`."""


class Scenarios(Lines):
    """The list of what clients can do; below it, all of one sentence."""

    CURSOR = True
    HELP: ClassVar[str] = "### Clients\n\nWhat clients of ours can do."

    def __init__(self, offered: Sequence[Scenario], lang: str) -> None:
        super().__init__(id="scenarios")
        self.offered = offered
        self._says = LANGUAGES.get(lang, 1)
        self._wide = max((len(each[0]) for each in offered), default=0)
        self.below = ABOUT

    def count(self) -> int:
        return len(self.offered)

    def line(self, index: int, width: int) -> Line:
        name, about = self.offered[index][0], self.offered[index][self._says]
        room = width - self._wide - 3
        return (
            (" " + pad(name, self._wide) + "  ", "strong"),
            (fit(about, room), "muted"),
        )

    def render_line(self, y: int) -> Strip:
        if y < self.room:
            return super().render_line(y)
        width = self.size.width
        about = self.offered[self.cursor][self._says]
        lines = wrap(about, width - 2)[:ABOUT]
        at = y - self.room
        said = lines[at] if at < len(lines) else ""
        return self.strip(((f" {said}", "accent"),), width)

    def cursor_moved(self) -> None:
        self.refresh()


class Card(Palette, Vertical):
    """The form's ground."""


class SendForm(ModalScreen[Choice]):
    """Sends a client, and gives what was chosen; None: nothing was sent."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Back"),
        Binding("enter", "send", "Send"),
    ]

    def __init__(
        self, offered: Sequence[Scenario], lang: str, first: Choice, send: Send
    ) -> None:
        """Make the form.

        Args:
            offered: What clients can do.
            lang: In which language that is said.
            first: What is filled in at first.
            send: Sends the client, or says why not.
        """
        super().__init__()
        self.list = Scenarios(offered, lang)
        names = [name for name, *_ in offered]
        if first.scenario in names:
            self.list.cursor = names.index(first.scenario)
        self.target = Input(first.target, id="target", compact=True)
        self.number = Input(
            str(first.times or ""),
            placeholder=OWN,
            id="count",
            compact=True,
            restrict=r"\d*",
            max_length=DIGITS,
        )
        self.said = Static(Content(KEYS), classes="hint")
        self._send = send

    def compose(self) -> ComposeResult:
        with Card() as card:
            card.border_title = Content("Send a client")
            yield self.list
            with Horizontal():
                yield Label(Content("to "))
                yield self.target
                yield Label(Content(" requests "))
                yield self.number
            yield self.said

    def on_mount(self) -> None:
        self.list.focus()
        self.list.reveal(self.list.cursor)

    def on_resize(self) -> None:
        self.list.reveal(self.list.cursor)

    def on_input_submitted(self, message: Input.Submitted) -> None:
        message.stop()
        self.action_send()

    def action_send(self) -> None:
        times = int(self.number.value or 0)
        target = self.target.value.strip() or "/"
        name = self.list.offered[self.list.cursor][0]
        problem = self._send(name, target, times)
        if problem is None:
            self.dismiss(Choice(name, target, times))
        else:
            self._say(problem)

    def _say(self, sentence: str) -> None:
        self.said.update(Content(sentence))
        self.said.add_class("problem")
