"""A WebSocket held at a stage, and let go."""

# ruff: noqa: ANN401  (messages of all sorts pass through here)

import asyncio
from typing import Any

import pytest
from socket_wire import App, echoes, frame, received, socket_wire, text
from wsproto.events import TextMessage

from tracer.capture.gate import Gate
from tracer.events.breaks import parse_break
from tracer.events.commands import Break, GoAll, Unbreak


def stop(kind: str) -> Break:
    return Break(1, kind, parse_break(f"{kind} path=/talk"))


@pytest.mark.parametrize(
    "kind", ["receive.call", "receive.return", "send.call", "send.return"]
)
def test_a_message_waits_where_its_app_is_held(kind: str) -> None:
    app = App(echoes)
    with socket_wire(app) as (wire, client):
        gate = Gate(wire.probe)
        gate.begin(wire.loop)
        client.opens(path="/talk")
        gate.tell(stop(kind))
        wire.settle()
        answers = client.sends(text("hi"))
        held: list[Any] = wire.of("held")
        assert [each.stage for each in held] == [kind]
        sent = [TextMessage(data="hi")]
        assert answers == (
            sent if kind in {"send.return", "receive.call"} else []
        )
        gate.tell(Unbreak(1))
        gate.tell(GoAll())
        wire.settle()
        assert answers + client.reads() == sent
        assert received(app) == ["hi"]


def test_bytes_are_held_before_they_are_frames() -> None:
    app = App(echoes)
    with socket_wire(app) as (wire, client):
        gate = Gate(wire.probe)
        gate.begin(wire.loop)
        client.opens()
        gate.tell(Break(1, "data_received", parse_break("data_received")))
        wire.settle()
        wire.receives(frame(1, b"hi"))
        assert received(app) == []
        assert wire.done[-1] == ("pause_reading", b"")
        gate.tell(Unbreak(1))
        gate.tell(GoAll())
        wire.settle()
        assert received(app) == ["hi"]


def test_a_message_that_a_cancelled_receive_held_is_given_again() -> None:
    tasks: list[asyncio.Task[Any]] = []

    async def impatient(receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        first = asyncio.create_task(receive())
        tasks.append(first)
        await asyncio.wait([first])
        await receive()

    app = App(impatient)
    with socket_wire(app) as (wire, client):
        gate = Gate(wire.probe)
        gate.begin(wire.loop)
        client.opens(path="/talk")
        gate.tell(stop("receive.return"))
        wire.settle()
        client.sends(text("hi"))
        assert len(wire.of("held")) == 1
        gate.tell(Unbreak(1))
        wire.loop.call_soon(tasks[0].cancel)
        wire.settle()
    assert received(app) == ["hi"]
