"""What a task waits for: told by the functions that wait, or the future."""

import asyncio
import contextlib
import inspect
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Generator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import anyio
import anyio.to_thread
import pytest
from lens_kit import watch

from tracer.capture.loop import chain
from tracer.capture.loop.waits import RULES
from tracer.capture.probe import CURRENT, Note, Probe
from tracer.events import TaskSuspended

SOON = 0.001


def later(call: Callable[..., object], *args: object) -> None:
    asyncio.get_running_loop().call_later(SOON, call, *args)


async def sleep() -> None:
    await asyncio.sleep(SOON)


async def event() -> None:
    there = asyncio.Event()
    later(there.set)
    await there.wait()


async def lock() -> None:
    held = asyncio.Lock()
    await held.acquire()
    later(held.release)
    async with held:
        pass


async def semaphore() -> None:
    free = asyncio.Semaphore(0)
    later(free.release)
    await free.acquire()


async def condition() -> None:
    async with (there := asyncio.Condition()):
        task = asyncio.create_task(notify(there))
        await there.wait()
    await task


async def notify(there: asyncio.Condition) -> None:
    async with there:
        there.notify()


async def barrier() -> None:
    full = asyncio.Barrier(2)
    other = asyncio.create_task(full.wait())
    await full.wait()
    await other


async def queue() -> None:
    items: asyncio.Queue[int] = asyncio.Queue(1)
    later(items.put_nowait, 1)
    await items.get()


async def full_queue() -> None:
    items: asyncio.Queue[int] = asyncio.Queue(1)
    items.put_nowait(1)
    later(items.get_nowait)
    await items.put(2)


async def join() -> None:
    items: asyncio.Queue[int] = asyncio.Queue()
    items.put_nowait(1)
    later(items.task_done)
    await items.join()


async def to_thread() -> None:
    await asyncio.to_thread(int)


async def executor() -> None:
    await asyncio.get_running_loop().run_in_executor(None, int)


async def process_pool() -> None:
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        await asyncio.get_running_loop().run_in_executor(pool, int)


async def wrapped() -> None:
    done: Future[None] = Future()
    later(done.set_result, None)
    await asyncio.wrap_future(done)


async def worker() -> None:
    await anyio.to_thread.run_sync(int)


async def free_thread() -> None:
    one = anyio.CapacityLimiter(1)
    one.acquire_on_behalf_of_nowait("somebody")
    later(one.release_on_behalf_of, "somebody")
    await anyio.to_thread.run_sync(int, limiter=one)


async def limiter() -> None:
    one = anyio.CapacityLimiter(1)
    one.acquire_on_behalf_of_nowait("somebody")
    later(one.release_on_behalf_of, "somebody")
    async with one:
        pass


async def child() -> None:
    await asyncio.create_task(asyncio.sleep(0))


async def shielded() -> None:
    await asyncio.shield(asyncio.sleep(SOON))


async def gathered() -> None:
    await asyncio.gather(asyncio.sleep(0), asyncio.sleep(0))


async def waited() -> None:
    await asyncio.wait([asyncio.create_task(asyncio.sleep(0))])


async def completed() -> None:
    for each in asyncio.as_completed([asyncio.sleep(SOON)]):
        await each


async def task_group() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.sleep(0))


async def anyio_group() -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(asyncio.sleep, 0)


async def anyio_start() -> None:
    async def start(*, task_status: anyio.abc.TaskStatus[None]) -> None:
        await asyncio.sleep(0)
        task_status.started()

    async with anyio.create_task_group() as group:
        await group.start(start)
        group.cancel_scope.cancel()


async def anyio_event() -> None:
    there = anyio.Event()
    later(there.set)
    await there.wait()


async def anyio_lock() -> None:
    held = anyio.Lock()
    async with anyio.create_task_group() as group:
        group.start_soon(hold, held)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        async with held:
            pass


async def hold(held: anyio.Lock) -> None:
    async with held:
        await asyncio.sleep(SOON)


async def memory_stream() -> None:
    send, receive = anyio.create_memory_object_stream[int](1)
    later(send.send_nowait, 1)
    await receive.receive()
    send.close()
    receive.close()


