"""The list of requests: who asked for what, what came of it, where it is."""

from bisect import insort
from itertools import islice
from typing import ClassVar

from textual.binding import Binding, BindingType

from tracer.model.filter import Filter
from tracer.model.requests import Outcome, Request
from tracer.views.tui.held import seconds
from tracer.views.tui.lines import Lines
from tracer.views.tui.messages import Picked
from tracer.views.tui.moment import Moment
from tracer.views.tui.pieces import Line, fit, pad

GLYPHS = {
    Outcome.RUNNING: ("…", "accent"),
    Outcome.ANSWERED: ("…", "good"),
    Outcome.DONE: ("✓", "good"),
    Outcome.FAILED: ("✗", "bad"),
    Outcome.BROKEN: ("✗", "bad"),
    Outcome.LEFT: ("‼", "warn"),
    Outcome.REFUSED: ("✗", "warn"),
}
"""Glyph and look of each outcome."""

ALL = Filter()


class Requests(Lines):
    """One line a request; the one that is shown has a `►`."""

    CURSOR = True
    HELP: ClassVar[str] = """
### Requests

One line a request, in order of arrival: number, method, path, status, and
what it is doing.

`✓` done · `…` on its way (or at work after its answer) · `✗` failed or
broken · `‼` the client left first · `■` held there, for so long
(`‼` and its client has left)

`h` holds the one that is shown at its next stage (or the next new one), `s`
steps it to the stage after that, `c` lets it go on, `C` lets all go.

`up` and `down` select, `enter` plays from the beginning. `f` follows the
newest again; `/` filters: `path=/items/* status=4xx`.
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Play", show=False)
    ]

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._numbers: list[int] = []
        self._known = 0
        self._wanted: set[int] = set()
        self._filter = ALL
        self._shown: int | None = None
        self._moment: Moment | None = None

    # What changed?

    def show(self, moment: Moment, changed: set[int]) -> None:
        """Take what came; `changed` are the requests that did."""
        self._moment = moment
        before = len(self._numbers)
        if changed:
            self._take(moment.trace.requests, changed)
        self._redraw(changed)
        number = moment.request.number if moment.request else None
        if number != self._shown:
            self._redraw({self._shown or 0, number or 0})
            self._shown = number
            self._point(number)
        if len(self._numbers) != before:
            self._count()

    def _take(self, everyone: dict[int, Request], changed: set[int]) -> None:
        """Add the new ones; the trace may have let the oldest go."""
        first = self._numbers[0] if self._numbers else None
        forgot = first is not None and first not in everyone
        if forgot or len(everyone) < self._known:
            self._select_all()
            self.refresh()
            return
        if self._filter:
            self._sift(everyone, changed)
            return
        new = list(islice(reversed(everyone), len(everyone) - self._known))
        before = len(self._numbers)
        self._numbers += reversed(new)
        self._known = len(everyone)
        if new and len(self._numbers) > self.size.height:
            self.refresh()  # the scroll bar
        for index in range(before, len(self._numbers)):
            self.redraw(index)

    def _sift(self, everyone: dict[int, Request], changed: set[int]) -> None:
        """Look again at those that changed: a status comes late."""

        def arrived(number: int) -> int:
            return everyone[number].times.arrived

        self._known = len(everyone)
        for number in changed & everyone.keys():
            wanted = self._filter.wants_request(everyone[number])
            if wanted is (number in self._wanted):
                continue
            if wanted:
                self._wanted.add(number)
                insort(self._numbers, number, key=arrived)
            else:
                self._wanted.remove(number)
                self._numbers.remove(number)
            self.refresh()

    def filter(self, wanted: Filter) -> None:
        """List only what is wanted."""
        self._filter = wanted
        self._select_all()
        self._point(self._shown)
        self._count()
        self.refresh()

    def _select_all(self) -> None:
        trace = self._moment.trace if self._moment else None
        everyone = trace.requests if trace else {}
        self._known = len(everyone)
        self._numbers = [
            number
            for number, request in everyone.items()
            if self._filter.wants_request(request)
        ]
        self._wanted = set(self._numbers) if self._filter else set()

    def _redraw(self, changed: set[int]) -> None:
        seen = self._numbers[self.top : self.top + self.size.height]
        for offset, number in enumerate(seen):
            if number in changed:
                self.redraw(self.top + offset)

    def _point(self, number: int | None) -> None:
        if number in self._numbers:
            index = len(self._numbers) - 1 - self._numbers[::-1].index(number)
            self.redraw(self.cursor)
            self.cursor = index
            self.redraw(index)
            self.reveal(index)

    def _count(self) -> None:
        count = f"{len(self._numbers)}"
        if self._filter:
            count = f"{count} of {self._known}"
        self.title("1 Requests ", (f"({count})", "dim"))

    # The lines

    def count(self) -> int:
        return len(self._numbers)

    def line(self, index: int, width: int) -> Line:
        number = self._numbers[index]
        assert self._moment is not None
        request = self._moment.trace.requests[number]
        mark = "►" if number == self._shown else " "
        doing = self._doing(request, width)
        room = width - 15 - len(doing[0])
        status = "" if request.status is None else str(request.status)
        return (
            (mark, "token"),
            (pad(request.label, 4, right=True) + " ", "muted"),
            (pad(request.verb, 5) + " ", "strong"),
            (pad(request.target, max(room, 4)), ""),
            (pad(status, 4, right=True), _status_look(request)),
            doing,
        )

    def _doing(self, request: Request, width: int) -> tuple[str, str]:
        assert self._moment is not None
        held = self._moment.trace.holds.of(request.number)
        if held is not None:
            room = 27 if width > 50 else 21  # noqa: PLR2004
            lasts = seconds(held.seconds(self._moment.now))
            stage = fit(held.stage, room - 4 - len(lasts))
            mark, look = ("‼", "bad") if held.left else ("■", "warn")
            return pad(f" {mark} {stage} {lasts}", room), look
        glyph, look = GLYPHS[request.outcome]
        room = 17 if width > 50 else 12  # noqa: PLR2004
        return f" {glyph} " + pad(fit(request.doing, room - 3), room - 3), look

    # What the user picks

    def cursor_moved(self) -> None:
        self.action_open()

    def action_open(self) -> None:
        if self.cursor < len(self._numbers):
            self.post_message(Picked(self._numbers[self.cursor]))


def _status_look(request: Request) -> str:
    status = request.status or 0
    return {4: "warn", 5: "bad"}.get(status // 100, "good")
