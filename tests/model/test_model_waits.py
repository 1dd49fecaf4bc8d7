"""Tasks of requests: whose they are, what they wait for, and the figures."""

from typing import Any

from tracer.events import (
    Accept,
    ClientClosed,
    ClientConnected,
    ClientRefused,
    ClientResponse,
    ClientSent,
    Event,
    Held,
    LoopBlocked,
    LoopSelect,
    Released,
    RunAsgiEnd,
    RunAsgiStart,
    ScopeBuilt,
    SelectorRegister,
    TaskCreated,
    TaskDone,
    TaskLost,
    TaskResumed,
    TaskStarted,
    TaskSuspended,
    ThreadEnd,
    ThreadQueued,
    ThreadStart,
    Tick,
)
from tracer.events.log import Record
from tracer.model.loopstats import LoopStats, Most
from tracer.model.requests import MOST_WAITS
from tracer.model.trace import Trace


def at(t: int, cls: type[Event], *payload: object, **who: object) -> Record:
    made: Any = cls
    event: Record = made(*payload, t=t, seq=t, **{"thread": "loop", **who})
    return event


ONE = {"conn": 1, "req": 1}
BUILT = (
    *("GET", "/", "/", "", "", "1.1", "http", "c", "s", (), (), 1),
)  # fmt: skip

RUN: list[Record] = [
    at(1, LoopSelect, 0, ()),
    at(2, ScopeBuilt, *BUILT, **ONE),
    at(3, TaskCreated, 4, "t", "run_asgi", None, **ONE),
    at(4, LoopSelect, 0, ()),
    at(5, TaskResumed, 1, "timer"),
    at(6, Tick, 1, 1, 1, 1, task=1),
    at(7, TaskSuspended, 1, "sleep"),
    at(8, TaskStarted, 4, **ONE, task=4),
    at(9, RunAsgiStart, **ONE, task=4),
    # Made by a library that the request's context never reached.
    at(10, TaskCreated, 5, "u", "work", 4),
    at(11, TaskSuspended, 4, "child task", "", 5, **ONE),
    at(12, LoopSelect, 0, ()),
    at(13, TaskStarted, 5),
    at(14, TaskSuspended, 5, "sleep"),
    at(15, TaskCreated, 6, "v", "accept2", None),
    at(16, LoopSelect, 0, ()),
    at(17, TaskStarted, 6),
    at(18, TaskSuspended, 6, "future"),
    at(19, LoopBlocked, 16, 9, "app.py:1", True, **ONE),
    at(20, TaskResumed, 5, "timer"),
    at(21, TaskDone, 5, "raised", "KeyError"),
    at(22, TaskResumed, 4, "task", 5, **ONE),
    at(23, RunAsgiEnd, "complete", **ONE, task=4),
    at(24, TaskDone, 4, "returned", None, **ONE),
]


def test_a_requests_story_has_its_tasks_and_nobody_elses_in_order() -> None:
    trace = Trace()
    trace.feed(RUN)

    assert [each.t for each in trace.story(1)] == [
        *(2, 3, 8, 9, 10, 11, 13, 14, 19, 20, 21, 22, 23, 24),
    ]


def test_a_tasks_last_word_may_come_when_its_request_is_long_over() -> None:
    trace = Trace()
    lost = at(30, TaskLost, 5, "KeyError", **ONE)

    trace.feed([*RUN, lost])

    assert trace.story(1)[-1] is lost


def test_what_is_said_of_the_loop_is_in_no_requests_story() -> None:
    trace = Trace()
    trace.feed(
        [
            *RUN[:10],
            at(30, LoopSelect, 0, (("connection", 8, 1),)),
            at(31, SelectorRegister, 5, "self-pipe", "read"),
            at(32, ClientConnected, "1.2.3.4:5", 7, thread="client-1"),
        ]
    )

    assert all(each.t < 30 for each in trace.story(1))


def test_a_connection_is_watched_again_for_the_request_that_was_on_it() -> None:
    trace = Trace()
    watched = at(30, SelectorRegister, 8, "connection", "read", conn=1)

    trace.feed([*RUN, watched])

    assert trace.story(1)[-1] is watched


def test_a_request_waits_for_what_none_of_its_own_tasks_will_bring() -> None:
    trace = Trace()
    seen = []
    for record in RUN:
        trace.feed([record])
        if (request := trace.requests.get(1)) is not None:
            seen.append((record.t, request.awaited, len(request.waits)))

    changes = [
        seen[n]
        for n in range(len(seen))
        if n == 0 or seen[n][1:] != seen[n - 1][1:]
    ]
    assert changes == [
        (2, "", 0),
        (11, "", 1),
        (14, "awaits sleep", 2),
        (20, "", 1),
        (22, "", 0),
    ]
    assert trace.requests[1].doing == "done"


def test_a_request_that_is_held_says_so() -> None:
    trace = Trace()
    trace.feed(RUN[:10])
    trace.feed([at(30, Held, "endpoint.enter", "hold", **ONE)])
    held = trace.requests[1]
    trace.feed([at(40, Released, "endpoint.enter", "go", 10, **ONE)])

    assert (held.held, held.doing) == ("endpoint.enter", "held")
    assert trace.requests[1].held == ""


