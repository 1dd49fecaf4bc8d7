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
    assert {each.kind for each in one.proofs} <= RULED


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
        about(400, *BLOCKED, True, turn=2),
        about(700, *second, turn=3),
        late,
        select(702, 4),
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
        about(400, *BLOCKED, True, turn=2),
        select(400, 3, ("connection", 8, 5), ("connection", 9, 6)),
        about(401, e.TaskResumed, 9, "timer", None, 0, turn=4, req=7),
        about(402, e.TaskResumed, 9, "task", None, 0, turn=4, req=8),
        about(403, e.TaskResumed, 9, "timer", None, 0, turn=5, req=9),
        select(404, 20),
    )
    assert one.facts["who"] == "#5, #7"


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
