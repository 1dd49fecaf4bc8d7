"""Bytes in, events out: what one connection says, from birth to death."""

# ruff: noqa: ANN401  (scopes and messages pass through here)

import logging
from typing import Any

from server_wire import Wire, wire

from tracer.capture.probe import CURRENT, Note

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


REQUEST = [
    "h11.event Request",
    "bytes",
    "scope.built",
    "cycle.created",
    "task.created",
]
RESPONSE = [
    "send.call",
    "access.log",
    "h11.send Response",
    "transport.write",
    "bytes",
    "response.start",
    "send.return",
    "send.call",
    "h11.send Data",
    "transport.write",
    "bytes",
    "h11.send EndOfMessage",
    "transport.write",
    "response.complete",
    "conn.decision",
    "keepalive.armed",
    "cycle.next",
    "h11.event NEED_DATA",
    "send.return",
]
END = ["run_asgi.end", "cycle.released", "task.done"]


def test_the_life_of_a_get() -> None:
    with wire(index) as opened:
        opened.receives(GET)
        opened.wait(6)
        opened.settle()
        assert opened.kinds == [
            "protocol.created",
            "connection_made",
            "data_received",
            *REQUEST,
            "h11.event EndOfMessage",
            "h11.event NEED_DATA",
            "task.started",
            "run_asgi.start",
            *RESPONSE,
            *END,
            "keepalive.fired",
            "h11.send ConnectionClosed",
            "transport.close",
            "connection_lost",
        ]


def test_one_byte_at_a_time_only_adds_reads() -> None:
    with wire(index) as whole, wire(index) as pieces:
        whole.receives(GET)
        pieces.receives(*(bytes([byte]) for byte in GET))
        reads = ["data_received", "h11.event NEED_DATA"]
        assert [each for each in pieces.kinds if each not in reads] == [
            each for each in whole.kinds if each not in reads
        ]
        assert fields(pieces, "data_received", "n") == [(1,)] * len(GET)
        assert fields(pieces, "bytes", "text", "n") == fields(
            whole, "bytes", "text", "n"
        )


def test_f54_the_request_has_arrived_before_the_app_begins() -> None:
    with wire(index) as opened:
        opened.receives(GET)
        kinds = opened.kinds
        end = opened.events[kinds.index("h11.event EndOfMessage")]
        start = opened.events[kinds.index("run_asgi.start")]
        assert start.turn == (end.turn or 0) + 1  # F51


def test_f43_the_scope_is_shown_as_it_is() -> None:
    with wire(index, root_path="/r", app_state={"db": 1}) as opened:
        opened.receives(GET.replace(b"/a", b"/a%20b"))
        (built,) = opened.of("scope.built")
        assert fields(
            opened,
            "scope.built",
            *["method", "path", "raw_path", "query", "root_path"],
            *["http_version", "scheme", "client", "server", "headers"],
            *["state", "state_obj"],
        ) == [
            (
                *["GET", "/r/a b", "/r/a%20b", "b=c", "/r"],
                *["1.1", "http", "10.0.0.1:1234", "10.0.0.2:80"],
                (("host", "h"),),
                ("db",),
                1,
            )
        ]
        assert built.req == 1


def test_f45_each_request_has_a_state_of_its_own() -> None:
    states = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        states.append(scope["state"])
        await index(scope, receive, send)

    with wire(app, app_state={"pool": [1]}) as opened:
        opened.receives(GET, GET)
        assert fields(opened, "scope.built", "state_obj") == [(1,), (2,)]
    assert states[0] is not states[1]
    assert states[0]["pool"] is states[1]["pool"]


def test_f41_a_request_sent_too_early_is_held_and_reading_stops() -> None:
    with wire(index) as opened:
        opened.receives(GET + GET)
        assert opened.kinds[2:12] == [
            "data_received",
            *REQUEST,
            "h11.event EndOfMessage",
            "h11.event PAUSED",
            "read.paused",
            "task.started",
        ]
        assert fields(opened, "read.paused", "reason", "buffered") == [
            ("pipelining", len(GET))
        ]
        # The second is taken up by the end of the first, in its task.
        second = opened.of("scope.built")[1]
        assert (second.req, second.task) == (2, 1)


def test_f39_garbage_is_answered_by_the_server_alone() -> None:
    with wire(index) as opened:
        opened.receives(b"garbage\r\n\r\n")
        assert opened.kinds[2:] == [
            "data_received",
            "h11.error",
            "bytes",
            "h11.send Response",
            "transport.write",
            "bytes",
            "h11.send Data",
            "transport.write",
            "bytes",
            "h11.send EndOfMessage",
            "transport.write",
            "transport.close",
            "connection_lost",
        ]
        assert fields(opened, "bytes", "of", "n")[0] == ("garbage", 11)
        assert all(each.req is None for each in opened.events)


