"""asyncio's own loop, made so that its turns and tasks can be seen."""

import asyncio
import selectors
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import get_ident
from time import monotonic_ns
from types import BuiltinFunctionType, CoroutineType, FrameType
from typing import TYPE_CHECKING, Any, cast

from tracer.capture.fault import fault
from tracer.capture.loop.chain import IN_THREADS, number_of
from tracer.capture.loop.executor import run_in_executor
from tracer.capture.loop.lines import with_lines
from tracer.capture.loop.selector import Lens, Turns
from tracer.capture.loop.steps import StepCoro
from tracer.capture.loop.stops import LensCoro
from tracer.capture.loop.wakers import (
    FromThread,
    due_of,
    task_of,
    waker_of,
)
from tracer.capture.probe import Probe, WorkerNote
from tracer.events import TaskLost

if TYPE_CHECKING:
    from asyncio import SelectorEventLoop as _Loop
else:
    _Loop = object  # behind it stands asyncio's loop, or uvloop's


class SeenTasks(_Loop):
    """For any loop: says when tasks are made, begin and end.

    `create_task` is overridden, and no task factory set: so a factory of the
    user's own works as before, and is given the coroutine that we watch. A
    task that is made by `asyncio.Task(...)` goes past the loop and past us.
    """

    step_class: type[StepCoro] = StepCoro
    _probe: Probe
    _home: int
    """The thread that made the loop, to run it."""
    _tasks_made = 0

    def see(self, probe: Probe) -> None:
        """Speak to `probe`; called by the thread that will run it."""
        self._probe = probe
        self._home = get_ident()
        self.step_class = with_lines(self.step_class)

    def create_task(  # any keywords: each Python has more of them
        self,
        coro: Any,  # noqa: ANN401  # as is what anybody gives it
        **kwargs: Any,  # noqa: ANN401
    ) -> asyncio.Task[Any]:
        """Make a task whose steps are seen.

        Source: asyncio, `loop.create_task`
        """
        if type(coro) is not CoroutineType and not asyncio.iscoroutine(coro):
            return super().create_task(coro, **kwargs)  # and let it complain
        self._tasks_made += 1
        given = kwargs.get("name") or (_NAMED_LATER and _name_to_come())
        name = str(given) if given else ""
        step = self.step_class(coro, self._probe, self._tasks_made, name)
        task = super().create_task(step, **kwargs)
        # A factory of the user's own may make what it likes.
        made: object = task
        if getattr(made, "_source_traceback", None):  # in debug mode
            forget_caller(made)
        step.announce(made.get_name() if isinstance(made, asyncio.Task) else "")
        return task

    def run_in_executor(  # type: ignore[override]  # whatever it is given
        self,
        executor: Any,  # noqa: ANN401
        func: Any,  # noqa: ANN401
        *args: Any,  # noqa: ANN401
    ) -> asyncio.Future[Any]:
        """Do what was asked, and say what becomes of the function.

        Source: asyncio, `loop.run_in_executor`
        """
        inner: Any = self  # whose private parts these are
        if self.get_debug() and hasattr(inner, "_check_callback"):
            inner._check_callback(func, "run_in_executor")  # noqa: SLF001
        default = getattr(self, "_default_executor", None)
        if getattr(self, "_executor_shutdown_called", False):
            default = None  # and let it complain
        future: asyncio.Future[Any] = run_in_executor(
            super().run_in_executor, executor, default, func, args
        )
        if executor is None or isinstance(executor, ThreadPoolExecutor):
            IN_THREADS.add(future)
        return future


_NAMED_LATER = sys.version_info < (3, 13)
"""There, `asyncio.create_task` names the task once the loop has made it."""


def _name_to_come() -> str:
    caller = sys._getframe(2)  # noqa: SLF001  # documented
    code = caller.f_code
    if code is _CREATE_TASK or code is _IN_GROUP:
        return str(caller.f_locals.get("name") or "")
    return ""


_CREATE_TASK = asyncio.create_task.__code__
_IN_GROUP = asyncio.TaskGroup.create_task.__code__


