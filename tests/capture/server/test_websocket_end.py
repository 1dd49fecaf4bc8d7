"""How a WebSocket ends, and what a slow or lost client does to the app."""

# ruff: noqa: ANN401  (messages of all sorts pass through here)

import asyncio
from typing import Any

import pytest
from socket_wire import (
    App,
    accepts,
    echoes,
    frame,
    received,
    socket_events,
    socket_wire,
    text,
)
from wsproto.events import CloseConnection, TextMessage

# --- closing -----------------------------------------------------------------


async def closes(receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.close", "code": 4000, "reason": "bye"})
    await receive()


def test_the_app_closes_and_the_client_answers() -> None:
    app = App(closes)
    with socket_wire(app) as (wire, client):
        _, close = client.asks()
        assert not wire.transport.closing
        client.sends(close.response())  # type: ignore[attr-defined]
        assert wire.transport.closing
    assert app.got[1] == {
        "type": "websocket.disconnect",
        "code": 4000,
        "reason": "bye",
    }
    assert socket_events(wire)[1:] == [
        ("ws.close", 4000, "app", "bye", True, "LOCAL_CLOSING"),
        ("ws.close", 4000, "client", "bye", False, "CLOSED"),
    ]


def test_what_crosses_our_close_is_not_heard() -> None:
    app = App(closes)
    with socket_wire(app) as (wire, client):
        _, close = client.asks()
        wire.receives(frame(1, b"late") + frame(9, b""))
        assert not wire.transport.closing
        client.sends(close.response())  # type: ignore[attr-defined]
        assert wire.transport.closing
    assert received(app) == []


def test_a_close_that_nobody_answers_is_waited_for_and_no_longer() -> None:
    with socket_wire(App(closes)) as (wire, client):
        client.asks()
        wire.wait(9.9)
        assert not wire.transport.closing
        wire.wait(0.2)
        assert wire.transport.closing
        assert socket_events(wire)[-1] == ("ws.timeout", "close", 10.0)


def test_a_client_that_never_reads_cannot_keep_a_closed_connection() -> None:
    with socket_wire(App(accepts)) as (wire, client):
        client.opens()
        aborted: list[bool] = []
        transport = wire.transport
        transport.close = lambda: setattr(transport, "closing", True)  # type: ignore[method-assign]
        transport.abort = lambda: aborted.append(True)  # type: ignore[method-assign]
        client.sends(CloseConnection(code=1000))
        wire.wait(9.9)
        assert aborted == []
        wire.wait(0.2)
        assert aborted == [True]


def test_a_close_without_a_code_is_1005() -> None:
    app = App(accepts)
    with socket_wire(app) as (wire, client):
        client.opens()
        wire.receives(frame(8, b""))
        assert wire.transport.closing
    assert app.got[1]["code"] == 1005
    assert [each[1] for each in socket_events(wire)[1:]] == [1005, 1005]


def test_the_server_shuts_down() -> None:
    app = App(accepts)
    with socket_wire(app) as (wire, client):
        client.opens()
        wire._soon(wire.protocol.shutdown)
        (close,) = client.reads()
        assert wire.transport.closing
        wire.settle()
    assert close.code == 1012  # type: ignore[attr-defined]
    assert app.got[1] == {"type": "websocket.disconnect", "code": 1012}


# --- back-pressure and loss --------------------------------------------------


def test_reading_stops_until_the_app_has_taken_the_message() -> None:
    go = asyncio.Event()

    async def slow(receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await go.wait()
        await receive()
        await receive()

    with socket_wire(App(slow)) as (wire, client):
        client.opens()
        client.sends(text("a"))
        assert wire.done[-1] == ("pause_reading", b"")
        wire.loop.call_soon(go.set)
        wire.settle()
        assert wire.done[-1] == ("resume_reading", b"")
        (paused,) = wire.of("read.paused")
        assert (paused.buffered, paused.reason) == (1, "message")  # type: ignore[attr-defined]


def test_send_waits_for_a_client_that_reads_slowly() -> None:
    with socket_wire(App(echoes)) as (wire, client):
        client.opens()
        wire.protocol.pause_writing()
        assert client.sends(text("a")) == []
        wire._soon(wire.protocol.resume_writing)
        wire.settle()
        assert client.reads() == [TextMessage(data="a")]


@pytest.mark.parametrize("opened", [True, False])
def test_a_lost_connection_is_received_and_sending_raises(
    opened: bool,
) -> None:
    async def goes_on(receive: Any, send: Any) -> None:
        await receive()
        if opened:
            await send({"type": "websocket.accept"})
        await receive()
        await send({"type": "websocket.send", "text": "a"})

    app = App(goes_on)
    with socket_wire(app) as (wire, client):
        client.asks()
        wire.lost(ConnectionResetError())
    code = 1005 if opened else 1006
    assert app.got[1] == {"type": "websocket.disconnect", "code": code}
    assert isinstance(app.raised, OSError)
    (end,) = wire.of("run_asgi.end")
    assert end.branch == "disconnected"  # type: ignore[attr-defined]
    assert len(wire.of("client.disconnected")) == 1
    assert wire.lines[-1:] != [("ERROR", "Exception in ASGI application\n")]


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        (
            [{"type": "websocket.send", "text": "a"}],
            "Expected ASGI message 'websocket.accept', 'websocket.close' or"
            " 'websocket.http.response.start' but got 'websocket.send'.",
        ),
        (
            [{"type": "websocket.accept"}, {"type": "websocket.accept"}],
            "Expected ASGI message 'websocket.send' or 'websocket.close', but"
            " got 'websocket.accept'.",
        ),
        (
            [
                {"type": "websocket.accept"},
                {"type": "websocket.close"},
                {"type": "websocket.send", "text": "a"},
            ],
            "Unexpected ASGI message 'websocket.send', after sending"
            " 'websocket.close'.",
        ),
        (
            [
                {
                    "type": "websocket.http.response.start",
                    "status": 400,
                    "headers": [],
                },
                {"type": "websocket.accept"},
            ],
            "Expected ASGI message 'websocket.http.response.body' but got"
            " 'websocket.accept'.",
        ),
    ],
)
def test_messages_out_of_order_raise(
    messages: list[Any], expected: str
) -> None:
    async def sends(receive: Any, send: Any) -> None:
        await receive()
        for each in messages:
            await send(each)

    app = App(sends)
    with socket_wire(app) as (wire, client):
        client.asks()
        assert len(wire.of("send.rejected")) == 1
    assert type(app.raised) is RuntimeError
    assert str(app.raised) == expected


def test_sending_to_a_client_that_has_closed_raises() -> None:
    async def late(receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
        await send({"type": "websocket.send", "text": "a"})

    app = App(late)
    with socket_wire(app) as (_, client):
        client.opens()
        client.sends(CloseConnection(code=1000))
    assert isinstance(app.raised, OSError)
