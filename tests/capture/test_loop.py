"""The lens on the loop: what it says, and that nobody can tell."""

# ruff: noqa: ANN401  (tasks of any kind pass through here)

import asyncio
import contextlib
import contextvars
import gc
import inspect
import sys
import weakref
from collections.abc import Awaitable, Coroutine, Iterator
from typing import Any, TypeVar

import anyio
import pytest
from lens_kit import Lens, Watched

from tracer.capture.loop import (
    StepCoro,
    TracedLoop,
    traced_loop_factory,
)
from tracer.capture.probe import CURRENT, Note, Probe
from tracer.events import Event

Result = TypeVar("Result")


class Seen:
    """A traced loop, and what was said on it."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.probe = Probe(self.events.append)

    def run(self, main: Coroutine[Any, Any, Result]) -> Result:
        with asyncio.Runner(
            loop_factory=traced_loop_factory(self.probe)
        ) as runner:
            found = runner.run(main)
            self.said = list(self.events)
        return found

    def tasks(self) -> list[tuple[Any, ...]]:
        """Kind, number and more of each event, without the main task's."""
        return [
            (each.kind, *map(each.__getattribute__, PAYLOAD[each.kind]))
            for each in self.said
            if each.id != 1
        ]


PAYLOAD = {
    "task.created": ("id", "coro", "parent"),
    "task.started": ("id",),
    "task.done": ("id", "outcome", "error"),
}


@pytest.fixture
def seen() -> Iterator[Seen]:
    found = Seen()
    yield found
    assert found.probe.task is None  # every step has given back


async def nothing() -> None:
    pass


async def forever() -> None:
    await asyncio.Event().wait()


async def fail() -> None:
    raise ValueError("no")


def test_a_turn_is_one_pass_of_the_loop(seen: Seen) -> None:
    passes = 0

    class Counting(TracedLoop):
        def _run_once(self) -> None:
            nonlocal passes
            passes += 1
            super()._run_once()  # type: ignore[misc]  # asyncio's own

    loop = Counting(seen.probe)
    try:
        assert seen.probe.turn == 0
        for wait in (0, 0.001, 0):
            loop.run_until_complete(asyncio.sleep(wait))
            assert seen.probe.turn == passes > 0
    finally:
        loop.close()


def test_a_tasks_life_is_said_and_who_made_it(seen: Seen) -> None:
    async def main() -> None:
        await asyncio.gather(asyncio.create_task(nothing()))

    seen.run(main())
    assert seen.tasks() == [
        ("task.created", 2, "nothing", 1),
        ("task.started", 2),
        ("task.done", 2, "returned", None),
    ]


def test_a_task_starts_in_a_later_turn_than_it_is_made(seen: Seen) -> None:
    async def main() -> None:
        await asyncio.create_task(nothing())

    seen.run(main())
    created, started, done = (each.turn for each in seen.said if each.id == 2)
    assert started == done == created + 1


def test_an_exception_is_named_and_reaches_who_awaits(seen: Seen) -> None:
    async def main() -> None:
        with pytest.raises(ValueError, match="no"):
            await asyncio.create_task(fail())

    seen.run(main())
    assert seen.tasks()[-1] == ("task.done", 2, "raised", "ValueError")


@pytest.mark.parametrize("turns", [0, 1])
def test_a_cancellation_is_said(seen: Seen, turns: int) -> None:
    async def main() -> None:
        task = asyncio.create_task(forever())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel("enough")
        with pytest.raises(asyncio.CancelledError):
            await task

    seen.run(main())
    assert seen.tasks() == [
        ("task.created", 2, "forever", 1),
        ("task.started", 2),
        ("task.done", 2, "cancelled", None),
    ]


def test_probe_task_is_the_task_whose_step_runs(seen: Seen) -> None:
    found = []

    async def child() -> None:
        found.append(seen.probe.task)
        await asyncio.sleep(0)
        found.append(seen.probe.task)

    async def main() -> None:
        asyncio.get_running_loop().call_soon(
            lambda: found.append(seen.probe.task)
        )
        await asyncio.gather(child(), child())
        found.append(seen.probe.task)

    seen.run(main())
    assert found == [None, 2, 3, 2, 3, 1]


def test_a_task_belongs_to_the_request_it_is_made_in(seen: Seen) -> None:
    async def main() -> None:
        CURRENT.set(Note(seen.probe, conn=7, req=8))
        await asyncio.create_task(nothing())

    seen.run(main())
    said = [(each.conn, each.req) for each in seen.said if each.id == 2]
    assert said == [(7, 8)] * 3


def test_names_contexts_and_messages_pass_through(seen: Seen) -> None:
    mark = contextvars.ContextVar("mark", default="outer")
    context = contextvars.copy_context()
    context.run(mark.set, "inner")

    async def main() -> None:
        async def read() -> str:
            return mark.get()

        loop = asyncio.get_running_loop()
        task = loop.create_task(read(), name="reader", context=context)
        assert task.get_name() == "reader"
        assert asyncio.all_tasks() == {task, asyncio.current_task()}
        assert await task == "inner"
        other = loop.create_task(forever())
        await asyncio.sleep(0)
        other.cancel("enough")
        with pytest.raises(asyncio.CancelledError) as caught:
            await other
        assert caught.value.args == ("enough",)

    seen.run(main())
    named = [each.name for each in seen.said if each.kind == "task.created"]
    assert named[1] == "reader"


