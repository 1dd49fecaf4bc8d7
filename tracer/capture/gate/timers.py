"""Which of the loop's time-outs go on while a request is held.

asyncio keeps its timers to itself, so this is a look into private things: it
is done when somebody is held, and never on the way of a request that isn't.
"""

import asyncio
import functools
from collections.abc import Iterator
from operator import attrgetter
from types import FunctionType, MethodType
from typing import Any

from tracer.capture.probe import CURRENT, Note

Timer = tuple[str, float]
"""What it is called, and the seconds that it has left."""

KEEP_ALIVE = "keep-alive"

NAMES = {
    "Timeout._on_timeout": "asyncio.timeout",
    "_release_waiter": "asyncio.wait",
    "CancelScope._timeout": "anyio cancel scope",
    "H11Protocol.timeout_keep_alive_handler": KEEP_ALIVE,
}
"""Callbacks of timers, and what their users know them by."""

SLEEP = "_set_result_unless_cancelled"
"""Ends an `asyncio.sleep`: no time-out, nobody is cut short by it."""

_look = attrgetter("_callback", "_context")


def timers_of(loop: asyncio.AbstractEventLoop, note: Note) -> tuple[Timer, ...]:
    """Give the time-outs that matter to a request, the next one first.

    Those are the ones armed while this very request was served, as the
    context tells that each timer keeps, and the keep-alive of its connection.
    A loop that isn't asyncio's own doesn't show them.
    """
    now = loop.time()
    found = [
        (handle.when(), name)
        for handle in tuple(getattr(loop, "_scheduled", ()))
        if not handle.cancelled()
        for name in _names(handle, note)
    ]
    return tuple((name, round(when - now, 3)) for when, name in sorted(found))


def _names(handle: asyncio.TimerHandle, note: Note) -> Iterator[str]:
    callback, context = _look(handle)
    armed_by = None if context is None else context.get(CURRENT)
    if armed_by is None or armed_by.conn != note.conn:
        return
    called = _qualname(callback)
    name = NAMES.get(called, called)
    if called != SLEEP and (armed_by.req == note.req or name == KEEP_ALIVE):
        yield name


def _qualname(callback: Any) -> str:  # noqa: ANN401  # anybody's
    while isinstance(callback, functools.partial):
        callback = callback.func
    if type(callback) is MethodType:
        callback = callback.__func__
    if type(callback) is FunctionType:
        return callback.__qualname__
    return type(callback).__qualname__
