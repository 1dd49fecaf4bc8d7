"""The breakpoints, whom they hold, and a line to write another one."""

from collections.abc import Hashable, Iterable, Iterator
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import Input

from tracer.events.log import Record
from tracer.model.holds import Breakpoint, Holding
from tracer.model.requests import Request
from tracer.views.tui.held import seconds
from tracer.views.tui.messages import BreakCleared, Picked
from tracer.views.tui.moment import Moment
from tracer.views.tui.pieces import Line, fit, many, pad
from tracer.views.tui.rows import Rows

HINT = "endpoint.enter path=/items/*"
NAMED = frozenset(
    {
        "endpoint.enter",
        "endpoint.exit",
        "middleware.enter",
        "middleware.exit",
        "dependency.enter",
        "dependency.exit",
    }
)
"""Stages that have a name of their own."""
UNREAD = frozenset({"accept", "connection_made", "data_received"})
"""Stages at which no path is known yet."""
NONE = "No breakpoint is set: a adds one."
NOBODY = "Nobody is held."


class Breakpoints(Rows):
    """One line a breakpoint, then one for each that is held."""

    CURSOR = True
    HELP: ClassVar[str] = """
### Breakpoints

A breakpoint holds every request that comes to its stage; all others go on.
It is written as filters are, with the kind of event first:

`endpoint.enter path=/items/*` · `middleware.enter name=Auth` ·
`send.call method=POST` · `data_received`

A request can only stand where something may wait. Time-outs go on: those of
the server are shown, the client's own are not known here.

`a` adds one, `delete` forgets the one under the cursor, `enter` shows the
request that it holds. `s` steps a held request to its next stage, `c` lets it
go on, `C` lets all go. `h` holds a single request without a breakpoint. The
palette's "Break here" takes the stage at the playhead.

There is no slow motion of the real server: a held request and the playhead's
speed (`<` `>`) show more and distort less.
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a,insert", "add", "Add a breakpoint"),
        Binding("delete,backspace", "clear", "Forget it"),
        Binding("enter", "open", "Show whom it holds", show=False),
    ]

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.input = Input(placeholder=HINT, id="break", compact=True)
        self._whose: list[Breakpoint | Holding | None] = []

    # What there is

    def key(self, moment: Moment) -> Hashable:
        holds = moment.trace.holds
        return holds, moment.now // 100_000_000 if holds.held else 0

    def show(self, moment: Moment) -> None:
        """List what is set and who is held."""
        super().show(moment)
        last = max(self.count() - 1, 0)
        if self.cursor > last:
            self.cursor = last
            self.reveal(last)

    def rows(self, moment: Moment, width: int) -> Iterable[Line]:
        holds = moment.trace.holds
        title = f"B Breakpoints ({len(holds.breakpoints)})"
        self.title(title, (f"  {len(holds.held)} held", "dim"))
        self._whose = [
            *holds.breakpoints,
            *(() if holds.breakpoints else (None,)),
        ]
        for each in holds.breakpoints:
            yield self._breakpoint(each, holds.by_breakpoint(each.id), width)
        if not holds.breakpoints:
            yield ((f" {NONE}", "muted"),)
        for held in holds.held:
            self._whose.append(held)
            yield _held(moment, held, width)
        if not holds.held:
            self._whose.append(None)
            yield ((f" {NOBODY}", "muted"),)

    def _breakpoint(
        self, each: Breakpoint, held: tuple[Holding, ...], width: int
    ) -> Line:
        hits = many(each.hits, "hit")
        names = ", ".join(f"#{one.req}" for one in held if one.req is not None)
        holds = f"  holds {names}" if names else ""
        room = width - 5 - len(hits) - len(holds)
        return (
            (pad(str(each.id), 3, right=True) + "  ", "muted"),
            (pad(each.text, max(room, 8)), "strong"),
            (hits, "muted"),
            (holds, "warn"),
        )

    def suggest(self, moment: Moment) -> None:
        """Write a breakpoint for the lit event; its user sets it by enter."""
        record, request = moment.record, moment.request
        if record is not None:
            self.input.value = " ".join((record.kind, *_term(record, request)))
            self.input.cursor_position = len(self.input.value)
        self.input.focus()

    # What the user does

    def action_add(self) -> None:
        self.input.focus()

    def action_clear(self) -> None:
        match self._at_cursor():
            case Breakpoint() as each:
                self.post_message(BreakCleared(each.id))
            case _:
                pass

    def action_open(self) -> None:
        assert self._moment is not None
        holds = self._moment.trace.holds
        match self._at_cursor():
            case Holding(req=int(number)):
                self.post_message(Picked(number))
            case Breakpoint() as each:
                held = holds.by_breakpoint(each.id)
                if held and held[0].req is not None:
                    self.post_message(Picked(held[0].req))
            case _:
                pass

    def _at_cursor(self) -> Breakpoint | Holding | None:
        if self.cursor < len(self._whose):
            return self._whose[self.cursor]
        return None


def _term(record: Record, request: Request | None) -> Iterator[str]:
    """What would pick this very stage again, and what isn't a glob."""
    name = getattr(record, "name", None)
    path = "" if request is None else request.path
    if record.kind in NAMED and isinstance(name, str) and _plain(name):
        yield f"name={name}"
    elif record.kind not in UNREAD and _plain(path):
        yield f"path={path}"


def _plain(text: str) -> bool:
    return bool(text) and not set(text) & set(" ,*?[]")


def _held(moment: Moment, held: Holding, width: int) -> Line:
    request = moment.trace.requests.get(held.req or 0)
    who = f"connection {held.conn}"
    if held.is_loop:
        who = "the whole loop"
    elif request is not None:
        who = f"{request.label} {request.method} {request.target}"
    at = f"  {held.stage}  {seconds(held.seconds(moment.now))}"
    left = "  client left" if held.left is not None else ""
    return (
        ("  ■  ", "warn"),
        (fit(who, width - 5 - len(at) - len(left)), "strong"),
        (at, "accent"),
        (left, "bad"),
    )
