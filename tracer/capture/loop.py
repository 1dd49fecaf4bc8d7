"""The event loop under a lens: turns, accepted connections, steps of tasks.

A loop that is traced runs as any other: the same callbacks in the same turns.
What is added looks at what passes anyway: the selector counts its calls, the
listening socket its connections, and a coroutine stands around each task's
own. Nothing here knows HTTP.
"""

import asyncio
import inspect
import selectors
import socket
from asyncio.selector_events import BaseSelectorEventLoop
from collections.abc import Callable, Coroutine, Generator
from types import CodeType, CoroutineType, FrameType, TracebackType
from typing import Any, ClassVar, Literal

from tracer.capture.probe import CURRENT, Note, Probe
from tracer.capture.sources import place
from tracer.events import Accept, TaskCreated, TaskDone, TaskStarted


class Lens(selectors.DefaultSelector):
    """A selector that counts the loop's turns: one `select()` is one turn.

    Source: asyncio, `BaseEventLoop._run_once`
    """

    def __init__(self, probe: Probe) -> None:
        super().__init__()
        self._probe = probe
        probe.turn = 0

    def select(
        self, timeout: float | None = None
    ) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(timeout)
        # Counted here and not before the wait: what a worker thread says
        # meanwhile belongs to the turn that has ended.
        self._probe.turn += 1  # type: ignore[operator]  # set to 0 above
        return ready


class TracedLoop(asyncio.SelectorEventLoop):
    """asyncio's own loop, which says when tasks are made, begin and end.

    `create_task` is overridden, and no task factory set: so a factory of the
    user's own works as before, and is given the coroutine that we watch.
    """

    selector_name = selectors.DefaultSelector.__name__

    def __init__(self, probe: Probe) -> None:
        super().__init__(Lens(probe))
        self._probe = probe
        self._tasks_made = 0

    def create_task(  # any keywords: each Python has more of them
        self,
        coro: Any,  # noqa: ANN401  # as is what anybody gives it
        **kwargs: Any,  # noqa: ANN401
    ) -> asyncio.Task[Any]:
        """Make a task whose steps are seen.

        Source: asyncio, `loop.create_task`
        """
        if not asyncio.iscoroutine(coro):
            return super().create_task(coro, **kwargs)  # and let it complain
        self._tasks_made += 1
        step = StepCoro(coro, self._probe, self._tasks_made)
        task = super().create_task(step, **kwargs)
        step.announce(task.get_name())
        return task


def traced_loop_factory(
    probe: Probe,
) -> Callable[[], asyncio.SelectorEventLoop]:
    """Give the `loop_factory` of a traced run.

    Source: asyncio, `Runner(loop_factory=...)`
    """
    return lambda: TracedLoop(probe)


class StepCoro(Coroutine[Any, Any, Any]):
    """Stands around a task's coroutine and says when it begins and ends.

    While a step runs, `probe.task` is this task's number: so each event tells
    in which task it happened. asyncio, anyio and debuggers look into a task's
    coroutine by the attributes `cr_*`, and see through to the real one.

    Source: Python, `collections.abc.Coroutine`
    """

    __slots__ = (
        "__name__",
        "__qualname__",
        "__weakref__",
        "_coro",
        "_note",
        "_number",
        "_parent",
        "_probe",
        "_said",
        "_where",
        "cr_code",
    )

    def __init__(
        self, coro: Coroutine[Any, Any, Any], probe: Probe, number: int
    ) -> None:
        self._coro: Coroutine[Any, Any, Any] | None = coro
        self._probe = probe
        self._number = number
        self._parent = probe.task
        # Made in a request's task (or by the server for a request), a task
        # belongs to that request.
        self._note = CURRENT.get() or Note(probe)
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
        self._where = None if self.cr_code is None else place(self.cr_code)

    def announce(self, name: str) -> None:
        """Say that the task exists; once, and before its first step."""
        if self._said == "nothing":
            self._said = "created"
            self._note.four(
                TaskCreated,
                self._where,
                self._number,
                name,
                self.__qualname__,
                self._parent,
            )

    def send(self, value: object) -> object:
        """Run one step of the task."""
        coro = self._living() if self._coro is None else self._coro
        probe = self._probe
        # Not None within an eager task's first step, which runs inside the
        # step of the task that made it.
        before = probe.task
        probe.task = self._number
        try:
            if self._said != "started":
                self._begin()
            return coro.send(value)
        except BaseException as error:
            self._end(error)
            raise
        finally:
            probe.task = before

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
        before = probe.task
        probe.task = self._number
        try:
            if self._said != "started":
                self._begin()
            return coro.throw(*given)
        except BaseException as error:
            self._end(error)
            raise
        finally:
            probe.task = before

    def _begin(self) -> None:
        self.announce("")  # an eager task has no name yet
        self._said = "started"
        self._note.one(TaskStarted, self._where, self._number)

    def _end(self, error: BaseException) -> None:
        number, outcome, name = self._number, "returned", None
        if isinstance(error, asyncio.CancelledError):
            outcome = "cancelled"
        elif not isinstance(error, StopIteration):
            outcome, name = "raised", type(error).__name__
        self._note.three(TaskDone, self._where, number, outcome, name)
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
        return self._coro.throw(*args)

    def close(self) -> None:
        self._coro.close()


class ListenSocket(socket.socket):
    """A listening socket that says which connections it gives out.

    asyncio calls `accept` until it raises BlockingIOError: fifty clients that
    have waited come in one turn. The protocol asks for its number by `claim`.

    Source: asyncio, `BaseSelectorEventLoop._accept_connection`
    """

    note: Note

    numbers: ClassVar[dict[int, int]] = {}
    """Connection numbers by file descriptor, until they are claimed."""

    def accept(self) -> tuple[socket.socket, Any]:
        conn, address = super().accept()
        note = self.note.about(conn=self.note.probe.next_conn())
        assert note.conn is not None
        self.numbers[conn.fileno()] = note.conn
        note(Accept, _ACCEPT, _text(address), conn.fileno())
        return conn, address


def claim(fd: int, probe: Probe) -> int:
    """Give the number of the connection with this file descriptor.

    One that was not accepted by a `ListenSocket` is numbered now.
    """
    number = ListenSocket.numbers.pop(fd, None)
    return probe.next_conn() if number is None else number


def _text(address: object) -> str:
    if not isinstance(address, tuple):
        return ""
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


_ACCEPT = place(
    inspect.getattr_static(BaseSelectorEventLoop, "_accept_connection")
)
