"""The fold: any records, in any pieces, give the same state without error."""

from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from model_records import RECORDS, teahouse

from tracer.events import (
    Accept,
    AppEnter,
    AppExit,
    ConnectionLost,
    ConnectionMade,
    DataReceived,
    H11Error,
    H11Event,
    H11Send,
    KeepaliveArmed,
    KeepaliveCancelled,
    KeepaliveFired,
    MiddlewareEnter,
    ProtocolCreated,
    ResponseComplete,
    ResponseStart,
    RunAsgiEnd,
    RunAsgiStart,
    ScopeBuilt,
    StackBuilt,
    TaskCreated,
    TaskDone,
    TaskStarted,
    Tick,
    TlsFailed,
    TransportClose,
)
from tracer.events.log import Record
from tracer.model.connections import ConnectionState
from tracer.model.requests import OVER, Outcome
from tracer.model.trace import Trace

SEQUENCES = st.lists(RECORDS, max_size=30)


def on(
    t: int, conn: int | None = None, req: int | None = None
) -> dict[str, Any]:
    return {"t": t, "seq": t, "thread": "loop", "conn": conn, "req": req}


def scope(t: int, conn: int | None, req: int, path: str = "/") -> ScopeBuilt:
    return ScopeBuilt(
        "GET", path, path, "", "", "1.1", "http", "c", "s", (), (), 1,
        **on(t, conn, req),
    )  # fmt: skip


def get(t: int, conn: int, req: int) -> list[Record]:
    """One whole request, from its bytes on."""
    return [
        DataReceived(20, **on(t, conn)),
        H11Event("Request", "DONE", "SEND_RESPONSE", **on(t + 1, conn, req)),
        scope(t + 2, conn, req),
        RunAsgiStart(**on(t + 3, conn, req)),
        ResponseStart(200, (), **on(t + 4, conn, req)),
        ResponseComplete(2, **on(t + 5, conn, req)),
        RunAsgiEnd("complete", **on(t + 6, conn, req)),
        KeepaliveArmed(5.0, **on(t + 7, conn)),
    ]


def kinds(trace: Trace, req: int) -> list[str]:
    return [record.kind for record in trace.story(req)]


@given(SEQUENCES)
@settings(max_examples=150)
def test_any_records_fold(records: list[Record]) -> None:
    trace = Trace()
    trace.feed(records)
    assert trace.count == len(records)
    for number, request in trace.requests.items():
        assert request.number == number
        assert request.events == len(trace.story(number))
        assert 0 <= request.at.box < len(request.rail)


@given(SEQUENCES, st.integers(1, 7))
@settings(max_examples=100)
def test_the_pieces_they_come_in_make_no_difference(
    records: list[Record], size: int
) -> None:
    whole, pieces = Trace(), Trace()
    whole.feed(records)
    for start in range(0, len(records), size):
        pieces.feed(records[start : start + size])
    assert pieces == whole


@given(SEQUENCES)
@settings(max_examples=100)
def test_each_record_is_told_once(records: list[Record]) -> None:
    trace = Trace()
    told = [own for _, group in trace.tell(records) for own in group]
    told += trace.leftover()
    assert Counter(map(key, told)) == Counter(map(key, records))
    assert trace.leftover() == []


def key(record: Record) -> tuple[int, int, int | None, int | None]:
    return record.t, record.seq, record.conn, record.req


@given(SEQUENCES, SEQUENCES)
@settings(max_examples=60)
def test_a_copy_and_the_values_in_a_trace_stay_as_they_were(
    before: list[Record], after: list[Record]
) -> None:
    trace = Trace()
    trace.feed(before)
    copy, again = trace.copy(), trace.copy()
    values = [*trace.requests.values(), *trace.connections.values()]
    as_it_was = repr(values)
    trace.feed(after)
    assert copy == again
    assert repr(values) == as_it_was


