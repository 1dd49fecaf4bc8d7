"""Who woke a task, how long it could have run, and tasks that were lost."""

import asyncio
import functools
import gc
import os
import signal
import socket
import threading
import time
from concurrent.futures import Future
from typing import Any

import anyio
import pytest
from lens_kit import Lens, Watched, watch

HELD = 20_000_000  # nanoseconds


async def forever() -> None:
    await asyncio.Event().wait()


async def fail() -> None:
    raise ValueError("no")


def test_a_timer() -> None:
    async def main() -> None:
        await asyncio.sleep(0.001)
        there = asyncio.Event()
        asyncio.get_running_loop().call_later(0.001, there.set)
        await there.wait()

    assert watch(main()).wakes() == [("timer", None)] * 2


def test_another_task_within_its_step() -> None:
    async def main() -> None:
        there = asyncio.Event()
        task = asyncio.create_task(set_it(there))
        await there.wait()
        await task

    async def set_it(there: asyncio.Event) -> None:
        there.set()
        await asyncio.sleep(0)

    assert watch(main()).wakes() == [("task", 2), ("task", 2)]


@pytest.mark.parametrize("how", ["await", "gather", "wait", "group", "anyio"])
def test_a_child_task_by_its_end(how: str) -> None:
    async def main() -> None:
        match how:
            case "await":
                await asyncio.create_task(asyncio.sleep(0))
            case "gather":
                await asyncio.gather(asyncio.sleep(0))
            case "wait":
                await asyncio.wait([asyncio.create_task(asyncio.sleep(0))])
            case "group":
                async with asyncio.TaskGroup() as group:
                    group.create_task(asyncio.sleep(0))
            case "anyio":
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(asyncio.sleep, 0)
            case _:
                pytest.fail(how)

    assert watch(main()).wakes() == [("task", 2)]


def test_a_worker_thread() -> None:
    async def main() -> None:
        await asyncio.to_thread(int)
        await anyio.to_thread.run_sync(int)
        there = asyncio.Event()
        send = asyncio.get_running_loop().call_soon_threadsafe
        thread = threading.Thread(target=send, args=(there.set,))
        thread.start()
        await there.wait()
        thread.join()

    wakes = watch(main()).wakes()
    assert [each for each in wakes if each != ("turn", None)] == [
        ("thread", None)
    ] * 3


def test_what_the_loops_own_thread_sends_comes_from_no_other() -> None:
    async def main() -> None:
        there = asyncio.Event()
        asyncio.get_running_loop().call_soon_threadsafe(there.set)
        await there.wait()

    assert watch(main()).wakes() == [("callback", None)]


def test_a_thread_that_was_done_before_anybody_asked() -> None:
    async def main() -> None:
        done: Future[int] = Future()
        done.set_result(1)
        await asyncio.wrap_future(done)

    assert watch(main()).wakes() == [("thread", None)]


class Promise:
    """As little as asyncio asks of what is awaited."""

    _asyncio_future_blocking = False
    _callback: Any = None

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()

    def get_loop(self) -> asyncio.AbstractEventLoop:
        return self._loop

    def add_done_callback(self, callback: Any, *, context: Any = None) -> None:  # noqa: ANN401
        self._callback = functools.partial(
            self._loop.call_soon, callback, self, context=context
        )

    def keep(self) -> None:
        self._callback()

    def result(self) -> str:
        return "kept"

    def __await__(self) -> Any:  # noqa: ANN401
        self._asyncio_future_blocking = True
        yield self
        return self.result()


@pytest.mark.parametrize("lens", ["off", "on", "full"])
def test_what_is_hardly_a_future_can_be_awaited(lens: Lens) -> None:
    async def main() -> str:
        promise = Promise()
        asyncio.get_running_loop().call_soon(promise.keep)
        return str(await promise)

    assert Watched(lens).run(main()) == "kept"


def test_a_socket() -> None:
    async def main() -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.setblocking(False)
            theirs.setblocking(False)
            loop = asyncio.get_running_loop()
            task = asyncio.create_task(loop.sock_recv(ours, 1))
            await asyncio.sleep(0)
            await loop.sock_sendall(theirs, b"x")
            await task
            there = asyncio.Event()
            loop.add_reader(ours, there.set)
            theirs.send(b"x")
            await there.wait()
            loop.remove_reader(ours)

    seen = watch(main())
    assert seen.wakes(2) == [("socket", None)]
    assert seen.wakes(1)[-1] == ("socket", None)


def test_the_end_of_a_process_is_not_always_a_sockets_news() -> None:
    """A thread may have waited for it, as in 3.11 it does."""

    async def main() -> None:
        other = await asyncio.create_subprocess_exec("sleep", "60")
        asyncio.get_running_loop().call_later(0.001, other.terminate)
        await other.wait()

    assert watch(main()).wakes()[-1] == ("callback", None)


def test_a_signal() -> None:
    async def main() -> None:
        there = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, there.set)
        os.kill(os.getpid(), signal.SIGUSR1)
        await there.wait()
        loop.remove_signal_handler(signal.SIGUSR1)

    assert watch(main()).wakes() == [("signal", None)]


def test_the_next_turn_of_one_that_gave_way() -> None:
    async def main() -> None:
        await asyncio.sleep(0)

    assert watch(main()).wakes() == [("turn", None)]


def test_a_plain_callback() -> None:
    async def main() -> None:
        there = asyncio.Event()
        asyncio.get_running_loop().call_soon(there.set)
        await there.wait()

    assert watch(main()).wakes() == [("callback", None)]


def test_a_cancellation_and_who_asked_for_it() -> None:
    async def main() -> None:
        task = asyncio.create_task(forever())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await forever()

    seen = watch(main())
    assert seen.wakes(2) == [("cancel", 1)]
    assert seen.wakes(1)[-1] == ("cancel", None)  # by a timer


