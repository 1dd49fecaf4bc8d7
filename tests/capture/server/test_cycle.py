"""A request's cycle: what it says of the app's messages, and of its end."""

# ruff: noqa: ANN401  (scopes and messages pass through here)

from typing import Any

import msgspec
import pytest
from server_wire import Wire, wire

from tracer.events.log import encode

START = {"type": "http.response.start", "status": 200}
PLAIN = {**START, "headers": [(b"content-length", b"2")]}
OK = {"type": "http.response.body", "body": b"ok"}

GET = b"GET /a?b=c HTTP/1.1\r\nhost: h\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\n"


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


END = ["run_asgi.end", "cycle.released", "task.done"]


@pytest.mark.parametrize(
    ("asked", "origins"),
    [
        (b"", [("Transfer-Encoding", "h11")]),
        (
            b"connection: close\r\n",
            [("Transfer-Encoding", "h11"), ("Connection", "mirrored")],
        ),
        (
            b"Connection: Close\r\n",
            [("Transfer-Encoding", "h11"), ("Connection", "h11")],
        ),
    ],
)
def test_f68_each_header_has_its_origin(
    asked: bytes, origins: list[tuple[str, str]]
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({**START, "headers": [(b"x-a", b"1")]})
        await send(OK)

    with wire(app) as opened:
        opened.receives(b"GET / HTTP/1.1\r\nhost: h\r\n" + asked + b"\r\n")
        ((headers,),) = fields(opened, "response.start", "headers")
        assert [(name, origin) for name, _, origin in headers] == [
            ("date", "tick"),
            ("server", "config"),
            ("x-a", "app"),
            *origins,
        ]


def test_the_same_head_may_be_the_apps_or_h11s() -> None:
    chunked = (b"transfer-encoding", b"chunked")
    given = [[], [chunked], []]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({**START, "headers": given.pop()})
        await send(OK)

    with wire(app) as opened:
        opened.receives(GET, GET, GET)
        found = fields(opened, "response.start", "headers")
    assert [headers[-1] for (headers,) in found] == [
        ("Transfer-Encoding", "chunked", origin)
        for origin in ("h11", "app", "h11")
    ]


def test_f72_head_writes_no_body_but_its_length() -> None:
    with wire(index) as opened:
        opened.receives(GET.replace(b"GET", b"HEAD"))
        assert fields(opened, "transport.write", "of", "n")[1:] == [
            ("body", 0),
            ("end", 0),
        ]
        assert b"content-length: 2" in opened.written
        assert fields(opened, "send.call", "n") == [(None,), (2,)]


@pytest.mark.parametrize(
    ("version", "asked", "keep", "reason"),
    [
        (b"1.1", b"", True, "HTTP/1.1 keeps connections open"),
        (b"1.1", b"connection: close\r\n", False, "the client asked for it"),
        (b"1.0", b"", False, "HTTP/1.0 closes after each response"),
        (
            b"1.1",
            b"content-length: 0\r\ntransfer-encoding: chunked\r\n",
            False,
            "the request gave its length in two ways",
        ),
    ],
)
def test_f75_kept_or_closed_and_why(
    version: bytes, asked: bytes, keep: bool, reason: str
) -> None:
    line = b"GET / HTTP/" + version
    with wire(index) as opened:
        opened.receives(line + b"\r\nhost: h\r\n" + asked + b"\r\n")
        found = fields(opened, "conn.decision", "keep", "reason")
        assert found == [(keep, reason)]
        assert opened.transport.closing is not keep


async def raises(scope: Any, receive: Any, send: Any) -> None:
    raise ValueError("token=hunter2")


async def returns(scope: Any, receive: Any, send: Any) -> int:
    await index(scope, receive, send)
    return 7


async def says_nothing(scope: Any, receive: Any, send: Any) -> None:
    pass


async def stops(scope: Any, receive: Any, send: Any) -> None:
    await send(PLAIN)


async def stops_by_error(scope: Any, receive: Any, send: Any) -> None:
    await send(PLAIN)
    raise KeyError


@pytest.mark.parametrize(
    ("app", "branch", "status", "closed"),
    [
        (index, "complete", b"200", False),
        (raises, "raised", b"500", True),
        (stops_by_error, "raised", b"200", True),
        (returns, "returned a value", b"200", True),
        (says_nothing, "no response", b"500", True),
        (stops, "incomplete", b"200", True),
    ],
)
def test_f58_to_f62_the_ways_an_app_can_end(
    app: Any, branch: str, status: bytes, closed: bool
) -> None:
    with wire(app) as opened:
        opened.receives(GET)
        assert fields(opened, "run_asgi.end", "branch") == [(branch,)]
        assert opened.written.split()[1] == status
        assert opened.transport.closing is closed
        assert opened.of("client.disconnected") == []
        assert len(opened.of("cycle.released")) == 1  # F63


def test_an_exception_is_placed_in_the_apps_own_code() -> None:
    with wire(raises) as opened:
        opened.receives(GET)
        line = raises.__code__.co_firstlineno + 1
        assert fields(
            opened,
            *["app.exception", "type", "message", "at", "response_started"],
        ) == [("ValueError", "token=[hidden]", f"test_cycle.py:{line}", False)]


async def illegal(scope: Any, receive: Any, send: Any) -> None:
    await send({**START, "headers": [(b"a", b"b\r\nc")]})


async def out_of_order(scope: Any, receive: Any, send: Any) -> None:
    await send(OK)


@pytest.mark.parametrize(
    ("app", "raised"),
    [(illegal, "LocalProtocolError"), (out_of_order, "RuntimeError")],
)
def test_a_refusal_names_the_error_that_send_raised(
    app: Any, raised: str
) -> None:
    with wire(app) as opened:
        opened.receives(GET)
        assert fields(opened, "send.rejected", "raises") == [(raised,)]
        assert fields(opened, "app.exception", "type") == [(raised,)]


def test_what_the_server_sends_itself_is_not_said_of_the_app() -> None:
    with wire(raises) as opened:
        opened.receives(GET)
        assert fields(opened, "send.call", "n", "status", "by") == [
            (None, 500, "server"),
            (21, None, "server"),
        ]
    with wire(index, limit_concurrency=1) as opened:
        opened.receives(GET)
        assert fields(opened, "run_asgi.start", "stand_in") == [
            ("service_unavailable",)
        ]
        assert fields(opened, "send.call", "n", "status", "by") == [
            (None, 503, "server"),
            (19, None, "server"),
        ]
    with wire(index) as opened:
        opened.receives(GET)
        assert fields(opened, "run_asgi.start", "stand_in") == [(None,)]
        assert fields(opened, "send.call", "by") == [("app",), ("app",)]


@pytest.mark.parametrize(
    "message",
    [
        {**START, "status": "200"},
        {**START, "status": None},
        {**START, "status": 200.5},
        {"type": 5},
        {"type": None},
        {"type": b"http.response.start"},
        {**OK, "body": "text"},
        {**OK, "body": None, "more_body": "yes"},
    ],
)
def test_messages_of_wrong_types_leave_a_trace_that_can_be_read(
    message: Any,
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if message["type"] == OK["type"]:
            await send(PLAIN)
        try:
            await send(message)
        finally:
            await receive()

    with wire(app) as opened:
        opened.receives(GET)
        opened.lost()
        opened.settle()
        assert [
            msgspec.json.decode(encode([each]), type=type(each))
            for each in opened.events
        ] == opened.events


async def leaves_if_told(scope: Any, receive: Any, send: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    raise ConnectionError


def test_an_exception_after_the_client_left_is_heard_by_nobody() -> None:
    with wire(leaves_if_told) as opened:
        opened.receives(POST + b"\r\n")
        opened.lost()
        assert opened.written == b""
        assert fields(opened, "app.exception", "type", "unheard") == [
            ("ConnectionError", True)
        ]


def test_after_invalid_bytes_it_was_not_the_client_who_left() -> None:
    head = b"POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n"
    with wire(leaves_if_told) as opened:
        opened.receives(head + b"1\r\na\r\n")
        opened.receives(b"garbage\r\n")
        assert fields(opened, "receive.return", "type", "reason") == [
            ("http.request", None),
            ("http.disconnect", "the server closed: invalid HTTP"),
        ]
        assert opened.of("client.disconnected") == []


def test_f74_what_comes_after_the_end_is_rejected() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await index(scope, receive, send)
        with pytest.raises(RuntimeError, match="after response already"):
            await send(OK)
        with pytest.raises(RuntimeError, match="Unexpected ASGI message"):
            await send(START)

    with wire(app) as opened:
        opened.receives(GET)
        assert fields(opened, "send.rejected", "expected", "got") == [
            ("nothing more", "http.response.body"),
            ("nothing more", "http.response.start"),
        ]


def test_f65_the_client_left_and_the_app_is_not_told() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await index(scope, receive, send)
        assert await receive() == {"type": "http.disconnect"}

    with wire(app) as opened:
        opened.receives(POST + b"\r\n")
        opened.lost()
        gone = opened.kinds.index("client.disconnected")
        assert opened.kinds[gone:] == [
            "client.disconnected",
            "receive.return",
            "send.call",
            "send.dropped",
            "send.return",
            "send.call",
            "send.dropped",
            "send.return",
            "receive.call",
            "receive.return",
            *END,
        ]
        assert (
            fields(opened, "receive.return", "type", "reason")
            == [("http.disconnect", "the client left")] * 2
        )
        assert fields(opened, "run_asgi.end", "branch") == [("disconnected",)]


def test_f64_send_waits_while_the_client_does_not_read() -> None:
    with wire(index) as opened:
        opened.protocol.pause_writing()
        opened.receives(GET)
        assert opened.kinds[-1] == "send.call"
        opened.protocol.resume_writing()
        opened.settle()
        assert fields(opened, "write.paused", "buffered") == [(99,)]
        assert opened.kinds[-1] == "task.done"


def test_f78_a_second_receive_waits_for_the_end_of_the_response() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await index(scope, receive, send)
        assert await receive() == {"type": "http.disconnect"}

    with wire(app) as opened:
        opened.receives(GET)
        assert fields(opened, "receive.return", "type", "reason") == [
            ("http.request", None),
            ("http.disconnect", "the response is complete"),
        ]
        assert fields(opened, "receive.call", "ready") == [(True,), (True,)]
