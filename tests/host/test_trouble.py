"""Each scenario against a real traced server: what both ends tell of it."""

from collections.abc import Iterator

import pytest
from live import Live, serving
from trouble import APP, Troubled

from tracer.client.scenario import scenarios
from tracer.events import (
    ConnectionLost,
    DataReceived,
    TransportWrite,
    WsClose,
    WsMessage,
)

UNIT = 0.5
"""Seconds: a server that is held up for a tenth of one still sees pauses."""

ASKED = ["Request", "scope.built", "EndOfMessage", "NEED_DATA"]
GET = ["connection_made", "data_received", *ASKED]
WRITES = ["transport.write"] * 3
KEPT = [
    *WRITES,
    "conn.decision",
    "keepalive.armed",
    "cycle.next",
    "NEED_DATA",
    "run_asgi.end",
]
CLOSED = [*WRITES, "conn.decision", "transport.close", "run_asgi.end"]
IDLE_LEFT = ["eof_received", "connection_lost", "keepalive.cancelled"]
TOLD = ["client.disconnected", "receive.return", "run_asgi.end"]
LEFT = ["eof_received", "connection_lost", *TOLD]
WAITED = ["receive.call", "receive.return", "receive.call"]
PART = ["Data", "body.buffered"]
TOOK = ["receive.return", "receive.call"]
MORE = [*TOOK, "data_received", *PART, "NEED_DATA"]
LAST = [*TOOK, "data_received", *PART, "EndOfMessage", "NEED_DATA"]
POST = ["connection_made", "data_received", "Request", "scope.built"]
REFUSED = ["connection_made", "data_received", "h11.error", *WRITES,
           "transport.close", "connection_lost"]  # fmt: skip
AGAIN = ["data_received", "keepalive.cancelled", *ASKED, *KEPT]
UPGRADE = [
    "connection_made", "data_received", "Request", "upgrade.decision",
    "scope.built", "EndOfMessage", "PAUSED", "read.paused",
    *WRITES, "conn.decision", "keepalive.armed", "read.resumed",
    "cycle.next", "NEED_DATA", "run_asgi.end", *IDLE_LEFT,
]  # fmt: skip

CHAT = [
    "receive.call", "data_received", "read.paused", "read.resumed",
    "receive.return", "transport.write", "receive.call",
]  # fmt: skip

SERVER = {
    "get": ("/", [*GET, *KEPT, *IDLE_LEFT]),
    "head": ("/", [*GET, *KEPT, *IDLE_LEFT]),
    "post": ("/body", [*POST, *PART, "EndOfMessage", "NEED_DATA",
        "receive.call", "receive.return", *KEPT, *IDLE_LEFT]),
    "chunked": ("/body", [*POST, *PART, "NEED_DATA", "receive.call",
        *MORE, *LAST, "receive.return", *KEPT, *IDLE_LEFT]),
    "slow-body": ("/body", [*POST, *PART, "NEED_DATA", "receive.call",
        *MORE * 3, *LAST, "receive.return", *KEPT, *IDLE_LEFT]),
    "keep-alive": ("/", [*GET, *KEPT, *AGAIN * 2, *IDLE_LEFT]),
    "connection-close": ("/", [*GET[:-1], *CLOSED, "connection_lost"]),
    "http10": ("/", [*GET[:-1], *CLOSED, "connection_lost"]),
    "two-in-one-packet": ("/", [*GET[:-1], "PAUSED", "read.paused",
        *WRITES, "conn.decision", "keepalive.armed", "read.resumed",
        "cycle.next", "Request", "keepalive.cancelled", *ASKED[1:],
        "run_asgi.end", *KEPT, *IDLE_LEFT]),
    "in-pieces": ("/", ["connection_made",
        *["data_received", "NEED_DATA"] * 3, *GET[1:], *KEPT, *IDLE_LEFT]),
    "expect-continue": ("/body", [*POST, "NEED_DATA", "receive.call",
        "continue.sent", "transport.write", "data_received", *PART,
        "EndOfMessage", "NEED_DATA", "receive.return", *KEPT, *IDLE_LEFT]),
    "half-close": ("/wait", [*GET, *WAITED, *LEFT[:-1],
        "send.dropped", "run_asgi.end"]),
    "leave-after-connect": ("/", ["connection_made", *LEFT[:2]]),
    "leave-after-head": ("/body", [*POST, "NEED_DATA", "receive.call",
        *LEFT]),
    "leave-in-body": ("/body", [*POST, *PART, "NEED_DATA", *WAITED, *LEFT]),
    "leave-before-answer": ("/wait", [*GET, *WAITED, *LEFT[:-1],
        "send.dropped", "run_asgi.end"]),
    "leave-after-first-byte": ("/drip", [*GET, *WRITES[:2], *WAITED,
        *LEFT[1:-1], "send.dropped", "run_asgi.end"]),
    "reset-before-answer": ("/wait", [*GET, *WAITED, *LEFT[1:-1],
        "send.dropped", "run_asgi.end"]),
    "garbage": ("/", REFUSED),
    "oversized-headers": ("/", REFUSED),
    # This app answers it as HTTP, which is an error for a WebSocket.
    "upgrade-websocket": ("/", [*UPGRADE[:5], "protocol.switched",
        "send.rejected", "app.exception", "transport.write",
        "transport.close", "run_asgi.end", "connection_lost"]),
    "websocket": ("/ws", [*UPGRADE[:5], "protocol.switched",
        "receive.call", "receive.return", "transport.write", *CHAT,
        "data_received", "data_received", "transport.write", *CHAT[1:],
        "data_received", "transport.write", "transport.close",
        "receive.return", "run_asgi.end", "connection_lost"]),
    "upgrade-h2c": ("/", UPGRADE),
}  # fmt: skip
"""By scenario: what is asked for, and what the server does."""

