"""The panes on the screen: which ones are seen, and who is told what.

Wide and high enough, they stand side by side; otherwise one of them at a
time has the lower half.
"""

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Input, Static

from tracer.events import WsHandshake
from tracer.events.log import Record
from tracer.model.filter import Filter
from tracer.views.explain import Explanations
from tracer.views.explain.findings import load_findings
from tracer.views.tui.asgi import Asgi
from tracer.views.tui.breakpoints import Breakpoints
from tracer.views.tui.conversation import Conversation
from tracer.views.tui.conveyor import Conveyor
from tracer.views.tui.culprit import Culprit
from tracer.views.tui.events import Events
from tracer.views.tui.explanation import Explanation
from tracer.views.tui.findings import Findings
from tracer.views.tui.headers import Headers
from tracer.views.tui.held import HeldBar
from tracer.views.tui.ladder import Ladder
from tracer.views.tui.lines import Lines
from tracer.views.tui.loop import Loop
from tracer.views.tui.machines import Machines
from tracer.views.tui.moment import Moment
from tracer.views.tui.now import Now
from tracer.views.tui.output import Output
from tracer.views.tui.painted import Palette
from tracer.views.tui.pieces import Piece
from tracer.views.tui.requests import Requests
from tracer.views.tui.rows import Rows
from tracer.views.tui.scrubber import Scrubber
from tracer.views.tui.server import Server
from tracer.views.tui.source import Source
from tracer.views.tui.tabs import Tabs
from tracer.views.tui.title import Title
from tracer.views.tui.wire import Wire

WIDE, HIGH = 100, 34
"""From here on several panes stand side by side."""
LEAST_WIDE, LEAST_HIGH = 60, 16
ROOMY = 90
"""From here on the help's 30 columns leave the board its least width."""
FIRST = REQUESTS, EVENTS, SOURCE = 1, 2, 3
INSPECTORS = 4, 5, 6, 7, 8, 9, 0, 10, 11, 12
SERVER, FINDINGS, BREAKS, TALK = 8, 10, 11, 12
EVERY = (*FIRST, *INSPECTORS)
TOO_SMALL = f"Make the terminal larger: at least {LEAST_WIDE} × {LEAST_HIGH}."
FILTER_HINT = "path=/items/* status=4xx kind=send.*"


