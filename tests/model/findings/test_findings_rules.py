"""Each rule fires for what it is about, and for nothing that looks alike."""

import pytest
from findings_cases import (
    CASES,
    MS,
    about,
    at,
    found,
    head,
    of_case,
    rules,
    scope,
    select,
    tick,
)

from tracer import events as e
from tracer.events.log import Record
from tracer.model.findings import RULED, RULES
from tracer.model.findings.watch import MANY, Memory


def test_each_rule_has_a_case() -> None:
    assert CASES.keys() == RULES.keys()


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_fires(rule: str) -> None:
    one = of_case(rule)
    assert one.severity is RULES[rule].severity
    assert dict(one.facts) == CASES[rule][1]
    assert one.proofs
    assert {each.kind for each in one.proofs} <= RULED | {"loop.blocked"}


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_explains_itself_by_a_kind(rule: str) -> None:
    assert RULES[rule].explains in e.KINDS


# The loop


BLOCKED = e.LoopBlocked, 50 * MS, 350 * MS, "a:1 f()"


def test_a_block_that_never_ends_is_told_at_the_end() -> None:
    (one,) = found(about(400, *BLOCKED, False, turn=2), end=True)
    assert (one.rule, one.facts["over"]) == ("loop-blocked", False)


def test_a_block_is_told_once_with_its_whole_time() -> None:
    longer = about(900, e.LoopBlocked, 50 * MS, 850 * MS, "a:2 f()", True,
                   turn=2)  # fmt: skip
    (one,) = found(about(400, *BLOCKED, False, turn=2), longer, select(901, 9))
    assert (one.facts["ns"], one.facts["culprit"]) == (850 * MS, "a:2 f()")


def test_two_blocks_one_after_the_other_are_two() -> None:
    second = e.LoopBlocked, 400 * MS, 300 * MS, "a:2 g()", True
    late = about(701, e.TaskStarted, 8, 600 * MS, turn=4, req=7)
    both = found(
        select(50, 2),
        about(400, *BLOCKED, True, turn=2),
        select(400, 3),
        about(700, *second, turn=3),
        select(700, 4),
        late,
        select(703, 20),
    )
    assert [(f.facts["culprit"], f.facts["who"]) for f in both] == [
        ("a:1 f()", "#7"),
        ("a:2 g()", "#7"),
    ]


@pytest.mark.parametrize(
    "other",
    [
        about(402, e.TaskResumed, 9, "timer", None, 2 * MS, turn=3, req=3),
        about(402, e.TaskResumed, 9, "task", None, 0, turn=3, req=3),
        scope(402, turn=3, req=3, conn=3),
    ],
)
def test_who_came_after_a_block_has_not_waited(other: Record) -> None:
    (one,) = found(
        about(400, *BLOCKED, True, turn=2),
        select(401, 3, ("connection", 8, 2)),
        other,
        select(403, 9),
    )
    assert one.facts["requests"] == 0


def test_where_turns_are_not_counted_time_tells_that_a_block_is_past() -> None:
    blocked = about(400, *BLOCKED, True)
    assert rules(blocked, tick(800)) == []
    assert rules(blocked, tick(800), tick(901)) == ["loop-blocked"]


def test_who_slept_or_had_sent_more_while_the_loop_was_held_has_waited() -> (
    None
):
    (one,) = found(
        scope(10, turn=1, req=5, conn=5),
        scope(11, turn=1, req=6, conn=6),
        at(12, e.RunAsgiEnd, "complete", req=6, conn=6),
        about(13, e.TaskSuspended, 7, "sleep", turn=1, req=7),
        about(13, e.TaskSuspended, 8, "event", turn=1, req=8),
        about(13, e.TaskSuspended, 9, "sleep", turn=1, req=9),
        about(400, *BLOCKED, True, turn=2),
        select(400, 3, ("connection", 8, 5), ("connection", 9, 6)),
        select(401, 4),
        about(401, e.TaskResumed, 7, "timer", None, 0, turn=4, req=7),
        about(401.5, e.TaskSuspended, 7, "sleep", turn=4, req=7),
        about(402, e.TaskResumed, 8, "task", None, 0, turn=4, req=8),
        about(402, e.TaskSuspended, 8, "event", turn=4, req=8),
        select(403, 5),
        about(403, e.TaskResumed, 9, "timer", None, 0, turn=5, req=9),
        select(404, 20),
    )
    assert one.facts["who"] == "#5, #7"