def test_a_real_run_gives_its_requests() -> None:
    _, records = teahouse()
    trace = Trace()
    trace.feed(records)
    assert [
        (r.label, r.method, r.target, r.status, r.outcome.value, r.endpoint)
        for r in trace.requests.values()
    ] == [
        ("#1", "GET", "/", 200, "done", "home"),
        (
            "#2",
            "GET",
            "/teas/42?milk=oat&token=[hidden]",
            200,
            "done",
            "show",
        ),
        ("#3", "GET", "/kitchen/pour", 200, "done", "pour"),
        ("#4", "GET", "/kitchen/", 200, "done", "grind"),
        ("#5", "POST", "/teas", 202, "done", "order"),
        ("#6", "GET", "/spill", 500, "failed", "spill"),
        ("#7", "GET", "/teas/9", 404, "done", "show"),
        (
            "c7",
            "—",
            r"illegal request line: bytearray(b'\x16\x03\x01hello')",
            400,
            "refused",
            "",
        ),
    ]
    assert [f.rule for f in trace.findings] == ["app-exception", "not-http"]
    assert trace.server.phase == "stopped"
    assert {c.state for c in trace.connections.values()} == {
        ConnectionState.CLOSED
    }
    assert trace.leftover() == []


def test_a_real_request_has_all_that_is_its_own_and_its_real_rail() -> None:
    _, records = teahouse()
    trace = Trace()
    trace.feed(records)
    story = kinds(trace, 3)
    assert story[:7] == [
        "accept",
        "protocol.created",
        "connection_made",
        "selector.register",
        "data_received",
        "h11.event",
        "bytes",
    ]
    assert story[-5:] == [
        "keepalive.fired",
        "h11.send",
        "transport.close",
        "selector.unregister",
        "connection_lost",
    ]
    assert story.count("task.created") == story.count("task.done") > 1
    assert [box.name for box in trace.requests[3].rail] == [
        "accept",
        "data",
        "h11",
        "cycle",
        "ServerErrorMiddleware",
        "Stamp",
        "Greeting",
        "ExceptionMiddleware",
        "router",
        "pour",
    ]


def test_what_came_before_the_head_was_parsed_is_the_requests_own() -> None:
    trace = Trace()
    trace.feed(
        [
            Accept("c", 7, **on(1, 1)),
            ProtocolCreated(4, **on(2)),
            ConnectionMade(4, "c", "s", 1, **on(3, 1)),
        ]
    )
    assert trace.requests == {}
    trace.feed(get(4, 1, 1))
    assert kinds(trace, 1)[:4] == [
        "accept",
        "protocol.created",
        "connection_made",
        "data_received",
    ]
    assert trace.requests[1].times.arrived == 1
    assert trace.requests[1].conn == 1


def test_bytes_after_the_response_are_the_next_requests() -> None:
    trace = Trace()
    trace.feed([*get(1, 1, 1), KeepaliveCancelled(**on(20, 1)), *get(21, 1, 2)])
    assert kinds(trace, 1)[-1] == "keepalive.armed"
    assert kinds(trace, 2)[:2] == ["keepalive.cancelled", "data_received"]
    assert trace.is_finished(1)
    assert not trace.is_finished(2)


def test_a_handshake_that_fails_ends_its_connection_and_its_protocol() -> None:
    trace = Trace()
    made = [Accept("c", 7, **on(1, 1)), ProtocolCreated(4, **on(2))]
    assert trace.tell(made) == []
    failed = TlsFailed("SSLError", "no TLS", 4, **on(3, 1))
    ((req, told),) = trace.tell([failed])
    assert req is None
    assert sorted(told, key=lambda each: each.t) == [*made, failed]
    gone = trace.connections[1]
    assert (gone.state, gone.closed) == (ConnectionState.CLOSED, 3)
    assert gone.reason == "no TLS"
    assert trace.leftover() == []


def test_a_connection_that_asks_nothing_is_told_when_it_is_gone() -> None:
    trace = Trace()
    made = [Accept("c", 7, **on(1, 1)), DataReceived(3, **on(2, 1))]
    assert trace.tell(made) == []
    lost = ConnectionLost("closed", 0, **on(3, 1))
    assert trace.tell([lost]) == [(None, [*made, lost])]
    assert trace.requests == {}
    assert trace.leftover() == []


def test_garbage_becomes_a_row_of_its_connections_number() -> None:
    trace = Trace()
    trace.feed(
        [
            Accept("c", 7, **on(1, 5)),
            DataReceived(3, **on(2, 5)),
            H11Error("illegal request line", 400, **on(3, 5)),
            ConnectionLost("closed", 0, **on(4, 5)),
        ]
    )
    row = trace.requests[-5]
    assert (row.label, row.status, row.outcome) == (
        "c5",
        400,
        Outcome.REFUSED,
    )
    assert len(trace.story(-5)) == 4
    assert trace.is_finished(-5)


