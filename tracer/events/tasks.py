"""Who runs, who waits and for what: tasks, worker threads, their contexts."""

from typing import Literal

from tracer.events.loop import LoopEvent

WaitsFor = Literal[
    "sleep",
    "event",
    "lock",
    "semaphore",
    "condition",
    "barrier",
    "queue",
    "worker thread",
    "free thread",
    "child task",
    "child tasks",
    "stream data",
    "request body",
    "client to read",
    "socket",
    "subprocess",
    "gave way",
    "held",
    "future",
]
"""What a suspended task can wait for. `free thread`: all of the pool's are
taken; `request body`: in `receive`, and so also for the client to leave once
the body is there; `client to read`: the write buffer is full; `gave way`: for
nothing, it runs again in the next turn; `held`: a hold or a breakpoint of
ours; `future`: something that no rule of ours knows."""

WokenBy = Literal[
    "task", "timer", "socket", "thread", "signal", "cancel", "turn", "callback"
]
"""What made a task ready. `turn`: it had only given way; `callback`: a plain
callback that is none of the others."""


class TaskCreated(LoopEvent, tag="task.created", frozen=True, gc=False):
    """`create_task` scheduled a coroutine; none of it has run.

    Its first step comes in a later turn of the loop. `id` is the new task's
    number, `parent` the task that made it (None: a plain callback did). A task
    made by `asyncio.Task(...)` goes past the loop, and is not seen.

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
    ready: int = 0
    """Nanoseconds that it could have run and did not: others were first."""


class TaskSuspended(LoopEvent, tag="task.suspended", frozen=True, gc=False):
    """An `await` had to wait, so the task let go of the loop.

    Most awaits don't come here: one whose answer is there already goes on in
    the same step. `where` and `line` name the innermost line of the app's own
    code that waits, or of the server's where the app has none on the stack.

    Source: asyncio, `Task.__step`
    """

    id: int
    waits_for: WaitsFor
    by: str = ""
    """The function that waits: `asyncio.Event.wait`, `asyncio.sleep`."""
    on: int | None = None
    """Number of the task that is waited for, where it is one."""
    line: int | None = None
    chain: tuple[str, ...] = ()
    """With `--lens full`: each await, `file:line function`, outermost first."""


class TaskResumed(LoopEvent, tag="task.resumed", frozen=True, gc=False):
    """The loop runs the next step of a task: what it waited for is there.

    Source: asyncio, `Task.__wakeup`
    """

    id: int
    woken_by: WokenBy
    by: int | None = None
    """Number of the task that woke it, where it was one."""
    ready: int = 0
    """Nanoseconds that it could have run and did not: others were first."""


class TaskDone(LoopEvent, tag="task.done", frozen=True, gc=False):
    """A task's coroutine ended.

    `raised` carries the exception's type. Who awaits the task hears of it in
    a later turn.

    Source: asyncio, `Task.__step`
    """

    id: int
    outcome: Literal["returned", "raised", "cancelled"]
    error: str | None = None


class TaskLost(LoopEvent, tag="task.lost", frozen=True, gc=False):
    """A task failed, and was forgotten before anybody asked how it ended.

    Said when the garbage collector finds it, which may be much later.

    Source: asyncio, `Task.__del__`, `Future.__del__`
    """

    id: int
    error: str


class ThreadQueued(LoopEvent, tag="thread.queued", frozen=True, gc=False):
    """A sync function asked for a worker thread.

    At most `total` run at once (40 unless changed); `borrowed` are out.

    Source: anyio, `to_thread.run_sync`; asyncio, `loop.run_in_executor`
    """

    name: str
    borrowed: int
    total: int
    job: int = 0
    """Number of the call: its start and end carry the same."""
    pool: Literal["anyio", "executor", "limiter"] = "anyio"
    """anyio's default limiter, asyncio's executor, or a limiter of its own."""


class ThreadStart(LoopEvent, tag="thread.start", frozen=True, gc=False):
    """A worker thread begins to run the function.

    `queued` is the time between asking and running.

    Source: anyio, `to_thread.run_sync`; asyncio, `loop.run_in_executor`
    """

    name: str
    queued: int
    """Nanoseconds from `thread.queued` to here."""
    job: int = 0


class ThreadEnd(LoopEvent, tag="thread.end", frozen=True, gc=False):
    """The function in the worker thread ended; the loop hears of it next.

    `never ran`: who asked was cancelled while the function waited for a
    thread.

    Source: anyio, `to_thread.run_sync`; asyncio, `loop.run_in_executor`
    """

    name: str
    outcome: Literal["returned", "raised", "never ran"]
    job: int = 0


class Line(LoopEvent, tag="line", frozen=True, gc=False):
    """A line of the app's own code is about to run; only with `--lines`.

    Of endpoints, middleware, handlers and dependencies, with the functions
    that are made within them.

    Source: Python, `sys.monitoring` LINE; on 3.11 `sys.settrace`
    """

    line: int
    muted: bool = False
    """It has said a thousand lines in this request, this is the last one;
    the function itself goes on."""


class ContextChanged(LoopEvent, tag="context.changed", frozen=True, gc=False):
    """Context variables were set, or ones that were set are not seen here.

    A task and a worker thread run in a copy of their maker's context: what
    they set, their maker never sees. Names and types only, no values.

    Source: Python, `contextvars.copy_context`; PEP 567
    """

    by: str
    """The stage that ran when it was noticed: a middleware, an endpoint.

    `A or B`: any of those that have run since the last look."""
    names: tuple[str, ...]
    """`user: User`: variables whose value is another than at the last look."""
    unseen: tuple[str, ...] = ()
    """Set before in this request, in another task or thread; not here."""
