"""Each thing that a request can wait for, and who ends the wait: served."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, get_args

import pytest
from live import PATIENCE, Live, serving

from tracer.events import Source, TaskResumed, TaskSuspended
from tracer.events.breaks import parse_break
from tracer.events.commands import Break, GoAll
from tracer.events.tasks import WaitsFor, WokenBy

SERVED = (Path(__file__).parent / "waits_app.py").read_text()

Ended = tuple[WokenBy, str]
"""What woke it, and if that was a task: its coroutine, or its request."""

WAITS: dict[WaitsFor, tuple[str, Ended]] = {
    "sleep": ("asyncio.sleep", ("timer", "")),
    "event": ("asyncio.Event.wait", ("signal", "")),
    "lock": ("asyncio.Lock.acquire", ("task", "holds")),
    "semaphore": ("asyncio.Semaphore.acquire", ("callback", "")),
    "condition": ("asyncio.Condition.wait", ("task", "notifies")),
    "barrier": ("asyncio.Barrier.wait", ("task", "/barrier")),
    "queue": ("asyncio.Queue.get", ("cancel", "")),
    "worker thread": ("anyio.to_thread.run_sync", ("thread", "")),
    "free thread": (
        "anyio.to_thread.run_sync",
        ("task", "sleeps_in_a_thread"),
    ),
    "child task": ("child_task", ("task", "sleep")),
    "child tasks": ("asyncio.TaskGroup.__aexit__", ("task", "sleep")),
    "stream data": ("asyncio.StreamReader.readline", ("socket", "")),
    "request body": ("RequestResponseCycle.receive", ("socket", "")),
    "client to read": ("FlowControl.drain", ("socket", "")),
    "socket": (
        "asyncio.BaseSelectorEventLoop.sock_recv",
        ("socket", ""),
    ),
    "subprocess": ("asyncio.Process.wait", ("callback", "")),
    "gave way": ("asyncio.sleep", ("turn", "")),
    "held": ("Gate.wait", ("thread", "")),
    "future": ("future", ("thread", "")),
}
"""By what is waited for: the function that waits, and what ends it."""


def path_of(wait: str) -> str:
    return "/" + wait.replace(" ", "_")


class Waited:
    """What was said of each request, once all are answered."""

    def __init__(self, live: Live) -> None:
        self.live = live
        with ExitStack() as stack:
            self._stack = stack
            self._ask_all()
            live.until(lambda: self._of("run_asgi.end") == len(WAITS) + 1)

    def _ask_all(self) -> None:
        assert self.live.port
        self.live.until(lambda: "breakpoint.set" in self.live.kinds)
        post = "Transfer-Encoding: chunked\r\n"
        late = self._ask("request body", post, "POST", "1\r\na\r\n")
        slow = self._ask("client to read")
        self._ask("held")
        for wait in (*WAITS, "barrier"):
            if wait not in {"request body", "client to read", "held"}:
                self._ask(wait)
        for wait in ("request body", "client to read", "held"):
            self.live.until(lambda: self.stops(wait))  # noqa: B023
        late.sendall(b"1\r\nb\r\n0\r\n\r\n")
        self.live.feed.tell(GoAll())
        while slow.recv(1 << 16):
            pass

    def _ask(
        self, wait: str, headers: str = "", method: str = "GET", body: str = ""
    ) -> socket.socket:
        address = "127.0.0.1", self.live.port
        sock = socket.create_connection(address, PATIENCE)
        self._stack.enter_context(sock)
        head = f"{method} {path_of(wait)} HTTP/1.1\r\nHost: h\r\n"
        close = "Connection: close\r\n"
        sock.sendall(f"{head}{close}{headers}\r\n{body}".encode())
        return sock

    def _of(self, kind: str) -> int:
        return self.live.kinds.count(kind)

    @property
    def tasks(self) -> dict[int, str]:
        """Paths of the requests by their tasks, and other tasks' coroutines."""
        said: list[Any] = self.live.seen
        made = {e.id: e.coro for e in said if e.kind == "task.created"}
        paths = {e.req: e.path for e in said if e.kind == "scope.built"}
        served = {
            e.task: paths[e.req] for e in said if e.kind == "run_asgi.start"
        }
        return made | served

    def stops(self, wait: WaitsFor) -> list[TaskSuspended]:
        """How often a request of this name has waited for this, there."""
        tasks, by = self.tasks, WAITS[wait][0]
        return [
            each
            for each in self.live.seen
            if isinstance(each, TaskSuspended)
            and (each.waits_for, each.by) == (wait, by)
            and tasks[each.id] == path_of(wait)
        ]

    def wake(self, stop: TaskSuspended) -> TaskResumed:
        """The end of a wait."""
        return next(
            each
            for each in self.live.seen
            if isinstance(each, TaskResumed)
            and each.id == stop.id
            and each.seq > stop.seq
        )


@pytest.fixture(scope="module")
def waited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Waited]:
    stop = "app.enter path=/held"
    breaks = (Break(1, stop, parse_break(stop)),)
    folder = tmp_path_factory.mktemp("waited")
    # What the first request imports may take longer than a tenth of a second.
    with serving(folder, SERVED, breaks=breaks, slow_callback=0) as live:
        yield Waited(live)


@pytest.mark.parametrize("wait", get_args(WaitsFor))
def test_a_wait_of_a_served_request_has_its_name_and_its_end(
    wait: WaitsFor, waited: Waited
) -> None:
    (stop,) = waited.stops(wait)
    wake = waited.wake(stop)

    ended = wake.woken_by, waited.tasks.get(wake.by or 0, "")
    assert ended == WAITS[wait][1]
    assert stop.req == wake.req is not None
    assert stop.t <= wake.t - wake.ready


@pytest.mark.parametrize("wait", [e for e in WAITS if e != "held"])
def test_it_is_told_by_the_apps_own_line(
    wait: WaitsFor, waited: Waited
) -> None:
    (stop,) = waited.stops(wait)
    (source,) = (
        each
        for each in waited.live.seen
        if isinstance(each, Source) and each.id == stop.where
    )

    assert source.file == "served.py"
    assert source.name.split(".")[-1].rstrip("_") == wait.replace(" ", "_")
    assert stop.line is not None
    assert SERVED.splitlines()[stop.line - 1].endswith("# waits")


def test_the_child_that_is_waited_for_is_the_one_that_ends_it(
    waited: Waited,
) -> None:
    (stop,) = waited.stops("child task")
    assert stop.on == waited.wake(stop).by is not None


def test_every_way_of_waking_is_among_them() -> None:
    assert {woken for _, (woken, _) in WAITS.values()} == {*get_args(WokenBy)}
