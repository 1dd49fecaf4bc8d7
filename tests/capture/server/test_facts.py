"""Facts about a request's life that a learner must be able to see.

Those that have a test elsewhere are not repeated. The numbers are those of
the list of facts that the lessons are built on.
"""

# ruff: noqa: ANN401  (scopes and messages pass through here)

from typing import Any

import pytest
from server_wire import Wire, wire

START = {"type": "http.response.start", "status": 200}
PLAIN = {**START, "headers": [(b"content-length", b"2")]}
OK = {"type": "http.response.body", "body": b"ok"}
GET = b"GET /a%20b?c=d HTTP/1.1\r\nHost: h\r\nX-Y: Z\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\n\r\n"


async def index(scope: Any, receive: Any, send: Any) -> None:
    await send(PLAIN)
    await send(OK)


async def read(scope: Any, receive: Any, send: Any) -> None:
    while (await receive()).get("more_body"):
        pass
    await index(scope, receive, send)


def fields(wire: Wire, kind: str, *names: str) -> list[tuple[Any, ...]]:
    return [
        tuple(getattr(each, name) for name in names)
        for each in wire.of(kind)
    ]  # fmt: skip


def test_f33_reads_are_neither_connections_nor_requests() -> None:
    with wire(index) as opened:
        opened.receives(GET[:9], GET[9:] + GET)
        counts = [
            len(opened.of(kind))
            for kind in ("connection_made", "data_received", "scope.built")
        ]
        assert counts == [1, 2, 2]


def test_f34_new_bytes_turn_the_idle_timer_off_before_they_are_parsed() -> None:
    with wire(index) as opened:
        opened.receives(GET)
        before = len(opened.kinds)
        opened.receives(b"G")
        assert opened.kinds[before:] == [
            "data_received",
            "keepalive.cancelled",
            "h11.event NEED_DATA",
        ]


def test_f35_h11s_events_are_not_the_apps_messages() -> None:
    with wire(read) as opened:
        opened.receives(POST + b"ab", b"cde")
        parsed = fields(opened, "h11.event", "name", "n")
        assert [each for each in parsed if each[0] == "Data"] == [
            ("Data", 2),
            ("Data", 3),
        ]
        assert fields(opened, "receive.return", "type", "n") == [
            ("http.request", 2),
            ("http.request", 3),
        ]


def test_f42_names_are_lower_case_and_the_target_is_split() -> None:
    with wire(index) as opened:
        opened.receives(GET)
        assert fields(
            opened, "scope.built", "raw_path", "query", "headers"
        ) == [("/a%20b", "c=d", (("host", "h"), ("x-y", "Z")))]
        heads = [
            each.text  # type: ignore[attr-defined]
            for each in opened.of("bytes")
        ]
        assert heads[0] == GET.decode()


def test_f46_an_upgrade_is_served_as_plain_http() -> None:
    upgrade = b"connection: upgrade\r\nupgrade: websocket\r\n\r\n"
    with wire(index) as opened:
        opened.receives(GET[:-2] + upgrade)
        assert fields(opened, "upgrade.decision", "wanted", "accepted") == [
            ("websocket", False)
        ]
        assert opened.written.startswith(b"HTTP/1.1 200 OK\r\n")
        # h11 waits for the answer before it reads on.
        assert "h11.event PAUSED" in opened.kinds


def test_f48_a_503_takes_the_ordinary_way_without_your_app() -> None:
    called = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        called.append(1)

    with wire(app, limit_concurrency=1) as opened:
        opened.receives(GET)
        assert fields(
            opened, "limit.check", "connections", "tasks", "limit"
        ) == [(1, 0, 1)]
        start = opened.kinds.index("limit.check")
        assert opened.kinds[start : start + 4] == [
            "limit.check",
            "limit.rejected",
            "cycle.created",
            "task.created",
        ]
        assert fields(opened, "response.start", "status") == [(503,)]
    assert called == []


def test_f49_the_date_is_fixed_when_the_cycle_is_made() -> None:
    async def late(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await index(scope, receive, send)

    with wire(late) as opened:
        opened.receives(POST)
        opened.protocol.server_state.default_headers = [(b"date", b"later")]
        opened.receives(b"abcde")
        ((shown,),) = fields(opened, "cycle.created", "default_headers")
        assert shown == (("date", "today"), ("server", "wire"))
        assert b"date: today\r\n" in opened.written


def test_f66_the_start_comes_first() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        with pytest.raises(RuntimeError, match=r"Expected ASGI message"):
            await send(OK)
        await index(scope, receive, send)

    with wire(app) as opened:
        opened.receives(GET)
        assert fields(opened, "send.rejected", "expected", "got") == [
            ("http.response.start", "http.response.body")
        ]
        assert opened.written.endswith(b"ok")


def test_f69_to_f73_three_writes_and_the_access_line_before_them() -> None:
    with wire(index) as opened:
        opened.receives(GET)
        assert fields(opened, "transport.write", "of", "n") == [
            ("head", len(opened.done[0][1])),
            ("body", 2),
            ("end", 0),
        ]
        assert [data for _, data in opened.done[1:3]] == [b"ok", b""]
        kinds = opened.kinds
        assert kinds.index("access.log") < kinds.index("h11.send Response")
        assert fields(opened, "access.log", "text") == [
            ('10.0.0.1:1234 - "GET /a%20b?c=d HTTP/1.1" 200',)
        ]
        assert fields(opened, "response.complete", "n") == [(2,)]


def test_f77_receive_waits_only_when_there_is_nothing() -> None:
    with wire(read) as opened:
        opened.receives(POST + b"ab", b"cde")
        assert fields(opened, "receive.call", "ready") == [(True,), (False,)]
        calls = opened.of("receive.call")
        returns = opened.of("receive.return")
        turns = [
            (there.turn or 0) - (here.turn or 0)
            for here, there in zip(calls, returns, strict=True)
        ]
        assert turns[0] == 0 < turns[1]


def test_what_http_cannot_carry_is_rejected_as_well() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({**START, "headers": [(b"a b", b"c")]})

    with wire(app) as opened:
        opened.receives(GET)
        ((expected, got),) = fields(opened, "send.rejected", "expected", "got")
        assert expected == "what HTTP/1.1 can carry"
        assert got.startswith("Illegal header name")
        (failed,) = fields(opened, "app.exception", "type")
        assert failed == ("LocalProtocolError",)