def test_a_child_that_was_cancelled_doesnt_cancel_who_awaits_it() -> None:
    async def main() -> None:
        task = asyncio.create_task(forever())
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_soon(task.cancel)
        with pytest.raises(asyncio.CancelledError):
            await task

    seen = watch(main())
    assert seen.wakes(2) == [("cancel", None)]
    assert seen.wakes(1)[-1] == ("task", 2)


def test_one_that_is_cancelled_once_it_is_ready_wasnt_woken_by_that() -> None:
    async def main() -> None:
        there = asyncio.Event()
        task = asyncio.create_task(there.wait())
        await asyncio.sleep(0)
        there.set()
        task.cancel()
        await asyncio.wait([task])

    assert watch(main()).wakes(2) == [("cancel", None)]


def test_ready_but_waiting_is_measured() -> None:
    async def main() -> None:
        there = asyncio.Event()
        task = asyncio.create_task(there.wait())
        await asyncio.sleep(0)
        there.set()
        asyncio.create_task(forever()).cancel()
        time.sleep(HELD / 1e9)
        await task

    seen = watch(main())
    (resumed,) = seen.of("task.resumed", id=2)
    assert HELD <= resumed.ready < 50 * HELD
    assert resumed.t - resumed.ready >= seen.of("task.created", id=2)[0].t
    started = seen.of("task.started")
    assert [each.id for each in started] == [1, 2, 3]
    assert all(each.ready > 0 for each in started)
    assert started[2].ready >= HELD


def test_who_slept_is_ready_from_when_the_timer_was_due() -> None:
    async def main() -> None:
        task = asyncio.create_task(asyncio.sleep(HELD / 2e9))
        await asyncio.sleep(0)
        time.sleep(HELD / 1e9)
        await task

    seen = watch(main())
    (slept,) = seen.of("task.suspended", id=2)
    (resumed,) = seen.of("task.resumed", id=2)
    since = resumed.t - resumed.ready
    assert slept.t + HELD // 4 < since < resumed.t - HELD // 4


def test_whom_a_thread_calls_is_ready_from_then_on() -> None:
    async def main() -> None:
        go, done = threading.Event(), threading.Event()
        task = asyncio.create_task(asyncio.to_thread(work, go, done))
        await asyncio.sleep(0)
        go.set()
        done.wait()
        time.sleep(HELD / 1e9)
        await task

    def work(go: threading.Event, done: threading.Event) -> None:
        go.wait()
        done.set()

    seen = watch(main())
    (resumed,) = seen.of("task.resumed", id=2)
    assert resumed.woken_by == "thread"
    assert resumed.ready > HELD // 4


def test_a_timer_that_the_loop_slept_for_is_not_late() -> None:
    async def main() -> None:
        await asyncio.sleep(HELD / 2e9)

    seen = watch(main())
    (resumed,) = seen.of("task.resumed", id=1)
    turn = [each for each in seen.of("loop.select") if each.t < resumed.t][-2]
    assert turn.t < resumed.t - resumed.ready


def test_nobody_is_ready_before_the_wait_began() -> None:
    async def main() -> None:
        there = asyncio.Event()
        asyncio.get_running_loop().call_later(HELD / 4e9, there.set)
        time.sleep(HELD / 1e9)
        await asyncio.sleep(0)
        time.sleep(HELD / 1e9)
        await there.wait()

    seen = watch(main())
    waits = seen.of("task.suspended", id=1)[-1]
    resumed = seen.of("task.resumed", id=1)[-1]
    assert waits.t <= resumed.t - resumed.ready


def test_a_task_that_nobody_asks_how_it_ended_is_lost() -> None:
    told = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, what: told.append(what["message"]))
        asyncio.create_task(fail())  # noqa: RUF006
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    seen = watch(main())
    assert [(each.id, each.error) for each in seen.of("task.lost")] == [
        (2, "ValueError")
    ]
    assert told == ["Task exception was never retrieved"]


def test_a_task_that_goes_while_it_waits_is_lost_too() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda *_: None)
        task = asyncio.create_task(forever())
        await asyncio.sleep(0)
        del task
        gc.collect()  # nobody holds the event that it waits for

    (lost,) = watch(main()).of("task.lost")
    assert (lost.id, lost.error) == (2, "pending")


def test_a_task_that_is_asked_how_it_ended_is_not_lost() -> None:
    async def main() -> None:
        task = asyncio.create_task(fail())
        await asyncio.wait([task])
        assert task.exception() is not None

    assert watch(main()).of("task.lost") == []


def test_what_another_thread_finds_lost_is_not_said_by_the_loop() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda *_: None)
        tasks = [asyncio.create_task(fail())]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        thread = threading.Thread(target=tasks.clear)
        thread.start()
        thread.join()

    (lost,) = watch(main()).of("task.lost")
    assert (lost.id, lost.thread) == (2, "worker-1")


def test_a_step_tells_since_when_it_runs_and_whose_it_is() -> None:
    seen = Watched()
    steps: list[Any] = []

    async def main() -> None:
        steps.append(seen.probe.step)
        await asyncio.sleep(0)
        steps.append(seen.probe.step)
        since.append(steps[0].since)

    since: list[int] = []
    seen.run(main())
    first, second = steps
    assert first is second
    assert first.number == 1
    (resumed,) = seen.of("task.resumed")
    assert since == [resumed.t + seen.probe.zero]


def test_a_fault_of_ours_in_asking_who_costs_the_answer_only(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("tracer.capture.loop.traced.waker_of", broken)
    assert watch(asyncio.sleep(0.001)).wakes() == [("callback", None)]
    assert "asgi-trace failed" in caplog.text
