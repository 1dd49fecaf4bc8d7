"""The loop in the text view: turns, who waited, and the figures at the end."""

import re
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from text_feeds import ListFeed, page  # isort: split

from model_records import RECORDS

from tracer.events import (
    ConnectionMade,
    DataReceived,
    Event,
    Line,
    LoopBlocked,
    LoopCreated,
    LoopSelect,
    RunAsgiEnd,
    RunAsgiStart,
    ScopeBuilt,
    Source,
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
from tracer.model.placing import Placed
from tracer.model.trace import Trace
from tracer.views.text.turns import IdleTurns, Turns, WhoWaited

MS = 1_000_000


def at(
    t: int,
    turn: int | None,
    cls: type[Event],
    *payload: object,
    **who: object,
) -> Record:
    """An event at so many milliseconds."""
    made: Any = cls
    envelope = {"thread": "loop", **who}
    event: Record = made(*payload, t=t * MS, turn=turn, seq=t + 1, **envelope)
    return event


def ticks(begin: int, first: int, times: int) -> list[Record]:
    """Turns in which nothing but the server's tick runs."""
    made: list[Record] = []
    for n in range(times):
        t, turn = begin + n * 100, first + n
        made += [
            at(t, turn, LoopSelect, 99 * MS, (), 0.1),
            at(t, turn, TaskResumed, 1, "timer"),
            at(t, turn, Tick, n, 0, 0, 0, task=1),
            at(t, turn, TaskSuspended, 1, "sleep"),
        ]
    return made


def asked(t: int, turn: int, req: int) -> list[Record]:
    """A request that comes in one turn, and runs and sleeps in the next."""
    who = {"conn": req, "req": req}
    path = f"/{req}"
    return [
        at(t, turn, LoopSelect, 9 * MS, (("connection", 8, req),), 0.1),
        at(t, turn, DataReceived, 20, conn=req),
        at(t + 1, turn, ScopeBuilt, "GET", path, path, "", "", "1.1", "http",
           "c", "s", (), (), 1, **who),
        at(t + 1, turn, TaskCreated, req * 10, "t", "run_asgi", None, **who),
        at(t + 2, turn + 1, LoopSelect, 0, (), 0.0),
        at(t + 2, turn + 1, TaskStarted, req * 10, **who, task=req * 10),
        at(t + 3, turn + 1, RunAsgiStart, **who, task=req * 10),
    ]  # fmt: skip


def told(
    records: list[Record], depth: str = "events", chosen: str = ""
) -> list[str]:
    """The lines of the events, without what is said at the end."""
    feed = ListFeed(records)
    text = page(feed, depth=depth, width=200, filter=chosen)
    return [line for line in text.splitlines() if ROW.match(line)]


def kinds(lines: list[str], label: str) -> list[str]:
    """The kinds in the lines of one request."""
    return [line.split()[4] for line in lines if line.startswith(label)]


ROW = re.compile(r"(#\d+|c\d+|srv) .* -?\d+\.\d{3}  \S+ ")


def test_idle_turns_are_one_line_when_something_happens_again() -> None:
    records = [*ticks(100, 1, 12), *asked(1300, 13, 1)]

    lines = told(records)

    # The first tick tells which task it is that ticks.
    assert [line for line in lines if line.startswith("srv")] == [
        "srv         1200.000  loop.select          ┬ "
        "… idle turns: 12 in 1.2 s, events: 48, at most the tick's"
    ]


def test_live_an_idle_server_is_silent() -> None:
    turns, trace = Turns(), Trace()

    given_on = list(turns.sort_out(trace.tell(ticks(0, 1, 50))))

    assert given_on == []
    ((key, (idle,)),) = turns.rest()
    assert key is None
    assert isinstance(idle, IdleTurns)
    assert (idle.n, idle.events, idle.ns) == (50, 200, 4999 * MS)


def test_a_turn_begins_with_the_request_that_runs_first_in_it() -> None:
    lines = told([*ticks(0, 1, 1), *asked(110, 2, 1)])

    assert kinds(lines, "#1") == [
        *("loop.select", "data_received", "scope.built", "task.created"),
        *("loop.select", "task.started", "run_asgi.start"),
    ]
    assert "after 9.0 ms idle; ready: connection 1 (fd 8)" in lines[1]


def test_a_turn_is_not_idle_whose_events_are_told_later() -> None:
    made = at(5, 1, ConnectionMade, 1, "c", "s", 1, conn=1)
    records = [
        *ticks(0, 0, 1),
        at(4, 1, LoopSelect, 0, (), 0.05),
        made,
        *asked(10, 2, 1),
    ]

    lines = told(records)

    assert kinds(lines, "#1")[:4] == [
        *("loop.select", "connection_made", "loop.select", "data_received"),
    ]
    assert [line for line in lines if "… idle turns: 1 in" in line]


def test_callbacks_without_a_word_belong_to_who_runs_next() -> None:
    records = [
        *ticks(0, 0, 1),
        *asked(10, 1, 1),
        at(20, 3, LoopSelect, 0, (), 0.0),
        at(21, 4, LoopSelect, 0, (("self-pipe", 5, None),), 0.0),
        at(22, 5, LoopSelect, 0, (), 0.0),
        at(23, 5, TaskDone, 10, "returned", req=1, conn=1, task=10),
    ]

    lines = told(records)

    assert kinds(lines, "#1")[-4:] == [
        *("loop.select", "loop.select", "loop.select", "task.done"),
    ]


def test_a_task_of_nobodys_is_told_from_its_making_on() -> None:
    records = [
        *ticks(0, 0, 1),
        at(10, 1, LoopSelect, 0, (("listener", 5, None),), 0.1),
        at(10, 1, TaskCreated, 9, "t", "accept2"),
        at(11, 2, LoopSelect, 0, (), 0.0),
        at(11, 2, TaskStarted, 9, task=9),
        at(12, 2, TaskSuspended, 9, "future", task=9),
        at(13, 3, LoopSelect, 0, (), 0.0),
    ]

    assert kinds(told(records), "srv ")[-5:] == [
        *("task.created", "loop.select", "task.started", "task.suspended"),
        "loop.select",
    ]


def test_kinds_that_are_asked_for_are_all_there() -> None:
    lines = told(ticks(0, 1, 5), chosen="kind=loop.select,tick")

    assert len(lines) == 10


BLOCKED: list[Record] = [
    *ticks(0, 1, 2),
    *asked(110, 3, 1),
    *asked(120, 5, 2),
    at(230, 6, LoopBlocked, 123 * MS, 107 * MS, "app.py:14 time.sleep(1)",
       False, req=2, conn=2, task=20, thread="watchdog"),
    at(1123, 6, LoopBlocked, 123 * MS, 1000 * MS, "app.py:14 time.sleep(1)",
       True, req=2, conn=2, task=20),
    at(1124, 7, LoopSelect, 0, (("connection", 9, 3),), 0.0),
    at(1124, 7, TaskResumed, 1, "timer", None, 900 * MS),
    at(1125, 7, Tick, 3, 0, 0, 0, task=1),
    at(1125, 7, TaskSuspended, 1, "sleep"),
    *asked(1130, 8, 3)[1:],
]  # fmt: skip


@pytest.mark.parametrize("depth", ["story", "stages", "events"])
def test_who_held_the_loop_is_said_at_every_depth(depth: str) -> None:
    lines = told(BLOCKED, depth=depth)

    loud = [line for line in lines if " ✗ " in line]
    assert [line[:4].strip() for line in loud] == ["#2", "#2", "srv"]
    assert loud[0].endswith(
        "Blocked for 107 ms and still blocked, by app.py:14 time.sleep(1)"
    )
    assert loud[1].endswith("Blocked for 1.0 s, by app.py:14 time.sleep(1)")
    assert loud[2].endswith(
        "#2 held the loop for 1.0 s: app.py:14 time.sleep(1); meanwhile"
        " waited: #3 and the server's tick"
    )


def test_many_short_steps_are_not_called_one_requests_fault() -> None:
    short = [
        replace(each, ran=5 * MS)
        if isinstance(each, LoopBlocked) and not each.over
        else each
        for each in BLOCKED
    ]

    lines = told(short, depth="story")

    (loud,) = [line for line in lines if line.startswith("srv") and "✗" in line]
    assert "✗ One turn of many short steps held the loop for 1.0 s" in loud


def test_where_a_task_waits_is_said_with_the_file() -> None:
    records = [
        Source(7, "app.py", 10, "nap", "def nap(): ...", t=0, thread="loop"),
        *asked(0, 1, 1),
        at(5, 2, TaskSuspended, 10, "sleep", "asyncio.sleep", None, 13,
           req=1, conn=1, task=10, where=7),
    ]  # fmt: skip

    assert told(records, depth="stages")[-1].endswith(
        "┄ Task 10 sleeps until its timer fires · app.py:13"
    )


def test_a_line_that_runs_is_said_with_its_text() -> None:
    code = "def nap():\n    time.sleep(1)\n"
    records = [
        Source(7, "app.py", 10, "nap", code, t=0, thread="loop"),
        *asked(0, 1, 1),
        at(5, 2, Line, 11, req=1, conn=1, task=10, where=7),
    ]

    assert told(records, depth="events")[-1].endswith(
        "Line 11 is about to run · app.py:11 time.sleep(1)"
    )


def test_the_servers_own_tasks_are_told_at_the_deepest_only() -> None:
    assert told(ticks(0, 1, 3), depth="stages") == []
    assert told(ticks(0, 1, 3), depth="story") == []


def test_the_loop_is_told_in_figures_at_the_end() -> None:
    who: dict[str, Any] = {"req": 1, "conn": 1}
    records = [
        *ticks(0, 1, 2),
        *asked(110, 3, 1),
        at(120, 4, TaskSuspended, 10, "worker thread", **who, task=10),
        at(121, 4, ThreadQueued, "work", 0, 40, 1, **who, task=10),
        at(126, 4, ThreadStart, "work", 5 * MS, 1, thread="worker-1", **who),
        at(140, 4, ThreadEnd, "work", "returned", 1, thread="worker-1", **who),
        at(141, 5, LoopSelect, 20 * MS, (("self-pipe", 5, None),), None),
        at(150, 5, TaskResumed, 10, "thread", None, 9 * MS, **who, task=10),
        at(151, 5, RunAsgiEnd, "complete", **who, task=10),
    ]

    text = page(ListFeed(records), width=100)

    after = text.partition("━━ The event loop ")[2].splitlines()[1:]
    assert [line.strip() for line in after if not line.startswith("━")] == [
        "turns 5 · busy 13 ms · idle 227 ms · longest turn 9.0 ms (turn 4, #1)",
        "tasks made 1 · suspended 3×: sleep 2 · worker thread 1",
        "longest ready but waiting: 9.0 ms, task 10, #1",
        "calls in threads 1 · at most 1 of 40 threads at once · longest wait"
        " for one 5.0 ms, work, #1",
    ]


def test_without_turns_there_are_no_figures_of_the_loop() -> None:
    assert "The event loop" not in page(ListFeed(asked(0, 0, 1)[1:4]))


@given(st.lists(RECORDS, max_size=30), st.integers(1, 9))
@settings(max_examples=150)
def test_all_is_given_on_once_whatever_the_pieces(
    records: list[Record], size: int
) -> None:
    whole = sorted_out(records, len(records) or 1)

    assert sorted_out(records, size) == whole
    idle = [each for _, each in whole if isinstance(each, IdleTurns)]
    plain = [
        each for _, each in whole if not isinstance(each, IdleTurns | WhoWaited)
    ]
    assert len(plain) + sum(each.events for each in idle) == len(records)


def sorted_out(
    records: Sequence[Record], size: int
) -> list[tuple[int | None, Record]]:
    """Whose each record is, as it comes out in pieces of so many."""
    trace, turns = Trace(), Turns()
    placed: list[Placed] = []
    for start in range(0, len(records), size):
        piece = records[start : start + size]
        turns.look(piece)
        placed += turns.sort_out(trace.tell(piece))
    placed += turns.rest()
    left = [(None, each) for each in trace.leftover()]
    return [(req, each) for req, own in placed for each in own] + left


def test_a_block_that_nobody_saw_blames_nobody() -> None:
    end = at(230, 6, LoopBlocked, 123 * MS, 106 * MS, "", True)

    lines = told([*ticks(0, 1, 2), end], depth="stages")

    loud = [line.partition(" ✗ ")[2] for line in lines if " ✗ " in line]
    assert loud == [
        "Blocked for 106 ms; over before anybody could look by whom",
        "One turn held the loop for 106 ms, over before anybody could look;"
        " meanwhile waited: the server's tick",
    ]


def test_what_of_a_loop_cant_be_seen_is_said() -> None:
    made = at(1, 0, LoopCreated, "uvloop.Loop", "libuv", "its turns: in C")

    (line,) = [each for each in told([made]) if "loop.created" in each]
    assert line.endswith("one event loop now: uvloop.Loop; its turns: in C")