def test_of_very_many_suspended_tasks_the_newest_are_kept() -> None:
    trace = Trace()
    trace.feed(RUN[:10])
    trace.feed(
        at(100 + n, TaskSuspended, 100 + n, "sleep", **ONE)
        for n in range(MOST_WAITS * 3)
    )

    waits = trace.requests[1].waits
    assert len(waits) == MOST_WAITS
    assert waits[-1] == (100 + MOST_WAITS * 3 - 1, "sleep")


# --- figures -----------------------------------------------------------------


def stats(*records: Record) -> LoopStats:
    made = LoopStats()
    for record in records:
        made.feed(record, record.req)
    return made


def test_a_turn_lasts_from_its_select_to_the_next_wait() -> None:
    made = stats(
        at(100, LoopSelect, 100, (), turn=1),
        at(110, TaskResumed, 1, "timer", turn=1),
        at(120, TaskSuspended, 1, "sleep", turn=1),
        at(120, TaskResumed, 2, "timer", None, 15, turn=1, req=7),
        at(190, TaskSuspended, 2, "lock", turn=1, req=7),
        at(250, LoopSelect, 50, (), turn=2),
        at(260, LoopSelect, 0, (), turn=3),
    )

    assert (made.turns, made.idle, made.busy) == (3, 150, 110)
    assert made.longest == Most(100, "1", 7, 100)
    assert made.waits == {"sleep": 1, "lock": 1}
    assert made.late == Most(15, "2", 7, 120)


def test_threads_are_counted_by_pool_and_a_job_that_never_ran_is_none() -> None:
    worker = {"thread": "worker-1", "req": 1}
    made = stats(
        at(1, ThreadQueued, "a", 0, 40, 1, req=1),
        at(2, ThreadQueued, "b", 1, 40, 2, req=1),
        at(3, ThreadQueued, "c", 0, 8, 3, "executor", req=1),
        at(4, ThreadStart, "a", 3, 1, **worker),
        at(5, ThreadStart, "c", 2, 3, **worker),
        at(6, ThreadEnd, "b", "never ran", 2, req=1),
        at(7, ThreadEnd, "c", "returned", 3, **worker),
        at(8, ThreadEnd, "a", "returned", 1, **worker),
    )

    assert (made.jobs, made.threads, made.total) == (2, 1, 40)
    assert made.queued == Most(3, "a", 1, 4)


def test_a_blocked_loop_counts_once_when_it_is_over() -> None:
    made = stats(
        at(200, LoopBlocked, 0, 200, "app.py:1", False, req=3),
        at(900, LoopBlocked, 0, 900, "app.py:1", True, req=3),
        at(1900, LoopBlocked, 1000, 500, "app.py:2", True, req=4),
    )

    assert (made.blocked, made.held_up) == (2, 1400)
    assert made.culprit == Most(900, "app.py:1", 3, 900)


def test_a_copy_of_the_figures_goes_its_own_way() -> None:
    made = stats(*RUN)
    copy = made.copy()

    made.feed(at(99, TaskSuspended, 1, "sleep"), None)
    made.feed(at(99, ThreadQueued, "a", 0, 1, 1, "limiter"), None)

    assert copy == stats(*RUN)
    assert made != copy


# --- our clients -------------------------------------------------------------


def test_what_a_client_did_stands_in_the_story_where_it_happened() -> None:
    trace, me = Trace(), {"thread": "client-1"}
    address = "1.2.3.4:5"
    trace.feed(
        [
            at(5, Accept, address, 8, conn=1),
            at(8, ScopeBuilt, *BUILT, **ONE),
            at(9, RunAsgiEnd, "complete", **ONE),
            # Said by another process, so they come later.
            at(3, ClientConnected, address, 1, **me),
            at(4, ClientSent, 20, nth=1, **me),
            at(10, ClientResponse, 200, 2, 6, nth=1, **me),
            at(11, ClientClosed, "client", **me),
        ]
    )

    assert [each.t for each in trace.story(1)] == [3, 4, 5, 8, 9, 10, 11]
    assert trace.leftover() == []


def test_a_client_of_a_blocked_server_is_heard_before_its_request_is() -> None:
    trace, me = Trace(), {"thread": "client-1"}
    address = "1.2.3.4:5"
    said = [
        at(3, ClientConnected, address, 1, **me),
        at(4, ClientSent, 20, nth=1, **me),
    ]
    trace.feed(said)
    assert not trace.requests

    told = trace.tell(
        [
            at(500, Accept, address, 8, conn=1),
            at(501, ScopeBuilt, *BUILT, **ONE),
        ]
    )

    assert [each.t for each in trace.story(1)] == [3, 4, 500, 501]
    assert sum(len(own) for _, own in told) == 4


def test_a_client_that_nobody_knows_is_left_over() -> None:
    trace, me = Trace(), {"thread": "client-1"}
    said = [
        at(3, ClientConnected, "1.2.3.4:5", 1, **me),
        at(4, ClientSent, 20, nth=1, **me),
    ]

    assert trace.tell([*said, at(5, ClientRefused, "no", thread="client-2")])
    assert trace.leftover() == said
