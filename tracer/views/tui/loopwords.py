"""The words around the lanes: the axis, the turns, what a lane does now."""

import math
from collections.abc import Sequence

from tracer.events import LoopSelect
from tracer.model.lanes import Gauge, Segment, State
from tracer.views.tui.loopcells import Cells, View
from tracer.views.tui.loopclient import client_said
from tracer.views.tui.looprow import Of, Row
from tracer.views.tui.moment import Moment
from tracer.views.tui.pieces import Line, duration, fit

EVERY = 12
"""Cells from one number of the axis to the next."""

LEGEND: Line = (
    ("█", "good"), (" runs ", "muted"),
    ("░", "warn"), (" could run ", "muted"),
    ("┄", "muted"), (" waits ", "muted"),
    ("▒", "framework"), (" in a thread ", "muted"),
    ("■", "accent"), (" held ", "muted"),
    ("✗", "bad"), (" failed ", "muted"),
    ("⋯", "muted"), (" cut", "muted"),
)  # fmt: skip


LOOP_LEGEND: Line = (
    ("loop: ", "muted"),
    ("#12 2", "good"), (" task of request 12 ", "muted"),
    ("s", "server"), (" of the server ", "muted"),
    ("c", "connection"), (" callback ", "muted"),
    ("▁", "faint"), (" sleeps in select", "muted"),
)  # fmt: skip


def legend(line: int = 0) -> Line:
    """What the glyphs mean: on all lanes, and on the loop's own."""
    return ((" ", ""), *(LOOP_LEGEND if line else LEGEND))


def axis_cells(view: View, began: int) -> Cells:
    """The numbers over the lanes: milliseconds, and how long each cut is."""
    cells: Cells = [(" ", "")] * view.width
    for each in view.axis.stretches:
        first = int(each.x - view.left)
        last = int(each.x + each.cells - view.left)
        if each.cut:
            text = f"⋯{_short(each.end - each.start)}⋯"
            _write(cells, first, last + 1, text, "warn")
            continue
        # A cell that the stretch shares with a cut before it is the cut's.
        for x in range(math.ceil(each.x) - view.left, last, EVERY):
            t = view.axis.t(x + view.left)
            text = _ms(t - began, view.axis.scale)
            _write(cells, x, last, f"╷{text}", "muted")
    return cells


def mark(cells: Cells, at: int) -> Cells:
    """The axis with the playhead on it, in place of a number."""
    cells = [*cells]
    first = last = at
    while first > 0 and cells[first][0] not in " ╷⋯":
        first -= 1
    while last + 1 < len(cells) and cells[last + 1][0] not in " ╷⋯":
        last += 1
    if cells[at][0] != " ":
        cells[first : last + 1] = [(" ", "")] * (last + 1 - first)
    cells[at] = "▼", "token"
    return cells


def turn_cells(view: View, turns: Sequence[LoopSelect]) -> Cells:
    """The numbers of the loop's turns, where there is room for them."""
    cells: Cells = [(" ", "")] * view.width
    columns = [int(view.x(turn.t)) for turn in turns]
    for index, (turn, x) in enumerate(zip(turns, columns, strict=True)):
        end = columns[index + 1] if index + 1 < len(turns) else view.width
        if not 0 <= x < view.width:
            continue
        cells[x] = "'", "faint"
        if turn.turn is not None:
            _write(cells, x, end, f"'{turn.turn}", "loop")
    return cells


def _write(cells: Cells, first: int, last: int, text: str, look: str) -> None:
    """Write a text into some cells, if it fits and is on the screen."""
    if len(text) <= last - first and 0 <= first <= len(cells) - len(text):
        for x, char in enumerate(text, first):
            cells[x] = char, look


def _short(ns: int) -> str:
    """A duration in at most five characters."""
    for unit, size in (("s", 10**9), ("ms", 10**6), ("µs", 10**3)):
        if ns >= size:
            value = ns / size
            digits = 1 if value < 10 else 0  # noqa: PLR2004  # 9.5s, 12s
            return f"{value:.{digits}f}{unit}"
    return f"{ns}ns"


def _ms(ns: int, scale: float) -> str:
    """Milliseconds, as exactly as the scale needs."""
    digits = 0 if scale >= 10**6 else 1 if scale >= 10**5 else 2
    digits = digits if scale >= 10**4 else 3
    return f"{ns / 1_000_000:.{digits}f}"


def pool(gauge: Gauge) -> str:
    """How the worker threads stand: who has one, who waits for one."""
    if not gauge.held and not gauge.waiting:
        return ""
    total = f" of {gauge.total}" if gauge.total else ""
    said = f"threads {len(gauge.held)}{total}"
    if gauge.waiting:
        first = [f"#{job.req}" for job in gauge.waiting if job.req][:3]
        more = " …" if len(gauge.waiting) > len(first) else ""
        said += f", {len(gauge.waiting)} wait: {' '.join(first)}{more}"
    return f" {said} "


def detail(row: Row, moment: Moment, width: int) -> Line:
    """What a lane does at the playhead, in a sentence."""
    t = moment.at
    name = row.name.strip().removeprefix("└").strip()
    if row.of is Of.TASK and row.req is not None and "#" not in name:
        name = f"#{row.req} {name}"
    now = next((s for s in reversed(row.segments) if s.start <= t), None)
    if row.of is Of.CLIENT:
        seen = [each for each in row.events if each.t <= t]
        said = client_said(seen[-1]) if seen else "has not begun"
    elif row.ended is not None and t >= row.ended:
        error = f": {row.error}" if row.error else ""
        said = f"{row.outcome or 'ended'}{error}"
    elif now is None:
        said = "does not exist yet"
    else:
        said = _doing(row, now, moment)
    return ((" " + fit(f"{name} ", width - 1), "strong"),
            (fit(said, max(width - len(name) - 2, 0)), ""))  # fmt: skip


def _doing(row: Row, now: Segment, moment: Moment) -> str:
    lasts = "" if now.end is None else f" for {duration(now.end - now.start)}"
    match now.state:
        case State.RUNS if row.of is Of.WORKER:
            return f"works for {now.what or 'no request'}{lasts}"
        case State.RUNS if row.of is Of.JOB:
            return f"runs in {now.what}{lasts}, while the loop goes on"
        case State.RUNS:
            woken = f", woken by {_waker(now)}" if now.what else ""
            return f"runs on the loop{lasts}{woken}"
        case State.READY if row.of is Of.JOB:
            return f"waits for a free thread{lasts}"
        case State.READY:
            woken = f" (woken by {_waker(now)})" if now.what else ""
            return f"could run{woken}; others do{lasts}"
        case State.WAITS:
            return f"waits{lasts}: {_wait(now, moment)}"
        case State.HELD:
            return f"is held{lasts}, by you"
        case State.IDLE:
            return "has nothing to do"
        case State.UNSEEN:
            return "is alive; its steps are not told, or no longer kept"


def _waker(segment: Segment) -> str:
    if segment.what == "turn":
        return "nobody: it had only given way"
    if segment.on is not None:
        return f"{segment.what} {segment.on}"
    return segment.what


def _wait(segment: Segment, moment: Moment) -> str:
    """What for, by which function, and where in the code."""
    said = segment.what
    if segment.on is not None:
        said += f" {segment.on}"
    if segment.by and segment.by != segment.what:
        said += f", {segment.by}"
    place = moment.trace.sources.get(segment.where or 0)
    if place is not None:
        line = segment.line or place.line
        said += f" at {place.file}:{line}"
    return said
