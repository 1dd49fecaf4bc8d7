"""The event loop's turns: how long it waited, for whom, and who held it."""

from typing import ClassVar, Literal

from tracer.events.envelope import Event, Layer

Role = Literal["listener", "connection", "self-pipe", "other"]
"""Whose descriptor it is. The self-pipe wakes the loop for other threads."""

Ready = tuple[str, int, int | None]
"""Role, descriptor, and the connection's number where it is one."""


class LoopEvent(Event, frozen=True, gc=False):
    """Something happened to the loop, a task or a worker thread."""

    layer: ClassVar[Layer] = "loop"


class LoopSelect(LoopEvent, tag="loop.select", frozen=True, gc=False):
    """The loop has asked the kernel who is ready: a turn begins.

    Said as the wait ends. The loop was idle for `waited`; from here to the
    next `loop.select` it runs callbacks, one after the other. `timeout` is
    how long it would have waited at most: 0 means that callbacks were ready
    already, None that no timer was running.

    Source: asyncio, `BaseEventLoop._run_once`
    """

    waited: int
    """Nanoseconds spent in `select`."""
    ready: tuple[Ready, ...]
    timeout: float | None = None  # seconds


class SelectorRegister(
    LoopEvent, tag="selector.register", frozen=True, gc=False
):
    """The loop watches one more descriptor, or watches it for something else.

    Source: Python, `selectors.BaseSelector.register` and `.modify`
    """

    fd: int
    role: Role
    watches: Literal["read", "write", "both"]
    callback: str = ""
    """What the loop calls when it is ready, of what reads before what writes:
    `_SelectorSocketTransport._read_ready`, and not the protocol's."""


class SelectorUnregister(
    LoopEvent, tag="selector.unregister", frozen=True, gc=False
):
    """The loop watches a descriptor no more: reading is paused, or it closes.

    Until it is registered again, bytes stay in the kernel, and so does the
    news that the client has left.

    Source: Python, `selectors.BaseSelector.unregister`
    """

    fd: int
    role: Role


class LoopAccept(LoopEvent, tag="loop.accept", frozen=True, gc=False):
    """The accept callback is done: it took all who had waited, at once.

    `n` connections came out of the listening socket before it had no more.
    None of them has a protocol yet: each gets a task for that.

    Source: asyncio, `BaseSelectorEventLoop._accept_connection`
    """

    fd: int
    n: int


class AcceptFailed(LoopEvent, tag="accept.failed", frozen=True, gc=False):
    """`accept` failed, so many times in one callback: too many open files.

    asyncio tries at once again, as often as the backlog is long, and then
    leaves the listener alone for a second.

    Source: asyncio, `BaseSelectorEventLoop._accept_connection`
    """

    error: str
    times: int


class LoopBlocked(LoopEvent, tag="loop.blocked", frozen=True, gc=False):
    """One callback or step of a task has held the loop for too long.

    Nobody else can run meanwhile. It is said once while it lasts, by a thread
    that watches (`over` is false), and once at its end, with the whole time.
    `since` is when the turn's callbacks began. Time in which the whole process
    did not run (stopped, or the machine asleep) blames nobody: the watch
    begins anew after it.

    Source: asyncio, `loop.slow_callback_duration`
    """

    since: int
    """Nanoseconds of the trace."""
    ns: int
    """How long it has been held, up to now."""
    culprit: str
    """`app.py:14 time.sleep(1)`: the innermost line of the app's own code, or
    of the server's where the app has none on the stack."""
    over: bool
    stack: tuple[str, ...] = ()
    """`file:line function`, outermost first, without asyncio's own frames."""
    line: int | None = None
    """Line of the culprit, in the file that `where` names."""
    held_gil: bool = False
    """The watching thread could not run either: C code that keeps the
    interpreter to itself. Then nothing was said while it lasted, and the
    culprit is where the code stood as the interpreter was let go: at the call
    that had kept it or, after an operator (`3 ** 9999999`), the next call."""
    ran: int | None = None
    """Nanoseconds that the step of the culprit's task had run when it was
    seen. Much less than `ns`: many short ones have filled the turn, and this
    is one of them. None in a plain callback."""