HEAD, ANSWERED = "sent head", ["first_byte", "response 200"]
GOT = [*ANSWERED, "closed client"]

CLIENT = {
    "get": [HEAD, *GOT],
    "head": [HEAD, *GOT],
    "post": ["sent head and body", *GOT],
    "chunked": ["sent head and body 1 of 3", "sent body 2 of 3",
        "sent body 3 of 3", *GOT],
    "slow-body": ["sent head and body 1 of 5", "sent body 2 of 5",
        "sent body 3 of 5", "sent body 4 of 5", "sent body 5 of 5", *GOT],
    "keep-alive": [*[HEAD, *ANSWERED] * 3, "closed client"],
    "connection-close": [HEAD, *ANSWERED, "closed server"],
    "http10": [HEAD, *ANSWERED, "closed server"],
    "two-in-one-packet": ["sent two requests", *ANSWERED, *GOT],
    "in-pieces": ["sent head, piece 1 of 4", "sent head, piece 2 of 4",
        "sent head, piece 3 of 4", "sent head, piece 4 of 4", *GOT],
    "expect-continue": [HEAD, "first_byte", "response 100",
        "sent body", *GOT[1:]],
    "half-close": [HEAD, "closed client, half",
        "closed server before it answered"],
    "leave-after-connect": ["closed client"],
    "leave-after-head": [HEAD, "closed client"],
    "leave-in-body": ["sent head and body 1 of 2", "closed client"],
    "leave-before-answer": [HEAD, "closed client"],
    "leave-after-first-byte": [HEAD, "first_byte", "closed client"],
    "reset-before-answer": [HEAD, "closed reset by client"],
    "garbage": ["sent garbage", "first_byte", "response 400",
        "closed server"],
    "oversized-headers": ["sent head, piece 1 of 2", "first_byte",
        "response 400", "closed server"],
    "upgrade-websocket": [HEAD, "first_byte", "response 500",
        "closed client"],
    "websocket": [HEAD, "first_byte", "response 101", "sent text",
        "sent text, first frame", "sent ping", "sent text, last frame",
        "sent close frame, 1000", "closed server"],
    "upgrade-h2c": [HEAD, *GOT],
}  # fmt: skip
"""The same at the other end, without what it reads: the kernels cut that."""

BY_CHANCE = {
    # What the client has not read makes a reset of its farewell.
    "leave-after-first-byte": {"eof_received"},
    # The server may read a first part of it that isn't too long yet.
    "oversized-headers": {"NEED_DATA"},
}
"""What may happen or not."""


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with serving(tmp_path_factory.mktemp("troubled"), APP) as live:
        yield live