async def stream() -> None:
    reader = asyncio.StreamReader()
    later(reader.feed_data, b"line\n")
    await reader.readline()


async def raw_socket() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        later(theirs.send, b"x")
        await asyncio.get_running_loop().sock_recv(ours, 1)


async def process() -> None:
    other = await asyncio.create_subprocess_exec(
        sys.executable, "-V", stdout=-3
    )
    await other.wait()


async def bare_future() -> None:
    found = asyncio.get_running_loop().create_future()
    later(found.set_result, None)
    await found


async def wait_for_queue() -> None:
    items: asyncio.Queue[int] = asyncio.Queue()
    later(items.put_nowait, 1)
    await asyncio.wait_for(items.get(), 5)


async def wait_for_task() -> None:
    await asyncio.wait_for(asyncio.create_task(asyncio.sleep(SOON)), 5)


async def wait_for_future() -> None:
    found = asyncio.get_running_loop().create_future()
    later(found.set_result, None)
    await asyncio.wait_for(found, 5)


async def items() -> AsyncIterator[int]:
    await asyncio.sleep(SOON)
    yield 1


async def generator() -> None:
    async for _ in items():
        pass


class Awaitable:
    def __await__(self) -> Generator[Any, None, None]:
        return sleep().__await__()


async def awaitable() -> None:
    await Awaitable()


OLD = sys.version_info < (3, 12)

WAITS: list[tuple[Callable[[], Coroutine[Any, Any, None]], str, str]] = [
    (sleep, "sleep", "asyncio.sleep"),
    (event, "event", "asyncio.Event.wait"),
    (lock, "lock", "asyncio.Lock.acquire"),
    (semaphore, "semaphore", "asyncio.Semaphore.acquire"),
    (condition, "condition", "asyncio.Condition.wait"),
    (barrier, "barrier", "asyncio.Barrier.wait"),
    (queue, "queue", "asyncio.Queue.get"),
    (full_queue, "queue", "asyncio.Queue.put"),
    (join, "queue", "asyncio.Queue.join"),
    (to_thread, "worker thread", "asyncio.to_thread"),
    (executor, "worker thread", "loop.run_in_executor"),
    (process_pool, "future", "process_pool"),
    (wrapped, "future", "wrapped"),
    (worker, "worker thread", "anyio.to_thread.run_sync"),
    (free_thread, "free thread", "anyio.to_thread.run_sync"),
    (limiter, "semaphore", "anyio.CapacityLimiter.acquire"),
    (child, "child task", "child"),
    (shielded, "child task", "asyncio.shield"),
    (gathered, "child tasks", "asyncio.gather"),
    (waited, "child tasks", "asyncio.wait"),
    (completed, "child tasks", "asyncio.as_completed"),
    (task_group, "child tasks", "asyncio.TaskGroup.__aexit__"),
    (anyio_group, "child tasks", "anyio.TaskGroup.__aexit__"),
    (anyio_start, "child task", "anyio.TaskGroup.start"),
    (anyio_event, "event", "anyio.Event.wait"),
    (anyio_lock, "lock", "anyio.Lock.acquire"),
    (memory_stream, "stream data", "anyio.MemoryObjectReceiveStream.receive"),
    (stream, "stream data", "asyncio.StreamReader.readline"),
    (raw_socket, "socket", "asyncio.BaseSelectorEventLoop.sock_recv"),
    (process, "subprocess", "asyncio.Process.wait"),
    (bare_future, "future", "bare_future"),
    (wait_for_task, "child task", "asyncio.wait_for"),
    (wait_for_future, "future", "asyncio.wait_for"),
    (generator, "sleep", "asyncio.sleep"),
    (awaitable, "sleep", "asyncio.sleep"),
]


@pytest.mark.parametrize(
    ("main", "wait", "by"), WAITS, ids=[main.__name__ for main, *_ in WAITS]
)
def test_a_wait_has_a_name(main: Any, wait: str, by: str) -> None:  # noqa: ANN401
    assert (wait, by) in watch(main()).stops()