class SeenStops(SeenTasks):
    """For any loop: says each step of a task, and who asked for it.

    `call_soon` is where a task passes on its way to its next step; asyncio's
    own tasks, written in C, call it too. It is looked at, and goes on as it
    came.
    """

    step_class = LensCoro

    def call_soon(  # type: ignore[override]  # the callback's own arguments
        self,
        callback: Callable[..., object],
        *args: Any,  # noqa: ANN401
        context: Any = None,  # noqa: ANN401
    ) -> asyncio.Handle:
        """Note that a task becomes ready, and do what was asked.

        Source: asyncio, `loop.call_soon`
        """
        task = task_of(callback)
        if task is not None:
            coro = task.get_coro()
            if isinstance(coro, LensCoro):
                coro.ready = monotonic_ns()
                if coro.begun and not coro.gave_way:
                    self._wake(coro, args)
        handle = super().call_soon(callback, *args, context=context)
        if self.get_debug():
            forget_caller(handle)
        return handle

    def _wake(self, coro: LensCoro, args: tuple[Any, ...]) -> None:
        try:
            self._ask_who(coro, args)
        except Exception:  # noqa: BLE001  # the app must not have it
            fault()

    def _ask_who(self, coro: LensCoro, args: tuple[Any, ...]) -> None:
        awaited = args[0] if args else None
        if isinstance(awaited, asyncio.Task):
            coro.woken_by, coro.waker = "task", number_of(awaited)
            coro.cut = False
            return
        # Whatever has `_asyncio_future_blocking` can be awaited.
        coro.cut = isinstance(awaited, asyncio.Future) and awaited.cancelled()
        if (task := self._probe.task) is not None:
            coro.woken_by, coro.waker = "task", task
        else:
            frame = sys._getframe(3)  # noqa: SLF001  # documented
            coro.woken_by, coro.waker = waker_of(self, frame, coro)
            if coro.woken_by in _UNHEARD:
                self._overslept(coro, frame)

    def _overslept(self, coro: LensCoro, frame: FrameType) -> None:
        """Count from when it was called, if the loop was busy then.

        What a `select` oversleeps is nobody's fault, and is not counted.
        """
        selector: Any = getattr(self, "_selector", None)
        due = max(due_of(frame), coro.stopped)
        if due < getattr(selector, "begun", 0):
            coro.ready = due

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Note which task was lost, and do what was asked.

        Source: asyncio, `loop.call_exception_handler`
        """
        self._note_lost(context)
        super().call_exception_handler(context)

    def _note_lost(self, context: dict[str, Any]) -> None:
        ended = str(context.get("message", "")).endswith(_NEVER_RETRIEVED)
        task = context.get("future" if ended else "task")
        if not isinstance(task, asyncio.Task):
            return
        if not ended and context.get("message") != _PENDING:
            return
        coro = task.get_coro()
        if isinstance(coro, StepCoro):
            error = context.get("exception")
            said = "pending" if error is None else type(error).__qualname__
            # The garbage collector runs in whatever thread it likes.
            here = get_ident() == self._home
            note = coro.note if here else WorkerNote(coro.note)
            note(TaskLost, coro.where, coro.number, said)


_UNHEARD = frozenset({"timer", "thread"})
"""Who calls while the loop is busy, and is heard only in its next turn."""


def forget_caller(made: Any) -> None:  # noqa: ANN401  # a handle or a task
    """Leave ourselves out of where a handle says that it was made.

    Each of asyncio's own functions on the way does so.
    """
    trace = getattr(made, "_source_traceback", None)
    if trace:
        del trace[-1]


_NEVER_RETRIEVED = " exception was never retrieved"
_PENDING = "Task was destroyed but it is pending!"


class TracedLoop(SeenTasks, asyncio.SelectorEventLoop):
    """asyncio's own loop, which counts its turns and numbers its tasks."""

    selector: type[Turns] = Turns
    selector_name = selectors.DefaultSelector.__name__

    def __init__(self, probe: Probe) -> None:
        self.see(probe)
        super().__init__(self.selector(probe))
        if (watch := probe.watch) is not None:
            watch.start()


class LensLoop(SeenStops, TracedLoop):
    """A traced loop that says each turn and each step too."""

    selector = Lens

    # These two do what asyncio's own do, in their words, and don't call them:
    # a third of what the lens costs would be the calls.

    def call_soon(  # type: ignore[override]  # see SeenStops
        self,
        callback: Callable[..., object],
        *args: Any,  # noqa: ANN401
        context: Any = None,  # noqa: ANN401
    ) -> asyncio.Handle:
        """Note that a task becomes ready, and do what was asked.

        Source: asyncio, `loop.call_soon`
        """
        inner: Any = self  # whose private parts these are
        if inner._closed or inner._debug:  # noqa: SLF001
            checked = super().call_soon(callback, *args, context=context)
            forget_caller(checked)
            return checked
        # `task_of` and `SeenStops.call_soon`, and no calls.
        kind, step = type(callback), cast("Any", callback)
        if kind.__name__ == "TaskStepMethWrapper" or (
            kind is BuiltinFunctionType and step.__name__ == "task_wakeup"
        ):
            coro = step.__self__.get_coro()
            if isinstance(coro, LensCoro):
                coro.ready = monotonic_ns()
                if coro.begun and not coro.gave_way:
                    self._wake(coro, args)
        handle = asyncio.Handle(callback, args, self, context)
        inner._ready.append(handle)  # noqa: SLF001
        return handle

    def call_soon_threadsafe(  # type: ignore[override]  # see `call_soon`
        self,
        callback: Callable[..., object],
        *args: Any,  # noqa: ANN401
        context: Any = None,  # noqa: ANN401
    ) -> asyncio.Handle:
        """What asyncio's own does, with a handle that tells where it is from.

        Source: asyncio, `loop.call_soon_threadsafe`
        """
        inner: Any = self  # whose private parts these are
        inner._check_closed()  # noqa: SLF001
        debug = self.get_debug()
        if debug:
            inner._check_callback(  # noqa: SLF001
                callback, "call_soon_threadsafe"
            )
        # Some call it from the loop's thread, to be on the safe side.
        kind = asyncio.Handle if get_ident() == self._home else FromThread
        handle = kind(callback, args, self, context)
        if isinstance(handle, FromThread):
            handle.since = monotonic_ns()
        if debug:
            forget_caller(handle)
        inner._add_callback_signalsafe(handle)  # noqa: SLF001
        return handle


def new_loop(probe: Probe) -> TracedLoop:
    """Make the loop that shows as much as `probe.lens` says."""
    return TracedLoop(probe) if probe.lens == "off" else LensLoop(probe)


def traced_loop_factory(
    probe: Probe,
) -> Callable[[], asyncio.SelectorEventLoop]:
    """Give the `loop_factory` of a traced run.

    Source: asyncio, `Runner(loop_factory=...)`
    """
    return lambda: new_loop(probe)
