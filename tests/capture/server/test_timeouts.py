"""How long a connection waits: for a request, and for its head."""

# ruff: noqa: ANN401  (scopes and messages pass through here)

import asyncio
from typing import Any

import pytest
from server_wire import PlainLoop, Wire, uvicorn_wire, wire

from tracer.capture.gate import Gate
from tracer.capture.timer import Timer
from tracer.events.breaks import parse_break
from tracer.events.commands import Break, GoAll

HALF, REST = b"GET / HTTP/1.1\r\nhost:", b" a\r\n\r\n"
PLAIN = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-length", b"2")],
}
OK = {"type": "http.response.body", "body": b"ok"}


async def index(scope: Any, receive: Any, send: Any) -> None:
    await send(PLAIN)
    await send(OK)


def late(opened: Wire) -> list[tuple[float, int]]:
    return [(each.seconds, each.n) for each in opened.of("head.timeout")]  # type: ignore[attr-defined]  # it has


def scheduled(opened: Wire) -> int:
    """How many timers the loop has."""
    timers = vars(opened.loop)["_scheduled"]
    return sum(not each.cancelled() for each in timers)


def test_half_a_head_is_answered_with_408_and_closed() -> None:
    with wire(index) as opened:
        opened.receives(HALF)
        opened.wait(59)
        assert opened.done == []
        opened.wait(1)
        opened.settle()
        assert opened.kinds[2:] == [
            "data_received",
            "h11.event NEED_DATA",
            "head.timeout",
            "h11.send Response",
            "transport.write",
            "bytes",
            "h11.send Data",
            "transport.write",
            "bytes",
            "h11.send EndOfMessage",
            "transport.write",
            "transport.close",
            "connection_lost",
        ]
        assert late(opened) == [(60, len(HALF))]
        head, _, body = opened.written.partition(b"\r\n\r\n")
        assert head.split(b"\r\n") == [
            b"HTTP/1.1 408 Request Timeout",
            b"content-type: text/plain; charset=utf-8",
            b"Connection: close",
        ]
        assert body == b"The request's head did not arrive in time."
        assert scheduled(opened) == 0


def test_without_a_byte_there_is_nothing_to_answer() -> None:
    with wire(index, timeout_head=3) as opened:
        opened.wait(3)
        assert late(opened) == [(3, 0)]
        assert opened.done == [("close", b"")]


def test_the_time_of_a_later_head_begins_with_its_first_byte() -> None:
    with wire(index, timeout_head=3) as opened:
        opened.receives(HALF + REST)
        opened.wait(4)
        opened.receives(HALF)
        opened.wait(2)
        opened.receives(b" a")
        assert not opened.transport.closing
        opened.wait(1)
        assert late(opened) == [(3, len(HALF) + 2)]
        assert opened.written.count(b"HTTP/1.1") == 2


@pytest.mark.parametrize("limit", [0, None])
def test_without_a_limit_it_is_waited_for_ever(limit: float | None) -> None:
    with (
        wire(index, timeout_head=limit) as ours,
        uvicorn_wire(index) as theirs,
    ):
        for each in (ours, theirs):
            each.receives(HALF)
            each.wait(10_000)
            each.receives(REST)
        assert ours.done == theirs.done
        assert ours.written.endswith(b"ok")


def test_an_app_may_take_longer_than_its_head() -> None:
    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(90)
        await index(scope, receive, send)

    with wire(slow) as opened:
        opened.receives(HALF, REST)
        opened.wait(91)
        assert opened.written.endswith(b"ok")
        assert late(opened) == []


def test_half_a_head_sent_too_early_ends_with_the_idle_timer() -> None:
    with wire(index) as ours, uvicorn_wire(index) as theirs:
        for each in (ours, theirs):
            each.receives(HALF + REST + HALF)
            each.wait(6)
        assert ours.done == theirs.done
        assert len(ours.of("keepalive.fired")) == 1


def test_who_is_held_with_bytes_in_hand_is_not_late() -> None:
    with wire(index, timeout_head=3) as opened:
        gate = Gate(opened.probe)
        gate.begin(opened.loop)
        gate.tell(Break(1, "data_received", parse_break("data_received")))
        opened.settle()
        opened.receives(HALF)
        opened.wait(99)
        assert not opened.transport.closing
        gate.tell(GoAll())
        opened.settle()
        opened.wait(2)
        assert late(opened) == []
        opened.wait(1)
        assert late(opened) == [(3, len(HALF))]
        gate.end()


def test_requests_in_a_row_set_one_timer() -> None:
    with wire(index) as opened:
        for _ in range(3):
            opened.receives(HALF + REST)
            opened.wait(3)
            assert scheduled(opened) == 1
        opened.wait(1.9)
        assert not opened.transport.closing
        opened.wait(0.2)
        assert len(opened.of("keepalive.armed")) == 3
        assert len(opened.of("keepalive.cancelled")) == 2
        assert len(opened.of("keepalive.fired")) == 1
        assert scheduled(opened) == 0


@pytest.mark.parametrize("error", [None, ConnectionResetError()])
def test_nothing_is_left_of_a_connection_that_is_lost(
    error: Exception | None,
) -> None:
    with wire(index) as opened:
        opened.receives(HALF + REST)
        opened.lost(error)
        assert scheduled(opened) == 0


class Timed:
    """A timer on a loop whose clock the test moves."""

    def __init__(self) -> None:
        self.loop = PlainLoop()
        self.timer = Timer(self.loop)
        self.rang: list[tuple[str, float]] = []

    def arm(self, name: str, seconds: float) -> None:
        self.timer.arm(
            "head", seconds, lambda: self.rang.append((name, self.loop.now))
        )

    def wait(self, *moments: float) -> None:
        for moment in moments:
            self.loop.now = moment
            for _ in range(2):
                self.loop.call_soon(self.loop.stop)
                self.loop.run_forever()


def test_a_timer_rings_once_for_what_it_was_armed_for_last() -> None:
    timed = Timed()
    timed.arm("a", 5)
    timed.wait(3)
    assert timed.timer.when() == 5
    timed.arm("b", 5)
    assert timed.timer.when() == 8
    timed.wait(5, 7.9, 8, 20)
    assert timed.rang == [("b", 8)]
    assert timed.timer.when() is None
    timed.arm("c", 5)
    timed.arm("d", 1)  # sooner than what was set
    timed.wait(21, 30)
    assert timed.rang == [("b", 8), ("d", 21)]
    timed.arm("e", 1)
    timed.timer.disarm()
    timed.wait(32)
    timed.arm("f", 1)
    timed.timer.stop()
    timed.wait(40)
    assert timed.rang == [("b", 8), ("d", 21)]
    assert timed.timer.handle is None
    timed.loop.close()
