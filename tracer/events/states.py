"""The state machines, as tables: the server obeys them, the views draw them.

Four machines stand here: the response's own and the WebSocket's (ours), and
h11's two, one for each side of the connection. What an app may do at its end
is a table too.
"""

from enum import IntEnum, StrEnum
from typing import Literal, NamedTuple


class ResponseState(IntEnum):
    """How far one response has come. Only `send()` moves it."""

    WAITING = 1
    """Nothing was sent; only `http.response.start` may come."""
    STREAMING = 2
    """The head is out; bodies may come."""
    DONE = 3
    """The last body is out; nothing may come."""


WAITING, STREAMING, DONE = ResponseState

RESPONSE_NEXT: dict[tuple[ResponseState, str, bool], ResponseState] = {
    (WAITING, "http.response.start", False): STREAMING,
    (STREAMING, "http.response.body", True): STREAMING,
    (STREAMING, "http.response.body", False): DONE,
}
"""(state, the message's type, its `more_body`) to the state after it.

What is not here raises RuntimeError in the app.

Source: ASGI HTTP, "Response Start" and "Response Body"
"""

RESPONSE_EXPECTS: dict[ResponseState, str] = {
    WAITING: "http.response.start",
    STREAMING: "http.response.body",
}
"""What the app must send next; nothing, once it is DONE."""


Outcome = Literal["returned", "returned a value", "raised"]
"""How a call of the app came to its end."""

Branch = Literal[
    "complete",
    "raised",
    "returned a value",
    "no response",
    "incomplete",
    "disconnected",
]

Remedy = Literal["nothing", "500", "close"]
"""What the server still does for the client."""


class Ending(NamedTuple):
    """What the end of the app means, and what is done about it."""

    branch: Branch
    remedy: Remedy


ENDINGS: dict[tuple[Outcome, ResponseState, bool], Ending] = {
    ("returned", WAITING, False): Ending("no response", "500"),
    ("returned", WAITING, True): Ending("disconnected", "nothing"),
    ("returned", STREAMING, False): Ending("incomplete", "close"),
    ("returned", STREAMING, True): Ending("disconnected", "nothing"),
    ("returned", DONE, False): Ending("complete", "nothing"),
    ("returned", DONE, True): Ending("complete", "nothing"),
    ("returned a value", WAITING, False): Ending("returned a value", "close"),
    ("returned a value", WAITING, True): Ending("returned a value", "close"),
    ("returned a value", STREAMING, False): Ending("returned a value", "close"),
    ("returned a value", STREAMING, True): Ending("returned a value", "close"),
    ("returned a value", DONE, False): Ending("returned a value", "close"),
    ("returned a value", DONE, True): Ending("returned a value", "close"),
    ("raised", WAITING, False): Ending("raised", "500"),
    ("raised", WAITING, True): Ending("raised", "500"),
    ("raised", STREAMING, False): Ending("raised", "close"),
    ("raised", STREAMING, True): Ending("raised", "close"),
    ("raised", DONE, False): Ending("raised", "close"),
    ("raised", DONE, True): Ending("raised", "close"),
}
"""(how it ended, the response's state, has the client left) to the ending.

A 500 to a client that has left is sent all the same, and dropped by `send()`.

Source: uvicorn, `RequestResponseCycle.run_asgi`
"""


CLIENT_NEXT: dict[tuple[str, str], str] = {
    ("IDLE", "Request"): "SEND_BODY",
    ("IDLE", "ConnectionClosed"): "CLOSED",
    ("SEND_BODY", "Data"): "SEND_BODY",
    ("SEND_BODY", "EndOfMessage"): "DONE",
    ("DONE", "ConnectionClosed"): "CLOSED",
    ("MUST_CLOSE", "ConnectionClosed"): "CLOSED",
    ("CLOSED", "ConnectionClosed"): "CLOSED",
}
"""h11's machine for the client: (its state, what was parsed) to the next.

Source: h11, `EVENT_TRIGGERED_TRANSITIONS`
"""