def test_an_error_tells_the_status_that_is_sent_and_none_if_none_is() -> None:
    too_long = b"GET /a HTTP/1.1\r\nx: " + b"a" * 70000
    with wire(read) as opened:
        opened.receives(too_long)
        assert opened.written.startswith(b"HTTP/1.1 400 ")
        assert fields(opened, "h11.error", "message", "status") == [
            ("Receive buffer too long", 400)
        ]
    chunked = (
        b"POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    with wire(index) as opened:
        opened.receives(chunked)
        opened.receives(b"garbage\r\n")
        assert opened.written.count(b"HTTP/1.1") == 1
        assert fields(opened, "h11.error", "req", "status") == [(1, None)]


def test_what_is_logged_of_a_request_is_not_said_of_the_one_before() -> None:
    class Owners(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            note = CURRENT.get()
            whose = (note.conn, note.req) if note else None
            owners.append((record.getMessage().partition(" ")[0], whose))

    owners: list[Any] = []
    handler = Owners()
    logger = logging.getLogger("asgi_trace.error")
    logger.addHandler(handler)
    upgrade = b"GET /b HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\n"
    try:
        with wire(index, limit_concurrency=9) as opened:
            opened.receives(
                GET + upgrade + b"upgrade: foo\r\n\r\n" + b"?\r\n\r\n"
            )
            conn = opened.of("connection_made")[0].conn
    finally:
        logger.removeHandler(handler)
    assert owners == [
        ("Unsupported", (conn, 2)),
        ("No", (conn, 2)),
        ("Invalid", (conn, None)),
    ]


def test_f53_a_big_body_stops_the_reading_until_the_app_takes_it() -> None:
    head = b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 100000\r\n\r\n"
    with wire(read) as opened:
        opened.receives(head + bytes(70000))
        opened.receives(bytes(30000))
        assert fields(opened, "body.buffered", "n", "buffered") == [
            (70000, 70000),
            (30000, 30000),
        ]
        assert fields(opened, "read.paused", "reason", "buffered") == [
            ("body", 70000)
        ]
        assert len(opened.of("read.resumed")) == 1
        assert fields(opened, "receive.return", "n", "more_body") == [
            (70000, True),
            (30000, False),
        ]


def test_f79_several_pieces_may_become_one_message() -> None:
    chunks = b"2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n"
    head = b"POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n"
    with wire(read) as opened:
        opened.receives(head + chunks)
        assert fields(opened, "body.buffered", "n", "buffered") == [
            (2, 2),
            (3, 5),
        ]
        assert fields(
            opened, "receive.return", "type", "n", "more_body", "reason"
        ) == [("http.request", 5, False, None)]


def test_f55_a_body_that_nobody_wants_is_ignored() -> None:
    with wire(index) as opened:
        opened.receives(POST + b"\r\n", b"abcde")
        assert fields(opened, "body.ignored", "n") == [(5,)]
        assert opened.kinds[-4:] == [
            "body.ignored",
            "h11.event EndOfMessage",
            "cycle.next",
            "h11.event NEED_DATA",
        ]
        ignored = opened.of("body.ignored")[0]
        assert ignored.req == 1


def test_f76_the_first_receive_asks_for_the_body() -> None:
    with wire(read) as opened:
        opened.receives(POST + b"expect: 100-continue\r\n\r\n")
        start = opened.kinds.index("receive.call")
        assert opened.kinds[start:] == [
            "receive.call",
            "continue.sent",
            "h11.send InformationalResponse",
            "transport.write",
            "bytes",
        ]
        assert fields(opened, "cycle.created", "expects_continue") == [(True,)]


def test_f67_an_answer_without_reading_drops_the_100() -> None:
    with wire(index) as opened:
        opened.receives(POST + b"expect: 100-continue\r\n\r\n")
        assert len(opened.of("continue.dropped")) == 1
        assert b"100" not in opened.written.split(b"\r\n")[0]


def test_secrets_are_hidden_before_they_are_said() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        cookie = (b"set-cookie", b"session=hunter2")
        await send({**START, "headers": [cookie]})
        await send({**OK, "body": b'{"password": "hunter2"}'})

    with wire(app) as opened:
        opened.receives(
            b"POST /?token=hunter2 HTTP/1.1\r\nhost: h\r\n"
            b"authorization: hunter2\r\ncontent-type: application/json\r\n"
            b"content-length: 23\r\n\r\n",
            *[b'{"password": "hun', b'ter2"}'],
        )
        said = " ".join(map(repr, opened.events))
        assert "hunter" not in said
        assert "ter2" not in said
        assert said.count("[hidden]") >= 7


def test_requests_keep_their_own_numbers_in_a_leaked_context() -> None:
    """CPython #140947: `data_received` may run in a request's context."""
    numbers = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        note = CURRENT.get()
        assert note is not None
        numbers.append(note.req)
        await index(scope, receive, send)

    with wire(app) as opened:
        opened.receives(GET)
        token = CURRENT.set(Note(opened.probe, conn=9, req=9))
        opened.receives(GET, GET)
        CURRENT.reset(token)
        assert numbers == [1, 2, 3]
        created = opened.of("task.created")
        assert [each.req for each in created] == [1, 2, 3]


def test_not_traced_nothing_is_said_and_nothing_set() -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(CURRENT.get())
        await index(scope, receive, send)

    with wire(app, traced=False) as opened:
        opened.receives(GET)
        assert (seen, opened.events) == ([None], [])
        assert opened.protocol.reader is None


def test_where_is_the_function_that_spoke() -> None:
    with wire(index) as opened:
        opened.receives(GET)
        opened.wait(6)
        assert all(isinstance(each.where, int) for each in opened.events)
