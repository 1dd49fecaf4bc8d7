"""The hop to a worker thread and back, made visible.

Starlette and FastAPI look `anyio.to_thread.run_sync` up each time they call
it, so that the attribute can be replaced. A `def` endpoint, a file that is
read, a body that is compressed: all of them come by here.
"""

import functools
from collections.abc import Callable
from time import monotonic_ns
from typing import Any

import anyio.to_thread

from tracer.capture.fault import fault
from tracer.capture.frameworks.hop import hold_after, hold_before
from tracer.capture.frameworks.look import name_of, unpartial
from tracer.capture.frameworks.patch import replace
from tracer.capture.frameworks.wrap import STANDS_FOR
from tracer.capture.probe import CURRENT, Note, WorkerNote
from tracer.capture.sources import place
from tracer.events import ThreadEnd, ThreadQueued, ThreadStart

MOST = 2**31
"""Stands for a limiter without a limit."""


def watch_threads() -> None:
    """Replace `anyio.to_thread.run_sync`."""
    original = anyio.to_thread.run_sync

    @functools.wraps(original)
    async def run_sync(
        func: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Any:
        note = CURRENT.get()
        if note is None:
            return await original(func, *args, **kwargs)
        if note.probe.gate is not None:
            await hold_before(note, func, args)
        try:
            work = _queue(note, func, args, kwargs.get("limiter"))
        except Exception:  # noqa: BLE001 - the app must not have it
            fault()
            return await original(func, *args, **kwargs)
        try:
            result = await original(work, **kwargs)
        except Exception:
            if note.probe.gate is not None:
                await hold_after(note, func, args)
            raise
        if note.probe.gate is not None:
            await hold_after(note, func, args)
        return result

    replace(anyio.to_thread, "run_sync", run_sync)


def _queue(
    note: Note, func: Callable[..., Any], args: tuple[Any, ...], limiter: Any
) -> Callable[[], Any]:
    """Say that a function waits for a thread; give what is to run there."""
    inner = unpartial(func)
    name, where = name_of(func), place(STANDS_FOR.get(inner) or inner)
    if limiter is None:
        limiter = anyio.to_thread.current_default_thread_limiter()
    total = int(min(limiter.total_tokens, MOST))
    note(ThreadQueued, where, name, limiter.borrowed_tokens, total)
    asked = monotonic_ns()

    def work() -> Any:
        worker = WorkerNote(note)
        # The worker runs in a copy of the caller's context, made for it.
        CURRENT.set(worker)
        worker(ThreadStart, where, name, monotonic_ns() - asked)
        try:
            result = func(*args)
        except BaseException:
            worker(ThreadEnd, where, name, "raised")
            raise
        worker(ThreadEnd, where, name, "returned")
        return result

    return work
