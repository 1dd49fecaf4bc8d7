"""Where a task stops, for what, and who woke it: said at each of its steps.

A task's coroutine is stepped by `send` and `throw`, and gives back what it
waits for. The chain of awaits inside it is read then, and not touched.
"""

import asyncio
import contextlib
from collections.abc import Coroutine
from types import TracebackType
from typing import Any

from tracer.capture.loop.chain import awaits, stop_of, told
from tracer.capture.loop.steps import StepCoro
from tracer.capture.probe import Probe, now
from tracer.capture.rows import code_of
from tracer.events import TaskDone, TaskResumed, TaskStarted, TaskSuspended
from tracer.events.tasks import WokenBy


class LensCoro(StepCoro):
    """Says each stop of a task too: what it waits for, and who woke it.

    Attributes:
        begun: Whether its first step has run.
        since: When its last step began, on the monotonic clock.
        ready: When the loop was asked to run its next step; 0: it wasn't.
        woken_by: What asked for it.
        waker: Number of the task that asked for it, where it was one.
        cut: Whether what it waited for was cancelled.
        stopped: When its last step ended, on the same clock.

    Source: asyncio, `Task.__step`
    """

    __slots__ = (
        "begun",
        "cut",
        "gave_way",
        "ready",
        "since",
        "stopped",
        "waker",
        "woken_by",
    )

    def __init__(
        self,
        coro: Coroutine[Any, Any, Any],
        probe: Probe,
        number: int,
        name: str = "",
    ) -> None:
        super().__init__(coro, probe, number, name)
        self.begun = False
        self.since = 0
        self.stopped = 0
        self.ready = 0
        self.woken_by: WokenBy = "callback"
        self.waker: int | None = None
        self.gave_way = False
        self.cut = False

    def send(self, value: object) -> object:
        """Run one step of the task."""
        # As `StepCoro.send`, and not by way of it; what is said in each task
        # is written out, as the clock's answer is there or is wanted: a call
        # or two less at each step of each task.
        coro = self._living() if self._coro is None else self._coro
        probe, number = self._probe, self.number
        before, outer = probe.task, probe.step
        probe.task, probe.step = number, self
        try:
            if self.begun:
                self._resume(self.woken_by, self.waker)
            else:
                self._begin()
            awaited = coro.send(value)
        except StopIteration:
            note = self.note
            probe.say(
                (
                    _DONE, now(), probe.turn, number, self.where,
                    "loop", note.conn, note.req, number, "returned",
                )
            )  # fmt: skip
            self._coro = None  # see `_end`
            raise
        except BaseException as error:
            self._end(error)
            raise
        else:
            self._stop(awaited)
            return awaited
        finally:
            probe.task, probe.step = before, outer

    def throw(
        self,
        typ: Any,  # noqa: ANN401  # three old forms of one argument
        val: BaseException | object = None,
        tb: TracebackType | None = None,
    ) -> object:
        """Run one step that begins with an exception: a cancellation, say."""
        given = (typ,) if val is None and tb is None else (typ, val, tb)
        coro = self._living()
        probe = self._probe
        before, outer = probe.task, probe.step
        probe.task, probe.step = self.number, self
        try:
            if self.begun:
                self._resume(*self._thrown(typ))
            else:
                self._begin()
            awaited = coro.throw(*given)
        except BaseException as error:
            self._end(error)
            raise
        else:
            self._stop(awaited)
            return awaited
        finally:
            probe.task, probe.step = before, outer
            # The exception's traceback holds this frame, so the frame must not
            # hold the exception: both would stay until the next collection.
            del typ, val, tb, given

    def _begin(self) -> None:
        if self._said == "nothing":
            self.announce("")  # an eager task has no name yet
        self._said = "started"
        self.begun = True
        probe, note, number = self._probe, self.note, self.number
        self.since = at = now()
        waited = at - self.ready if self.ready else 0
        probe.say(
            (
                _STARTED, at, probe.turn, number, self.where,
                "loop", note.conn, note.req, number, waited,
            )
        )  # fmt: skip
        self.ready = 0

    def _resume(self, woken_by: WokenBy, waker: int | None) -> None:
        if self.gave_way and woken_by != "cancel":
            woken_by = "turn"
        probe, note, number = self._probe, self.note, self.number
        self.since = at = now()
        waited = at - self.ready if self.ready else 0
        probe.say(
            (
                _RESUMED, at, probe.turn, number, self.where,
                "loop", note.conn, note.req, number, woken_by, waker, waited,
            )
        )  # fmt: skip
        self.ready = 0

    def _thrown(self, typ: object) -> tuple[WokenBy, int | None]:
        """Tell a cancellation of this task from one of what it waited for."""
        error = typ if isinstance(typ, type) else type(typ)
        if issubclass(error, asyncio.CancelledError):
            with contextlib.suppress(RuntimeError):  # no loop runs
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    return "cancel", self.waker if self.cut else None
        return self.woken_by, self.waker

    def _stop(self, awaited: object) -> None:
        self.gave_way = awaited is None
        self.woken_by, self.waker = "callback", None
        probe, note, number = self._probe, self.note, self.number
        full: tuple[str, ...] = ()
        try:
            chain = awaits(self._coro)
            (wait, by, on), where, line = stop_of(chain, awaited)
            if probe.lens == "full":
                full = told(chain)
        except Exception:  # noqa: BLE001  # the app must not have it
            wait, by, on, where, line = "future", "", None, None, None
        self.stopped = at = now()
        probe.say(
            (
                _SUSPENDED, at, probe.turn, number,
                self.where if where is None else where,
                "loop", note.conn, note.req, number, wait, by, on, line, full,
            )
        )  # fmt: skip


_STARTED = code_of(TaskStarted, 2)
_RESUMED = code_of(TaskResumed, 4)
_SUSPENDED = code_of(TaskSuspended, 6)
_DONE = code_of(TaskDone, 2)
