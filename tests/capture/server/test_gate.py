"""Requests held on a wire: who stands where, who goes on, what is said."""

# ruff: noqa: ANN401  (scopes and messages pass through here)

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from server_wire import Wire, wire

from tracer.capture.gate import Gate, Wish
from tracer.events import Event
from tracer.events.breaks import parse_break
from tracer.events.commands import (
    Break,
    Go,
    GoAll,
    Hold,
    HoldLoop,
    Step,
    Unbreak,
)

START = {"type": "http.response.start", "status": 200,
         "headers": [(b"content-length", b"2")]}  # fmt: skip
OK = {"type": "http.response.body", "body": b"ok"}
GET = b"GET /a HTTP/1.1\r\nhost: h\r\n\r\n"
POST = b"POST /b HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\ndate: today\r\nserver: wire\r\n" \
         b"content-length: 2\r\n\r\nok"  # fmt: skip

STAGES = (
    "run_asgi.start", "receive.call", "receive.return", "send.call",
    "send.return", "send.call", "send.return", "run_asgi.end",
)  # fmt: skip


async def index(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send(START)
    await send(OK)


def stop(number: int, text: str) -> Break:
    return Break(number, text, parse_break(text))


class Gated:
    """A wire, and a gate on it."""

    def __init__(self, opened: Wire) -> None:
        self.wire = opened
        self.gate = Gate(opened.probe)
        self.gate.begin(opened.loop)

    def tell(self, *wishes: Wish) -> None:
        for wish in wishes:
            self.gate.tell(wish)
            self.wire.settle()

    @property
    def armed(self) -> bool:
        return self.wire.probe.gate is not None

    @property
    def story(self) -> list[str]:
        """Who was held and let go, in a word each."""
        return [_told(e) for e in self.wire.of("held", "released")]

    @property
    def here(self) -> list[str]:
        """Where somebody stands now."""
        held: list[Any] = []
        for each in self.wire.of("held", "released"):
            if each.kind == "held":
                held.append(each)
            else:
                held = [h for h in held if _where(h) != _where(each)]
        return [each.stage for each in held]


def _where(each: Any) -> tuple[Any, ...]:
    return each.stage, each.req, each.task, each.conn


def _told(each: Any) -> str:
    how = each.by if each.kind == "held" else each.how
    return f"{each.kind} {each.stage} {how}"


@contextmanager
def gated(app: Any = index, **options: Any) -> Iterator[Gated]:
    with wire(app, **options) as opened:
        yield Gated(opened)
        opened.loop.call_soon(opened.loop.stop)


def said(events: list[Event]) -> list[tuple[str, int | None]]:
    return [(each.kind, each.turn) for each in events]


# Nobody is held


@pytest.mark.parametrize(
    "wish", [Hold(req=99), stop(1, "send.call path=/other"), Hold(conn=99)]
)
def test_a_gate_that_holds_somebody_else_takes_no_turn(wish: Wish) -> None:
    with wire(index) as plain:
        plain.settle()
        plain.receives(GET, POST + b"hello")
        untold, done = said(plain.events), list(plain.done)
    with gated() as held:
        held.gate._obey(wish)  # as if told before: no turn for the telling
        assert held.armed
        held.wire.settle()
        held.wire.receives(GET, POST + b"hello")

        held.wire.events = [
            e for e in held.wire.events if e.kind != "breakpoint.set"
        ]
        assert said(held.wire.events) == untold
        assert held.wire.done == done


def test_a_stage_asks_nobody_until_somebody_is_to_be_held() -> None:
    with gated() as held:
        assert not held.armed
        held.tell(Hold(req=7), stop(3, "send.call"))
        assert held.armed
        held.tell(Unbreak(3))
        assert held.armed
        held.tell(GoAll())

        assert not held.armed
        assert held.wire.kinds[-2:] == ["breakpoint.set", "breakpoint.cleared"]


def test_the_lifespan_is_never_held() -> None:
    with gated() as held:
        held.tell(stop(1, "*"))

        async def ask() -> None:
            note = held.wire.protocol.config.note
            await held.gate.wait(note, ("app.enter", "app", None))

        held.wire.loop.run_until_complete(asyncio.wait_for(ask(), 1))
        assert held.story == []


# Held, stepped, let go


def test_the_next_new_request_is_held_and_stepped_to_its_end() -> None:
    with gated() as held:
        held.tell(Hold())
        held.wire.receives(GET)
        stood = []
        while held.here:
            stood += held.here
            held.tell(Step(req=1))

        assert tuple(stood) == STAGES
        assert held.story[:4] == [
            "held run_asgi.start hold", "released run_asgi.start step",
            "held receive.call step", "released receive.call step",
        ]  # fmt: skip
        kinds = [e.kind for e in held.wire.events if e.kind in STAGES]
        assert tuple(kinds) == STAGES
        assert held.wire.written == ANSWER
        assert not held.armed
        held.wire.receives(GET)
        assert held.wire.written == ANSWER * 2


def test_the_stage_is_said_before_the_request_stands_at_it() -> None:
    with gated() as held:
        held.tell(stop(4, "send.call method=GET req=1"))
        held.wire.receives(GET)

        kinds = [each.kind for each in held.wire.events]
        (mark,) = held.wire.of("held")
        at = kinds.index("held")
        assert kinds[at - 1] == "send.call"
        assert mark.where == held.wire.events[at - 1].where
        assert (mark.by, mark.breakpoint, mark.conn, mark.req) == (  # type: ignore[attr-defined]
            "breakpoint", 4, 1, 1,
        )  # fmt: skip


def test_who_is_let_go_stops_at_the_next_breakpoint() -> None:
    with gated() as held:
        held.tell(Hold(req=1), stop(1, "send.return"))
        held.wire.receives(GET)
        held.tell(Go(req=1), Go(req=1), Unbreak(1), Go(req=1))

        assert held.story == [
            "held run_asgi.start hold", "released run_asgi.start go",
            "held send.return breakpoint", "released send.return go",
            "held send.return breakpoint", "released send.return go",
        ]  # fmt: skip
        assert held.wire.written == ANSWER


def test_a_held_one_stays_when_its_breakpoint_is_forgotten() -> None:
    with gated() as held:
        held.tell(stop(1, "send.call"))
        held.wire.receives(GET)
        held.tell(Unbreak(1), Unbreak(1))

        assert held.here == ["send.call"]
        assert len(held.wire.of("breakpoint.cleared")) == 1
        held.tell(GoAll())
        assert held.wire.written == ANSWER


def test_of_two_tasks_of_one_request_the_one_that_waits_longer_steps() -> None:
    async def two(scope: Any, receive: Any, send: Any) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(receive())
            group.create_task(send(START))
        await send(OK)

    with gated(two) as held:
        held.tell(Hold(req=1))
        held.wire.receives(GET)
        held.tell(Step(req=1))
        assert held.here == ["receive.call", "send.call"]
        held.tell(Step(req=1))
        assert held.here == ["send.call", "receive.return"]
        held.tell(Go(req=1))
        assert held.here == []
        assert held.wire.written == ANSWER


def test_the_end_opens_all_gates_and_holds_nobody_again() -> None:
    with gated() as held:
        held.tell(stop(1, "send.*"))
        held.wire.receives(GET)
        held.gate.end()
        held.wire.settle()
        held.tell(Hold(), stop(2, "*"))
        held.wire.receives(GET)

        assert held.story == [
            "held send.call breakpoint", "released send.call shutdown",
        ]  # fmt: skip
        assert held.wire.written == ANSWER * 2
        assert not held.armed


def test_wishes_before_the_loop_runs_are_kept_until_it_does() -> None:
    with wire(index) as opened:
        gate = Gate(opened.probe)
        gate.tell(stop(1, "send.call"))
        gate.tell(stop(2, "send.return"))
        assert opened.of("breakpoint.set") == []
        gate.begin(opened.loop)

        found: Any = opened.of("breakpoint.set")
        assert [(e.id, e.text) for e in found] == [
            (1, "send.call"), (2, "send.return"),
        ]  # fmt: skip


# Time-outs and cancellation


@pytest.mark.parametrize(
    ("limit", "name"),
    [
        (lambda: asyncio.timeout(5), "asyncio.timeout"),
        (lambda: anyio.fail_after(5), "anyio cancel scope"),
    ],
)
def test_a_time_out_goes_on_and_is_shown_and_passes_through_the_gate(
    limit: Any, name: str
) -> None:
    async def limited(scope: Any, receive: Any, send: Any) -> None:
        manager = limit()
        try:
            if hasattr(manager, "__aenter__"):
                async with manager:
                    await receive()
            else:
                with manager:
                    await receive()
        except TimeoutError:
            await send({**START, "status": 504})
            await send(OK)

    with gated(limited) as held:
        held.tell(stop(1, "receive.call"))
        held.wire.receives(GET)
        mark: Any = held.wire.of("held")[0]
        assert mark.timers == ((name, 5.0),)
        held.wire.wait(5.1)

        assert held.story == [
            "held receive.call breakpoint", "released receive.call cancelled",
        ]  # fmt: skip
        assert held.wire.written.startswith(b"HTTP/1.1 504")


def test_timers_of_others_and_sleeps_are_not_shown() -> None:
    async def sleepy(scope: Any, receive: Any, send: Any) -> None:
        async with asyncio.timeout(9 if scope["path"] == "/a" else 3):
            other = asyncio.create_task(asyncio.sleep(1))
            await asyncio.sleep(0)
            await send(START)
            await send(OK)
            await other

    with gated(sleepy) as held:
        held.tell(stop(1, "send.call"))
        held.wire.loop.call_later(100, print)
        held.wire.receives(GET)
        mark: Any = held.wire.of("held")[0]
        assert mark.timers == (("asyncio.timeout", 9.0),)
        held.tell(Unbreak(1), GoAll())
        held.wire.wait(1.1)


def test_after_the_response_the_keep_alive_runs_meanwhile() -> None:
    with gated() as held:
        held.tell(stop(1, "run_asgi.end"))
        held.wire.receives(GET)
        mark: Any = held.wire.of("held")[0]

        assert mark.timers == (("keep-alive", 5.0),)
        held.tell(GoAll())


def test_a_task_group_that_fails_cancels_who_is_held_in_it() -> None:
    async def group(scope: Any, receive: Any, send: Any) -> None:
        async def fails() -> None:
            await asyncio.sleep(1)
            raise ValueError

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(fails())
            tasks.create_task(receive())

    with gated(group) as held:
        held.tell(stop(1, "receive.call"))
        held.wire.receives(GET)
        held.wire.wait(1.1)

        assert held.story[-1] == "released receive.call cancelled"
        assert held.wire.written.startswith(b"HTTP/1.1 500")
        assert ("ERROR", "Exception in ASGI application\n") in held.wire.lines


def test_who_is_cancelled_with_a_message_in_hand_gives_it_back() -> None:
    got: list[bytes] = []

    async def impatient(scope: Any, receive: Any, send: Any) -> None:
        try:
            await asyncio.wait_for(receive(), 1)
        except TimeoutError:
            got.append((await receive())["body"])
        await send(START)
        await send(OK)

    with gated(impatient) as held:
        held.tell(stop(1, "receive.return"))
        held.wire.receives(POST + b"hello")
        held.tell(Unbreak(1))
        held.wire.wait(1.1)

        assert got == [b"hello"]
        assert held.wire.written == ANSWER


# A client that leaves


def test_a_client_that_leaves_is_seen_at_once_and_its_task_ends_later() -> None:
    with gated() as held:
        held.tell(stop(1, "receive.call"))
        held.wire.receives(GET)
        held.wire.lost()
        assert held.wire.kinds[-2:] == [
            "connection_lost", "client.disconnected",
        ]  # fmt: skip
        assert held.here == ["receive.call"]
        held.tell(GoAll())

        ends: Any = held.wire.of("run_asgi.end")
        assert [each.branch for each in ends] == ["disconnected"]
        assert held.wire.lines == []


# Bytes that are kept


def test_kept_bytes_wait_while_nothing_more_is_read() -> None:
    with gated() as held:
        held.tell(Hold(conn=1))
        held.wire.receives(GET)
        assert held.wire.kinds[-2:] == ["data_received", "held"]
        assert held.wire.done == [("pause_reading", b"")]
        held.tell(Go(conn=1))

        assert held.story == [
            "held data_received hold", "released data_received go",
        ]  # fmt: skip
        assert held.wire.done[:2] == [
            ("pause_reading", b""), ("resume_reading", b""),
        ]  # fmt: skip
        assert held.wire.written == ANSWER
        assert not held.armed


def test_a_step_leads_from_the_bytes_to_the_request_they_are() -> None:
    with gated() as held:
        held.tell(Hold(conn=1))
        held.wire.receives(GET[:9])
        held.tell(Step(conn=1))
        assert held.here == []
        held.wire.receives(GET[9:])
        assert held.here == ["data_received"]
        held.tell(Step(conn=1))

        assert held.here == ["run_asgi.start"]
        held.tell(Step(req=1))
        assert held.here == ["receive.call"]
        held.tell(GoAll())
        assert held.wire.written == ANSWER


def test_a_breakpoint_keeps_bytes_too_also_those_of_a_body() -> None:
    with gated() as held:
        held.wire.receives(POST)
        held.tell(stop(1, "data_received"))
        held.wire.receives(b"hello")
        mark: Any = held.wire.of("held")[0]
        assert (mark.req, mark.conn, mark.breakpoint) == (1, 1, 1)
        held.tell(Go(req=1))

        assert held.wire.written == ANSWER


def test_bytes_that_come_all_the_same_are_kept_in_their_order() -> None:
    with gated() as held:
        held.tell(Hold(conn=1))
        held.wire.receives(POST + b"he", b"llo" + GET)
        assert len(held.wire.of("held")) == 1
        held.tell(GoAll())

        assert held.wire.written == ANSWER * 2


def test_kept_longer_than_the_keep_alive_nothing_is_lost() -> None:
    with gated() as held:
        held.wire.receives(GET)
        held.tell(Hold(conn=1))
        held.wire.receives(GET)
        held.wire.wait(60)
        assert held.here == ["data_received"]
        held.tell(GoAll())

        assert held.wire.written == ANSWER * 2
        assert held.wire.of("keepalive.fired") == []


def test_a_response_done_while_bytes_are_kept_arms_no_keep_alive() -> None:
    with gated() as held:
        held.tell(stop(1, "send.call"))
        held.wire.receives(GET)
        held.tell(Hold(conn=1))
        held.wire.receives(GET)
        held.tell(Unbreak(1), Go(req=1))
        held.wire.wait(60)
        assert held.wire.written == ANSWER
        held.tell(GoAll())

        assert held.wire.written == ANSWER * 2
        assert held.wire.of("keepalive.fired") == []


def test_a_connection_to_be_held_that_is_lost_is_waited_for_no_more() -> None:
    with gated() as held:
        held.tell(Hold(conn=1))
        held.wire.lost()

        assert not held.armed


def test_kept_bytes_of_a_connection_that_is_lost_are_forgotten() -> None:
    with gated() as held:
        held.tell(Hold(conn=1))
        held.wire.receives(GET)
        held.wire.lost()

        assert held.story[-1] == "released data_received cancelled"
        assert held.wire.of("scope.built") == []
        assert not held.armed


# The whole loop


def test_a_held_loop_does_nothing_else_and_goes_on_by_itself() -> None:
    with gated() as held:
        ran: list[str] = []
        held.gate.tell(HoldLoop(0.05))
        held.gate.tell(HoldLoop(50))  # one is enough
        held.wire.loop.call_soon(lambda: ran.append(held.story[-1]))
        held.wire.settle()

        assert held.story == ["held loop hold", "released loop go"]
        assert ran == ["released loop go"]
        mark: Any = held.wire.of("released")[0]
        assert mark.ns >= 0.05e9
        assert not held.armed


def test_a_held_loop_is_let_go_with_all_others() -> None:
    with gated() as held:
        held.gate.tell(HoldLoop(50))
        held.gate.tell(GoAll())
        held.wire.settle()
        held.gate.tell(HoldLoop(50))
        held.gate.free_loop()
        held.wire.settle()

        assert held.story == [
            "held loop hold", "released loop all",
            "held loop hold", "released loop shutdown",
        ]  # fmt: skip


# Anything at all

reqs = st.integers(1, 4)
wishes = st.one_of(
    st.just(Hold()),
    st.builds(Hold, req=reqs),
    st.just(Hold(conn=1)),
    st.builds(Step, req=reqs),
    st.just(Step(conn=1)),
    st.builds(Go, req=reqs),
    st.just(Go(conn=1)),
    st.just(GoAll()),
    st.sampled_from([stop(1, "send.*"), stop(2, "data_received"),
                     stop(3, "receive.return path=/b"), Unbreak(1)]),
    st.just(None),
)  # fmt: skip


@settings(max_examples=60)
@given(st.lists(wishes, max_size=12))
def test_whatever_is_wished_every_answer_comes_in_the_end(
    told: list[Wish | None],
) -> None:
    sent = 0
    with gated() as held:
        for wish in told:
            if wish is None:
                sent += 1
                held.wire.receives(GET[:5], GET[5:])
            else:
                held.tell(wish)
        held.tell(Unbreak(1), Unbreak(2), Unbreak(3), GoAll())

        assert held.wire.written == ANSWER * sent
        assert not held.armed
        assert held.here == []
        assert held.wire.errors == []