class Board(Palette, Vertical):
    """All panes; `show` passes a moment to those that can be seen."""

    def __init__(self, explained: Explanations) -> None:
        super().__init__(id="board")
        self.explained, self.lang = explained, explained.lang
        self.wanted: Filter | None = None
        self.top = Title(id="title")
        self.conveyor = Conveyor(id="conveyor")
        self.ladder = Ladder(id="ladder")
        self.now = Now(explained, id="now")
        self.held = HeldBar(id="held")
        self.culprit = Culprit(id="culprit")
        self.tabs = Tabs(id="tabs")
        self.input = Input(placeholder=FILTER_HINT, id="filter", compact=True)
        self.requests = Requests(id="requests")
        self.events = Events(explained, id="events")
        self.explanation = Explanation(explained, id="explanation")
        self.source = Source(id="source")
        self.inspect_tabs = Tabs(id="inspect-tabs")
        self.server = Server(explained, id="pane-8")
        self.breaks = Breakpoints(id="pane-11")
        self.talk = Conversation(id="pane-12")
        self.talks = False
        self.inspectors: dict[int, Rows | Findings | Loop | Conversation] = {
            4: Wire(id="pane-4"),
            5: Machines(id="pane-5"),
            6: Asgi(id="pane-6"),
            7: Headers(id="pane-7"),
            8: self.server,
            9: Output(id="pane-9"),
            0: Loop(id="pane-0"),
            FINDINGS: Findings(load_findings(self.lang), id="pane-10"),
            BREAKS: self.breaks,
            TALK: self.talk,
        }
        self.scrubber = Scrubber(id="scrubber")
        self.left = Vertical(id="left")
        self.right = Vertical(id="right")
        self.inspector = Vertical(id="inspector")
        self.pane, self.inspected = EVENTS, INSPECTORS[0]
        self.one = self.is_ladder = False

    def compose(self) -> ComposeResult:
        yield from (self.top, self.conveyor, self.ladder, self.now)
        yield from (self.held, self.culprit, self.tabs, self.input)
        with Horizontal(id="lower"):
            with self.left:
                yield from (self.requests, self.events, self.explanation)
            with self.right:
                yield self.source
                with self.inspector:
                    yield self.inspect_tabs
                    yield from self.inspectors.values()
                    yield self.breaks.input
        yield self.scrubber
        yield Static(Content(TOO_SMALL), id="small")

    # Which panes are seen

    def on_resize(self) -> None:
        self.settle()

    def settle(self) -> None:
        """Put the panes where the board has room for them."""
        # The whole terminal decides where the help goes: the board's width
        # already depends on that.
        self.screen.set_class(self.app.size.width < ROOMY, "-slim")
        width, height = self.size
        height += 1  # the footer
        self.one = width < WIDE or height < HIGH
        self.set_class(self.one, "-one")
        small = width < LEAST_WIDE or height < LEAST_HIGH
        self.set_class(small, "-small")
        seen = {self.pane} if self.one else {*FIRST, self.inspected}
        self.requests.display = REQUESTS in seen
        self.events.display = self.explanation.display = EVENTS in seen
        self.source.display = SOURCE in seen
        for number, pane in self.inspectors.items():
            pane.display = number in seen
        self.breaks.input.display = BREAKS in seen
        self.left.display = bool(seen & {REQUESTS, EVENTS})
        self.right.display = bool(seen - {REQUESTS, EVENTS})
        self.inspector.display = bool(seen & set(INSPECTORS))
        focused = self.screen.focused
        if self.one and isinstance(focused, Lines) and not focused.display:
            self.widget(self.pane).focus()
        self.tabs.show(self._named(EVERY), self.pane)
        self.inspect_tabs.show(self._named(INSPECTORS), self.inspected)

    def _named(self, numbers: tuple[int, ...]) -> tuple[int, ...]:
        """The panes that have a tab: without WebSockets theirs is clutter."""
        talks = self.talks or self.inspected == TALK
        return tuple(each for each in numbers if talks or each != TALK)

    def choose(self, number: int) -> None:
        """Bring a pane to the front and give it the keys."""
        self.pane = number
        if number in INSPECTORS:
            self.inspected = number
        self.settle()
        self.widget(number).focus()

    def widget(self, number: int) -> Lines:
        """The widget of a pane."""
        first: dict[int, Lines] = {
            REQUESTS: self.requests,
            EVENTS: self.events,
            SOURCE: self.source,
        }
        return first.get(number) or self.inspectors[number]

    def turn_picture(self) -> None:
        """Rail or ladder."""
        self.show_picture(ladder=not self.is_ladder)

    def show_picture(self, *, ladder: bool) -> None:
        """Show the one or the other."""
        self.is_ladder = ladder
        self.ladder.display, self.conveyor.display = ladder, not ladder

    def take_over(self, before: "Board") -> None:
        """Look as the board did that was here before."""
        self.events.depth = before.events.depth
        if before.wanted is not None:
            self.filter(before.wanted)
        self.input.value = before.input.value
        self.input.display = bool(self.input.value)
        self.breaks.input.value = before.breaks.input.value
        self.show_picture(ladder=before.is_ladder)
        self.inspected = before.inspected
        self.choose(before.pane)

    # Who is told what

    def show(self, moment: Moment, changed: set[int], left: Piece) -> None:
        """Show a moment to the panes that can be seen."""
        picture = self.ladder if self.is_ladder else self.conveyor
        picture.show(moment)
        self.now.show(moment)
        self.requests.show(moment, changed)
        for pane in (self.events, self.explanation, self.source):
            if pane.display:
                pane.show(moment)
        for inspector in self.inspectors.values():
            if inspector.display:
                inspector.show(moment)
        self.scrubber.show(moment, left)

    def title(self, text: Content, subtitle: Content) -> None:
        """Name what the picture shows."""
        for picture in (self.conveyor, self.ladder):
            if str(picture.border_title) != text.plain or (
                str(picture.border_subtitle) != subtitle.plain
            ):
                picture.border_title = text
                picture.border_subtitle = subtitle

    def hear(self, records: Sequence[Record]) -> None:
        """Tell the panes that listen to more than requests."""
        self.server.hear(records)
        if not self.talks and any(isinstance(r, WsHandshake) for r in records):
            self.talks = True
            self.settle()

    def filter(self, wanted: Filter) -> None:
        """List only what is wanted."""
        self.wanted = wanted
        self.requests.filter(wanted)
        self.events.filter(wanted)
        self.talk.filter(wanted)
