"""A WebSocket on a wire: what the client sees, the app gets, and is said."""

# ruff: noqa: ANN401  (messages of all sorts pass through here)

import asyncio
from typing import Any

import pytest
from socket_wire import App, echoes, said, socket_events, socket_wire, text
from wsproto.events import (
    CloseConnection,
    RejectConnection,
    RejectData,
    TextMessage,
)

CONNECT = {"type": "websocket.connect"}


# --- a whole life ------------------------------------------------------------


def test_a_message_is_sent_back_and_the_client_closes() -> None:
    with socket_wire(App(echoes)) as (wire, client):
        client.opens()
        assert client.sends(text("hello")) == [TextMessage(data="hello")]
        assert client.sends(CloseConnection(code=1000, reason="done")) == [
            CloseConnection(code=1000, reason="done")
        ]
    kinds = [each for each in wire.kinds if not each.startswith("task.")]
    assert kinds == [
        "protocol.created", "connection_made",
        "data_received", "h11.event Request", "bytes",
        "upgrade.decision", "protocol.created", "scope.built",
        "protocol.switched",
        "run_asgi.start", "receive.call", "receive.return",
        "send.call", "bytes", "response.start", "ws.handshake",
        "transport.write", "send.return", "receive.call",
        "data_received", "ws.message", "read.paused", "read.resumed",
        "receive.return",
        "send.call", "ws.message", "transport.write", "send.return",
        "receive.call",
        "data_received", "ws.close", "ws.close", "transport.write",
        "transport.close", "receive.return", "run_asgi.end",
        "connection_lost",
    ]  # fmt: skip
    assert socket_events(wire) == [
        ("ws.handshake", "accepted", 101, "OPEN", None, (), None),
        ("ws.message", "in", 5, "text", "hello", 1, None),
        ("ws.message", "out", 5, "text", "hello", 1, None),
        ("ws.close", 1000, "client", "done", True, "REMOTE_CLOSING"),
        ("ws.close", 1000, "server", "done", False, "CLOSED"),
    ]
    assert {each.req for each in wire.events[7:-1]} == {1}
    assert {each.conn for each in wire.events[1:]} == {1}
    assert wire.errors == []


def test_the_scope_is_said_without_its_secrets() -> None:
    app = App()
    with socket_wire(app, root_path="/in") as (wire, client):
        client.opens(path="/a%20b?x=1&token=t0psecret", subprotocols=("x", "y"))
    (built,) = wire.of("scope.built")
    _, method, path, raw_path, query, *_, kind, subprotocols = said([built])[0]
    assert (method, path, raw_path) == ("GET", "/in/a b", "/in/a%20b")
    assert (query, kind) == ("x=1&token=[hidden]", "websocket")
    assert subprotocols == ("x", "y")


# --- the handshake -----------------------------------------------------------


def test_an_app_that_closes_before_it_accepts_refuses() -> None:
    async def refuses(receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.close", "code": 4001})
        await receive()

    app = App(refuses)
    with socket_wire(app) as (wire, client):
        answer = client.asks()
        assert wire.transport.closing
    assert [type(each) for each in answer][:1] == [RejectConnection]
    assert answer[0].status_code == 403  # type: ignore[attr-defined]
    assert app.got == [CONNECT, {"type": "websocket.disconnect", "code": 1006}]
    assert socket_events(wire) == [
        ("ws.handshake", "refused", 403, "CLOSED", None, (), None)
    ]
    assert wire.lines == [("INFO", '10.0.0.1:1234 - "WebSocket /" 403')]


def test_an_app_may_deny_with_a_response_of_its_own() -> None:
    async def denies(receive: Any, send: Any) -> None:
        await receive()
        start = "websocket.http.response.start"
        body = "websocket.http.response.body"
        headers = [(b"content-type", b"text/plain")]
        await send({"type": start, "status": 401, "headers": headers})
        await send({"type": body, "body": b"not ", "more_body": True})
        await send({"type": body, "body": b"you"})

    with socket_wire(App(denies)) as (wire, client):
        head, *bodies = client.asks()
        assert wire.transport.closing
    assert isinstance(head, RejectConnection)
    assert head.status_code == 401
    sent = [each.data for each in bodies if isinstance(each, RejectData)]
    assert b"".join(sent) == b"not you"
    assert socket_events(wire) == [
        ("ws.handshake", "denied", 401, "REJECTING", None, (), None)
    ]
    (complete,) = wire.of("response.complete")
    assert complete.n == 7  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("request_", "status", "reason"),
    [
        (b"", 400, "Missing header, 'Sec-WebSocket-Version'"),
        (
            b"sec-websocket-version: 8\r\n",
            426,
            "Missing header, 'Sec-WebSocket-Version'",
        ),
        (
            b"sec-websocket-version: 13\r\n",
            400,
            "Missing header, 'Sec-WebSocket-Key'",
        ),
        (
            b"sec-websocket-version: 13\r\nsec-websocket-key: a\r\n"
            b"sec-websocket-protocol: \xff\r\n",
            400,
            "a header is no text",
        ),
    ],
)
def test_a_wrong_handshake_gets_an_answer_and_no_app(
    request_: bytes, status: int, reason: str
) -> None:
    app = App()
    with socket_wire(app) as (wire, _):
        wire.receives(
            b"GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\n"
            b"upgrade: websocket\r\n" + request_ + b"\r\n"
        )
        assert wire.written.startswith(b"HTTP/1.1 %d " % status)
        assert wire.transport.closing
    assert app.scope is None
    assert socket_events(wire) == [
        ("ws.handshake", "invalid", status, "CLOSED", None, (), reason)
    ]
    assert wire.errors == []


