"""One request and its response: ASGI messages become HTTP, and back.

The app knows this object by two of its methods only: `receive` and `send`.
"""

import asyncio
import logging
from collections.abc import Callable

import h11

from tracer.capture import redact
from tracer.capture.probe import CURRENT, Note
from tracer.capture.server.access import log_access
from tracer.capture.server.asgi import ASGIApp, Message, Scope
from tracer.capture.server.blame import message_of
from tracer.capture.server.ending import log_end
from tracer.capture.server.flow import FlowControl
from tracer.capture.server.head import (
    CLOSE_HEADER,
    Header,
    credited,
    response_event,
    why_kept,
)
from tracer.capture.server.message import note_send
from tracer.capture.server.refuse import (
    CAN_ANSWER,
    SERVER_ERROR,
    service_unavailable,
)
from tracer.capture.server.writer import END, Writer
from tracer.capture.sources import Places
from tracer.events import (
    Bytes,
    ConnDecision,
    ContinueDropped,
    ContinueSent,
    CycleReleased,
    HeadHeld,
    ReceiveCall,
    ReceiveReturn,
    ResponseComplete,
    ResponseStart,
    RunAsgiEnd,
    RunAsgiStart,
    SendDropped,
    SendRejected,
    SendReturn,
)
from tracer.events.states import (
    DONE,
    ENDINGS,
    RESPONSE_EXPECTS,
    RESPONSE_NEXT,
    WAITING,
    Outcome,
    ResponseState,
)


