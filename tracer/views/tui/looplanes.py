"""A window of the model to rows: whose lanes stand where, and their names.

The shown request's own lanes come first, its tasks below those that made
them; then the others, the worker threads, and at last the server's tasks.
"""

import re
from collections.abc import Iterable, Iterator

from tracer.model.lanes import Job, Lane, Segment, State, Window
from tracer.model.trace import Trace
from tracer.views.tui.loopclient import client_row
from tracer.views.tui.looprow import Of, Row
from tracer.views.tui.pieces import Piece

MOST = 500
"""Rows, those of the shown request aside."""

DEEPEST = 6
"""Tasks within tasks that are indented."""


_UNNAMED = re.compile(r"Task-\d+")
"""What asyncio calls a task that was given no name."""

_VAGUE = frozenset({"coro", "run", "wrap", "wrapper", "inner", "__call__"})
"""Names of functions that say little without what stands around them."""

_ENDS: dict[str, Piece] = {
    "raised": ("✗", "bad"),
    "cancelled": ("×", "warn"),
    "never ran": ("×", "warn"),
}
"""What stands at the end of a lane that did not just return."""


def rows_of(window: Window, trace: Trace, number: int | None) -> list[Row]:
    """Give all lanes of a window their rows.

    Args:
        window: What is on the screen.
        trace: All that is known.
        number: The request that is shown.
    """
    mine = [lane for lane in window.tasks if _is(lane, number)]
    others = [lane for lane in window.tasks if not _is(lane, number)]
    conn = _conn_of(trace, number)
    lines = [
        line
        for line in trace.clients.lines.values()
        if line.asked <= window.end
        and (line.closed is None or line.closed >= window.start)
    ]
    rows = [client_row(line, mine=True) for line in lines if line.conn == conn]
    rows += _family(mine, window, trace)
    tasks = [lane for lane in others if lane.req is not None]
    tasks.sort(key=lambda lane: lane.req or 0)
    servers = [lane for lane in others if lane.req is None]
    rest = [client_row(line) for line in lines[:MOST] if line.conn != conn]
    rest += [_task(lane, window, trace) for lane in tasks[:MOST]]
    rest += _workers(window.jobs, number)
    rest += [_task(lane, window, trace) for lane in servers[:MOST]]
    return rows + rest


def _conn_of(trace: Trace, number: int | None) -> int:
    request = None if number is None else trace.requests.get(number)
    return -1 if request is None or request.conn is None else request.conn


def _is(lane: Lane, number: int | None) -> bool:
    return number is not None and lane.req == number


def _family(mine: list[Lane], window: Window, trace: Trace) -> Iterator[Row]:
    """A request's tasks, each followed by those that it made, and its jobs."""
    below: dict[int | None, list[Lane]] = {}
    own = {lane.id for lane in mine}
    for lane in mine:
        parent = lane.parent if lane.parent in own else None
        below.setdefault(parent, []).append(lane)
    waiting = [(lane, 0) for lane in reversed(below.get(None, ()))]
    while waiting:
        lane, depth = waiting.pop()
        yield _task(lane, window, trace, depth, mine=True)
        for job in window.jobs:
            if job.task == lane.id and job.req == lane.req:
                yield _job(job, depth + 1)
        children = reversed(below.pop(lane.id, ()))
        waiting += [(child, depth + 1) for child in children]


def _task(
    lane: Lane,
    window: Window,
    trace: Trace,
    depth: int = 0,
    *,
    mine: bool = False,
) -> Row:
    return Row(
        Of.TASK,
        _name(lane, trace, depth),
        tuple(lane.between(window.start, window.end)),
        lane.req,
        mine,
        lane.ended,
        lane.outcome,
        lane.error,
        _end(lane.ended, lane.outcome),
    )


def _end(t: int | None, outcome: str) -> tuple[tuple[int, Piece], ...]:
    """The mark of an end that was no plain return."""
    return () if t is None or outcome not in _ENDS else ((t, _ENDS[outcome]),)


def _name(lane: Lane, trace: Trace, depth: int) -> str:
    """The path for a request's own task, the function for all others."""
    what = _what(lane)
    request = None if lane.req is None else trace.requests.get(lane.req)
    if depth:
        return f"{'  ' * (min(depth, DEEPEST) - 1)} └ {what}"
    if request is None:
        return what if lane.req is None else f"#{lane.req} {what}"
    parent = (
        None
        if lane.parent is None
        else trace.lanes.tasks.known.get(lane.parent)
    )
    made = parent is not None and parent.req == lane.req
    return f"{request.label} {what if made else request.path}"


def _what(lane: Lane) -> str:
    """The task's own name if it was given one, else what it runs."""
    name = lane.name
    if not name or _UNNAMED.fullmatch(name):
        name = lane.coro or name or f"task {lane.id}"
    parts = [part for part in name.split(".") if part != "<locals>"]
    inner = len(parts) > 1 and parts[-1] in _VAGUE
    return ".".join(parts[-2:] if inner else parts[-1:])


def _job(job: Job, depth: int) -> Row:
    """A call in a worker thread: in the queue, then at work."""
    began = job.started if job.started is not None else job.ended
    segments = [
        Segment(job.queued, began, State.READY, job.task, "free thread")
    ]
    if job.started is not None:
        segments.append(
            Segment(job.started, job.ended, State.RUNS, job.task, job.worker)
        )
    return Row(
        Of.JOB,
        f"{'  ' * (min(depth, DEEPEST) - 1)} └ {job.name}()",
        tuple(segments),
        job.req,
        True,
        job.ended,
        job.outcome,
        marks=_end(job.ended, job.outcome),
    )


def _workers(jobs: Iterable[Job], number: int | None) -> Iterator[Row]:
    """The threads that are in use, with the requests that they work for."""
    threads: dict[str, list[Job]] = {}
    for job in jobs:
        if job.started is not None:
            threads.setdefault(job.worker, []).append(job)
    for worker in sorted(threads, key=lambda name: (len(name), name)):
        segments: list[Segment] = []
        for job in sorted(threads[worker], key=lambda job: job.started or 0):
            start = job.started or 0
            if segments and (before := segments[-1].end) is not None:
                segments.append(Segment(before, start, State.IDLE))
            whose = "" if job.req is None else f"#{job.req}"
            segments.append(
                Segment(start, job.ended, State.RUNS, job.task, whose)
            )
        mine = any(job.req == number for job in threads[worker])
        yield Row(
            Of.WORKER, worker, tuple(segments), mine=mine and number is not None
        )
