"""A function that is given to a worker thread, from the asking to the end.

anyio's threads (see `capture.frameworks.threads`) and asyncio's executors
say the same of it: queued, started, ended; or that it never ran.
"""

import functools
import os
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextvars import Context
from time import monotonic_ns
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any, Literal

from tracer.capture.fault import fault
from tracer.capture.loop.lines import run_traced
from tracer.capture.probe import CURRENT, Note, WorkerNote
from tracer.capture.sources import place
from tracer.events import ThreadEnd, ThreadQueued, ThreadStart

Call = Callable[..., Any]
Pool = Literal["anyio", "executor", "limiter"]


class Job:
    """One call in a worker thread, and what is said of it.

    Its start and its end are said by the worker, or its end by the loop, if
    it was cancelled while it waited: by whoever takes the ticket.
    """

    __slots__ = ("asked", "name", "note", "number", "ticket", "where")

    def __init__(self, note: Note, name: str, where: int | None) -> None:
        self.note = note
        self.name = name
        self.where = where
        self.number = note.probe.next_job()
        self.asked = 0
        self.ticket = [None]

    def queue(self, pool: Pool, borrowed: int, total: int) -> None:
        """Say that it waits for a thread."""
        self.note.five(
            ThreadQueued,
            self.where,
            self.name,
            borrowed,
            total,
            self.number,
            pool,
        )
        self.asked = monotonic_ns()

    def run(self, func: Call, *args: Any) -> Any:  # noqa: ANN401
        """Run the function in the worker, in the context that it was given.

        Only our own variable is set, and set back: what else the function
        sets stays as it would without us.
        """
        worker = WorkerNote(self.note)
        token = CURRENT.set(worker)
        try:
            if not self._take():
                return func(*args)
            queued = monotonic_ns() - self.asked
            worker(ThreadStart, self.where, self.name, queued, self.number)
            outcome = "raised"
            try:
                result = run_traced(func, *args)
                outcome = "returned"
                return result
            finally:
                worker(ThreadEnd, self.where, self.name, outcome, self.number)
        finally:
            CURRENT.reset(token)

    def never_ran(self) -> None:
        """Say so, unless it did."""
        if self._take():
            note, name = self.note, self.name
            note.three(ThreadEnd, self.where, name, "never ran", self.number)

    def settled(self, future: "Future[Any]") -> None:
        """Hear that an executor's future is done; perhaps it was cancelled."""
        if future.cancelled():
            self.never_ran()

    def _take(self) -> bool:
        try:
            self.ticket.pop()  # one bytecode: no two threads get it
        except IndexError:
            return False
        return True


class Submitting:
    """Stands for an executor in one call of `run_in_executor`.

    It is where the future is to be had that is cancelled while it waits; the
    loop gives out another one.
    """

    def __init__(self, executor: Executor, job: Job) -> None:
        self._executor = executor
        self._job = job

    def submit(self, func: Call, /, *args: Any) -> "Future[Any]":  # noqa: ANN401
        """What the executor does, with an ear on the future."""
        future = self._executor.submit(func, *args)
        future.add_done_callback(self._job.settled)
        return future


def run_in_executor(
    original: Call,
    executor: object,
    default: Executor | None,
    func: Call,
    args: tuple[Any, ...],
) -> Any:  # noqa: ANN401  # a future of the loop's
    """Call a loop's `run_in_executor`, and say what becomes of the function.

    Args:
        original: The loop's own method.
        executor: As it was given. Other executors than those of threads are
            left alone: what they run may have to be pickled.
        default: The loop's own executor, if it has one by now.
        func: What is to be run.
        args: Its arguments.

    Source: asyncio, `loop.run_in_executor`
    """
    note = CURRENT.get()
    threads = executor is None or isinstance(executor, ThreadPoolExecutor)
    if note is None or not threads:
        return original(executor, func, *args)
    used = default if executor is None else executor
    try:
        job, work = _queued(note, used, func)
    except Exception:  # noqa: BLE001 - the app must not have it
        fault()
        return original(executor, func, *args)
    seen = Submitting(used, job) if isinstance(used, Executor) else executor
    try:
        return original(seen, work, *args)
    except BaseException:
        job.never_ran()  # the executor was shut down
        raise


def _queued(note: Note, executor: object, func: Call) -> tuple[Job, Call]:
    inner, context = _inside(func)
    job = Job(note, _name_of(inner), place(inner))
    job.queue("executor", *_counts(executor))
    if context is None:
        return job, functools.partial(job.run, func)
    # The context is a copy that `asyncio.to_thread` has made for this call.
    return job, functools.partial(context.run, job.run, _within(func))


def _inside(func: object) -> tuple[Any, Context | None]:
    """Look into what `asyncio.to_thread` gives: `partial(context.run, f)`."""
    while type(func) is functools.partial:
        run = func.func
        if type(run) is BuiltinFunctionType and func.args:
            owner = run.__self__
            if type(owner) is Context and run.__name__ == "run":
                return _inside(func.args[0])[0], owner
        func = run
    return func, None


def _within(func: Any) -> Call:  # noqa: ANN401
    """Give what is to be called in the context, without the context."""
    return functools.partial(*func.args, **func.keywords)


def _name_of(thing: Any) -> str:  # noqa: ANN401
    # By types, since attributes of the user's objects may be his code.
    if type(thing) is MethodType:
        thing = thing.__func__
    if type(thing) is FunctionType:
        return thing.__qualname__.rpartition(".<locals>.")[2]
    known = type(thing) is BuiltinFunctionType or type(thing) is type
    return str((thing if known else type(thing)).__name__)


def _counts(executor: object) -> tuple[int, int]:
    """How many of an executor's threads are busy, and how many it may have.

    Told from its private counts, where it has them.

    Source: Python, `concurrent.futures.ThreadPoolExecutor`
    """
    if executor is None:  # the loop makes one for this call
        return 0, min(32, (_processors() or 1) + 4)
    threads = getattr(executor, "_threads", ())
    idle = getattr(getattr(executor, "_idle_semaphore", None), "_value", 0)
    most = getattr(executor, "_max_workers", 0)
    return max(len(threads) - idle, 0), most


_processors = getattr(os, "process_cpu_count", os.cpu_count)
