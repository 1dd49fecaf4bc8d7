"""Bytes of one connection become requests, and each request a task.

What the app answers is not seen here: a `RequestResponseCycle` writes it, and
calls back when it is complete.
"""

import asyncio
import contextlib
import logging
from typing import Any, Literal

import h11

from tracer.capture.gate import Kept
from tracer.capture.probe import Note
from tracer.capture.server.access import access_logger
from tracer.capture.server.address import (
    get_local_addr,
    get_remote_addr,
    is_ssl,
)
from tracer.capture.server.adopt import adopt
from tracer.capture.server.asgi import Scope
from tracer.capture.server.config import Config
from tracer.capture.server.connection import new_connection
from tracer.capture.server.cycle import RequestResponseCycle
from tracer.capture.server.flow import HIGH_WATER_LIMIT, FlowControl
from tracer.capture.server.introduction import introduce
from tracer.capture.server.proxy import FOR, PROTO, believe, trusting
from tracer.capture.server.reader import Reader
from tracer.capture.server.refuse import (
    HEAD_LIMIT,
    INVALID,
    is_full,
    send_400,
    send_408,
    service_unavailable,
    warn,
)
from tracer.capture.server.rfc9112 import has_valid_host, is_ambiguous
from tracer.capture.server.scope import http_scope, note_scope
from tracer.capture.server.shown import shown_headers
from tracer.capture.server.start import start
from tracer.capture.server.state import ServerState
from tracer.capture.server.upgrade import handle_upgrade
from tracer.capture.server.writer import HANGUP, Writer
from tracer.capture.sources import Places, place
from tracer.capture.timer import Timer
from tracer.events import (
    BodyBuffered,
    BodyIgnored,
    ClientDisconnected,
    ConnectionLost,
    ConnShutdown,
    CycleCreated,
    CycleNext,
    DataReceived,
    EofReceived,
    H11Error,
    HeadTimeout,
    KeepaliveArmed,
    KeepaliveCancelled,
    KeepaliveFired,
    ProtocolCreated,
)
from tracer.events.states import DONE


