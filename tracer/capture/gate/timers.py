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
from tracer.capture.timer import Timer

Left = tuple[str, float]
"""What it is called, and the seconds that it has left."""

KEEP_ALIVE = "keep-alive"

NAMES = {
    "Timeout._on_timeout": "asyncio.timeout",
    "_release_waiter": "asyncio.wait",
    "CancelScope._timeout": "anyio cancel scope",
    "Pings.keepalive_timeout": "WebSocket pong",
    "WSProtocol.close_timed_out": "WebSocket close",
}
"""Callbacks of timers, and what their users know them by."""

HARMLESS = frozenset(
    {"_set_result_unless_cancelled", "Pings.send_keepalive_ping"}
)
"""These end an `asyncio.sleep`, or ask: nobody is cut short by them."""

_look = attrgetter("_callback", "_context")


def timers_of(loop: asyncio.AbstractEventLoop, note: Note) -> tuple[Left, ...]:
    """Give the time-outs that matter to a request, the next one first.

    Those are the ones armed while this very request was served, as the
    context tells that each timer keeps, and the keep-alive of its connection.
    A loop that isn't asyncio's own doesn't show them.
    """
    now = loop.time()
    found = [
        one
        for handle in tuple(getattr(loop, "_scheduled", ()))
        if not handle.cancelled()
        for one in _found(handle, note)
    ]
    return tuple((name, round(when - now, 3)) for when, name in sorted(found))


def _found(
    handle: asyncio.TimerHandle, note: Note
) -> Iterator[tuple[float, str]]:
    callback, context = _look(handle)
    ours = getattr(callback, "__self__", None)
    if type(ours) is Timer:
        # It knows itself when it is due, and whether it is armed at all.
        when = ours.when()
        if when and ours.conn == note.conn and ours.waits_for == "request":
            yield when, KEEP_ALIVE
        return
    armed_by = None if context is None else context.get(CURRENT)
    if armed_by is None or armed_by.conn != note.conn:
        return
    called = _qualname(callback)
    if called not in HARMLESS and armed_by.req == note.req:
        yield handle.when(), NAMES.get(called, called)


def _qualname(callback: Any) -> str:  # noqa: ANN401  # anybody's
    while isinstance(callback, functools.partial):
        callback = callback.func
    if type(callback) is MethodType:
        callback = callback.__func__
    if type(callback) is FunctionType:
        return callback.__qualname__
    return type(callback).__qualname__
