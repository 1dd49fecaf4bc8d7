"""Lanes: who ran, who was ready, who waited, and who held all the others."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_records import RECORDS

from tracer.events import (
    Accept,
    Dropped,
    Event,
    Held,
    LoopBlocked,
    LoopSelect,
    Released,
    ScopeBuilt,
    TaskCreated,
    TaskDone,
    TaskResumed,
    TaskStarted,
    TaskSuspended,
    ThreadEnd,
    ThreadQueued,
    ThreadStart,
    Tick,
)
from tracer.events.log import Record
from tracer.model.lanes import Lane, Lanes, State, tasks
from tracer.model.lanes import lane as lane_module

MS = 1_000_000

Cut = tuple[int, int | None, str, str]


def said(
    t: int,
    cls: Callable[..., Event],
    *payload: object,
    turn: int = 1,
    thread: str = "loop",
    **who: Any,  # noqa: ANN401  # the envelope's numbers
) -> Record:
    fields = {key: who.pop(key) for key in list(who) if key in EXTRA}
    return cls(*payload, t=t, turn=turn, thread=thread, **who, **fields)


EXTRA = {"ready", "on", "line", "job", "pool", "parent"}


def folded(*records: Record) -> Lanes:
    lanes = Lanes()
    for record in records:
        lanes.take(record)
    return lanes


def cuts(lane: Lane) -> list[Cut]:
    return [
        (each.start, each.end, each.state.value, each.what)
        for each in lane.segments
    ]


def loop_of(lanes: Lanes, t0: int = 0, t1: int = 10**9) -> list[Any]:
    return [
        (each.start, each.end, each.state.value, each.task)
        for each in lanes.loop(t0, t1)
    ]


# One task


def test_a_task_is_ready_runs_waits_is_ready_again_and_ends() -> None:
    lanes = folded(
        said(0, LoopSelect, 0, ()),
        said(10, TaskCreated, 7, "Task-7", "run_asgi", req=3),
        said(25, TaskStarted, 7, ready=15, req=3),
        said(40, TaskSuspended, 7, "sleep", "asyncio.sleep", line=14, where=2),
        said(90, LoopSelect, 50, (), turn=2),
        said(95, TaskResumed, 7, "timer", ready=20, turn=2),
        said(99, TaskDone, 7, "returned", turn=2),
    )
    lane = lanes.tasks.known[7]
    assert cuts(lane) == [
        (10, 25, "ready", ""),
        (25, 40, "runs", ""),
        (40, 75, "waits", "sleep"),
        (75, 95, "ready", "timer"),
        (95, 99, "runs", "timer"),
    ]
    assert (lane.req, lane.coro, lane.outcome, lane.ended) == (
        3, "run_asgi", "returned", 99,
    )  # fmt: skip
    wait = lane.at(50)
    assert wait is not None
    assert (wait.by, wait.line, wait.where) == ("asyncio.sleep", 14, 2)
    assert lane.at(9) is None
    assert lane.at(99) is None
    assert [each.state for each in lane.between(30, 80)] == [
        State.RUNS, State.WAITS, State.READY,
    ]  # fmt: skip


def test_a_held_task_is_held_and_does_not_just_wait() -> None:
    lanes = folded(
        said(0, LoopSelect, 0, ()),
        said(1, TaskStarted, 7),
        said(2, Held, "endpoint.enter", "hold", task=7, req=1),
        said(3, TaskSuspended, 7, "held"),
        said(9, TaskResumed, 7, "callback"),
    )
    assert cuts(lanes.tasks.known[7]) == [
        (1, 3, "runs", ""),
        (3, 9, "held", "held"),
        (9, None, "runs", "callback"),
    ]


def test_who_only_gave_way_could_run_at_once() -> None:
    lanes = folded(
        said(0, LoopSelect, 0, ()),
        said(1, TaskStarted, 7),
        said(3, TaskSuspended, 7, "gave way"),
        said(9, TaskResumed, 7, "turn", None, 2),
    )
    assert cuts(lanes.tasks.known[7]) == [
        (1, 3, "runs", ""),
        (3, 9, "ready", "turn"),
        (9, None, "runs", "turn"),
    ]


def test_without_the_lens_a_task_is_alive_and_nothing_more_is_claimed() -> None:
    lanes = folded(
        said(1, TaskCreated, 7, "Task-7", "run_asgi", req=1),
        said(2, TaskStarted, 7, req=1),
        said(4, Held, "endpoint.enter", "hold", task=7, req=1),
        said(6, Released, "endpoint.enter", "go", 2, task=7, req=1),
        said(9, TaskDone, 7, "returned", req=1),
    )
    assert cuts(lanes.tasks.known[7]) == [
        (1, 2, "ready", ""),
        (2, 4, "unseen", ""),
        (4, 6, "held", ""),
        (6, 9, "unseen", ""),
    ]
    assert lanes.loop(0, 10) == []


def test_an_eager_child_runs_inside_of_its_parents_step() -> None:
    lanes = folded(
        said(0, LoopSelect, 0, ()),
        said(1, TaskStarted, 1),
        said(3, TaskCreated, 2, "", "child", 1),
        said(3, TaskStarted, 2),
        said(6, TaskSuspended, 2, "sleep"),
        said(8, TaskSuspended, 1, "child task", on=2),
        said(9, LoopSelect, 0, (), turn=2),
    )
    assert loop_of(lanes) == [
        (0, 1, "runs", None),
        (1, 3, "runs", 1),
        (3, 6, "runs", 2),
        (6, 8, "runs", 1),
        (8, 9, "runs", None),
    ]
    assert cuts(lanes.tasks.known[1]) == [
        (1, 3, "runs", ""),
        (3, 6, "waits", "child task"),
        (6, 8, "runs", ""),
        (8, None, "waits", "child task"),
    ]


def test_a_step_whose_end_was_lost_is_not_shown_as_running() -> None:
    lanes = folded(
        said(0, LoopSelect, 0, ()),
        said(1, TaskStarted, 1),
        said(9, Dropped, 4, "viewer"),
        said(20, TaskStarted, 2, turn=4),
        said(22, TaskDone, 2, "returned", turn=4),
        said(30, LoopSelect, 1, (), turn=5),
    )
    assert lanes.lossy
    assert cuts(lanes.tasks.known[1]) == [(1, None, "unseen", "")]
    assert loop_of(lanes) == [
        (0, 20, "runs", None),
        (20, 22, "runs", 2),
        (22, 29, "runs", None),
        (29, 30, "idle", None),
    ]


# The loop


def test_the_loop_is_idle_in_select_and_runs_one_thing_at_a_time() -> None:
    lanes = folded(
        said(10, LoopSelect, 8, (("connection", 5, 1),)),
        said(14, TaskStarted, 1),
        said(16, TaskSuspended, 1, "event"),
        said(16, TaskStarted, 2),
        said(17, TaskDone, 2, "returned"),
        said(40, LoopSelect, 20, (), turn=2),
        said(41, TaskResumed, 1, "timer", turn=2),
    )
    assert loop_of(lanes) == [
        (2, 10, "idle", None),
        (10, 14, "runs", None),
        (14, 16, "runs", 1),
        (16, 17, "runs", 2),
        (17, 20, "runs", None),
        (20, 40, "idle", None),
        (40, 41, "runs", None),
        (41, None, "runs", 1),
    ]
    window = lanes.window(15, 25)
    assert [turn.turn for turn in window.turns] == []
    assert [lane.id for lane in window.tasks] == [1, 2]
    assert [each.start for each in window.loop] == [14, 16, 17, 20]
    assert {key: each.state for key, each in lanes.at(16).items()} == {
        1: State.WAITS, 2: State.RUNS,
    }  # fmt: skip


def test_the_whole_loop_can_be_held() -> None:
    lanes = folded(
        said(5, Held, "loop", "hold"),
        said(9, Released, "loop", "all", 4),
        said(20, Held, "loop", "hold"),
    )
    assert lanes.window(6, 7).holds == ((5, 9),)
    assert lanes.window(6, 30).holds == ((5, 9), (20, None))


# Worker threads


def ask(t: int, job: int, req: int, borrowed: int = 0) -> Record:
    return said(
        t, ThreadQueued, "load", borrowed, 2, job=job, req=req, task=req + 10
    )


def test_jobs_wait_for_a_thread_and_the_gauge_says_who_holds_each() -> None:
    lanes = folded(
        ask(1, 1, 1),
        said(2, ThreadStart, "load", 1, job=1, req=1, thread="worker-1"),
        ask(3, 2, 2, 1),
        said(4, ThreadStart, "load", 1, job=2, req=2, thread="worker-2"),
        ask(5, 3, 3, 2),
        ask(6, 4, 4, 2),
        said(8, ThreadEnd, "load", "returned", job=1, req=1, thread="worker-1"),
        said(9, ThreadStart, "load", 4, job=3, req=3, thread="worker-1"),
        said(11, ThreadEnd, "load", "never ran", job=4, req=4),
        said(12, ThreadEnd, "load", "raised", job=3, req=3, thread="worker-1"),
    )
    gauge = lanes.gauge(7)
    assert gauge.total == 2
    assert [(job.worker, job.req) for job in gauge.held] == [
        ("worker-1", 1), ("worker-2", 2),
    ]  # fmt: skip
    assert [job.req for job in gauge.waiting] == [3, 4]
    later = lanes.gauge(10)
    assert [(job.worker, job.req) for job in later.held] == [
        ("worker-2", 2), ("worker-1", 3),
    ]  # fmt: skip
    assert [job.req for job in later.waiting] == [4]
    assert [
        (job.number, job.queued, job.started, job.ended, job.outcome)
        for job in lanes.threads.between(0, 20)
    ] == [
        (1, 1, 2, 8, "returned"),
        (2, 3, 4, None, ""),
        (3, 5, 9, 12, "raised"),
        (4, 6, None, 11, "never ran"),
    ]
    assert [job.number for job in lanes.threads.between(13, 20)] == [2]
    assert lanes.gauge(0).total == 0


def test_jobs_without_numbers_find_each_other_by_name_and_request() -> None:
    lanes = folded(
        said(1, ThreadQueued, "load", 0, 40, req=1),
        said(1, ThreadQueued, "load", 0, 40, req=2),
        said(2, ThreadStart, "load", 1, req=2, thread="worker-1"),
        said(3, ThreadStart, "load", 1, req=1, thread="worker-2"),
    )
    assert [(job.req, job.worker) for job in lanes.threads.jobs] == [
        (1, "worker-2"), (2, "worker-1"),
    ]  # fmt: skip


# A blocked loop


def asked(t: int, conn: int, req: int, turn: int) -> Record:
    return said(
        t, ScopeBuilt, "GET", "/", "/", "", "", "1.1", "http", "c", "s",
        (), (), 1, conn=conn, req=req, turn=turn,
    )  # fmt: skip


def blocked(t: int, ns: int, *, over: bool) -> Record:
    return said(
        t, LoopBlocked, 10 * MS, ns, "app.py:14 time.sleep(1)", over,
        req=1, task=11, turn=3, thread="watchdog",
    )  # fmt: skip


def block() -> list[Record]:
    """Request 1 holds the loop; 2, 3 and 4 wait, each in another way."""
    return [
        said(1 * MS, Tick, 1, 0, 0, 0, task=1),
        asked(2 * MS, 1, 1, 2),
        said(2 * MS, TaskStarted, 14, turn=2, req=7),
        said(2 * MS, TaskSuspended, 14, "sleep", turn=2, req=7),
        said(2 * MS, TaskStarted, 15, turn=2, req=8),
        said(2 * MS, ThreadQueued, "load", 0, 2, job=1, req=8, task=15),
        said(2 * MS, ThreadStart, "load", 0, job=1, req=8, thread="worker-1"),
        said(2 * MS, TaskSuspended, 15, "worker thread", turn=2, req=8),
        said(3 * MS, TaskCreated, 12, "Task-12", "run_asgi", req=2),
        said(10 * MS, LoopSelect, 0, (), turn=3),
        said(11 * MS, TaskStarted, 13, turn=3, req=9),  # not kept waiting
        said(11 * MS + 9, TaskSuspended, 13, "sleep", turn=3),
        said(12 * MS, TaskStarted, 11, turn=3, req=1),
        blocked(110 * MS, 100 * MS, over=False),
        said(
            500 * MS,
            ThreadEnd,
            "load",
            "returned",
            job=1,
            req=8,
            thread="worker-1",
        ),
        said(966 * MS, TaskSuspended, 11, "event", turn=3, req=1),
        blocked(966 * MS, 956 * MS, over=True),
    ]


def behind() -> list[Record]:
    """What the turns after it find."""
    ready = (("listener", 3, None), ("connection", 7, 3), ("connection", 8, 1))
    return [
        said(967 * MS, LoopSelect, 0, ready, turn=4),
        said(968 * MS, TaskStarted, 12, ready=965 * MS, req=2, turn=4),
        said(969 * MS, TaskDone, 12, "returned", req=2, turn=4),
        said(970 * MS, Accept, "127.0.0.1:1", 9, conn=4, turn=4),
        said(971 * MS, Accept, "127.0.0.1:2", 10, conn=5, turn=4),
        asked(972 * MS, 3, 3, 4),
        said(973 * MS, LoopSelect, 0, (), turn=5),
        said(973 * MS + 9, TaskResumed, 14, "timer", turn=5, req=7),
        said(974 * MS, LoopSelect, 0, (), turn=6),
        asked(975 * MS, 4, 4, 6),
        *(
            said((980 + n) * MS, LoopSelect, 0, (), turn=7 + n)
            for n in range(5)
        ),
        asked(990 * MS, 5, 6, 12),  # much later: it had not been sent
    ]


def test_the_card_names_who_waited_and_in_which_way() -> None:
    lanes = folded(*block(), *behind())
    (only,) = lanes.window(0, 10**10).blocks
    card = lanes.card(only)
    assert only.over
    assert (card.req, card.until) == (1, 966 * MS)
    assert card.requests == (2, 3, 4, 7, 8)
    assert card.newcomers == 1
    assert card.tick == 865 * MS
    assert card.tasks == ()
    assert card.settled


def test_while_it_lasts_the_card_says_what_is_known_then() -> None:
    lanes = folded(*block()[:-3])
    (only,) = lanes.window(0, 10**10).blocks
    card = lanes.card(only)
    assert not only.over
    assert (card.req, card.until) == (1, 110 * MS)
    assert card.requests == (2,)
    assert card.newcomers == 0
    assert card.tick == 9 * MS
    assert not card.settled


def test_who_could_have_run_in_time_did_not_wait() -> None:
    lanes = folded(
        said(9 * MS, Tick, 1, 0, 0, 0, task=1),
        said(10 * MS, LoopSelect, 0, (), turn=3),
        said(12 * MS, TaskStarted, 11, turn=3, req=1),
        blocked(105 * MS, 95 * MS, over=True),
        said(105 * MS, TaskCreated, 20, "Task-20", "late", turn=3),
    )
    card = lanes.card(lanes.blocked.blocks[0])
    assert (card.requests, card.tasks, card.tick) == ((), (), 0)


def test_a_settled_card_is_the_last_word() -> None:
    records = [*block(), *behind()]
    lanes, cards = Lanes(), []
    for record in records:
        lanes.take(record)
        cards += lanes.settled()
    (only,) = lanes.blocked.blocks
    assert cards == [lanes.card(only)]
    assert lanes.settled() == []

    lanes.take(said(999 * MS, TaskResumed, 16, "timer", ready=999 * MS, req=9))
    lanes.take(blocked(999 * MS, 960 * MS, over=True))
    assert lanes.blocked.blocks == [only]
    assert cards == [lanes.card(only)]


def test_a_block_without_end_is_settled_by_the_next_one_or_by_the_end() -> None:
    lanes = folded(*block()[:-3])
    lanes.take(
        said(2_000 * MS, LoopBlocked, 1_800 * MS, 200 * MS, "b:1", False,
             turn=40)
    )  # fmt: skip
    assert [each.until for each in lanes.settled()] == [110 * MS]
    lanes.end()
    assert [each.until for each in lanes.settled()] == [2_000 * MS]


# Any events at all

STEPS = st.lists(
    st.tuples(st.sampled_from("selcrwd"), st.integers(1, 3), st.integers(0, 9)),
    max_size=60,
)


def orderly(steps: list[tuple[str, int, int]]) -> list[Record]:
    """What a loop could say, if events were lost now and then."""
    t, turn, made = 0, 0, list[Record]()
    for what, task, after in steps:
        t += after
        match what:
            case "s":
                turn += 1
                made.append(said(t, LoopSelect, after // 2, (), turn=turn))
            case "e" | "l":
                made.append(said(t, TaskStarted, task, ready=2, turn=turn))
            case "c":
                made.append(
                    said(t, TaskCreated, task, "", "f", parent=1, turn=turn)
                )
            case "r":
                made.append(
                    said(t, TaskResumed, task, "task", ready=after, turn=turn)
                )
            case "w":
                made.append(said(t, TaskSuspended, task, "sleep", turn=turn))
            case _:
                made.append(said(t, TaskDone, task, "returned", turn=turn))
    return made


def hold_true(lanes: Lanes) -> None:
    for segments in (lanes.tasks.lit, lanes.loop(0, 2**62)):
        ends = [s.end if s.end is not None else s.start for s in segments]
        starts = [s.start for s in segments]
        for end, start in zip(ends, starts[1:], strict=False):
            assert end <= start
        assert all(e >= s for e, s in zip(ends, starts, strict=True))
    for lane in lanes.tasks.known.values():
        assert lane.segments[0].start == lane.born
        for one, two in zip(lane.segments, lane.segments[1:], strict=False):
            assert one.end == two.start
            assert one.start < two.start
        assert lane.now.end == lane.ended


@given(STEPS)
def test_one_thing_is_lit_at_a_time_and_segments_fill_each_life(
    steps: list[tuple[str, int, int]],
) -> None:
    hold_true(folded(*orderly(steps)))


@given(st.lists(RECORDS, max_size=30))
def test_so_it_is_with_any_records(records: list[Record]) -> None:
    lanes = folded(*records)
    hold_true(lanes)
    lanes.window(0, 2**62)
    for each in lanes.blocked.blocks:
        lanes.card(each)
    lanes.gauge(lanes.last)


@given(STEPS, st.integers(0, 60))
def test_a_copy_is_not_touched_by_what_comes_later(
    steps: list[tuple[str, int, int]], cut: int
) -> None:
    records = orderly(steps)
    lanes, alone = folded(*records[:cut]), folded(*records[:cut])
    copied = lanes.copy()
    for record in records[cut:]:
        lanes.take(record)
    assert state_of(copied) == state_of(alone)


def state_of(lanes: Lanes) -> list[Any]:
    return [
        lanes.loop(0, 2**62),
        lanes.tasks.lit,
        [(lane.id, lane.segments) for lane in lanes.tasks.known.values()],
        lanes.threads.jobs,
    ]


# Memory


def test_old_lanes_are_let_go_and_a_look_opens_few_drawers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tasks, "SEGMENTS", 6_000)
    monkeypatch.setattr(tasks, "LIT", 2_000)
    lanes = Lanes()
    lanes.take(said(0, LoopSelect, 0, ()))
    for number in range(1, 5_000):
        t = number * 10
        lanes.take(said(t, TaskCreated, number, "", "f"))
        lanes.take(said(t + 2, TaskStarted, number))
        lanes.take(said(t + 4, TaskSuspended, number, "sleep"))
        lanes.take(said(t + 6, TaskResumed, number, "timer"))
        lanes.take(said(t + 8, TaskDone, number, "returned"))
    kept = sum(len(lane.segments) for lane in lanes.tasks.known.values())
    assert kept == lanes.tasks.size <= 6_000
    assert len(lanes.tasks.lit) <= 2_000
    assert 1 not in lanes.tasks.known
    middle = 4_800 * 10
    assert [lane.id for lane in lanes.tasks.between(middle, middle + 29)] == [
        4_800, 4_801, 4_802,
    ]  # fmt: skip


def test_who_needs_no_old_lanes_keeps_few_of_them() -> None:
    lanes = Lanes(tasks=tasks.Tasks(most=100))
    for number in range(1, 1_000):
        lanes.take(said(number * 10, TaskCreated, number, "", "f"))
        lanes.take(said(number * 10 + 2, TaskStarted, number))
        lanes.take(said(number * 10 + 8, TaskDone, number, "returned"))
    assert len(lanes.tasks.known) <= lanes.tasks.size <= 100
    assert lanes.copy().tasks.most == 100


def test_a_lane_without_end_keeps_its_newest_segments(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lane_module, "KEEP", 200)
    lanes = Lanes()
    lanes.take(said(0, TaskStarted, 1))
    for t in range(1, 5_000, 2):
        lanes.take(said(t, TaskSuspended, 1, "sleep"))
        lanes.take(said(t + 1, TaskResumed, 1, "timer"))
    lane = lanes.tasks.known[1]
    assert len(lane.segments) == lanes.tasks.size <= 200
    oldest = lane.segments[0]
    assert (oldest.start, oldest.state) == (0, State.UNSEEN)
    assert oldest.end == lane.segments[1].start > 4_000
    assert lane.now.start == 5_000
    hold_true(lanes)


def test_of_many_that_live_each_keeps_its_newer_half(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tasks, "SEGMENTS", 1_000)
    lanes = Lanes()
    t = 0
    for _ in range(40):
        for task in range(1, 21):
            t += 2
            lanes.take(said(t, TaskResumed, task, "timer"))
            lanes.take(said(t + 1, TaskSuspended, task, "sleep"))
    kept = sum(len(each.segments) for each in lanes.tasks.known.values())
    assert kept == lanes.tasks.size <= 1_000
    hold_true(lanes)
