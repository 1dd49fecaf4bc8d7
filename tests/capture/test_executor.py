"""Functions in worker threads: asked for, begun, ended, or never run."""

# ruff: noqa: ANN401  (functions of any kind pass through here)

import asyncio
import contextvars
import functools
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import anyio
import anyio.to_thread
import pytest

from tracer.capture.frameworks.patch import restore
from tracer.capture.frameworks.threads import watch_threads
from tracer.capture.loop import traced_loop_factory
from tracer.capture.probe import CURRENT, Note, Probe
from tracer.events import ThreadEnd, ThreadQueued, ThreadStart

MINE: contextvars.ContextVar[str] = contextvars.ContextVar("mine")


@pytest.fixture(params=["off", "on"])
def probe(request: pytest.FixtureRequest) -> Probe:
    events: list[Any] = []
    found = Probe(events.append)
    found.lens = request.param
    return found


def run(probe: Probe, main: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Run as a request would be served; give the result."""
    events: list[Any] = []
    probe.emit = events.append

    async def served() -> Any:
        CURRENT.set(Note(probe, conn=1, req=1))
        return await main()

    with asyncio.Runner(loop_factory=traced_loop_factory(probe)) as runner:
        result = runner.run(served())
    said = [each for each in events if isinstance(each, SAID)]
    assert {each.req for each in said} <= {1}
    return result, said


SAID = (ThreadQueued, ThreadStart, ThreadEnd)


def told(said: list[Any]) -> list[tuple[Any, ...]]:
    """Kind, job, name, and the way it ended."""
    return [
        (
            each.kind.partition(".")[2],
            each.job,
            each.name,
            *([each.outcome] if isinstance(each, ThreadEnd) else ()),
        )
        for each in said
    ]


def double(n: int) -> int:
    return 2 * n


def fail() -> None:
    raise ValueError("no")


async def by_executor() -> int:
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(None, double, 2)


async def by_to_thread() -> int:
    return await asyncio.to_thread(double, n=2)


async def by_own_pool() -> int:
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(3) as pool:
        return await loop.run_in_executor(pool, functools.partial(double, 2))


@pytest.mark.parametrize("way", [by_executor, by_to_thread, by_own_pool])
def test_an_executors_thread_is_asked_for_and_runs_the_function(
    probe: Probe, way: Callable[[], Coroutine[Any, Any, int]]
) -> None:
    result, said = run(probe, way)

    assert result == 4
    assert told(said) == [
        ("queued", 1, "double"),
        ("start", 1, "double"),
        ("end", 1, "double", "returned"),
    ]
    queued, start, _ = said
    assert (queued.pool, queued.borrowed) == ("executor", 0)
    assert queued.total == 3 if way is by_own_pool else queued.total > 4
    assert [each.thread for each in said] == ["loop", "worker-1", "worker-1"]
    # From asking to running is what passed between the two events, nearly.
    assert 0 < start.queued <= start.t - queued.t
    assert len({each.where for each in said}) == 1
    assert queued.where is not None


def test_what_it_raises_comes_back_and_is_said(probe: Probe) -> None:
    async def main() -> None:
        with pytest.raises(ValueError, match="no"):
            await asyncio.to_thread(fail)

    _, said = run(probe, main)
    assert told(said)[-1] == ("end", 1, "fail", "raised")


def test_who_is_cancelled_while_it_waits_never_ran(probe: Probe) -> None:
    free = threading.Event()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1) as pool:
            first = loop.run_in_executor(pool, free.wait)
            second = loop.run_in_executor(pool, double, 2)
            second.cancel()
            await asyncio.wait([second])
            await asyncio.sleep(0)  # then the executor has heard of it
            free.set()
            assert await first

    _, said = run(probe, main)

    never = [each for each in said if each.job == 2]
    assert told(never) == [
        ("queued", 2, "double"),
        ("end", 2, "double", "never ran"),
    ]
    assert (never[0].borrowed, never[0].total) == (1, 1)
    assert never[1].thread == "loop"
    assert told([each for each in said if each.job == 1])[-1] == (
        "end", 1, "Event.wait", "returned",
    )  # fmt: skip


def test_whoever_waits_for_anyios_limiter_and_is_cancelled_never_ran(
    probe: Probe,
) -> None:
    free = threading.Event()

    async def main() -> None:
        limiter = anyio.CapacityLimiter(1)
        use = functools.partial(anyio.to_thread.run_sync, limiter=limiter)
        first = asyncio.create_task(use(free.wait))
        while not limiter.borrowed_tokens:
            await asyncio.sleep(0)
        second = asyncio.create_task(use(double, 2))
        while not limiter.statistics().tasks_waiting:
            await asyncio.sleep(0)
        second.cancel()
        await asyncio.wait([second])
        free.set()
        await first

    watch_threads()
    try:
        _, said = run(probe, main)
    finally:
        restore()

    never = [each for each in said if each.job == 2]
    assert told(never) == [
        ("queued", 2, "double"),
        ("end", 2, "double", "never ran"),
    ]
    assert (never[0].pool, never[0].borrowed, never[0].total) == (
        "limiter",
        1,
        1,
    )
    assert told([each for each in said if each.job == 1])[-1] == (
        "end", 1, "Event.wait", "returned",
    )  # fmt: skip


def test_the_apps_context_is_what_it_would_be_without_us(probe: Probe) -> None:
    """An executor's thread has a context of its own, and keeps it."""

    def look(value: str) -> tuple[str | None, bool]:
        before = MINE.get(None)
        MINE.set(value)
        return before, CURRENT.get() is not None

    async def main() -> list[object]:
        MINE.set("the request's")
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1) as pool:
            ask = functools.partial(loop.run_in_executor, pool)
            found: list[object] = [
                await ask(look, "one"),
                await ask(look, "two"),
            ]
            seen = await asyncio.wrap_future(pool.submit(look, "three"))
        found += [seen, await asyncio.to_thread(look, "four"), MINE.get()]
        return found

    result, _ = run(probe, main)

    assert result == [
        (None, True),
        ("one", True),
        ("two", False),  # nobody asked for a request
        ("the request's", True),
        "the request's",
    ]


@pytest.mark.parametrize("traced", [True, False])
def test_other_executors_and_who_is_not_traced_are_left_alone(
    probe: Probe, traced: bool
) -> None:
    async def main() -> int:
        loop = asyncio.get_running_loop()
        if not traced:
            CURRENT.set(None)
            return await loop.run_in_executor(None, double, 2)
        with ProcessPoolExecutor(1) as pool:
            return await loop.run_in_executor(pool, double, 2)

    result, said = run(probe, main)
    assert (result, said) == (4, [])


@pytest.mark.parametrize("closed", ["pool", "default"])
def test_an_executor_that_was_shut_down_complains_as_ever(
    probe: Probe, closed: str
) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        pool = None
        if closed == "default":
            await loop.shutdown_default_executor()
        else:
            pool = ThreadPoolExecutor(1)
            pool.shutdown()
        words = {"pool": "cannot schedule new", "default": "shutdown has been"}
        with pytest.raises(RuntimeError, match=words[closed]):
            loop.run_in_executor(pool, double, 2)

    _, said = run(probe, main)
    assert told(said) == [
        ("queued", 1, "double"),
        ("end", 1, "double", "never ran"),
    ]


def test_debug_mode_still_refuses_a_coroutine_function(probe: Probe) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_debug(True)
        untaught: Callable[[], Awaitable[int]] = by_executor
        with pytest.raises(TypeError, match="coroutines cannot be used"):
            loop.run_in_executor(None, untaught)

    assert run(probe, main)[1] == []