def test_a_post_is_no_handshake() -> None:
    with socket_wire(App()) as (wire, _):
        wire.receives(
            b"POST / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\n"
            b"upgrade: websocket\r\ncontent-length: 2\r\n\r\nab"
        )
        assert wire.written.startswith(b"HTTP/1.1 400 ")


def test_http_1_0_cannot_change_its_protocol() -> None:
    async def answers(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body"})

    with socket_wire(answers) as (wire, _):
        wire.receives(
            b"GET / HTTP/1.0\r\nhost: a\r\nconnection: upgrade\r\n"
            b"upgrade: websocket\r\n\r\n"
        )
        assert wire.written.startswith(b"HTTP/1.1 204 ")


async def _raises(receive: Any, send: Any) -> None:
    raise ValueError("no")


async def _returns(receive: Any, send: Any) -> None:
    await receive()


@pytest.mark.parametrize(
    ("app", "branch"), [(_raises, "raised"), (_returns, "no response")]
)
def test_an_app_that_gives_no_answer_gives_a_500(app: Any, branch: str) -> None:
    with socket_wire(App(app)) as (wire, client):
        head, *_ = client.asks()
        assert isinstance(head, RejectConnection)
        assert head.status_code == 500
        assert wire.written.endswith(b"\r\n\r\nInternal Server Error")
        assert wire.transport.closing
    assert socket_events(wire) == [
        ("ws.handshake", "failed", 500, "CLOSED", None, (), None)
    ]
    (end,) = wire.of("run_asgi.end")
    assert end.branch == branch  # type: ignore[attr-defined]


def test_the_app_chooses_a_subprotocol() -> None:
    async def chooses(receive: Any, send: Any) -> None:
        await receive()
        headers = [(b"x-a", b"b")]
        accept = {"type": "websocket.accept", "subprotocol": "y"}
        await send({**accept, "headers": headers})
        await receive()

    with socket_wire(App(chooses)) as (wire, client):
        (answer,) = client.asks(subprotocols=("x", "y"))
        assert answer.subprotocol == "y"  # type: ignore[attr-defined]
        (start,) = wire.of("response.start")
        headers = start.headers  # type: ignore[attr-defined]
        assert {(name.lower(), who) for name, _, who in headers} == {
            ("upgrade", "wsproto"),
            ("connection", "wsproto"),
            ("sec-websocket-accept", "wsproto"),
            ("sec-websocket-protocol", "wsproto"),
            ("date", "tick"),
            ("server", "config"),
            ("x-a", "app"),
        }
        assert socket_events(wire) == [
            ("ws.handshake", "accepted", 101, "OPEN", "y", (), None)
        ]


def test_a_subprotocol_that_was_not_offered_is_an_error_of_the_app() -> None:
    async def chooses(receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept", "subprotocol": "z"})

    app = App(chooses)
    with socket_wire(app) as (wire, client):
        head, *_ = client.asks(subprotocols=("x", "y"))
        assert head.status_code == 500  # type: ignore[attr-defined]
    assert type(app.raised).__name__ == "LocalProtocolError"
    (rejected,) = wire.of("send.rejected")
    assert rejected.got == "unexpected subprotocol z"  # type: ignore[attr-defined]


def test_frames_that_come_before_the_answer_are_not_lost() -> None:
    async def hesitates(receive: Any, send: Any) -> None:
        await receive()
        await go.wait()
        await echoes_on(receive, send)

    async def echoes_on(receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] != "websocket.disconnect":
            await send({**message, "type": "websocket.send"})

    go = asyncio.Event()
    with socket_wire(App(hesitates)) as (wire, client):
        client.asks()
        masked = b"\x81\x82\0\0\0\0hi"
        wire.receives(masked, masked)
        assert wire.written == b""
        wire.loop.call_soon(go.set)
        wire.settle()
        answers = client.reads()[1:]
    assert answers == [TextMessage(data="hi"), TextMessage(data="hi")]


def test_a_connection_may_serve_requests_before_it_is_a_websocket() -> None:
    then = App(echoes)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await then(scope, receive, send)
            return
        headers = [(b"content-length", b"2")]
        start = {"type": "http.response.start", "status": 200}
        await send({**start, "headers": headers})
        await send({"type": "http.response.body", "body": b"ok"})

    with socket_wire(app, ws_ping_interval=None) as (wire, client):
        wire.receives(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        client.skips()
        client.opens()
        assert client.sends(text("hi")) == [TextMessage(data="hi")]
        armed = [
            each
            for each in vars(wire.loop)["_scheduled"]
            if not each.cancelled()
        ]
        assert armed == []
        wire.wait(100)
        assert not wire.transport.closing
