"""Two lines while somebody is held: who, where, how long, what goes on.

Holding stops a request and not the time. What runs on meanwhile stands
beside it, as far as the server could see it.
"""

from rich.cells import cell_len
from textual.strip import Strip

from tracer.model.holds import Holding
from tracer.model.trace import Trace
from tracer.views.tui.painted import Painted
from tracer.views.tui.pieces import Line, Piece, fit

KEYS = "  s step  c go on  C all "
LOOP_KEYS = "  C ends it "
MARK = " ■ "
ASKED = " □ "


class HeldBar(Painted):
    """Seen only while there is something to say."""

    ALLOW_MAXIMIZE = False

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._lines: tuple[Line, ...] = ()
        self._keys = ""

    def show(
        self,
        trace: Trace | None,
        shown: int | None,
        now: int,
        asked: frozenset[int | None],
    ) -> None:
        """Say who is held.

        Args:
            trace: Tells who is; None where nobody can be held.
            shown: The request in the picture: of several it is named first.
            now: The present, in nanoseconds of the trace.
            asked: Requests that are to be held, see `Hand.asked`.
        """
        lines: tuple[Line, ...] = ()
        keys = ""
        if trace is not None:
            lines, keys = self._said(trace, shown, now, asked)
        if (lines, keys) == (self._lines, self._keys):
            return
        self._lines, self._keys = lines, keys
        self.set_class(bool(lines), "-on")
        self.refresh()

    def _said(
        self,
        trace: Trace,
        shown: int | None,
        now: int,
        asked: frozenset[int | None],
    ) -> tuple[tuple[Line, ...], str]:
        holds = trace.holds
        if (loop := holds.loop) is not None:
            return _of_loop(loop, now), LOOP_KEYS
        if not holds.held:
            return ((_of_asked(asked), ()) if asked else ()), ""
        first = holds.of(shown) or holds.held[0]
        room = self.size.width - len(KEYS)
        others = [_name(each) for each in holds.held if each is not first]
        return (
            (*_of_one(trace, first, now, room), *_of_others(others)),
            _time_outs(first, now),
        ), KEYS

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        line = self._lines[y] if y < len(self._lines) else ()
        keys = self._keys if y == 0 else ""
        room, pieces = width - len(keys), list[Piece]()
        for text, look in line:
            pieces.append((fit(text, room), look))
            room -= cell_len(pieces[-1][0])
        pieces.append((" " * max(room, 0), ""))
        return self.strip((*pieces, (keys, "muted")), width)


def seconds(value: float) -> str:
    """Say seconds to a tenth: it ticks."""
    return f"{value:.1f} s"


def _name(held: Holding) -> str:
    if held.req is not None:
        return f"#{held.req}"
    return f"connection {held.conn}"


def _of_one(trace: Trace, held: Holding, now: int, room: int) -> Line:
    line = [
        (f" held at {held.stage} ", ""),
        (seconds(held.seconds(now)), "accent"),
    ]
    if held.breakpoint is not None:
        line.append((f"  breakpoint {held.breakpoint}", "muted"))
    if held.left is not None:
        line.append(("  its client has left", "bad"))
    room -= len(MARK) + sum(cell_len(text) for text, _ in line)
    who, request = _name(held), trace.requests.get(held.req or 0)
    if request is not None:
        asked = f"{who} {request.method} {request.target}"
        who = asked if cell_len(asked) <= room else who
    return (MARK, "warn"), (who, "strong"), *line


def _of_others(names: list[str]) -> Line:
    return (("  and " + ", ".join(names), "muted"),) if names else ()


def _time_outs(held: Holding, now: int) -> Line:
    timers = [
        f"{name} {seconds(left)}" for name, left in held.timers_at(now)
    ] or ["none is seen"]
    return (
        ("   time-outs go on: ", "muted"),
        (", ".join(timers), "warn" if held.timers else ""),
        ("; the client's own are not known here", "muted"),
    )


def _of_loop(held: Holding, now: int) -> tuple[Line, ...]:
    return (
        (
            (MARK, "warn"),
            ("the whole loop", "strong"),
            (" is held ", ""),
            (seconds(held.seconds(now)), "accent"),
            (": nobody goes on, nobody is answered", ""),
        ),
        (("   new clients wait in the kernel; no time-out fires", "muted"),),
    )


def _of_asked(asked: frozenset[int | None]) -> Line:
    numbers = sorted(each for each in asked if each is not None)
    names = [f"#{each} at its next stage" for each in numbers]
    names += ["the next new request"] if None in asked else []
    return (
        (ASKED, "warn"),
        ("to be held: " + ", ".join(names), ""),
        ("  C takes it back", "muted"),
    )
