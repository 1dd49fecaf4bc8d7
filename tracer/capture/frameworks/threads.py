"""The hop to a worker thread and back, made visible.

Starlette and FastAPI look `anyio.to_thread.run_sync` up each time they call
it, so that the attribute can be replaced. A `def` endpoint, a file that is
read, a body that is compressed: all of them come by here.
"""

import functools
from collections.abc import Callable
from contextlib import contextmanager
from types import FunctionType, GeneratorType, MethodType
from typing import Any

import anyio.to_thread

from tracer.capture.fault import fault
from tracer.capture.frameworks.hop import hold_after, hold_before
from tracer.capture.frameworks.look import (
    attributes,
    is_a,
    name_of,
    unpartial,
)
from tracer.capture.frameworks.patch import replace
from tracer.capture.frameworks.trail import entering, leaving
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
        work = func
        if _generator_of(unpartial(func)) is not None:
            # No stage stands around what a generator does in its thread.
            work = functools.partial(_looked_at, job.name, func)
        try:
            result = await original(job.run, work, *args, **kwargs)
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
    if (generator := _generator_of(unpartial(func))) is not None:
        job = Job(note, generator.__name__, place(generator.gi_code))
    else:
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


_MANAGER = type(contextmanager(lambda: iter(()))())


def _generator_of(call: Any) -> "GeneratorType[Any, Any, Any] | None":
    """Give the generator whose context manager's method it is.

    FastAPI makes a context manager of a `def` dependency with `yield`.
    """
    if type(call) is MethodType and type(call.__self__) is _MANAGER:
        generator = attributes(call.__self__).get("gen")
        return generator if type(generator) is GeneratorType else None
    return None


def _looked_at(name: str, func: Callable[..., Any], *args: Any) -> Any:
    """Run a function, and tell which context variables it has set."""
    _look(entering, name)
    try:
        return func(*args)
    finally:
        _look(leaving, name)


def _look(what: Callable[[Note, str], None], name: str) -> None:
    try:
        if (note := CURRENT.get()) is not None:
            what(note, name)
    except Exception:  # noqa: BLE001 - the app must not have it
        fault()