@pytest.mark.parametrize("name", SERVER)
def test_what_the_server_does_with_it(live: Live, name: str) -> None:
    target, expected = SERVER[name]
    troubled = Troubled(live, name, target, UNIT)

    (did,) = troubled.conns
    chance = BY_CHANCE.get(name, set())
    did = [each for each in did if each not in chance]
    if "NEED_DATA" in chance:
        del did[1 : did.index("h11.error") - 1]
    assert did == expected
    assert troubled.client[0] == "connected"
    assert troubled.client[1:] == CLIENT[name]


def test_no_scenario_is_left_out() -> None:
    others = {"upload", "at-once", "slow-reader", "expect-continue-impatient"}

    assert {*scenarios()} == SERVER.keys() | others
    assert CLIENT.keys() == SERVER.keys()


def test_what_is_said_on_a_websocket_is_told_from_both_ends(
    live: Live,
) -> None:
    troubled = Troubled(live, "websocket", "/ws", 0.1)
    said = [
        (each.direction, each.text, each.fragments)
        for each in troubled.records
        if isinstance(each, WsMessage)
    ]

    assert said == [
        ("in", "hello", 1),
        ("out", "hello", 1),
        ("in", "green tea", 2),
        ("out", "green tea", 1),
    ]
    assert [
        (each.code, each.by)
        for each in troubled.records
        if isinstance(each, WsClose)
    ] == [(1000, "client"), (1000, "server")]


def test_no_frame_is_sent_to_who_speaks_http(live: Live) -> None:
    troubled = Troubled(live, "websocket", "/", 0.1)

    assert troubled.client[:4] == [
        "connected", HEAD, "first_byte", "response 500",
    ]  # fmt: skip
    assert not [each for each in troubled.client if "text" in each]


def test_an_upload_waits_for_the_reader_and_all_of_it_arrives(
    live: Live,
) -> None:
    troubled = Troubled(live, "upload", "/body", UNIT)
    (did,) = troubled.conns

    assert did.count("read.paused") == did.count("read.resumed") > 0
    assert troubled.answers == [("POST", "/body", 200, 7)]  # digits of 8 MiB
    read = [r.n for r in troubled.records if isinstance(r, DataReceived)]
    assert sum(read) > 8 << 20


def test_a_slow_reader_makes_the_app_wait(live: Live) -> None:
    troubled = Troubled(live, "slow-reader", "/big", 0.05, pieces=3)
    (did,) = troubled.conns

    assert did.count("write.paused") == did.count("write.resumed") > 0
    assert troubled.answers == [("GET", "/big", 200, 16 << 20)]
    wrote = [r.n for r in troubled.records if isinstance(r, TransportWrite)]
    assert sum(wrote) > 16 << 20


def test_who_does_not_wait_for_the_100_may_get_it_all_the_same(
    live: Live,
) -> None:
    troubled = Troubled(live, "expect-continue-impatient", "/body", UNIT)

    assert troubled.answers == [("POST", "/body", 200, 3)]
    assert troubled.client[1] == "sent head and body 1 of 2"
    (did,) = troubled.conns
    # The app asks for the body when half of it is here already.
    assert ("continue.sent" in did) is ("response 100" in troubled.client)


def test_requests_at_once_are_under_way_together(live: Live) -> None:
    """The app answers nobody before all seven are there."""
    troubled = Troubled(live, "at-once", "/meet", UNIT, count=7)

    assert troubled.conns == [[*GET, *KEPT, *IDLE_LEFT]] * 7
    assert troubled.answers == [("GET", "/meet", 200, 2)] * 7


def test_a_reset_is_an_error_and_a_farewell_is_none(live: Live) -> None:
    for reset, reason in ((None, "closed"), (True, "ConnectionResetError")):
        name = "leave-before-answer"
        troubled = Troubled(live, name, "/wait", UNIT, reset=reset)
        lost = [r for r in troubled.records if isinstance(r, ConnectionLost)]
        assert [each.reason for each in lost] == [reason]


def test_a_count_that_a_scenario_has_not_plays_it_so_often(
    live: Live,
) -> None:
    troubled = Troubled(live, "get", "/", UNIT, count=3)

    assert troubled.conns == [[*GET, *KEPT, *IDLE_LEFT]] * 3
