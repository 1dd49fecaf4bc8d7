"""Nobody can tell that the lens is there: the same run with and without it.

Each scenario writes down what it meets, and in which turn of the loop. All
of that has to be the same untraced and with each lens.
"""

# ruff: noqa: ANN401  (tasks of any kind pass through here)

import asyncio
import contextvars
import inspect
import io
import logging
import selectors
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import anyio
import anyio.to_thread
import pytest
from lens_kit import Lens, Watched

Log = Callable[..., None]
Scenario = Callable[[Log], Coroutine[Any, Any, None]]

NEW = sys.version_info >= (3, 12)


class Counting(selectors.DefaultSelector):
    turn = 0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(timeout)
        self.turn += 1
        return ready


def plain(scenario: Scenario) -> list[Any]:
    """What it meets on asyncio's own loop."""
    selector = Counting()
    met: list[Any] = []

    def log(*what: object) -> None:
        met.append((selector.turn, *what))

    with asyncio.Runner(
        loop_factory=lambda: asyncio.SelectorEventLoop(selector)
    ) as runner:
        runner.run(scenario(log))
    return [*met, selector.turn]


def traced(scenario: Scenario, lens: Lens) -> list[Any]:
    """What it meets on a loop of ours."""
    seen = Watched(lens)
    met: list[Any] = []

    def log(*what: object) -> None:
        met.append((seen.probe.turn, *what))

    seen.run(scenario(log))
    return [*met, seen.probe.turn]


async def forever() -> None:
    await asyncio.Event().wait()


async def fail() -> None:
    await asyncio.sleep(0)
    raise ValueError("no")


async def caught(log: Log, thing: Awaitable[Any]) -> None:
    try:
        log("result", await thing)
    except BaseException as error:  # noqa: BLE001
        log(type(error).__name__, *map(str, error.args))


async def cancellation(log: Log) -> None:
    for turns in (0, 1, 2):
        task = asyncio.create_task(forever(), name=f"cancelled after {turns}")
        for _ in range(turns):
            await asyncio.sleep(0)
        log(task.cancel("enough"), task.cancelling(), task.get_name())
        await caught(log, task)
        log(task.cancelled(), task.done())


async def cancelled_and_going_on(log: Log) -> None:
    async def stubborn() -> str:
        try:
            await forever()
        except asyncio.CancelledError:
            own = asyncio.current_task()
            assert own is not None
            log("uncancel", own.uncancel())
        await asyncio.sleep(0)
        return "went on"

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    task.cancel()
    await caught(log, task)


async def limits(log: Log) -> None:
    await caught(log, asyncio.wait_for(forever(), 0.001))
    await caught(log, asyncio.wait_for(asyncio.sleep(0, "in time"), 5))
    try:
        async with asyncio.timeout(0.001):
            await forever()
    except TimeoutError:
        log("timeout")
    with anyio.move_on_after(0.001) as scope:
        await anyio.sleep_forever()
    log(scope.cancelled_caught)


async def groups(log: Log) -> None:
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail(), name="fails")
            other = group.create_task(forever(), name="other")
    except* ValueError as errors:
        log(len(errors.exceptions), other.cancelled(), other.get_name())
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(fail)
            tasks.start_soon(forever)
    except* ValueError as errors:
        log(len(errors.exceptions))


async def anyio_scopes(log: Log) -> None:
    async def ready(*, task_status: Any) -> None:
        task_status.started("ready")
        with anyio.CancelScope(shield=True):
            await anyio.sleep(0.001)
            log("shielded to its end")
        await anyio.sleep_forever()

    async with anyio.create_task_group() as group:
        log(await group.start(ready))
        group.cancel_scope.cancel()
    log("left")


async def shields(log: Log) -> None:
    inner = asyncio.create_task(asyncio.sleep(0.001, "kept"))
    outer = asyncio.shield(inner)
    await asyncio.sleep(0)
    outer.cancel()
    await caught(log, outer)
    log(inner.done())
    await caught(log, inner)


async def gathering(log: Log) -> None:
    log(await asyncio.gather(asyncio.sleep(0, 1), asyncio.sleep(0, 2)))
    found = await asyncio.gather(fail(), return_exceptions=True)
    log([type(each).__name__ for each in found])
    done, _ = await asyncio.wait([asyncio.create_task(fail())])
    log([str(each.exception()) for each in done])