class RequestResponseCycle:
    """Lives from the request's head to the end of the app.

    Attributes:
        response: How far the response has come, see `RESPONSE_NEXT`.
        body: Bytes of the request's body that the app has not taken.
        more_body: Whether more of it may come.
        disconnected: Whether the client left before its response was done.
        keep_alive: False once the server means to close after it.
        held: The response's head, while it waits for the first of the body;
            see `Config.join_head`.
        message_event: Set when `receive` may have something to say.

    Source: uvicorn, `RequestResponseCycle`
    """

    def __init__(  # noqa: PLR0913  # what uvicorn's takes
        self,
        *,
        scope: Scope,
        conn: h11.Connection,
        transport: asyncio.Transport,
        flow: FlowControl,
        logger: logging.Logger,
        access_logger: logging.Logger | None,
        default_headers: list[Header],
        dated: bool,
        join_head: bool,
        on_response: Callable[[], None],
        writer: Writer,
    ) -> None:
        self.scope = scope
        self.conn = conn
        self.transport = transport
        self.flow = flow
        self.logger = logger
        self.access_logger = access_logger
        self.default_headers = default_headers
        self.dated = dated
        self.join_head = join_head
        self.on_response = on_response
        self.note = writer.note
        self.writer = writer
        # The connection
        self.disconnected = False
        self.keep_alive = True
        self.waiting_for_100_continue = conn.they_are_waiting_for_100_continue
        # The request
        self.message_event = asyncio.Event()
        self.body = bytearray()
        self.more_body = True
        # The response
        self.response = WAITING
        self.held = b""
        self.preview: redact.Body | None = None
        self.sent = 0

    @property
    def running(self) -> bool:
        """Whether the app has not come to its end yet."""
        return self.on_response is not _nothing

    async def run_asgi(self, app: ASGIApp) -> None:
        """Call the app, and see to it that the client gets an answer."""
        if (note := self.note) is not None:
            # Always, and not "if none is set": see CURRENT.
            CURRENT.set(note)
            if app is service_unavailable:
                note(RunAsgiStart, AT.run_asgi, app.__name__)
            else:
                note.bare(RunAsgiStart, AT.run_asgi)
        try:
            if note is not None and (gate := note.probe.gate) is not None:
                await gate.wait(note, ("run_asgi.start", "", AT.run_asgi))
            result: object = await app(  # type: ignore[func-returns-value]
                self.scope, self.receive, self.send
            )
        # A cancellation too: the client waits for its answer all the same.
        except BaseException as error:  # noqa: BLE001
            await self._end("raised", error)
        else:
            await self._end(
                "returned" if result is None else "returned a value", result
            )
        if note is not None and (gate := note.probe.gate) is not None:
            await gate.wait(note, ("run_asgi.end", "", AT.run_asgi))

    async def _end(self, outcome: Outcome, result: object) -> None:
        branch, remedy = ENDINGS[outcome, self.response, self.disconnected]
        try:
            failed = (
                AT.run_asgi,
                self.response is not WAITING,
                self.disconnected,
            )
            log_end(self.logger, branch, result, self.note, failed)
            # After a 400 there is nothing to add: it would be raised here,
            # where nobody catches it.
            if remedy == "500" and self.conn.our_state in CAN_ANSWER:
                await self.send_500_response()
            elif remedy == "close":
                self._let_go()
                self.writer.close(AT.run_asgi, branch)
        finally:
            if (note := self.note) is not None:
                note.one(RunAsgiEnd, AT.run_asgi, branch)
                note.bare(CycleReleased, AT.run_asgi)
            # The protocol holds this cycle, and so held the cycle it.
            self.on_response = _nothing

    def _let_go(self) -> None:
        """Write a head that waited for a body, of which nothing will come."""
        held, self.held = self.held, b""
        if held and not self.disconnected:
            self.writer.put(held, "head", AT.run_asgi)
            self._note_bytes(held, AT.run_asgi)

    async def send_500_response(self) -> None:
        """Answer for an app that has not."""
        for message in SERVER_ERROR:
            await self.send(message)

    async def receive(self) -> Message:
        """Give the app what has come of the body, or wait for more.

        Source: ASGI HTTP, "Request - receive event"
        """
        if (note := self.note) is not None:
            over = self.disconnected or self.response is DONE
            note.one(
                ReceiveCall, AT.receive, over or self.message_event.is_set()
            )
            if (gate := note.probe.gate) is not None:
                await gate.wait(note, ("receive.call", "", AT.receive))
        if self.waiting_for_100_continue and not self.transport.is_closing():
            self._send_100_continue()
        if not self.disconnected and self.response is not DONE:
            self.flow.resume_reading()
            await self.message_event.wait()
            self.message_event.clear()
        if self.disconnected or self.response is DONE:
            message = self._disconnect()
        else:
            message = self._request()
        if note is not None and (gate := note.probe.gate) is not None:
            try:
                await gate.wait(note, ("receive.return", "", AT.receive))
            except BaseException:
                # Without a gate nobody could be cancelled here.
                self._give_back(message)
                raise
        return message

    def _request(self) -> Message:
        message: Message = {
            "type": "http.request",
            "body": bytes(self.body),
            "more_body": self.more_body,
        }
        self.body = bytearray()
        if (note := self.note) is not None:
            size = len(message["body"])
            note.three(
                ReceiveReturn,
                AT.receive,
                "http.request",
                size,
                message["more_body"],
            )
        return message

    def _give_back(self, message: Message) -> None:
        self.body[:0] = message.get("body", b"")
        self.message_event.set()

    def _disconnect(self) -> Message:
        if (note := self.note) is not None:
            reason = "the response is complete"
            if self.disconnected:
                # After bytes that are no HTTP it was we who closed.
                broken = self.conn.their_state is h11.ERROR
                reason = (
                    "the server closed: invalid HTTP"
                    if broken
                    else "the client left"
                )
            note.four(
                ReceiveReturn, AT.receive, "http.disconnect", 0, False, reason
            )
        return {"type": "http.disconnect"}

    def _send_100_continue(self) -> None:
        self.waiting_for_100_continue = False
        if (note := self.note) is not None:
            note(ContinueSent, AT.receive)
        event = h11.InformationalResponse(
            status_code=100, headers=[], reason=b"Continue"
        )
        output = self.writer.write(event, "head", AT.receive)
        self._note_bytes(output, AT.receive)

    async def send(self, message: Message) -> None:
        """Take one message of the app's response and write it.

        Raises:
            RuntimeError: The message is out of order.
            h11.LocalProtocolError: HTTP can't carry it: an illegal header, a
                body longer than its Content-Length.

        Source: ASGI HTTP, "Response Start" and "Response Body"
        """
        kind = message["type"]
        if (note := self.note) is not None:
            note_send(note, message, AT.send)
            if (gate := note.probe.gate) is not None:
                await gate.wait(note, ("send.call", "", AT.send))
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            if note is not None:
                note(SendDropped, AT.send, str(kind))
        else:
            more_body = kind == "http.response.body" and bool(
                message.get("more_body", False)
            )
            after = RESPONSE_NEXT.get((self.response, kind, more_body))
            if after is None:
                raise RuntimeError(self._reject(kind))
            self._respond(message, after)
        if note is not None:
            note.one(SendReturn, AT.send, str(kind))
            if (gate := note.probe.gate) is not None:
                await gate.wait(note, ("send.return", "", AT.send))

    def _reject(self, kind: str) -> str:
        expected = RESPONSE_EXPECTS.get(self.response)
        if (note := self.note) is not None:
            note(SendRejected, AT.send, expected or "nothing more", str(kind))
        if expected is None:
            return (
                f"Unexpected ASGI message '{kind}' sent,"
                " after response already completed."
            )
        return f"Expected ASGI message '{expected}', but got '{kind}'."

    def _respond(self, message: Message, after: ResponseState) -> None:
        try:
            if self.response is WAITING:
                self.response = after
                self._start_response(message)
            else:
                self._send_body(message, after)
        except h11.LocalProtocolError as error:
            if (note := self.note) is not None:
                kind, said = type(error).__name__, message_of(error)
                carried = "what HTTP/1.1 can carry"
                note(SendRejected, AT.send, carried, said, kind)
            raise
        if after is DONE:
            self._complete()

    def _start_response(self, message: Message) -> None:
        note = self.note
        if self.waiting_for_100_continue:
            self.waiting_for_100_continue = False
            if note is not None:
                note(ContinueDropped, AT.send)
        status = message["status"]
        headers = self.default_headers + list(message.get("headers", []))
        mirrored = (
            CLOSE_HEADER in self.scope["headers"]
            and CLOSE_HEADER not in headers
        )
        if mirrored:
            headers.append(CLOSE_HEADER)
        if (logger := self.access_logger) is not None:
            log_access(logger, self.scope, status, note, AT.send)
        event = response_event(status, headers)
        if self.join_head:
            output = self.held = self.writer.frame(event, AT.send)
            if note is not None:
                note.one(HeadHeld, AT.send, len(output))
        else:
            output = self.writer.write(event, "head", AT.send)
            self._note_bytes(output, AT.send)
        if note is not None:
            self._note_head(note, event, mirrored, output)

    def _note_bytes(self, head: bytes, where: int | None) -> None:
        if (note := self.note) is not None:
            text = redact.head(head)
            note.four(Bytes, where, "out", "head", text, len(head))

    def _note_head(
        self, note: Note, event: h11.Response, mirrored: bool, output: bytes
    ) -> None:
        defaults = len(self.default_headers)
        given = len(event.headers)
        written = (output, defaults, self.dated, mirrored, given)
        headers, kind = credited(written, event)
        note.two(ResponseStart, AT.send, int(event.status_code), headers)
        self.preview = redact.Body(kind)

    def _send_body(self, message: Message, after: ResponseState) -> None:
        body = message.get("body", b"")
        data = b"" if self.scope["method"] == "HEAD" else body
        if held := self.held:
            self.writer.write(h11.Data(data=data), "body", AT.send, after=held)
            self.held = b""  # only now: h11 may have refused the body
            self._note_bytes(held, AT.send)
        else:
            self.writer.write(h11.Data(data=data), "body", AT.send)
        if (note := self.note) is not None and data and self.preview:
            self.sent += len(data)
            text = self.preview.feed(bytes(data))
            note.four(Bytes, AT.send, "out", "body", text, len(data))
        self.response = after
        if after is DONE:
            self.message_event.set()
            self.writer.write(END, "end", AT.send)

    def _complete(self) -> None:
        keep = self.keep_alive and self.conn.our_state is not h11.MUST_CLOSE
        if (note := self.note) is not None:
            note.one(ResponseComplete, AT.send, self.sent)
            why = why_kept(keep, self.keep_alive, self.scope)
            note.two(ConnDecision, AT.send, keep, why)
        if not keep:
            self.writer.hang_up(AT.send, "the response is complete")
        self.on_response()


def _nothing() -> None:
    """Stands for `on_response` when the app is done."""


AT = Places(RequestResponseCycle)
