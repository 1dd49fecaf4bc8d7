"""Who made a task ready: told by what the loop runs when it is asked.

A task that is to run again goes through `loop.call_soon`, and somebody is
running then: another task's step, or a plain callback, whose handle says
whether a timer, a descriptor or another thread brought it. Nothing is changed
in what passes.
"""

import asyncio
import re
from types import BuiltinFunctionType, FrameType
from typing import Any
from weakref import WeakSet

from tracer.capture.loop.chain import number_of
from tracer.events.tasks import WokenBy

Waker = tuple[WokenBy, int | None]

_RUN = asyncio.Handle._run.__code__  # noqa: SLF001  # compared, not called
_NOBODY: Waker = ("callback", None)


class FromThread(asyncio.Handle):
    """A callback that another thread has sent, by `call_soon_threadsafe`.

    Attributes:
        since: When it was sent, on the monotonic clock.
    """

    __slots__ = ("since",)
    since: int


FromThread.__name__ = FromThread.__qualname__ = "Handle"  # to who prints it

DESCRIPTORS: "WeakSet[asyncio.Handle]" = WeakSet()
"""The callbacks that wait for a descriptor to be ready."""


def task_of(callback: object) -> asyncio.Task[Any] | None:
    """Give the task whose next step a callback runs; None: it is another.

    Source: asyncio, `Task.__step` and `Task.__wakeup`, written in C
    """
    kind = type(callback)
    if kind is BuiltinFunctionType:
        if callback.__name__ != "task_wakeup":  # type: ignore[attr-defined]
            return None
    elif kind.__name__ != "TaskStepMethWrapper":
        return None
    task: asyncio.Task[Any] = callback.__self__  # type: ignore[attr-defined]
    return task


def due_of(frame: FrameType | None) -> int:
    """Tell when what runs now was due: a timer, or a word from a thread.

    In nanoseconds of the loop's clock, which is the monotonic one; 0: what
    runs is neither.
    """
    while frame is not None and frame.f_code is not _RUN:
        frame = frame.f_back
    handle = None if frame is None else frame.f_locals["self"]
    if isinstance(handle, asyncio.TimerHandle):
        return int(handle.when() * 1e9)
    return handle.since if isinstance(handle, FromThread) else 0


def waker_of(
    loop: asyncio.AbstractEventLoop, frame: FrameType | None, woken: object
) -> Waker:
    """Tell what runs now, while no step of a task that we see does.

    Args:
        loop: The loop that is asked.
        frame: Who asks it.
        woken: The coroutine of the task that is made ready.
    """
    asked = frame
    while frame is not None and frame.f_code is not _RUN:
        frame = frame.f_back
    if frame is None:
        return _by_name(asked)
    handle = frame.f_locals["self"]
    kind = type(handle)
    if kind is asyncio.TimerHandle:
        return "timer", None
    if kind is FromThread:
        return "thread", None
    callback = handle._callback  # noqa: SLF001  # told, never relied on
    ending = task_of(callback)
    if ending is not None:
        # Its step has just ended: with it the task, or its await had nothing
        # to wait for.
        if ending.get_coro() is woken:
            return "turn", None
        return "task", number_of(ending)
    if handle in DESCRIPTORS:
        return "socket", None
    signals = getattr(loop, "_signal_handlers", None)
    if signals and handle in signals.values():
        return "signal", None
    return _called_back(callback, handle._args)  # noqa: SLF001


def _called_back(callback: object, args: tuple[object, ...] | None) -> Waker:
    """Tell why a plain callback runs: a task has ended, a transport has."""
    last = args[-1] if args else None
    if isinstance(last, asyncio.Task) and last.done():
        return "task", number_of(last)
    name = getattr(callback, "__qualname__", "")
    if name.rpartition(".")[2] in _OF_SOCKETS and name != _OF_PROCESS:
        return "socket", None
    # The thread was done before the loop had asked to be told.
    return ("thread", None) if name == _CHAINED else _NOBODY


_CHAINED = "_chain_future.<locals>._set_state"
"""Brings a `concurrent.futures.Future`'s result, see `asyncio.wrap_future`."""


_OF_SOCKETS = frozenset({"_call_connection_lost", "connection_made"})
"""What transports ask the loop to call, a turn after the socket's news."""

_OF_PROCESS = "BaseSubprocessTransport._call_connection_lost"
"""Comes after the last news of a process: that may have been a descriptor's,
or the thread's that waits for its end."""


def _by_name(frame: FrameType | None) -> Waker:
    """Tell it where no handle stands on the stack, as with uvloop.

    The functions that asyncio and anyio leave behind to be called, and a
    protocol's own, have names that tell enough.
    """
    while frame is not None:
        name, file = frame.f_code.co_name, frame.f_code.co_filename
        woken_by = _BY_NAME.get(name)
        private = name.startswith("_")
        if woken_by is not None and (not private or _THEIRS.search(file)):
            return woken_by, None
        frame = frame.f_back
    return _NOBODY


_THEIRS = re.compile(r"/(asyncio|anyio)/")


_BY_NAME: dict[str, WokenBy] = {
    "_set_result_unless_cancelled": "timer",  # by `asyncio.sleep`
    "_on_timeout": "timer",  # by `asyncio.timeout`
    "_timeout": "timer",  # by `anyio.CancelScope`
    "_set_state": "thread",  # by `run_in_executor`
    "_report_result": "thread",  # by `anyio.to_thread`
    "connection_made": "socket",
    "data_received": "socket",
    "buffer_updated": "socket",
    "eof_received": "socket",
    "connection_lost": "socket",
    "resume_writing": "socket",
}