SERVER_NEXT: dict[tuple[str, str], str] = {
    ("IDLE", "Request"): "SEND_RESPONSE",
    ("IDLE", "Response"): "SEND_BODY",
    ("IDLE", "ConnectionClosed"): "CLOSED",
    ("SEND_RESPONSE", "InformationalResponse"): "SEND_RESPONSE",
    ("SEND_RESPONSE", "Response"): "SEND_BODY",
    ("SEND_BODY", "Data"): "SEND_BODY",
    ("SEND_BODY", "EndOfMessage"): "DONE",
    ("DONE", "ConnectionClosed"): "CLOSED",
    ("MUST_CLOSE", "ConnectionClosed"): "CLOSED",
    ("CLOSED", "ConnectionClosed"): "CLOSED",
}
"""h11's machine for the server: (its state, what was sent) to the next.

The client's Request moves it too. The answers that switch to another
protocol (101, and 2xx to CONNECT) are left out: nothing here sends them.

Source: h11, `EVENT_TRIGGERED_TRANSITIONS`
"""

STATE_CHANGES: tuple[tuple[str, str, str, str, str], ...] = (
    ("DONE", "DONE", "IDLE", "IDLE", "start_next_cycle()"),
    ("DONE", "*", "MUST_CLOSE", "*", "keep-alive is off"),
    ("*", "DONE", "*", "MUST_CLOSE", "keep-alive is off"),
    ("DONE", "*", "MIGHT_SWITCH_PROTOCOL", "*", "the client asked to switch"),
    ("MIGHT_SWITCH_PROTOCOL", "*", "DONE", "*", "the switch was refused"),
    ("CLOSED", "DONE", "CLOSED", "MUST_CLOSE", "the other side is gone"),
    ("CLOSED", "IDLE", "CLOSED", "MUST_CLOSE", "the other side is gone"),
    ("ERROR", "DONE", "ERROR", "MUST_CLOSE", "the other side is gone"),
    ("DONE", "CLOSED", "MUST_CLOSE", "CLOSED", "the other side is gone"),
    ("IDLE", "CLOSED", "MUST_CLOSE", "CLOSED", "the other side is gone"),
    ("DONE", "ERROR", "MUST_CLOSE", "ERROR", "the other side is gone"),
)
"""Moves without an event: client and server before, after, and why.

`*` stands for any state, and for "as before" after the arrow. Any state of a
side becomes ERROR when that side breaks the rules; that is not listed.

Source: h11, `ConnectionState._fire_state_triggered_transitions`
"""


class SocketState(StrEnum):
    """How far one WebSocket has come, in wsproto's words.

    Source: wsproto, `ConnectionState`
    """

    CONNECTING = "CONNECTING"
    """The client has asked; the app has not answered."""
    OPEN = "OPEN"
    """Messages may go both ways."""
    REMOTE_CLOSING = "REMOTE_CLOSING"
    """The client has sent its Close frame, and ours must follow."""
    LOCAL_CLOSING = "LOCAL_CLOSING"
    """We have sent our Close frame, and the client's should follow."""
    CLOSED = "CLOSED"
    """Both have, or there was no handshake: nothing may come any more."""
    REJECTING = "REJECTING"
    """A response's head was sent in place of a handshake; bodies may come."""


_S = SocketState

SOCKET_NEXT: dict[tuple[SocketState, str, bool], SocketState] = {
    (_S.CONNECTING, "websocket.accept", False): _S.OPEN,
    (_S.CONNECTING, "websocket.close", False): _S.CLOSED,
    (_S.CONNECTING, "websocket.http.response.start", False): _S.REJECTING,
    (_S.REJECTING, "websocket.http.response.body", True): _S.REJECTING,
    (_S.REJECTING, "websocket.http.response.body", False): _S.CLOSED,
    (_S.OPEN, "websocket.send", False): _S.OPEN,
    (_S.OPEN, "websocket.close", False): _S.LOCAL_CLOSING,
}
"""(state, the app's message, its `more_body`) to the state after it.

What is not here raises in the app: OSError if the client was first to leave,
else RuntimeError.

Source: ASGI WebSocket; wsproto, `Connection.send` and `H11Handshake.send`
"""

