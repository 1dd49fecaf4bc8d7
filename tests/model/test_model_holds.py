"""Who is held: by what was said of it, in any order, whatever was asked."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from model_records import values
from msgspec import inspect

from tracer.events import (
    BreakpointCleared,
    BreakpointSet,
    ClientDisconnected,
    ConnectionLost,
    Event,
    Held,
    Released,
    ServerStopped,
)
from tracer.events.log import Record
from tracer.model import holds
from tracer.model.holds import Breakpoint, Holding, Holds, advance, held_at
from tracer.model.trace import Trace

SECOND = 1_000_000_000


def at(t: int, cls: type[Event], *payload: object, **who: int | None) -> Record:
    made: Any = cls
    event: Record = made(*payload, t=t, thread="loop", **who)
    return event


def held(t: int, req: int, stage: str = "endpoint.enter", *rest: Any) -> Record:  # noqa: ANN401
    return at(t, Held, stage, "hold", *rest, conn=req + 10, req=req)


def after(*records: Record) -> Holds:
    was = Holds()
    for record in records:
        was = advance(was, record)
    return was


def test_one_is_held_at_its_stage_until_it_is_released() -> None:
    record = held(5, 1)
    assert after(record).held == (
        Holding(1, 11, "endpoint.enter", since=5, by="hold"),
    )
    released = at(9, Released, "endpoint.enter", "go", 4, conn=11, req=1)
    assert after(record, released) == Holds()


def test_a_step_moves_it_to_its_next_stage() -> None:
    one = (
        held(5, 1),
        at(6, Released, "endpoint.enter", "step", 1, conn=11, req=1),
        at(7, Held, "endpoint.exit", "step", conn=11, req=1),
    )
    assert [(h.stage, h.by, h.since) for h in after(*one).held] == [
        ("endpoint.exit", "step", 7)
    ]


def test_others_stay_held_the_longest_first() -> None:
    both = after(held(1, 1), held(2, 2), held(3, 3))
    assert [each.req for each in both.held] == [1, 2, 3]
    gone = advance(both, at(4, Released, "x", "go", 1, conn=12, req=2))
    assert [each.req for each in gone.held] == [1, 3]
    assert gone.of(3) is gone.held[1]
    assert gone.of(2) is None
    assert gone.of(None) is None


def test_two_tasks_of_one_request_may_be_held() -> None:
    was = after(
        at(1, Held, "send.call", "breakpoint", 1, conn=1, req=1, task=7),
        at(2, Held, "receive.call", "breakpoint", 1, conn=1, req=1, task=8),
    )
    assert [(each.stage, each.task) for each in was.held] == [
        ("send.call", 7),
        ("receive.call", 8),
    ]
    one = at(3, Released, "send.call", "step", 2, conn=1, req=1, task=7)
    assert [each.task for each in advance(was, one).held] == [8]


def test_timers_run_on_while_it_stands() -> None:
    timers = (("keep-alive", 5.0), ("timeout", 1.5))
    one = after(held(SECOND, 1, "send.call", None, timers)).held[0]
    assert one.seconds(3 * SECOND) == 2.0
    assert one.timers_at(3 * SECOND) == (("keep-alive", 3.0), ("timeout", 0.0))
    assert one.timers_at(0) == timers  # a late look never adds to them


def test_a_breakpoint_counts_whom_it_holds() -> None:
    was = after(
        at(1, BreakpointSet, 1, "endpoint.enter"),
        at(2, BreakpointSet, 2, "route.handle path=/a"),
        at(3, Held, "route.handle", "breakpoint", 2, conn=1, req=1),
        at(4, Released, "route.handle", "go", 1, conn=1, req=1),
        at(5, Held, "route.handle", "breakpoint", 2, conn=2, req=2),
    )
    assert was.breakpoints == (
        Breakpoint(1, "endpoint.enter"),
        Breakpoint(2, "route.handle path=/a", hits=2),
    )
    assert [each.req for each in was.by_breakpoint(2)] == [2]
    cleared = advance(was, at(6, BreakpointCleared, 2))
    assert [each.id for each in cleared.breakpoints] == [1]
    assert [each.req for each in cleared.held] == [2]  # it stays held


def test_a_client_that_leaves_is_said_and_the_request_stays_held() -> None:
    was = after(
        held(1, 1),
        held(1, 2),
        at(5, ClientDisconnected, conn=11, req=1),
        at(6, ConnectionLost, None, 0, conn=11, req=1),
    )
    left = {each.req: each.left for each in was.held}
    assert left == {1: 5, 2: None}


def test_bytes_kept_unread_are_gone_with_their_connection() -> None:
    kept = at(1, Held, "data_received", "hold", conn=4)
    assert after(kept).held[0].req is None
    assert not after(kept).held[0].is_loop
    assert after(kept, at(2, ConnectionLost, None, 0, conn=4)) == Holds()
    said = at(2, Released, "data_received", "go", 1, conn=4)
    assert after(kept, said) == Holds()


def test_the_whole_loop_may_be_held() -> None:
    loop = at(1, Held, "loop", "hold")
    assert after(loop).loop is not None
    assert after(held(0, 1), loop).of(1) is not None
    assert after(loop, at(9, Released, "loop", "go", 8)).loop is None


def test_nobody_is_held_by_a_server_that_has_stopped() -> None:
    kept = (held(1, 1), at(2, BreakpointSet, 1, "endpoint.enter"))
    assert after(*kept, at(3, ServerStopped, 0)) == Holds()


def test_a_trace_knows_who_is_held() -> None:
    trace = Trace()
    trace.feed([held(5, 1)])
    before = trace.copy()
    trace.feed([at(9, Released, "x", "go", 4, conn=11, req=1)])
    assert trace.holds == Holds()
    assert before.holds.of(1) is not None


def test_a_recording_tells_for_how_long_it_was_held_there() -> None:
    first, second = held(2, 1), held(7, 1)
    ends = at(5, Released, "x", "step", 3, conn=11, req=1)
    left = at(3, ClientDisconnected, conn=11, req=1)
    story = [at(1, ClientDisconnected), first, left, ends, second]
    assert [held_at(story, index) for index in range(-1, 5)] == [
        None,
        None,
        (first, ends),
        (first, ends),
        None,
        (second, None),
    ]


KINDS = (Held, Released, BreakpointSet, BreakpointCleared, ClientDisconnected,
         ConnectionLost, ServerStopped)  # fmt: skip
IDS = st.none() | st.integers(1, 3)


@st.composite
def said(draw: st.DrawFn) -> Record:
    cls = draw(st.sampled_from(KINDS))
    info = inspect.type_info(cls)
    assert isinstance(info, inspect.StructType)
    skip = {*Event.__struct_fields__}
    fields = {
        each.name: draw(values(each.type))
        for each in info.fields
        if each.name not in skip
    }
    if cls is Held and draw(st.booleans()):
        fields["stage"] = "loop"
    who = {"conn": draw(IDS), "req": draw(IDS), "task": draw(IDS)}
    made: Any = cls
    record: Record = made(
        t=draw(st.integers(0, 9)), thread="loop", **who, **fields
    )
    return record


@settings(max_examples=60)
@given(st.lists(said(), max_size=30))
def test_nobody_is_held_twice_and_all_that_is_held_was_said(
    records: list[Record],
) -> None:
    was = Holds()
    for record in records:
        was = advance(was, record)
        whose = [each.whose for each in was.held]
        assert len(set(whose)) == len(whose)
        ids = [each.id for each in was.breakpoints]
        assert len(set(ids)) == len(ids)
        assert {e.since for e in was.held} <= {e.t for e in records}


@given(st.lists(said(), max_size=20))
@settings(max_examples=30)
def test_the_pieces_they_come_in_make_no_difference(
    records: list[Record],
) -> None:
    whole, bit = Trace(), Trace()
    whole.feed(records)
    for record in records:
        bit.feed([record])
    assert whole.holds == bit.holds


def test_what_is_kept_has_bounds(monkeypatch: Any) -> None:  # noqa: ANN401
    monkeypatch.setattr(holds, "MOST", 3)
    was = after(*(held(n, n) for n in range(1, 9)))
    assert [each.req for each in was.held] == [6, 7, 8]