async def contexts(log: Log) -> None:
    mark = contextvars.ContextVar("mark", default="outer")

    async def child() -> str:
        before = mark.get()
        mark.set("inner")
        await asyncio.sleep(0)
        return before + mark.get()

    log(await asyncio.create_task(child()), mark.get())
    own = contextvars.copy_context()
    log(await asyncio.create_task(child(), context=own), own[mark])
    log(await asyncio.to_thread(mark.get))


async def looking_in(log: Log) -> None:
    states = []

    async def own() -> None:
        task = asyncio.current_task()
        assert task is not None
        states.append(inspect.getcoroutinestate(coro_of(task)))
        await asyncio.sleep(0)

    def coro_of(task: asyncio.Task[Any]) -> Any:
        return task.get_coro()

    task = asyncio.create_task(own(), name="looked into")
    states.append(inspect.getcoroutinestate(coro_of(task)))
    await asyncio.sleep(0)
    states.append(inspect.getcoroutinestate(coro_of(task)))
    frames = [frame.f_code.co_name for frame in task.get_stack()]
    printed = io.StringIO()
    task.print_stack(file=printed)
    lines = printed.getvalue().splitlines()[1:]  # the first has an address
    await task
    states.append(inspect.getcoroutinestate(coro_of(task)))
    log(states, frames, lines, len(asyncio.all_tasks()))


async def callbacks(log: Log) -> None:
    loop = asyncio.get_running_loop()
    for number in range(3):
        loop.call_soon(log, "soon", number)
    loop.call_later(0, log, "later")
    loop.call_soon_threadsafe(log, "from a thread")
    handle = loop.call_soon(log, "never")
    handle.cancel()
    log(handle.cancelled())
    await asyncio.sleep(0.001)


async def ping_pong(log: Log) -> None:
    there: asyncio.Queue[int] = asyncio.Queue(1)
    back: asyncio.Queue[int] = asyncio.Queue(1)

    async def answer() -> None:
        while (number := await there.get()) < 3:
            await back.put(number + 1)

    task = asyncio.create_task(answer())
    number = 0
    while number < 3:
        await there.put(number)
        number = await back.get()
        log(number)
    await there.put(9)
    await task


async def generators(log: Log) -> None:
    async def numbers() -> Any:
        try:
            for number in range(3):
                await asyncio.sleep(0)
                yield number
        finally:
            log("closed")

    found = numbers()
    async for number in found:
        log(number)
        if number == 1:
            break
    await found.aclose()


async def named(log: Log) -> None:
    for each in (
        asyncio.create_task(forever(), name="by create_task"),
        asyncio.get_running_loop().create_task(forever(), name="by the loop"),
        asyncio.ensure_future(forever()),
    ):
        log(each.get_name().rpartition("-")[0] or each.get_name())
        each.cancel()
        await caught(log, each)


SCENARIOS: list[Scenario] = [
    cancellation,
    cancelled_and_going_on,
    limits,
    groups,
    anyio_scopes,
    shields,
    gathering,
    contexts,
    looking_in,
    callbacks,
    ping_pong,
    generators,
    named,
]

TIMED = {"limits", "anyio_scopes", "shields", "contexts", "callbacks"}
"""They wait for a clock or a thread, and so for an uncertain turn."""


def without_turns(met: list[Any]) -> list[Any]:
    return [each[1:] for each in met if isinstance(each, tuple)]


@pytest.mark.parametrize("lens", ["off", "on", "full"])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_with_and_without_the_lens(scenario: Scenario, lens: Lens) -> None:
    expected, found = plain(scenario), traced(scenario, lens)
    if scenario.__name__ in TIMED:
        expected, found = without_turns(expected), without_turns(found)
    assert found == expected


@pytest.mark.skipif(not NEW, reason="new in 3.12")
@pytest.mark.parametrize("lens", ["off", "on", "full"])
def test_eager_tasks_are_the_same_too(lens: Lens) -> None:
    async def scenario(log: Log) -> None:
        async def child(turns: int) -> int:
            own = asyncio.current_task()
            assert own is not None
            log(own.get_name().rstrip("0123456789"))
            for _ in range(turns):
                await asyncio.sleep(0)
            return turns

        loop = asyncio.get_running_loop()
        loop.set_task_factory(getattr(asyncio, "eager_task_factory"))  # noqa: B009
        for turns in (0, 1):
            task = loop.create_task(child(turns), name="eager")
            log(task.done())
            log(await task)
        loop.set_task_factory(None)

    assert traced(scenario, lens) == plain(scenario)