def slept(req: int, *resumed: object, turn: int = 4) -> tuple[Record, ...]:
    """A task that waits while the loop is held, and runs in a turn after."""
    return (
        select(1, 1),
        about(13, e.TaskSuspended, 9, "sleep", turn=1, req=req),
        about(400, *BLOCKED, True, turn=2),
        select(400, 3),
        select(410, 4),
        about(411, e.TaskResumed, 9, *resumed, turn=turn, req=req),
        select(412, 20),
    )


@pytest.mark.parametrize(
    ("resumed", "who"),
    [
        # The turn in which a thread's result is heard lasted for 10 ms.
        (("thread", None, 10 * MS), "#7"),
        (("timer", None, 30 * MS), "#7"),
        # Its timer was due when the loop was free, though hardly so.
        (("timer", None, MS // 2), ""),
        (("timer", None, 11 * MS), ""),
        (("task", 8, MS // 2), ""),
    ],
)
def test_when_a_task_could_run_tells_whether_it_waited(
    resumed: tuple[object, ...], who: str
) -> None:
    (one,) = found(*slept(7, *resumed))
    assert one.facts["who"] == who


def test_a_thread_that_was_done_only_later_kept_nobody_waiting() -> None:
    job = {"req": 7, "thread": "worker-1"}
    asked = about(13, e.ThreadQueued, "f", 0, 40, 1, task=9, req=7)
    began = about(13, e.ThreadStart, "f", 0, 1, **job)
    whole = slept(7, "thread", None, 0)
    for ms, who in ((300, "#7"), (401, "")):
        done = about(ms, e.ThreadEnd, "f", "returned", 1, **job)
        (one,) = found(asked, began, *whole[:2], done, *whole[2:])
        assert one.facts["who"] == who


def test_a_block_that_is_told_late_is_known_in_full() -> None:
    (one,) = found(
        select(50, 2),
        about(60, e.TaskCreated, 9, "t", "f", None, turn=2, req=7),
        select(400, 3),
        about(401, e.TaskStarted, 9, 341 * MS, turn=3, req=7),
        select(402, 4),
        about(400, *BLOCKED, True, turn=2),
        select(403, 20),
    )
    assert one.facts["who"] == "#7"


def test_who_ran_at_the_end_of_the_same_turn_has_waited() -> None:
    (one,) = found(
        select(50, 2),
        about(60, e.TaskCreated, 9, "t", "f", None, turn=2, req=7),
        about(399, e.TaskStarted, 9, 339 * MS, turn=2, req=7),
        about(399, e.TaskSuspended, 9, "sleep", turn=2, req=7),
        about(400, *BLOCKED, True, turn=2),
        select(403, 20),
    )
    assert one.facts["who"] == "#7"


def test_a_task_made_behind_a_requests_back_is_the_requests() -> None:
    (one,) = found(
        select(1, 1),
        about(2, e.TaskStarted, 8, turn=1, req=7),
        about(3, e.TaskCreated, 9, "t", "f", 8, turn=1),
        about(4, e.TaskSuspended, 8, "child task", turn=1, req=7),
        about(400, *BLOCKED, True, turn=2),
        select(400, 3),
        about(401, e.TaskStarted, 9, 398 * MS, turn=3),
        select(402, 20),
    )
    assert one.facts["who"] == "#7"


def test_a_task_that_is_first_heard_of_says_since_when_it_was_ready() -> None:
    (one,) = found(
        about(400, *BLOCKED, True, turn=2),
        select(400, 3),
        about(401, e.TaskResumed, 9, "event", None, 90 * MS, turn=3, req=7),
        select(402, 20),
    )
    assert one.facts["who"] == "#7"


def test_bytes_are_for_no_request_that_is_over_though_a_task_lives_on() -> None:
    (one,) = found(
        scope(10, turn=1, req=6, conn=6),
        about(11, e.TaskStarted, 9, turn=1, req=6),
        about(11, e.TaskSuspended, 9, "event", turn=1, req=6),
        at(12, e.RunAsgiEnd, "complete", req=6, conn=6),
        about(400, *BLOCKED, True, turn=2),
        select(400, 3, ("connection", 9, 6)),
        select(402, 20),
    )
    assert one.facts["who"] == ""


@pytest.mark.parametrize(
    ("last", "late"), [(303, 0), (299.5, 0), (290, 15 * MS)]
)
def test_a_tick_is_late_if_it_was_due_in_time(last: float, late: int) -> None:
    (one,) = found(
        tick(last, turn=1),
        about(400, e.LoopBlocked, 305 * MS, 95 * MS, "a:1 f()", True, turn=2),
        select(400, 3),
        tick(405, turn=4),
        select(406, 20),
    )
    assert one.facts["tick"] == late


def test_many_short_steps_are_no_single_culprit() -> None:
    seen = about(400, *BLOCKED, False, turn=2, ran=5 * MS)
    over = about(401, *BLOCKED, True, turn=2)
    (one,) = found(seen, over, select(402, 20))
    assert one.facts["many"] is True


# Threads and tasks


def test_a_thread_that_comes_late_though_it_was_free_is_no_finding() -> None:
    assert not found(
        at(1, e.ThreadQueued, "f", 0, 2, 1),
        at(50, e.ThreadStart, "f", 49 * MS, 1),
    )


def test_a_short_wait_for_a_thread_is_no_finding() -> None:
    assert not found(
        at(1, e.ThreadQueued, "f", 2, 2, 1),
        at(6, e.ThreadStart, "f", 5 * MS, 1),
    )


def test_a_task_that_is_done_with_its_request_is_no_finding() -> None:
    made = at(1, e.TaskCreated, 5, "", "work", 4, task=4)
    own = at(0, e.TaskCreated, 4, "", "RequestResponseCycle.run_asgi", None)
    done = e.TaskDone, 5, "returned"
    end = at(2, e.RunAsgiEnd, "complete", task=4)
    assert not found(own, made, at(2, *done), end, tick(100), end=True)
    assert not found(own, made, end, at(30, *done), tick(100), end=True)
    assert rules(own, made, end, at(90, *done)) == ["task-outlived-request"]


# The body


def waits(*records: Record) -> tuple[Record, ...]:
    return (
        at(1, e.RunAsgiStart, task=4),
        at(1, e.EndpointEnter, "f", "function", "async", task=4),
        at(1, e.ReceiveReturn, "http.request", 3, False, task=4),
        *records,
        tick(1500),
        tick(9000),
    )


CALL = at(2, e.ReceiveCall, False, task=4)
ASLEEP = at(2, e.TaskSuspended, 4, "request body", task=4)


def test_a_wait_for_nothing_is_told_once() -> None:
    assert rules(*waits(CALL, ASLEEP)) == ["body-waited-in-vain"]


def test_a_wait_that_the_client_cuts_short_is_told() -> None:
    gone = at(300, e.ReceiveReturn, "http.disconnect", 0, False, task=4)
    (one,) = found(*waits(CALL, ASLEEP, gone))
    assert (one.rule, one.facts["ns"]) == ("body-waited-in-vain", 298 * MS)


@pytest.mark.parametrize(
    "records",
    [
        pytest.param((CALL,), id="it isn't known whether it sleeps"),
        pytest.param(
            (at(2, e.ReceiveCall, False, task=5),
             at(2, e.TaskSuspended, 5, "request body", task=5)),
            id="another task watches for the client's leaving",
        ),
        pytest.param(
            (CALL, ASLEEP, at(2, e.TaskResumed, 4, "cancel", task=4),
             at(3, e.TaskSuspended, 4, "sleep", task=4)),
            id="is_disconnected() and a pause",
        ),
        pytest.param(
            (at(1, e.ResponseCall, "StreamingResponse", 200, task=4),
             CALL, ASLEEP),
            id="a response listens for the client's leaving",
        ),
        pytest.param(
            (CALL, ASLEEP, at(2, e.SendCall, "http.response.start", task=5)),
            id="it answers meanwhile",
        ),
    ],
)  # fmt: skip
def test_a_wait_for_the_clients_leaving_is_no_finding(
    records: tuple[Record, ...],
) -> None:
    assert found(*waits(*records)) == []


def test_a_wait_for_more_of_the_body_is_no_finding() -> None:
    assert not found(
        at(1, e.RunAsgiStart, task=4),
        at(1, e.ReceiveReturn, "http.request", 3, True, task=4),
        CALL,
        ASLEEP,
        tick(5000),
    )


@pytest.mark.parametrize("status", [302, 401, 404, 413, 500])
def test_a_refused_request_need_not_be_read(status: int) -> None:
    came = at(1, e.BodyBuffered, 3, 3)
    assert not found(came, head(2, status), at(3, e.RunAsgiEnd, "complete"))


# What they share


def test_what_is_remembered_is_bounded() -> None:
    memory: Memory[int, int] = Memory()
    for number in range(MANY + 5):
        memory.keep(number, number)
    assert len(memory) == MANY
    assert min(memory) == 5


def test_a_finding_knows_its_request_and_connection() -> None:
    one = of_case("went-on-alone")
    assert (one.req, one.conn, one.proof) == (1, 1, one.proofs[-1])
