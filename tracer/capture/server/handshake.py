"""The answer to a WebSocket's handshake: 101, or an HTTP response instead.

After 101 nothing on the connection is HTTP any more; after any other answer
it is closed.
"""

import logging
from collections.abc import Sequence
from typing import Literal
from urllib.parse import quote

from wsproto import WSConnection
from wsproto.events import AcceptConnection, RejectConnection, RejectData
from wsproto.utilities import RemoteProtocolError

from tracer.capture import redact
from tracer.capture.server.asgi import Scope
from tracer.capture.server.deflate import BoundedDeflate
from tracer.capture.server.head import Header
from tracer.capture.server.socket_writer import SocketWriter
from tracer.events import (
    Bytes,
    ResponseComplete,
    ResponseStart,
    WsHandshake,
)
from tracer.events.states import SocketState

Outcome = Literal["accepted", "refused", "denied", "invalid", "failed"]

Origins = Sequence[tuple[str, Sequence[Header]]]
"""Who added which headers."""

WHOSE: dict[Outcome, str] = {"denied": "app", "failed": "server"}
"""Who gives an answer's headers; else wsproto does."""

ERROR = b"Internal Server Error"
ERROR_HEADERS: list[Header] = [
    (b"content-type", b"text/plain; charset=utf-8"),
    (b"connection", b"close"),
    (b"content-length", b"21"),
]


def wrong_handshake(
    conn: WSConnection, data: bytes
) -> tuple[RejectConnection, str] | None:
    """Let wsproto read a request; give the answer to one that is wrong.

    Source: RFC 6455, section 4.2.1; uvicorn, `WSProtocol.data_received`
    """
    try:
        conn.receive_data(data)
    except RemoteProtocolError as error:
        hint = error.event_hint
        assert isinstance(hint, RejectConnection)
        return hint, str(error)
    except ValueError:
        # wsproto decodes some headers, whatever is in them.
        return RejectConnection(), "a header is no text"
    return None