SOCKET_CLOSE: dict[tuple[SocketState, Literal["in", "out"]], SocketState] = {
    (_S.OPEN, "in"): _S.REMOTE_CLOSING,
    (_S.OPEN, "out"): _S.LOCAL_CLOSING,
    (_S.REMOTE_CLOSING, "out"): _S.CLOSED,
    (_S.LOCAL_CLOSING, "in"): _S.CLOSED,
}
"""(state, which way a Close frame goes) to the state after it.

Source: RFC 6455, section 7.1; wsproto, `Connection`
"""

SOCKET_EXPECTS: dict[SocketState, str] = {
    _S.CONNECTING: (
        "Expected ASGI message 'websocket.accept', 'websocket.close' or"
        " 'websocket.http.response.start' but got '{}'."
    ),
    _S.OPEN: (
        "Expected ASGI message 'websocket.send' or 'websocket.close', but got"
        " '{}'."
    ),
    _S.REJECTING: (
        "Expected ASGI message 'websocket.http.response.body' but got '{}'."
    ),
    _S.REMOTE_CLOSING: "Unexpected ASGI message '{}', the client has closed.",
    _S.LOCAL_CLOSING: (
        "Unexpected ASGI message '{}', after sending 'websocket.close'."
    ),
    _S.CLOSED: "Unexpected ASGI message '{}', after sending 'websocket.close'.",
}
"""What is said of a message that is not in `SOCKET_NEXT`.

Source: uvicorn, `WSProtocol.send`
"""

SOCKET_ENDINGS: dict[tuple[Outcome, SocketState | None], Ending] = {
    ("returned", None): Ending("disconnected", "nothing"),
    ("returned a value", None): Ending("returned a value", "nothing"),
    ("raised", None): Ending("raised", "nothing"),
    ("returned", _S.CONNECTING): Ending("no response", "500"),
    ("returned", _S.OPEN): Ending("incomplete", "close"),
    ("returned", _S.REMOTE_CLOSING): Ending("complete", "close"),
    ("returned", _S.LOCAL_CLOSING): Ending("complete", "nothing"),
    ("returned", _S.CLOSED): Ending("complete", "close"),
    ("returned", _S.REJECTING): Ending("incomplete", "close"),
    ("returned a value", _S.CONNECTING): Ending("no response", "500"),
    ("returned a value", _S.OPEN): Ending("returned a value", "close"),
    ("returned a value", _S.REMOTE_CLOSING): Ending(
        "returned a value", "close"
    ),
    ("returned a value", _S.LOCAL_CLOSING): Ending(
        "returned a value", "nothing"
    ),
    ("returned a value", _S.CLOSED): Ending("returned a value", "close"),
    ("returned a value", _S.REJECTING): Ending("returned a value", "close"),
    ("raised", _S.CONNECTING): Ending("raised", "500"),
    ("raised", _S.OPEN): Ending("raised", "close"),
    ("raised", _S.REMOTE_CLOSING): Ending("raised", "close"),
    ("raised", _S.LOCAL_CLOSING): Ending("raised", "nothing"),
    ("raised", _S.CLOSED): Ending("raised", "close"),
    ("raised", _S.REJECTING): Ending("raised", "close"),
}
"""(how the app ended, the WebSocket's state) to what that means.

None: the connection was lost without a Close frame. `close` is a plain close
of the connection: no Close frame is sent for an app that forgot, and the
client sees a connection that broke (1006). In LOCAL_CLOSING the client's
Close frame is waited for, or its time-out.

Source: uvicorn, `WSProtocol.run_asgi`
"""
