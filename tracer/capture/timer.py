"""One timer a connection, for whatever it waits for: a request, or its head.

To set a timer of asyncio's for each request and to cancel it, a few dozen
microseconds later, costs more than the request's whole scope. So one that is
not needed any more is left to fire, and sleeps on if it has been armed anew
meanwhile. When it ends a connection is the same.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Literal

WaitsFor = Literal["request", "head"]


class Timer:
    """Calls back once, unless it is disarmed or armed anew before.

    Attributes:
        waits_for: What will be too late; None: nothing is waited for.
        conn: Number of the connection, where it is traced.

    Source: ours; uvicorn sets and cancels `timeout_keep_alive_task`.
    """

    __slots__ = (
        "_at", "_due", "_fire", "_handle", "_loop", "_now", "conn", "waits_for",
    )  # fmt: skip

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.waits_for: WaitsFor | None = None
        self.conn: int | None = None
        self._loop = loop
        # The loop that uvicorn's own tests hand over has no clock.
        self._now: Callable[[], float] = getattr(loop, "time", time.monotonic)
        self._handle: asyncio.TimerHandle | None = None
        self._at = 0.0
        self._due: float | None = None
        self._fire: Callable[[], None] | None = None

    def arm(
        self, waits_for: WaitsFor, seconds: float, fire: Callable[[], None]
    ) -> None:
        """Call `fire` after so many seconds, and nothing armed before."""
        self.waits_for = waits_for
        self._fire = fire
        due = self._now() + seconds
        if self._handle is None:
            self._set(seconds, due)
        elif due < self._at:
            self._handle.cancel()
            self._set(seconds, due)
        else:
            self._due = due

    def disarm(self) -> None:
        """Call nobody."""
        self.waits_for = self._fire = None

    def stop(self) -> None:
        """Leave nothing behind in the loop."""
        self.disarm()
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def when(self) -> float | None:
        """The loop's time at which it calls back; None: it won't."""
        if self._fire is None:
            return None
        return self._at if self._due is None else self._due

    @property
    def handle(self) -> asyncio.TimerHandle | None:
        """What the loop holds; it may be there when nothing is armed."""
        return self._handle

    def _set(self, seconds: float, due: float) -> None:
        self._at, self._due = due, None
        self._handle = self._loop.call_later(seconds, self.fired)

    def fired(self) -> None:
        """Take asyncio's call: it may be too early, or for nothing."""
        self._handle = None
        fire, due = self._fire, self._due
        if fire is None:
            return
        if due is not None and (left := due - self._now()) > 0:
            self._set(left, due)
            return
        self.disarm()
        fire()