@pytest.mark.skipif(not NEW, reason="new in 3.12")
def test_an_eager_tasks_steps_are_told_from_its_makers() -> None:
    seen = Watched()

    async def child() -> None:
        await asyncio.sleep(0)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_task_factory(getattr(asyncio, "eager_task_factory"))  # noqa: B009
        task = asyncio.create_task(child(), name="eager")
        loop.set_task_factory(None)
        await task

    seen.run(main())
    assert [
        (each.kind, each.id)
        for each in seen.said
        if each.kind.startswith("task.")
    ] == [
        ("task.created", 1),
        ("task.started", 1),
        ("task.created", 2),
        ("task.started", 2),
        ("task.suspended", 2),
        ("task.suspended", 1),
        ("task.resumed", 2),
        ("task.done", 2),
        ("task.resumed", 1),
        ("task.done", 1),
    ]
    assert [each.name for each in seen.of("task.created", id=2)] == ["eager"]


@pytest.mark.parametrize("lens", ["off", "on"])
def test_a_tasks_name_is_said_however_it_was_given(lens: Lens) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        tasks = [
            asyncio.create_task(asyncio.sleep(0), name="one"),
            loop.create_task(asyncio.sleep(0), name="two"),
        ]
        async with asyncio.TaskGroup() as group:
            tasks.append(group.create_task(asyncio.sleep(0), name="three"))
        async with anyio.create_task_group() as others:
            others.start_soon(asyncio.sleep, 0, name="four")
        tasks.append(asyncio.create_task(asyncio.sleep(0)))
        for task in tasks:
            await task
        names.append(tasks[-1].get_name())

    names = ["one", "two", "three", "four"]
    seen = Watched(lens)
    seen.run(main())
    said = [each.name for each in seen.of("task.created") if each.id > 1]
    assert said == names


@pytest.mark.parametrize("lens", ["off", "on"])
def test_a_factory_that_makes_no_task_is_let_alone(lens: Lens) -> None:
    class Made(asyncio.Future[str]):
        def set_name(self, name: str) -> None:
            pass

    async def main() -> str:
        loop = asyncio.get_running_loop()

        def make(_: Any, coro: Any, **__: Any) -> Any:
            coro.close()
            made = Made(loop=loop)
            made.set_result("no task")
            return made

        loop.set_task_factory(make)
        made: Any = loop.create_task(forever())
        found: str = await made
        loop.set_task_factory(None)
        return found

    assert Watched(lens).run(main()) == "no task"


@pytest.mark.parametrize("lens", ["off", "on"])
def test_in_debug_mode_a_handle_is_made_where_its_maker_stands(
    lens: Lens,
) -> None:
    async def main() -> list[str]:
        loop = asyncio.get_running_loop()
        loop.set_debug(True)
        made: list[Any] = [
            loop.call_soon(int),
            loop.call_soon_threadsafe(int),
            loop.create_task(asyncio.sleep(0)),
        ]
        loop.set_debug(False)
        await made[-1]
        return [each._source_traceback[-1].name for each in made]

    assert Watched(lens).run(main()) == ["main"] * 3


def test_an_error_in_a_callback_is_handled_as_ever(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        asyncio.get_running_loop().call_soon(int, "x")
        asyncio.get_running_loop().call_soon_threadsafe(int, "x")
        await asyncio.sleep(0.001)

    with caplog.at_level(logging.ERROR):
        Watched().run(main())
    assert [each.message.partition("(")[0] for each in caplog.records] == [
        "Exception in callback int",
        "Exception in callback int",
    ]
    assert "handle: <Handle int(" in caplog.records[1].message


@pytest.mark.parametrize("lens", ["off", "on", "full"])
def test_a_thread_is_waited_for_alike(lens: Lens) -> None:
    async def main() -> list[object]:
        return [
            await asyncio.to_thread(int, "7"),
            await anyio.to_thread.run_sync(int, "7"),
            await asyncio.get_running_loop().run_in_executor(None, int, "7"),
        ]

    assert Watched(lens).run(main()) == [7, 7, 7]
