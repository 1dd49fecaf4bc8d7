"""The hop to a worker thread and back, made visible.

Starlette and FastAPI look `anyio.to_thread.run_sync` up each time they call
it, so that the attribute can be replaced. A `def` endpoint, a file that is
read, a body that is compressed: all of them come by here.
"""

import functools
from collections.abc import Callable
from types import FunctionType
from typing import Any

import anyio.to_thread

from tracer.capture.fault import fault
from tracer.capture.frameworks.hop import hold_after, hold_before
from tracer.capture.frameworks.look import is_a, name_of, unpartial
from tracer.capture.frameworks.patch import replace
from tracer.capture.frameworks.wrap import STANDS_FOR
from tracer.capture.loop.executor import Job, Pool
from tracer.capture.probe import CURRENT, Note
from tracer.capture.sources import place

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
            job = _queue(note, func, kwargs.get("limiter"))
        except Exception:  # noqa: BLE001 - the app must not have it
            fault()
            return await original(func, *args, **kwargs)
        try:
            result = await original(job.run, func, *args, **kwargs)
        except BaseException as error:
            job.never_ran()  # if it didn't: who asked was cancelled
            if note.probe.gate is not None and is_a(error, Exception):
                await hold_after(note, func, args)
            raise
        if note.probe.gate is not None:
            await hold_after(note, func, args)
        return result

    replace(anyio.to_thread, "run_sync", run_sync)


def _queue(note: Note, func: Callable[..., Any], limiter: Any) -> Job:
    """Say that a function waits for a thread."""
    inner = _meant(func)
    job = Job(note, name_of(inner), place(STANDS_FOR.get(inner) or inner))
    pool: Pool = "anyio" if limiter is None else "limiter"
    if limiter is None:
        limiter = anyio.to_thread.current_default_thread_limiter()
    total = int(min(limiter.total_tokens, MOST))
    job.queue(pool, limiter.borrowed_tokens, total)
    return job


def _meant(func: Any) -> Any:
    """Give the function that somebody wants run, without what carries it.

    FastAPI runs one of its own there, which gets the endpoint as an argument.
    """
    inner = unpartial(func)
    if is_a(func, functools.partial) and type(inner) is FunctionType:
        within = inner.__module__.partition(".")[0] == "fastapi"
        return func.keywords.get("function", inner) if within else inner
    return inner
