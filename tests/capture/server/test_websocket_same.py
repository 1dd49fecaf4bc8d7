"""The same client and app on three wires: traced, untraced, and uvicorn's."""

# ruff: noqa: ANN401  (messages of all sorts pass through here)

import base64
from typing import Any

import pytest
from socket_wire import (
    App,
    Client,
    echoes,
    frame,
    socket_wire,
    uvicorn_socket_wire,
)

OPEN = (
    b"GET /a?b=c HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\n"
    b"Upgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: %s\r\nSec-WebSocket-Protocol: x, y\r\n%s\r\n"
)
KEY = base64.b64encode(bytes(16))
PLAIN = OPEN % (KEY, b"")
PACKED = OPEN % (KEY, b"Sec-WebSocket-Extensions: permessage-deflate\r\n")
CLOSE = frame(8, b"\x03\xe8bye")


def does(*messages: dict[str, Any]) -> Any:
    """An app that is connected, sends these, and takes what comes."""

    async def app(receive: Any, send: Any) -> None:
        await receive()
        for each in messages:
            await send(each)
        while (await receive())["type"] != "websocket.disconnect":
            pass

    return app


ACCEPT: dict[str, Any] = {"type": "websocket.accept"}
START = {"type": "websocket.http.response.start", "status": 404}
BODY = {"type": "websocket.http.response.body", "body": b"no"}


async def returns_at_once(receive: Any, send: Any) -> None:
    pass


async def returns_open(receive: Any, send: Any) -> None:
    await send(ACCEPT)


async def raises_open(receive: Any, send: Any) -> None:
    await send(ACCEPT)
    raise ValueError("no")


SCRIPTS: dict[str, tuple[Any, tuple[bytes, ...]]] = {
    "echo": (echoes, (PLAIN, frame(1, b"hi"), frame(2, b"\0"), CLOSE)),
    "echo, packed": (echoes, (PACKED, frame(1, b"hi"), CLOSE)),
    "several frames": (
        echoes,
        (PLAIN, frame(1, b"h", fin=False), frame(0, b"i"), CLOSE),
    ),
    "two messages in one read": (
        echoes,
        (PLAIN, frame(1, b"a") + frame(1, b"b"), CLOSE),
    ),
    "ping": (echoes, (PLAIN, frame(9, b"?"), frame(10, b"!"), CLOSE)),
    "the app closes": (
        does(ACCEPT, {"type": "websocket.close", "code": 4000}),
        (PLAIN, frame(1, b"late"), CLOSE),
    ),
    "the app closes with a reason": (
        does(ACCEPT, {"type": "websocket.close", "reason": "so"}),
        (PLAIN, CLOSE),
    ),
    "subprotocol and headers": (
        does({**ACCEPT, "subprotocol": "y", "headers": [(b"x-a", b"b")]}),
        (PLAIN, CLOSE),
    ),
    "refused": (does({"type": "websocket.close"}), (PLAIN,)),
    "denied": (does({**START, "headers": []}, BODY), (PLAIN,)),
    "denied, with a length": (
        does({**START, "headers": [(b"content-length", b"2")]}, BODY),
        (PLAIN,),
    ),
    "no answer": (returns_at_once, (PLAIN,)),
    "an app that forgets": (returns_open, (PLAIN,)),
    "an app that raises": (raises_open, (PLAIN,)),
    "out of order": (does(ACCEPT, ACCEPT), (PLAIN,)),
    "no version": (echoes, (PLAIN.replace(b"-Version", b"-Person"),)),
    "old version": (echoes, (PLAIN.replace(b": 13", b": 8"),)),
    "no key": (echoes, (PLAIN.replace(b"-Key", b"-Lock"),)),
    "too big": (echoes, (PLAIN, frame(2, bytes(2000)))),
    "client gone": (echoes, (PLAIN, b"")),
}


def lived(opened: Any, app: App, reads: tuple[bytes, ...]) -> Any:
    with opened as (wire, _):
        client: Client = _
        for each in reads:
            if each:
                wire.receives(each)
            else:
                wire.lost()
        wire.settle()
        assert client.wire is wire
        return wire.done, app.got, app.scope, repr(app.raised), wire.lines


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_same_bytes_messages_and_lines(script: str) -> None:
    then, reads = SCRIPTS[script]
    lives = []
    wires: list[tuple[Any, dict[str, Any]]] = [
        (socket_wire, {}),
        (socket_wire, {"traced": False}),
        (uvicorn_socket_wire, {}),
    ]
    for make, options in wires:
        app = App(then)
        opened = make(app, ws_max_size=1000, **options)
        lives.append(lived(opened, app, reads))
    ours, untraced, uvicorns = lives
    assert ours == untraced
    assert ours == uvicorns