def test_who_looks_into_a_task_sees_its_coroutine(seen: Seen) -> None:
    async def main() -> None:
        states = []

        async def look() -> None:
            own = asyncio.current_task()
            assert own is not None
            states.append(inspect.getcoroutinestate(coro_of(own)))
            await asyncio.sleep(0)

        def coro_of(task: asyncio.Task[Any]) -> Any:
            coro = task.get_coro()
            assert isinstance(coro, StepCoro)
            assert asyncio.iscoroutine(coro)
            return coro

        task = asyncio.create_task(look())
        coro = coro_of(task)
        states.append(inspect.getcoroutinestate(coro))
        assert coro.__qualname__ == look.__qualname__
        assert coro.cr_code is look.__code__
        assert look.__qualname__ in repr(task)
        await asyncio.sleep(0)
        states.append(inspect.getcoroutinestate(coro))
        (frame,) = task.get_stack()
        assert frame.f_code is look.__code__
        assert coro.cr_await is not None
        await task
        states.append(inspect.getcoroutinestate(coro))
        with pytest.raises(RuntimeError, match="already awaited"):
            coro.send(None)
        assert states == [
            "CORO_CREATED",
            "CORO_RUNNING",
            "CORO_SUSPENDED",
            "CORO_CLOSED",
        ]

    seen.run(main())


def test_anyios_task_groups_work(seen: Seen) -> None:
    async def main() -> list[str]:
        found = []

        async def ready(
            *,
            task_status: anyio.abc.TaskStatus[str] = anyio.TASK_STATUS_IGNORED,
        ) -> None:
            task_status.started("ready")
            await forever()

        async with anyio.create_task_group() as group:
            found.append(await group.start(ready))
            with anyio.move_on_after(0):
                await forever()
            found.append("moved on")
            group.cancel_scope.cancel()
        return found

    assert seen.run(main()) == ["ready", "moved on"]


def test_asyncios_own_helpers_work(seen: Seen) -> None:
    async def main() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(forever(), 0)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(asyncio.sleep(0, "done"))
        assert task.result() == "done"
        assert await asyncio.shield(asyncio.sleep(0, "kept")) == "kept"
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await forever()

    seen.run(main())


def test_a_factory_of_the_users_own_still_makes_the_tasks(seen: Seen) -> None:
    made = []

    def factory(loop: Any, coro: Any, **options: Any) -> asyncio.Task[Any]:
        made.append(coro)
        return asyncio.Task(coro, loop=loop, **options)

    async def main() -> None:
        asyncio.get_running_loop().set_task_factory(factory)
        await asyncio.create_task(nothing())

    seen.run(main())
    assert [each.__name__ for each in made[:1]] == ["nothing"]
    assert [kind for kind, *_ in seen.tasks()] == [
        "task.created",
        "task.started",
        "task.done",
    ]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="new in 3.12")
def test_an_eager_task_runs_within_the_step_that_made_it(seen: Seen) -> None:
    found = []

    async def child() -> None:
        found.append(seen.probe.task)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_task_factory(getattr(asyncio, "eager_task_factory"))  # noqa: B009
        await asyncio.create_task(child())
        found.append(seen.probe.task)
        loop.set_task_factory(None)

    seen.run(main())
    assert found == [2, 1]
    assert [kind for kind, *_ in seen.tasks()] == [
        "task.created",
        "task.started",
        "task.done",
    ]


def test_a_finished_task_keeps_nothing_alive(seen: Seen) -> None:
    class Thing:
        pass

    async def use(thing: Thing) -> None:
        await asyncio.sleep(0)
        raise ValueError(str(thing))

    async def main() -> None:
        thing = Thing()
        alive = weakref.ref(thing)
        task = asyncio.create_task(use(thing))
        del thing
        await asyncio.wait([task])
        assert task.exception() is not None
        del task
        assert alive() is None  # at once, without the garbage collector

    gc.disable()
    try:
        seen.run(main())
    finally:
        gc.enable()


@pytest.mark.parametrize("lens", ["off", "on", "full"])
def test_a_cancelled_task_leaves_nothing_for_the_garbage_collector(
    lens: Lens,
) -> None:
    class Thing:
        pass

    async def use(thing: Thing) -> None:
        await asyncio.sleep(5)

    async def main() -> None:
        thing = Thing()
        alive = weakref.ref(thing)
        task = asyncio.create_task(use(thing))
        del thing
        await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        del task
        await asyncio.sleep(0)
        assert alive() is None

    gc.disable()
    try:
        Watched(lens).run(main())
    finally:
        gc.enable()


def test_what_is_no_coroutine_is_refused_as_ever(seen: Seen) -> None:
    async def main() -> None:
        wrong: Any = 7
        with pytest.raises(TypeError, match="a coroutine was expected, got 7"):
            asyncio.get_running_loop().create_task(wrong)

    seen.run(main())


def test_a_step_coroutine_can_be_awaited_without_a_task() -> None:
    events: list[Event] = []

    async def answer() -> int:
        await asyncio.sleep(0)
        return 7

    async def main() -> int:
        step: Awaitable[int] = StepCoro(answer(), Probe(events.append), 1)
        return await step

    assert asyncio.run(main()) == 7
    kinds = [each.kind for each in events]
    assert kinds == ["task.created", "task.started", "task.done"]


def test_an_unstarted_coroutine_can_be_closed() -> None:
    step = StepCoro(nothing(), Probe(print), 1)
    step.close()
    step.close()
    assert inspect.getcoroutinestate(step) == "CORO_CLOSED"
