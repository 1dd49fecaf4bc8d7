"""The event loop's view: tasks, and the worker threads beside it."""

from typing import ClassVar, Literal

from tracer.events.envelope import Event, Layer


class LoopEvent(Event, frozen=True, gc=False):
    """Something happened to a task or a worker thread."""

    layer: ClassVar[Layer] = "loop"


class TaskCreated(LoopEvent, tag="task.created", frozen=True, gc=False):
    """`create_task` scheduled a coroutine; none of it has run.

    Its first step comes in a later turn of the loop. `id` is the new task's
    number, `parent` the task that made it (None: a plain callback did).

    Source: asyncio, `loop.create_task`
    """

    id: int
    name: str
    coro: str
    parent: int | None = None


class TaskStarted(LoopEvent, tag="task.started", frozen=True, gc=False):
    """The loop runs the first step of a task.

    Source: asyncio, `Task.__step`
    """

    id: int


class TaskDone(LoopEvent, tag="task.done", frozen=True, gc=False):
    """A task's coroutine ended.

    `raised` carries the exception's type. Who awaits the task hears of it in
    a later turn.

    Source: asyncio, `Task.__step`
    """

    id: int
    outcome: Literal["returned", "raised", "cancelled"]
    error: str | None = None


class ThreadQueued(LoopEvent, tag="thread.queued", frozen=True, gc=False):
    """A sync function asked for a worker thread.

    At most `total` run at once (40 unless changed); `borrowed` are out.

    Source: anyio, `to_thread.run_sync`
    """

    name: str
    borrowed: int
    total: int


class ThreadStart(LoopEvent, tag="thread.start", frozen=True, gc=False):
    """A worker thread begins to run the function.

    `queued` is the time between asking and running.

    Source: anyio, `to_thread.run_sync`
    """

    name: str
    queued: int
    """Nanoseconds from `thread.queued` to here."""


class ThreadEnd(LoopEvent, tag="thread.end", frozen=True, gc=False):
    """The function in the worker thread ended; the loop hears of it next.

    Source: anyio, `to_thread.run_sync`
    """

    name: str
    outcome: Literal["returned", "raised"]