class Handshake:
    """Answers one handshake.

    Source: RFC 6455, section 4.2.2; uvicorn, `WSProtocol.send`
    """

    def __init__(
        self, writer: SocketWriter, defaults: list[Header], dated: bool
    ) -> None:
        self.writer = writer
        self.defaults = defaults
        self.dated = dated

    def accept(
        self,
        subprotocol: str | None,
        headers: list[Header],
        extension: BoundedDeflate | None,
        where: int | None,
    ) -> None:
        """Say 101: from here on there are frames.

        Raises:
            wsproto.utilities.LocalProtocolError: The client has not offered
                this subprotocol.
            h11.LocalProtocolError: HTTP doesn't allow one of the headers.
        """
        writer = self.writer
        event = AcceptConnection(
            subprotocol=subprotocol,
            extensions=[] if extension is None else [extension],
            extra_headers=self.defaults + headers,
        )
        output = writer.conn.send(event)
        writer.state = SocketState.OPEN
        agreed: tuple[str, ...] = ()
        if extension is not None and extension.enabled():
            writer.deflate = extension
            agreed = (_agreed(output),)
        origins = [*self._default_origins(), ("app", headers)]
        self._say("accepted", 101, output, origins, where, subprotocol, agreed)
        writer.put(output, "handshake", where)

    def refuse(self, where: int | None) -> None:
        """Say 403: the app has closed before it accepted."""
        event = RejectConnection(status_code=403)
        self._reject(event, "refused", SocketState.CLOSED, where)
        self._complete(0, where)

    def deny(
        self, status: int, headers: list[Header], where: int | None
    ) -> None:
        """Send the head of the app's own response in place of a handshake.

        Raises:
            h11.LocalProtocolError: HTTP doesn't allow it.

        Source: ASGI WebSocket, "Websocket Denial Response"
        """
        event = RejectConnection(
            status_code=status, headers=headers, has_body=True
        )
        self._reject(event, "denied", SocketState.REJECTING, where)

    def invalid(
        self, event: RejectConnection, reason: str, where: int | None
    ) -> None:
        """Answer a request that is no handshake; no app hears of it."""
        self._reject(event, "invalid", SocketState.CLOSED, where, reason)
        self._complete(0, where)

    def fail(self, where: int | None) -> None:
        """Say 500 for an app that has given no answer.

        Source: uvicorn, `WSProtocol.send_500_response`
        """
        event = RejectConnection(
            status_code=500, headers=list(ERROR_HEADERS), has_body=True
        )
        self._reject(event, "failed", SocketState.CLOSED, where, body=ERROR)
        self._complete(len(ERROR), where)

    def _reject(  # noqa: PLR0913, PLR0917  # what differs among them
        self,
        event: RejectConnection,
        outcome: Outcome,
        state: SocketState,
        where: int | None,
        reason: str | None = None,
        body: bytes = b"",
    ) -> None:
        writer = self.writer
        output = writer.conn.send(event)
        writer.state = state
        headers = [(bytes(name), bytes(value)) for name, value in event.headers]
        who = WHOSE.get(outcome, "wsproto")
        status = int(event.status_code)
        self._say(
            outcome, status, output, [(who, headers)], where, reason=reason
        )
        if body:
            output += writer.conn.send(RejectData(data=body))
            if (note := writer.note) is not None:
                text = body.decode()
                note.four(Bytes, where, "out", "body", text, len(body))
        writer.put(output, "handshake", where)

    def _complete(self, n: int, where: int | None) -> None:
        if (note := self.writer.note) is not None:
            note.one(ResponseComplete, where, n)

    def _default_origins(self) -> Origins:
        first = 1 if self.dated and self.defaults else 0
        tick, config = self.defaults[:first], self.defaults[first:]
        return [("tick", tick), ("config", config)]

    def _say(  # noqa: PLR0913, PLR0917  # all that is said
        self,
        outcome: Outcome,
        status: int,
        output: bytes,
        origins: Origins,
        where: int | None,
        subprotocol: str | None = None,
        extensions: tuple[str, ...] = (),
        reason: str | None = None,
    ) -> None:
        if (note := self.writer.note) is None:
            return
        text = redact.head(output)
        note.four(Bytes, where, "out", "head", text, len(output))
        note.two(ResponseStart, where, status, credited(output, origins))
        note(
            WsHandshake,
            where,
            outcome,
            status,
            self.writer.state.value,
            None if subprotocol is None else redact.text(subprotocol),
            extensions,
            None if reason is None else redact.text(reason),
        )


def credited(head: bytes, origins: Origins) -> tuple[tuple[str, str, str], ...]:
    """Give each header of a head with who added it; wsproto says it not."""
    origin_of = {
        (name.lower(), value): who
        for who, headers in origins
        for name, value in headers
    }
    pairs = []
    for line in head.split(b"\r\n")[1:-2]:
        name, _, value = line.partition(b": ")
        pairs.append((name, value))
    return tuple(
        (name, value, origin_of.get((pair[0].lower(), pair[1]), "wsproto"))
        for (name, value), pair in zip(
            redact.headers(pairs), pairs, strict=True
        )
    )


def _agreed(head: bytes) -> str:
    """Give what the head says of the extension that both sides know."""
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b": ")
        if name.lower() == b"sec-websocket-extensions":
            return value.decode("latin-1")
    return ""


def log_handshake(logger: logging.Logger, scope: Scope, answer: str) -> None:
    """Write the line of one handshake: `accepted` in brackets, or a status.

    It is no access line: uvicorn writes it with the server's own.

    Source: uvicorn, `WSProtocol.send`
    """
    client = "{}:{}".format(*scope["client"]) if scope["client"] else ""
    path = quote(scope["path"])
    if scope["query_string"]:
        path += "?" + scope["query_string"].decode("ascii")
    logger.info('%s - "WebSocket %s" %s', client, path, answer)
