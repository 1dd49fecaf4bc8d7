"""One WebSocket as its app sees it: `receive`, `send`, and an end.

What comes from the client is put into `messages` by the `WSProtocol`; what
the app sends goes out through `handshake` and `writer`.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import assert_never

import h11
from wsproto.utilities import LocalProtocolError

from tracer.capture import redact
from tracer.capture.probe import CURRENT, Note
from tracer.capture.server.asgi import ASGIApp, Message, Scope
from tracer.capture.server.blame import message_of, place_of
from tracer.capture.server.deflate import BoundedDeflate
from tracer.capture.server.flow import FlowControl
from tracer.capture.server.handshake import Handshake, log_handshake
from tracer.capture.server.head import content_type
from tracer.capture.server.socket_message import note_receive, note_send
from tracer.capture.server.socket_writer import SocketWriter
from tracer.capture.sources import Places
from tracer.events import (
    AppException,
    Bytes,
    ReceiveCall,
    ResponseComplete,
    RunAsgiEnd,
    RunAsgiStart,
    SendRejected,
    SendReturn,
)
from tracer.events.states import (
    SOCKET_ENDINGS,
    SOCKET_EXPECTS,
    SOCKET_NEXT,
    Branch,
    Ending,
    Outcome,
    SocketState,
)

STATUSES = range(100, 600)


class ClientDisconnected(OSError):  # noqa: N818  # uvicorn's name
    """Raised in an app that sends to a client that has left.

    Source: ASGI WebSocket 2.4, "Disconnected Client - send exception"
    """


class WebSocketCycle:
    """Lives from the handshake to the end of the app.

    Attributes:
        messages: What the app has not received yet, the oldest first.
        arrived: Set when there may be one.
        lost: Whether the connection is gone.
        on_open: Called when the handshake is accepted.
        on_close: Called when the app has sent its Close frame.
        hang_up: Closes the connection.

    Source: uvicorn, `WSProtocol`, which is both this and the protocol
    """

    def __init__(  # noqa: PLR0913  # what both halves share
        self,
        *,
        scope: Scope,
        writer: SocketWriter,
        flow: FlowControl,
        handshake: Handshake,
        extension: BoundedDeflate | None,
        logger: logging.Logger,
        on_open: Callable[[], None],
        on_close: Callable[[], None],
        hang_up: Callable[[int | None, str], None],
    ) -> None:
        self.scope = scope
        self.writer = writer
        self.flow = flow
        self.handshake = handshake
        self.extension = extension
        self.logger = logger
        self.on_open = on_open
        self.on_close = on_close
        self.hang_up = hang_up
        self.note: Note | None = writer.note
        self.messages: deque[Message] = deque()
        self.arrived = asyncio.Event()
        self.lost = False
        # A response in place of the handshake
        self.preview = redact.Body()
        self.sent = 0

    def put(self, message: Message) -> None:
        """Let the app receive a message."""
        self.messages.append(message)
        self.arrived.set()

    def put_disconnect(self, code: int, reason: str | None = None) -> None:
        """Let the app receive that it is over."""
        message: Message = {"type": "websocket.disconnect", "code": code}
        if reason is not None:
            message["reason"] = reason
        self.put(message)

    async def run_asgi(self, app: ASGIApp) -> None:
        """Call the app, and see to it that the client gets an answer."""
        if (note := self.note) is not None:
            # Always, and not "if none is set": see CURRENT.
            CURRENT.set(note)
            note.bare(RunAsgiStart, AT.run_asgi)
        try:
            if note is not None and (gate := note.probe.gate) is not None:
                await gate.wait(note, ("run_asgi.start", "", AT.run_asgi))
            result: object = await app(  # type: ignore[func-returns-value]
                self.scope, self.receive, self.send
            )
        except ClientDisconnected:
            self._end(Ending("disconnected", "close"), None)
        # A cancellation too: the client waits for its answer all the same.
        except BaseException as error:  # noqa: BLE001
            self._end(self._ending("raised"), error)
        else:
            plain = result is None
            how: Outcome = "returned" if plain else "returned a value"
            self._end(self._ending(how), result)
        if note is not None and (gate := note.probe.gate) is not None:
            await gate.wait(note, ("run_asgi.end", "", AT.run_asgi))

    def _ending(self, outcome: Outcome) -> Ending:
        vanished = self.lost and self.writer.first is None
        return SOCKET_ENDINGS[outcome, None if vanished else self.writer.state]

    def _end(self, ending: Ending, result: object) -> None:
        try:
            self._log_end(ending.branch, result)
            if self.lost:
                pass  # nobody is left to be told
            elif ending.remedy == "500":
                self.send_500_response()
                self.hang_up(AT.run_asgi, ending.branch)
            elif ending.remedy == "close":
                self.hang_up(AT.run_asgi, ending.branch)
        finally:
            if (note := self.note) is not None:
                note.one(RunAsgiEnd, AT.run_asgi, ending.branch)

    def _log_end(self, branch: Branch, result: object) -> None:
        match branch:
            case "raised":
                assert isinstance(result, BaseException)
                self._note_exception(result)
                said = "Exception in ASGI application\n"
                self.logger.error(said, exc_info=result)
            case "returned a value":
                said = "ASGI callable should return None, but returned '%s'."
                self.logger.error(said, result)
            case "no response":
                said = "ASGI callable returned without completing handshake."
                self.logger.error(said)
            case "complete" | "incomplete" | "disconnected":
                pass
            case _:
                assert_never(branch)

    def _note_exception(self, error: BaseException) -> None:
        if (note := self.note) is not None:
            note(
                AppException,
                AT.run_asgi,
                type(error).__qualname__,
                message_of(error),
                place_of(error),
                self.writer.state is not SocketState.CONNECTING,
                self.lost,
            )

    def send_500_response(self) -> None:
        """Answer the handshake for an app that has not, if nobody has."""
        if self.writer.state is SocketState.CONNECTING:
            self.handshake.fail(AT.send_500_response)

    async def receive(self) -> Message:
        """Give the app the next message, or wait for it.

        Source: ASGI WebSocket, "Receive - receive event"
        """
        if (note := self.note) is not None:
            note.one(ReceiveCall, AT.receive, bool(self.messages))
            if (gate := note.probe.gate) is not None:
                await gate.wait(note, ("receive.call", "", AT.receive))
        while not self.messages:
            self.arrived.clear()
            await self.arrived.wait()
        message = self.messages.popleft()
        if not self.messages:
            self.flow.resume_reading()
        if note is not None:
            note_receive(note, message, self.writer.first, AT.receive)
            if (gate := note.probe.gate) is not None:
                try:
                    await gate.wait(note, ("receive.return", "", AT.receive))
                except BaseException:
                    # Without a gate nobody could be cancelled here.
                    self.messages.appendleft(message)
                    raise
        return message

    async def send(self, message: Message) -> None:
        """Take one message of the app's, and write it.

        Raises:
            ClientDisconnected: The client has left.
            RuntimeError: The message is out of order.
            wsproto.utilities.LocalProtocolError, h11.LocalProtocolError: The
                handshake can't be answered so.

        Source: ASGI WebSocket; uvicorn, `WSProtocol.send`
        """
        kind = message["type"]
        if (note := self.note) is not None:
            note_send(note, message, AT.send)
            if (gate := note.probe.gate) is not None:
                await gate.wait(note, ("send.call", "", AT.send))
        if self.flow.write_paused and not self.lost:
            await self.flow.drain()
        body = kind == "websocket.http.response.body"
        more_body = body and bool(message.get("more_body", False))
        state = self.writer.state
        if self.lost or (state, kind, more_body) not in SOCKET_NEXT:
            raise self._rejected(kind)
        try:
            self._sends(message, more_body)
        except (LocalProtocolError, h11.LocalProtocolError) as error:
            if note is not None:
                name, said = type(error).__name__, message_of(error)
                note(SendRejected, AT.send, "what can be sent", said, name)
            raise
        if note is not None:
            note.one(SendReturn, AT.send, kind)
            if (gate := note.probe.gate) is not None:
                await gate.wait(note, ("send.return", "", AT.send))

    def _rejected(self, kind: object) -> Exception:
        state, first = self.writer.state, self.writer.first
        left = self.lost or first in {"client", "server"}
        error = (
            ClientDisconnected()
            if left
            else RuntimeError(SOCKET_EXPECTS[state].format(kind))
        )
        if (note := self.note) is not None:
            expected = "nothing: the client has left" if left else state.value
            name = type(error).__name__
            note(SendRejected, AT.send, expected, str(kind), name)
        return error

    def _sends(self, message: Message, more_body: bool) -> None:
        match self.writer.state, message["type"]:
            case SocketState.CONNECTING, "websocket.accept":
                self._accept(message)
            case SocketState.CONNECTING, "websocket.close":
                self._refuse()
            case SocketState.CONNECTING, _:
                self._deny(message)
            case SocketState.REJECTING, _:
                self._send_body(message, more_body)
            case _, "websocket.close":
                self._close(message)
            case _:
                data = message.get("bytes")
                data = message.get("text") if data is None else data
                self.writer.message(data, AT.send)  # type: ignore[arg-type]  # wsproto says if it is neither

    def _accept(self, message: Message) -> None:
        self._log("[accepted]")
        if self.writer.transport.is_closing():
            return
        self.handshake.accept(
            message.get("subprotocol"),
            list(message.get("headers", [])),
            self.extension,
            AT.send,
        )
        self.on_open()

    def _refuse(self) -> None:
        self.put_disconnect(1006)
        self._log("403")
        self.handshake.refuse(AT.send)
        self.hang_up(AT.send, "the app refused the handshake")

    def _deny(self, message: Message) -> None:
        status = message["status"]
        if status not in STATUSES:
            said = f"Invalid HTTP status code '{status}' in response."
            raise RuntimeError(said)
        self._log(str(status))
        headers = list(message["headers"])
        self.handshake.deny(status, headers, AT.send)
        self.preview = redact.Body(content_type(headers))

    def _send_body(self, message: Message, more_body: bool) -> None:
        data = message["body"]
        self.writer.body(data, not more_body, AT.send)
        self.sent += len(data)
        if (note := self.note) is not None and data:
            text = self.preview.feed(bytes(data))
            note.four(Bytes, AT.send, "out", "body", text, len(data))
        if not more_body:
            self.writer.state = SocketState.CLOSED
            if note is not None:
                note.one(ResponseComplete, AT.send, self.sent)
            self.put_disconnect(1006)
            self.hang_up(AT.send, "the app denied the handshake")

    def _close(self, message: Message) -> None:
        code = message.get("code", 1000)
        reason = message.get("reason", "") or ""
        self.writer.close_frame(code, reason, "app", AT.send)
        self.put_disconnect(code, reason)
        self.on_close()

    def _log(self, answer: str) -> None:
        log_handshake(self.logger, self.scope, answer)


AT = Places(WebSocketCycle)
