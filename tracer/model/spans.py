"""Events as spans: what was open while what ran, and who had the loop."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tracer.events import LoopSelect
from tracer.events.log import Record

ENDS = {
    "app.enter": "app.exit",
    "middleware.enter": "middleware.exit",
    "dependency.enter": "dependency.exit",
    "endpoint.enter": "endpoint.exit",
    "run_asgi.start": "run_asgi.end",
    "thread.start": "thread.end",
    "background.start": "background.end",
    "task.started": "task.done",
    "receive.call": "receive.return",
    "send.call": "send.return",
}
"""Kind that opens a span -> kind that closes it."""

_OPENS = {end: start for start, end in ENDS.items()}

LIT = {
    "task.started": True,
    "task.resumed": True,
    "task.suspended": False,
    "task.done": False,
}
"""Kinds from which a task's step runs on the loop, and those that end it."""


@dataclass(frozen=True, slots=True)
class Span:
    """Something that began and (mostly) ended.

    Attributes:
        name: `middleware TimingMiddleware`, `receive`, `endpoint read_item`.
        first: Index of the opening event in the sequence given.
        last: Index of the closing event; None while it is open.
        start: `t` of the opening event.
        end: `t` of the closing event; None while it is open.
        depth: How many spans of the same task or thread were open around it.
    """

    name: str
    first: int
    last: int | None
    start: int
    end: int | None
    depth: int


def spans(records: Sequence[Record]) -> tuple[Span, ...]:
    """Pair the records that open and close, each within its task or thread.

    An end without a beginning is passed over; a beginning without an end
    stays open, and so do all that an outer end closes over.

    Args:
        records: Of one request, oldest first.

    Returns:
        The spans in order of their beginnings.
    """
    made: list[Span] = []
    stacks: dict[tuple[str, int | None], list[int]] = {}
    for index, record in enumerate(records):
        stack = stacks.setdefault((record.thread, record.task), [])
        if record.kind in ENDS:
            stack.append(len(made))
            made.append(_opened(record, index, len(stack) - 1))
        elif record.kind in _OPENS:
            wanted = _OPENS[record.kind]
            for back in range(len(stack) - 1, -1, -1):
                span = made[stack[back]]
                if records[span.first].kind == wanted:
                    made[stack[back]] = replace(span, last=index, end=record.t)
                    del stack[back:]
                    break
    return tuple(made)


def lit(records: Sequence[Record]) -> tuple[Span, ...]:
    """Each step of a task: from where it runs to where it lets go.

    These don't nest with `spans`: a middleware is entered in one step, and
    left in another. Only an eager task's first step lies within a step of
    the task that made it.

    Args:
        records: Of one request or more, oldest first.

    Returns:
        The steps in order of their beginnings, named by the task: `task 9`.
    """
    made: list[Span] = []
    steps: dict[int, int] = {}
    for index, record in enumerate(records):
        begins = LIT.get(record.kind)
        task = getattr(record, "id", None)
        if begins is None or not isinstance(task, int):
            continue
        step = steps.pop(task, None)
        if begins:
            inside = len(steps)
            steps[task] = len(made)
            made.append(
                Span(f"task {task}", index, None, record.t, None, inside)
            )
        elif step is not None:
            made[step] = replace(made[step], last=index, end=record.t)
    return tuple(made)


def idle(records: Sequence[Record]) -> tuple[Span, ...]:
    """The loop's waits, each said by the `loop.select` that ended it."""
    return tuple(
        Span("select", index, index, record.t - record.waited, record.t, 0)
        for index, record in enumerate(records)
        if isinstance(record, LoopSelect)
    )


def _opened(record: Record, index: int, depth: int) -> Span:
    what = record.kind.rpartition(".")[0]
    name = getattr(record, "name", None)
    label = f"{what} {name}" if isinstance(name, str) else what
    return Span(label, index, None, record.t, None, depth)