class H11Protocol(asyncio.Protocol):
    """asyncio calls it with what happens on one connection.

    Attributes:
        note: The connection's; `reader` has the request's. None: not traced.
        cycle: The latest request on this connection.
        kept: Bytes that have come and are held back, see `capture.gate`.

    Source: asyncio, `Protocol`; uvicorn, `H11Protocol`
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.config = config = adopt(config)
        self.app = config.loaded_app
        self.loop = _loop or asyncio.get_running_loop()
        self.logger = logging.getLogger(config.logger_name)
        self.access_logger = access_logger(config)
        self.app_state = app_state
        self.ws_protocol_class = config.ws_protocol_class
        limit = config.h11_max_incomplete_event_size
        self.conn = new_connection(HEAD_LIMIT if limit is None else limit)
        self.server_state = server_state
        self.connections = server_state.connections
        self.tasks = server_state.tasks
        # The connection
        self.transport: asyncio.Transport = None  # type: ignore[assignment]
        self.flow: FlowControl = None  # type: ignore[assignment]
        self.writer: Writer = None  # type: ignore[assignment]
        self.server: tuple[str, int | None] | None = None
        self.client: tuple[str, int] | None = None
        self.scheme: Literal["http", "https"] = "http"
        self.ends = ("", "")
        self.timer = Timer(self.loop)
        self.reader: Reader | None = None
        self.kept: Kept | None = None
        # The request
        self.scope: Scope = None  # type: ignore[assignment]
        self.cycle: RequestResponseCycle | None = None
        self.note, self.obj = config.note, 0
        if self.note is not None:
            self.obj = self.note.probe.next_obj()
            self.note(ProtocolCreated, _INIT, self.obj)

    def connection_made(  # type: ignore[override]  # it is a Transport here
        self, transport: asyncio.Transport
    ) -> None:
        self.connections.add(self)
        self.transport = transport
        self.server = get_local_addr(transport)
        self.client = get_remote_addr(transport)
        self.scheme = "https" if is_ssl(transport) else "http"
        self.proxies = trusting(self.config.trusted_proxies, self.client)
        if self.note is not None:
            self.note = self._note_connection(self.note)
        self.flow = FlowControl(transport, self.note)
        self.writer = Writer(self.conn, transport, self.note)
        self.timer.conn = None if self.note is None else self.note.conn
        self._expect_head()

    def _note_connection(self, server: Note) -> Note:
        note, self.ends = introduce(self, server, AT.connection_made)
        self.reader = Reader(self.conn, note, AT.handle_events)
        return note

    def data_received(self, data: bytes) -> None:
        if (note := self.note) is not None:
            # Bytes of a body belong to the request that is being read.
            reading = self.conn.their_state is h11.SEND_BODY
            if reading and self.reader is not None:
                note = self.reader.note
            note.one(DataReceived, AT.data_received, len(data))
        self._unset_keepalive_if_required()
        gate = None if note is None else note.probe.gate
        if gate is None or not gate.keeps(self, note, data, AT.data_received):
            self.feed(data)
        else:
            self.timer.disarm()  # it is not the client that is late

    def feed(self, data: bytes) -> None:
        """Let h11 parse what has come."""
        self.conn.receive_data(data)
        self.handle_events()
        if self.conn.their_state is h11.IDLE and not self.timer.waits_for:
            self._expect_head()

    def _expect_head(self) -> None:
        if seconds := self.config.timeout_head:
            self.timer.arm("head", seconds, self.timeout_head_handler)

    def handle_events(self) -> None:
        """Do what h11 has understood so far, event by event."""
        read = self.conn if self.reader is None else self.reader
        while True:
            try:
                event = read.next_event()
            except h11.RemoteProtocolError:
                self.send_400_response()
                return
            if event is h11.NEED_DATA:
                return
            if event is h11.PAUSED:
                # Another request came early, or a change of protocol is
                # asked for: nothing more can be read before the answer.
                held = self.conn.trailing_data[0]
                self.flow.pause_reading("pipelining", len(held))
                return
            # By type: isinstance() asks the ABC that h11's events derive
            # from, which takes five times as long.
            if type(event) is h11.Request:
                if not self.handle_request(event):
                    return
            elif type(event) is h11.Data:
                self.handle_data(event)
            elif self.handle_end():
                return

    def handle_request(self, event: h11.Request) -> bool:
        """Build the scope and the cycle, and schedule the app.

        Returns:
            Whether to go on reading: not after an invalid Host.
        """
        # Armed by the response before, if this request was waiting.
        self._unset_keepalive_if_required()
        self.timer.disarm()
        note = None if self.reader is None else self.reader.note
        self.flow.note = note
        self.scope = http_scope(
            event,
            self.config.asgi_version,
            self.server,
            self.client,
            self.scheme,
            self.config.root_path,
            self.app_state.copy(),
        )
        headers = dict(self.scope["headers"])
        if not has_valid_host(headers):
            if note is not None:
                note(H11Error, AT.handle_request, "invalid Host", 400)
            self.send_400_response()
            return False
        if b"upgrade" in headers and handle_upgrade(self, event, note):
            return False
        client, server = self.ends
        if self.proxies is not None and (FOR in headers or PROTO in headers):
            client = believe(self.scope, self.proxies, note)
        if note is not None:
            note.asked = self.scope["method"], self.scope["path"]
            note_scope(note, self.scope, client, server)
        app, limit = self.app, self.config.limit_concurrency
        if limit is not None:
            counts = len(self.connections), len(self.tasks)
            if is_full(*counts, limit, note, AT.handle_request):
                warn(self.logger, "Exceeded concurrency limit.", note)
                app = service_unavailable
        self.cycle = RequestResponseCycle(
            scope=self.scope,
            conn=self.conn,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            default_headers=self.server_state.default_headers,
            dated=self.config.date_header,
            join_head=self.config.join_head,
            on_response=self.on_response_complete,
            writer=self.writer.about(note),
        )
        self.cycle.keep_alive = not is_ambiguous(headers)
        if note is not None:
            shown = shown_headers(tuple(self.server_state.default_headers))
            expects = self.cycle.waiting_for_100_continue
            note.two(CycleCreated, AT.handle_request, shown, expects)
        fresh = self.config.reset_contextvars
        task = start(self.cycle, app, self.loop, in_fresh_context=fresh)
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)
        return True

    def handle_data(self, event: h11.Data) -> None:
        """Keep a piece of the request's body until the app takes it."""
        cycle = self.cycle
        assert cycle is not None
        note = cycle.note
        if self.conn.our_state is h11.DONE:
            if note is not None:
                note(BodyIgnored, AT.handle_events, len(event.data))
            return
        cycle.body += event.data
        if note is not None:
            size = len(event.data)
            note.two(BodyBuffered, AT.handle_events, size, len(cycle.body))
        if len(cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading("body", len(cycle.body))
        cycle.message_event.set()

    def handle_end(self) -> bool:
        """The request has arrived whole; the app may not even have begun.

        Returns:
            Whether to stop reading: the client said that this was its last.
        """
        cycle = self.cycle
        assert cycle is not None
        if self.conn.our_state is h11.DONE:
            # The answer was complete before the request was.
            self.transport.resume_reading()
            self._start_next_cycle()
            return False
        cycle.more_body = False
        cycle.message_event.set()
        return self.conn.their_state is h11.MUST_CLOSE

    def eof_received(self) -> None:
        if (note := self.note) is not None:
            note(EofReceived, AT.eof_received)

    def send_400_response(self) -> None:
        """Answer what is no HTTP, and close. No app hears of it."""
        note = self.reader.note if self.reader else None
        warn(self.logger, INVALID, note)
        asked = self.conn.our_state is h11.SEND_RESPONSE
        to_head = asked and self.scope["method"] == "HEAD"
        send_400(self.writer.about(note), AT.send_400_response, to_head)

    def on_response_complete(self) -> None:
        """The cycle has written its last byte: keep the connection ready."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self._unset_keepalive_if_required()
        if self.kept is None:  # else the next request is here already
            seconds = self.config.timeout_keep_alive
            self.timer.arm("request", seconds, self.timeout_keep_alive_handler)
            if (note := self.note) is not None:
                note.one(KeepaliveArmed, AT.on_response_complete, seconds)
        self.flow.resume_reading()
        if self.conn.our_state is self.conn.their_state is h11.DONE:
            self._start_next_cycle()
            self.handle_events()

    def _start_next_cycle(self) -> None:
        self.conn.start_next_cycle()
        if self.note is not None and self.reader is not None:
            self.note.bare(CycleNext, AT.on_response_complete)
            self.flow.note = self.note
            self.reader.request_is_over()

    def _unset_keepalive_if_required(self) -> None:
        if self.timer.waits_for == "request":
            self.timer.disarm()
            if (note := self.note) is not None:
                note.bare(KeepaliveCancelled, AT.data_received)

    @property
    def timeout_keep_alive_task(self) -> asyncio.TimerHandle | None:
        """The timer, while it measures idleness; so uvicorn calls it."""
        return self.timer.handle if self.timer.waits_for == "request" else None

    def timeout_keep_alive_handler(self) -> None:
        """Nobody has used the connection for a while: close it."""
        where = AT.timeout_keep_alive_handler
        if not self.transport.is_closing():
            if (note := self.note) is not None:
                note(KeepaliveFired, where)
            self.writer.hang_up(where, "idle for too long")

    def timeout_head_handler(self) -> None:
        """A request's head has not come whole in time: close."""
        if not self.transport.is_closing():
            came = len(self.conn.trailing_data[0])
            if (note := self.note) is not None:
                seconds = self.config.timeout_head
                note(HeadTimeout, AT.timeout_head_handler, seconds, came)
            send_408(self.writer, AT.timeout_head_handler, came)

    def pause_writing(self) -> None:
        self.flow.pause_writing()

    def resume_writing(self) -> None:
        self.flow.resume_writing()

    def shutdown(self) -> None:
        """End an idle connection now, a busy one after its response."""
        cycle, note = self.cycle, self.note
        if cycle is None or cycle.response is DONE:
            if note is not None:
                note(ConnShutdown, AT.shutdown, "closed")
            self.writer.hang_up(AT.shutdown, "the server shuts down")
        else:
            if note is not None:
                note(ConnShutdown, AT.shutdown, "after response")
            cycle.keep_alive = False

    def connection_lost(self, exc: Exception | None) -> None:
        self.connections.discard(self)
        if (note := self.note) is not None:
            if (gate := note.probe.gate) is not None:
                gate.lost(self, note)
            reason = "closed" if exc is None else type(exc).__name__
            others = len(self.connections)
            note(ConnectionLost, AT.connection_lost, reason, others)
        cycle = self.cycle
        if cycle is not None and cycle.response is not DONE:
            cycle.disconnected = True
            # Not if it was we who closed, over an app or bytes gone wrong.
            left = cycle.running and self.conn.their_state is not h11.ERROR
            if left and cycle.note is not None:
                cycle.note(ClientDisconnected, AT.connection_lost)
        if self.conn.our_state is not h11.ERROR:
            # In the middle of a response h11 has no word for it.
            with contextlib.suppress(h11.LocalProtocolError):
                self.conn.send(HANGUP)
        if cycle is not None:
            cycle.message_event.set()
        self.flow.resume_writing()
        if exc is None:
            self.transport.close()
            self._unset_keepalive_if_required()
        self.timer.stop()


AT = Places(H11Protocol)
# AT.__init__ would be that of Places.
_INIT = place(H11Protocol.__init__)