def test_a_task_is_the_requests_whose_words_follow_its_first_step() -> None:
    trace = Trace()
    mine = on(5, 1, 1) | {"task": 8}
    trace.feed(
        [
            *get(0, 1, 1)[:3],
            TaskCreated(8, "Task-8", "run_asgi", **on(3)),
            TaskStarted(8, **on(4)),
            RunAsgiStart(**mine),
            TaskCreated(9, "Task-9", "coro", 8, **on(6)),
            TaskDone(9, "returned", **on(7)),
            TaskDone(8, "returned", **on(8)),
        ]
    )
    assert kinds(trace, 1)[3:] == [
        "task.created",
        "task.started",
        "run_asgi.start",
        "task.created",
        "task.done",
        "task.done",
    ]


def test_a_task_that_works_for_no_request_is_told_soon() -> None:
    trace = Trace()
    task: list[Record] = [
        TaskCreated(1, "Task-1", "serve", **on(1)),
        TaskStarted(1, **on(2)),
    ]
    assert trace.tell(task) == []
    tick = Tick(1, 0, 0, 0, **on(3))
    assert trace.tell([tick]) == [(None, task), (None, (tick,))]


def test_under_a_foreign_server_the_outermost_apps_end_is_the_end() -> None:
    trace = Trace()
    trace.feed(
        [
            AppEnter("Starlette", "http", **on(1, None, 1)),
            AppEnter("Sub", "http", **on(2, None, 1)),
            AppExit("Sub", **on(3, None, 1)),
        ]
    )
    assert trace.requests[1].outcome not in OVER
    trace.feed([AppExit("Starlette", "ValueError", **on(4, None, 1))])
    ended = trace.requests[1]
    assert (ended.outcome, ended.error) == (Outcome.FAILED, "ValueError")
    assert trace.is_finished(1)


def test_the_rail_is_known_before_the_first_request() -> None:
    trace = Trace()
    trace.feed([StackBuilt(("Outer", "Inner"), (), **on(1))])
    trace.feed(get(2, 1, 1))
    assert [box.name for box in trace.requests[1].rail][4:] == [
        "Outer",
        "Inner",
        "router",
        "endpoint",
    ]
    trace.feed([MiddlewareEnter("Real", 1, **on(20, 1, 1))])
    assert [box.name for box in trace.requests[1].rail][4:6] == [
        "Outer",
        "Real",
    ]


def test_what_is_kept_has_bounds() -> None:
    trace = Trace(keep=800, rows=100)
    t = 0
    for number in range(1, 1_500):
        start = [Accept("c", 7, **on(t, number))]
        end = ConnectionLost("closed", 0, **on(t + 10, number))
        trace.feed([*start, *get(t + 1, number, number), end])
        t += 20
    assert trace.count == 1_499 * 10
    assert len(trace.requests) <= 101
    assert len(trace.connections) <= 101
    assert sum(len(trace.story(n)) for n in trace.requests) <= 810
    placing = trace._placing
    assert not placing.pending
    assert not placing.current
    assert not placing.owners
    assert not placing.orphans
    assert len(placing.lost) <= 1_000


def test_an_echo_of_a_forgotten_request_makes_no_new_row() -> None:
    trace = Trace(rows=4)
    for number in range(1, 9):
        trace.feed(get(number * 10, number, number))
    assert 1 not in trace.requests
    trace.feed([KeepaliveCancelled(**on(999, 1, 1))])
    assert 1 not in trace.requests


def test_the_end_of_an_idle_connection_is_told_as_it_comes() -> None:
    trace = Trace()
    trace.feed(get(1, 1, 1))

    for record in (
        KeepaliveFired(**on(102, 1)),
        H11Send("ConnectionClosed", "IDLE", "CLOSED", 0, **on(103, 1)),
        TransportClose("idle for too long", **on(104, 1)),
        ConnectionLost("closed", 0, **on(105, 1)),
    ):
        trace.feed([record])
        assert trace.story(1)[-1] == record
