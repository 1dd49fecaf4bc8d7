"""A request asks for another protocol: WebSocket gets the connection.

The HTTP protocol has read the request already and can't give it back, so it
is played to the new protocol once more, as bytes. All other wishes are
ignored, and the request is served as if it had not asked.
"""

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import h11

from tracer.capture import redact
from tracer.capture.probe import Note
from tracer.capture.server.refuse import warn
from tracer.capture.server.websocket import WSProtocol
from tracer.capture.sources import place
from tracer.events import ProtocolSwitched, UpgradeDecision

if TYPE_CHECKING:
    from tracer.capture.server.protocol import H11Protocol

NO_WEBSOCKETS = (
    "No supported WebSocket library detected. Please use "
    "\"pip install 'uvicorn[standard]'\", or install 'websockets' or "
    "'wsproto' manually."
)

WHY_NOT = {
    False: "no WebSocket protocol is installed: served as plain HTTP",
    True: "only HTTP/1.1 can change, and to WebSocket alone: plain HTTP",
}
"""Why nothing is changed, by whether WebSockets are spoken."""


def handle_upgrade(
    http: "H11Protocol", request: h11.Request, note: Note | None
) -> bool:
    """Do what a request with an Upgrade header asks for, if it can be done.

    Args:
        http: Who has the connection; not to be used any more, if it is given
            away.
        request: The one that asks.
        note: The request's.

    Returns:
        Whether another protocol has the connection now.

    Source: RFC 9110, section 7.8; uvicorn, `H11Protocol._should_upgrade`
    """
    scope, make = http.scope, http.ws_protocol_class
    wanted = upgrade_of(scope["headers"])
    if wanted is None:
        return False
    # One of HTTP/1.0 can't ask.
    new_enough = scope["http_version"] != "1.0"
    if wanted == b"websocket" and new_enough and make is not None:
        http.timer.stop()
        switch_protocol(http, make, request, note)
        return True
    decline_upgrade(wanted, make is not None, http.logger, note)
    return False


def upgrade_of(headers: list[tuple[bytes, bytes]]) -> bytes | None:
    """Give the protocol that a request asks to change to, or None.

    Source: uvicorn, `H11Protocol._get_upgrade`
    """
    tokens: list[bytes] = []
    upgrade = None
    for name, value in headers:
        if name == b"connection":
            tokens = [token.lower().strip() for token in value.split(b",")]
        elif name == b"upgrade":
            upgrade = value.lower()
    return upgrade if b"upgrade" in tokens else None


def decline_upgrade(
    wanted: bytes, websockets: bool, logger: logging.Logger, note: Note | None
) -> None:
    """Warn of a change of protocol that is asked for; it is not made."""
    warn(logger, "Unsupported upgrade request.", note)
    if not websockets:
        warn(logger, NO_WEBSOCKETS, note)
    if note is not None:
        name = redact.text(wanted.decode("latin-1"))
        note(UpgradeDecision, _HANDLE, name, False, WHY_NOT[websockets])


def switch_protocol(
    http: "H11Protocol",
    make: type[asyncio.Protocol],
    request: h11.Request,
    note: Note | None,
) -> None:
    """Give the connection to a WebSocket protocol, for good.

    Source: uvicorn, `H11Protocol.handle_websocket_upgrade`
    """
    if note is not None:
        why = "WebSocket is spoken here"
        note(UpgradeDecision, _HANDLE, "websocket", True, why)
    http.connections.discard(http)
    http.timer.stop()  # whatever it waited for, it is not called any more
    ours = issubclass(make, WSProtocol)
    protocol: Any = make(
        config=http.config if ours else http.config.origin(),  # type: ignore[call-arg]  # as uvicorn's take
        server_state=http.server_state,
        app_state=http.app_state,
    )
    if ours:
        protocol.note = note
    protocol.connection_made(http.transport)
    protocol.data_received(replayed(request))
    http.transport.set_protocol(protocol)
    if ours and note is not None:
        note(ProtocolSwitched, _SWITCH, protocol.obj)
    # What came in the same read, though nothing may before the answer.
    if early := http.conn.trailing_data[0]:
        (protocol.feed if ours else protocol.data_received)(early)


def replayed(request: h11.Request) -> bytes:
    """Write a request's head as it could have come."""
    lines = [b"%s %s HTTP/1.1" % (request.method, request.target)]
    lines += [b"%s: %s" % pair for pair in request.headers]
    return b"\r\n".join([*lines, b"", b""])


_HANDLE = place(handle_upgrade)
_SWITCH = place(switch_protocol)