def test_a_wait_within_a_limit_keeps_its_name() -> None:
    # In 3.11 the limit makes a task of it, and that one waits.
    assert ("queue", "asyncio.Queue.get") in watch(wait_for_queue()).stops(
        2 if OLD else 1
    )


@pytest.mark.parametrize("main", [sleep, child, worker, gathered, stream])
def test_the_line_is_the_apps_own(main: Any) -> None:  # noqa: ANN401
    lines, first = inspect.getsourcelines(main)
    (line,) = (
        first + number for number, text in enumerate(lines) if "await " in text
    )
    seen = watch(main())
    assert {each.line for each in seen.of("task.suspended", id=1)} == {line}


def test_the_task_that_is_waited_for_is_named() -> None:
    (stop,) = watch(child()).of("task.suspended", waits_for="child task")
    assert (stop.id, stop.on) == (1, 2)


def test_giving_way_is_no_wait() -> None:
    async def main() -> None:
        await asyncio.sleep(0)

    (stop,) = watch(main()).of("task.suspended")
    assert (stop.waits_for, stop.by) == ("gave way", "asyncio.sleep")


def test_the_whole_chain_is_said_on_request_only() -> None:
    async def outer() -> None:
        await sleep()

    (stop,) = watch(outer(), "full").of("task.suspended")
    said = [each.split(" ") for each in stop.chain]
    assert [(where.partition(":")[0], name) for where, name in said] == [
        ("test_loop_waits.py", outer.__qualname__),
        ("test_loop_waits.py", "sleep"),
        ("asyncio/tasks.py", "sleep"),
    ]
    (stop,) = watch(outer(), "on").of("task.suspended")
    assert stop.chain == ()


def test_without_the_lens_no_stop_is_said() -> None:
    kinds = {each.kind for each in watch(worker(), "off").said}
    assert kinds == {"task.created", "task.started", "task.done"}


def test_every_name_in_the_table_is_there_on_some_python() -> None:
    """A rule whose function is gone helps nobody: it was renamed."""
    unknown = {
        (module, name)
        for module, name in RULES
        if module.partition(".")[0] == "tracer" and not exists(module, name)
    }
    assert unknown == set()
    missing = {
        name
        for module, name in RULES
        if "<locals>" not in name and not exists(module, name)
    }
    assert missing <= NOT_ON_EVERY_PYTHON


NOT_ON_EVERY_PYTHON = {
    "TaskGroup._aexit",
    "_AsCompletedIterator._wait_for_one",
    "_AsCompletedIterator.__anext__",
    "Server.wait_closed",
    "TaskHandle.__await__",
    "TaskHandle.wait",
    "AsyncIOBackend.wait_readable",
    "AsyncIOBackend.wait_writable",
}


def exists(module: str, name: str) -> bool:
    found: Any = __import__(module, fromlist=["_"])
    with contextlib.suppress(AttributeError):
        for part in name.split("."):
            found = inspect.getattr_static(found, part)
        return True
    return False


def test_a_fault_of_ours_in_naming_costs_the_name_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("tracer.capture.loop.stops.stop_of", broken)
    seen = watch(sleep())
    assert seen.stops() == [("future", "")]


def test_a_chain_that_is_met_again_is_not_looked_up_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def twice() -> None:
        await sleep()
        learned.clear()
        await sleep()

    learned: list[Any] = []
    learn = chain._learn

    def learning(code: Any, thing: object) -> Any:  # noqa: ANN401
        learned.append(code)
        return learn(code, thing)

    monkeypatch.setattr(chain, "_learn", learning)
    watch(twice())
    assert learned == []


def test_stops_are_said_of_the_task_and_its_request() -> None:
    async def main() -> None:
        CURRENT.set(Note(Probe(print), conn=7, req=8))
        await asyncio.create_task(sleep())

    said = [
        (each.conn, each.req, each.task)
        for each in watch(main()).said
        if isinstance(each, TaskSuspended) and each.id == 2
    ]
    assert said == [(7, 8, 2)]
