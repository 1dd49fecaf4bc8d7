"""A coroutine around a task's own says when the task begins and ends.

What it waits for in between is said by `stops`, which goes on from here.
"""

import asyncio
from collections.abc import Coroutine, Generator
from types import CodeType, CoroutineType, FrameType, TracebackType
from typing import Any, Literal

from tracer.capture.probe import CURRENT, Note, Probe
from tracer.capture.sources import place
from tracer.events import TaskCreated, TaskDone, TaskStarted


class StepCoro(Coroutine[Any, Any, Any]):
    """Stands around a task's coroutine and says when it begins and ends.

    While a step runs, `probe.task` is this task's number and `probe.step`
    this object: so each event tells in which task it happened. asyncio, anyio
    and debuggers look into a task's coroutine by the attributes `cr_*`, and
    see through to the real one.

    Attributes:
        note: Speaks for the request that the task belongs to, if any.
        number: The task's number.
        where: The place of the task's own function.

    Source: Python, `collections.abc.Coroutine`
    """

    __slots__ = (
        "__name__",
        "__qualname__",
        "__weakref__",
        "_coro",
        "_name",
        "_parent",
        "_probe",
        "_said",
        "cr_code",
        "note",
        "number",
        "where",
    )

    def __init__(
        self,
        coro: Coroutine[Any, Any, Any],
        probe: Probe,
        number: int,
        name: str = "",
    ) -> None:
        self._coro: Coroutine[Any, Any, Any] | None = coro
        self._name = name  # the task's, as far as it is known before the task
        self._probe = probe
        self.number = number
        self._parent = probe.task
        # Made in a request's task (or by the server for a request), a task
        # belongs to that request.
        self.note = CURRENT.get() or Note(probe)
        self._said: Literal["nothing", "created", "started"] = "nothing"
        self.__name__: str
        self.__qualname__: str
        self.cr_code: CodeType | None
        if type(coro) is CoroutineType:  # as nearly all are
            self.__name__, self.__qualname__ = coro.__name__, coro.__qualname__
            self.cr_code = coro.cr_code
        else:
            self.__name__ = getattr(coro, "__name__", type(coro).__name__)
            self.__qualname__ = getattr(coro, "__qualname__", self.__name__)
            self.cr_code = getattr(coro, "cr_code", None)
        self.where = None if self.cr_code is None else place(self.cr_code)

    def announce(self, name: str) -> None:
        """Say that the task exists; once, and before its first step."""
        if self._said == "nothing":
            self._said = "created"
            self.note.four(
                TaskCreated,
                self.where,
                self.number,
                self._name or name,
                self.__qualname__,
                self._parent,
            )

    def send(self, value: object) -> object:
        """Run one step of the task."""
        coro = self._living() if self._coro is None else self._coro
        probe = self._probe
        # Not None within an eager task's first step, which runs inside the
        # step of the task that made it.
        before, outer = probe.task, probe.step
        probe.task, probe.step = self.number, self
        try:
            if self._said != "started":
                self._begin()
            return coro.send(value)
        except BaseException as error:
            self._end(error)
            raise
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
            if self._said != "started":
                self._begin()
            return coro.throw(*given)
        except BaseException as error:
            self._end(error)
            raise
        finally:
            probe.task, probe.step = before, outer
            # The exception's traceback holds this frame, so the frame must not
            # hold the exception: both would stay until the next collection.
            del typ, val, tb, given

    def _begin(self) -> None:
        self.announce("")  # an eager task has no name yet
        self._said = "started"
        self.note.one(TaskStarted, self.where, self.number)

    def _end(self, error: BaseException) -> None:
        number, outcome, name = self.number, "returned", None
        if isinstance(error, asyncio.CancelledError):
            outcome = "cancelled"
        elif not isinstance(error, StopIteration):
            outcome, name = "raised", type(error).__name__
        self.note.three(TaskDone, self.where, number, outcome, name)
        # A coroutine that has ended lets go of its frame, and so do we: the
        # frame holds the request, and the request's task holds us.
        self._coro = None

    def close(self) -> None:
        """End the coroutine without another step."""
        if self._coro is not None:
            self._coro.close()
            self._coro = None

    def _living(self) -> Coroutine[Any, Any, Any]:
        if self._coro is None:
            raise RuntimeError("cannot reuse already awaited coroutine")
        return self._coro

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._steps()

    def _steps(self) -> Generator[Any, Any, Any]:
        # An iterator of its own: with `__next__` on this class, C code would
        # take it for a generator and go a longer way on every step.
        return (yield from _Awaitable(self))

    @property
    def cr_origin(self) -> object:
        return getattr(self._coro, "cr_origin", None)

    @property
    def cr_frame(self) -> FrameType | None:
        return getattr(self._coro, "cr_frame", None)

    @property
    def cr_await(self) -> object:
        return getattr(self._coro, "cr_await", None)

    @property
    def cr_running(self) -> bool:
        return getattr(self._coro, "cr_running", False)

    @property
    def cr_suspended(self) -> bool:
        return getattr(self._coro, "cr_suspended", False)

    def __repr__(self) -> str:
        return f"<coroutine object {self.__qualname__} at {id(self):#x}>"


class _Awaitable:
    """Drives a StepCoro where it is awaited and not made a task."""

    __slots__ = ("_coro",)

    def __init__(self, coro: StepCoro) -> None:
        self._coro = coro

    def __iter__(self) -> "_Awaitable":
        return self

    def __next__(self) -> object:
        return self._coro.send(None)

    def send(self, value: object) -> object:
        return self._coro.send(value)

    def throw(self, *args: Any) -> object:  # noqa: ANN401
        try:
            return self._coro.throw(*args)
        finally:
            del args  # as in the coroutine's own `throw`

    def close(self) -> None:
        self._coro.close()
