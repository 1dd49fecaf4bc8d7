"""Bytes of one connection become a WebSocket's messages.

The HTTP protocol hands the connection over and plays the request once more;
wsproto then reads the handshake out of it, and frames out of what follows.
What the app sends is not seen here: a `WebSocketCycle` writes it.
"""

import asyncio
import logging
from typing import Any, Literal

from wsproto import events

from tracer.capture.gate import Kept
from tracer.capture.probe import CURRENT
from tracer.capture.server.address import (
    address,
    get_local_addr,
    get_remote_addr,
    is_ssl,
)
from tracer.capture.server.adopt import adopt
from tracer.capture.server.config import Config
from tracer.capture.server.deflate import BoundedDeflate
from tracer.capture.server.flow import HIGH_WATER_LIMIT, FlowControl
from tracer.capture.server.handshake import Handshake, wrong_handshake
from tracer.capture.server.incoming import Incoming
from tracer.capture.server.introduction import introduce
from tracer.capture.server.pings import Pings
from tracer.capture.server.proxy import TrustedProxies, trusting
from tracer.capture.server.socket_writer import SocketWriter
from tracer.capture.server.state import ServerState
from tracer.capture.server.websocket_cycle import WebSocketCycle
from tracer.capture.server.websocket_scope import (
    note_websocket_scope,
    seen_client,
    websocket_scope,
)
from tracer.capture.sources import Places, place
from tracer.events import (
    ClientDisconnected,
    ConnectionLost,
    ConnShutdown,
    DataReceived,
    EofReceived,
    ProtocolCreated,
    WsLimit,
    WsPing,
    WsTimeout,
)
from tracer.events.states import SocketState

CLOSE_TIMEOUT = 10.0
"""Seconds in which the client should answer our Close frame."""
LINGER_TIMEOUT = 10.0
"""Seconds in which it should read what was written before the end."""


class WSProtocol(asyncio.Protocol):
    """asyncio calls it with what happens on one connection.

    Attributes:
        note: The request's; the connection's before it is known.
        cycle: The app's side; None before the handshake has come.
        early: Frames that came before the handshake was answered.
        opened: Whether it was accepted.
        kept: Bytes that have come and are held back, see `capture.gate`.

    Source: asyncio, `Protocol`; uvicorn, `WSProtocol`
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.config = config = adopt(config)
        self.loop = _loop or asyncio.get_running_loop()
        self.logger = logging.getLogger(config.logger_name)
        self.app_state = app_state
        self.server_state = server_state
        self.connections = server_state.connections
        self.tasks = server_state.tasks
        # The connection
        self.transport: asyncio.Transport = None  # type: ignore[assignment]
        self.flow: FlowControl = None  # type: ignore[assignment]
        self.writer: SocketWriter = None  # type: ignore[assignment]
        self.pings: Pings = None  # type: ignore[assignment]
        self.server: tuple[str, int | None] | None = None
        self.client: tuple[str, int] | None = None
        self.scheme: Literal["ws", "wss"] = "ws"
        self.proxies: TrustedProxies | None = None
        self.close_timeout = CLOSE_TIMEOUT
        self.close_timer: asyncio.TimerHandle | None = None
        self.linger_timer: asyncio.TimerHandle | None = None
        self.kept: Kept | None = None
        # The WebSocket
        self.cycle: WebSocketCycle | None = None
        self.incoming = Incoming(config.ws_max_size)
        self.early = bytearray()
        self.opened = False
        self.note, self.obj = config.note, 0

    @property
    def ping_timer(self) -> asyncio.TimerHandle | None:
        return self.pings.ping_timer

    @property
    def ping_sent_at(self) -> float:
        return self.pings.ping_sent_at

    def connection_made(  # type: ignore[override]  # it is a Transport here
        self, transport: asyncio.Transport
    ) -> None:
        self.connections.add(self)
        self.transport = transport
        self.server = get_local_addr(transport)
        self.client = get_remote_addr(transport)
        self.scheme = "wss" if is_ssl(transport) else "ws"
        self.proxies = trusting(self.config.trusted_proxies, self.client)
        if self.note is not None:
            # Not before: whose it is, is known only now.
            self.obj = self.note.probe.next_obj()
            self.note(ProtocolCreated, _INIT, self.obj)
        if self.note is not None and self.note.conn is None:
            # Another's protocol had it, and has said nothing.
            self.note, _ = introduce(self, self.note, AT.connection_made)
            self.note = self.note.about(req=self.note.probe.next_req())
        self.flow = FlowControl(transport, self.note)
        self.writer = SocketWriter(transport, self.note)
        self.pings = Pings(
            self.loop,
            self.writer,
            self.flow,
            self.config.ws_ping_interval,
            self.config.ws_ping_timeout,
            self.keepalive_timeout,
        )

    def data_received(self, data: bytes) -> None:
        note = self.note
        if self.cycle is None or note is None:
            # The request is played once more: nothing was read just now.
            self.feed(data)
            return
        note.one(DataReceived, AT.data_received, len(data))
        gate = note.probe.gate
        if gate is None or not gate.keeps(self, note, data, AT.data_received):
            self.feed(data)

    def feed(self, data: bytes) -> None:
        """Let wsproto parse what has come."""
        match self.writer.state:
            case SocketState.CONNECTING if self.cycle is not None:
                self._keep(data)
            case SocketState.CONNECTING:
                wrong = wrong_handshake(self.writer.conn, data)
                if wrong is None:
                    self.handle_events()
                else:
                    self.refuse(*wrong)
            case SocketState.OPEN | SocketState.LOCAL_CLOSING:
                self.writer.conn.receive_data(data)
                self.handle_events()
            case _:
                pass  # it is over, and the connection is being closed

    def _keep(self, data: bytes) -> None:
        """Keep frames that came too early, since wsproto would lose them."""
        self.early += data
        if len(self.early) > HIGH_WATER_LIMIT:
            self.flow.pause_reading("pipelining", len(self.early))

    def refuse(self, event: events.RejectConnection, reason: str) -> None:
        """Answer what is no handshake, and close. No app hears of it."""
        handshake = Handshake(self.writer, [], dated=False)
        handshake.invalid(event, reason, AT.refuse)
        self.hang_up(AT.refuse, "invalid handshake")

    def handle_events(self) -> None:
        """Do what wsproto has understood so far, event by event."""
        for event in self.writer.conn.events():
            if isinstance(event, events.CloseConnection):
                self.handle_close(event)
            elif isinstance(event, events.Request):
                self.handle_connect(event)
            elif self.writer.state is not SocketState.OPEN:
                continue  # we have closed: what else comes is not heard
            elif isinstance(event, events.TextMessage | events.BytesMessage):
                self.handle_message(event)
            elif isinstance(event, events.Ping):
                self.handle_ping(event)
            elif isinstance(event, events.Pong):
                self.pings.handle_pong(bytes(event.payload))

    def handle_connect(self, event: events.Request) -> None:
        """Build the scope and the cycle, and schedule the app."""
        scope = websocket_scope(
            event,
            self.config.asgi_version,
            self.server,
            self.client,
            self.scheme,
            self.config.root_path,
            self.app_state.copy(),
        )
        note = self.note
        client = seen_client(scope, self.proxies, note)
        if note is not None:
            note.asked = "GET", scope["path"]
            server = address(self.server)
            note_websocket_scope(note, scope, client, server)
        config, defaults = self.config, self.server_state.default_headers
        packs = config.ws_per_message_deflate
        self.cycle = cycle = WebSocketCycle(
            scope=scope,
            writer=self.writer,
            flow=self.flow,
            handshake=Handshake(self.writer, defaults, config.date_header),
            extension=BoundedDeflate(config.ws_max_size) if packs else None,
            logger=self.logger,
            on_open=self.on_open,
            on_close=self.on_close,
            hang_up=self.hang_up,
        )
        cycle.put({"type": "websocket.connect"})
        # Set right first, since the new task copies the context: see CURRENT.
        token = CURRENT.set(note)
        task = self.loop.create_task(cycle.run_asgi(config.loaded_app))
        CURRENT.reset(token)
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    def on_open(self) -> None:
        """The handshake is accepted: read what came too early, and ask."""
        self.opened = True
        self.pings.start()
        early, self.early = bytes(self.early), bytearray()
        if early:
            self.flow.resume_reading()
            self.feed(early)

    def handle_message(
        self, event: events.TextMessage | events.BytesMessage
    ) -> None:
        """Take a piece of a message; a whole one goes to the app."""
        assert self.cycle is not None
        if not self.incoming.extend(event, self.note):
            self._too_big(self.incoming.length, packed=False)
        elif event.message_finished:
            n, deflate = self.incoming.length, self.writer.deflate
            message = self.incoming.to_message(self.note, deflate)
            self.cycle.put(message)
            # One at a time: the client waits until the app has taken it.
            self.flow.pause_reading("message", n)

    def _too_big(self, n: int, packed: bool) -> None:
        limit = self.config.ws_max_size
        if (note := self.note) is not None:
            note.three(WsLimit, AT.handle_message, limit, n, packed)
        reason = f"Message exceeds the maximum size ({limit} bytes)"
        self.fail(1009, reason)

    def fail(self, code: int, reason: str) -> None:
        """Close, since what came can't be taken; the app hears of it.

        Source: RFC 6455, section 7.1.7
        """
        assert self.cycle is not None
        self.cycle.put_disconnect(code, reason)
        self.writer.close_frame(code, reason, "server", AT.fail)
        self.hang_up(AT.fail, reason)

    def handle_close(self, event: events.CloseConnection) -> None:
        """The client closes, or answers our Close, or sends what is none.

        wsproto says of bytes that it can't read that the client had closed;
        its own state tells the difference.
        """
        assert self.cycle is not None
        code, reason, ours = int(event.code), event.reason, self.writer.state
        if self.writer.conn.state.name == ours:
            deflate = self.writer.deflate
            if ours is SocketState.LOCAL_CLOSING:
                self.hang_up(AT.handle_close, "invalid frame")
            elif deflate is not None and deflate.exceeded:
                self._too_big(deflate.unpacked, packed=True)
            else:
                self.fail(code, reason or "invalid frame")
            return
        self.writer.closes(code, reason, "client", AT.handle_close)
        if ours is SocketState.OPEN:
            self.writer.close_frame(code, reason, "server", AT.handle_close)
            self.cycle.put_disconnect(code, reason)
        self._cancel_close_timer()
        self.hang_up(AT.handle_close, "both sides have closed")

    def handle_ping(self, event: events.Ping) -> None:
        """Answer; the app never hears of it."""
        if (note := self.note) is not None:
            note.two(WsPing, AT.handle_ping, "in", len(event.payload))
        self.pings.handle_ping(event.response())

    def keepalive_timeout(self) -> None:
        """The client has not answered our ping."""
        if self.writer.state is SocketState.OPEN:
            reason = "keepalive ping timeout"
            at = AT.keepalive_timeout
            self.writer.close_frame(1011, reason, "server", at)
            self.hang_up(at, reason)

    def on_close(self) -> None:
        """The app has closed: give the client some time to do so too."""
        self.pings.stop()
        if not self.transport.is_closing():
            self.flow.resume_reading()
            self.close_timer = self.loop.call_later(
                self.close_timeout, self.close_timed_out
            )

    def close_timed_out(self) -> None:
        """The client has not answered our Close frame."""
        self.close_timer = None
        if (note := self.note) is not None:
            at = AT.close_timed_out
            note.two(WsTimeout, at, "close", self.close_timeout)
        self.hang_up(AT.close_timed_out, "the client doesn't answer")

    def _cancel_close_timer(self) -> None:
        if self.close_timer is not None:
            self.close_timer.cancel()
            self.close_timer = None

    def hang_up(self, where: int | None, reason: str) -> None:
        """Close the connection, even if the client never reads the rest."""
        self.pings.stop()
        self.writer.close(where, reason)
        if self.linger_timer is None:
            # close() alone would wait for ever for what isn't read.
            abort = lambda: self.transport.abort()  # noqa: E731, PLW0108
            self.linger_timer = self.loop.call_later(LINGER_TIMEOUT, abort)

    def eof_received(self) -> None:
        if (note := self.note) is not None:
            note(EofReceived, AT.eof_received)

    def pause_writing(self) -> None:
        self.flow.pause_writing()

    def resume_writing(self) -> None:
        self.flow.resume_writing()
        if self.writer.state is SocketState.OPEN:
            self.pings.resume_writing()

    def shutdown(self) -> None:
        """End the WebSocket: the server goes away, and may come again."""
        if (note := self.note) is not None:
            note(ConnShutdown, AT.shutdown, "closed")
        self._cancel_close_timer()
        if self.cycle is not None:
            if self.writer.state is SocketState.OPEN:
                self.cycle.put_disconnect(1012)
                self.writer.close_frame(1012, None, "server", AT.shutdown)
            else:
                self.cycle.send_500_response()
        self.hang_up(AT.shutdown, "the server shuts down")

    def connection_lost(self, exc: Exception | None) -> None:
        self.pings.stop()
        self.connections.discard(self)
        self._cancel_close_timer()
        if self.linger_timer is not None:
            self.linger_timer.cancel()
        elif self.cycle is not None and self.note is not None:
            self.note(ClientDisconnected, AT.connection_lost, "websocket")
        self._note_lost(exc)
        if (cycle := self.cycle) is not None:
            cycle.put_disconnect(1005 if self.opened else 1006)
            cycle.lost = True
        self.writer.state = SocketState.CLOSED
        # asyncio never says so for a transport that is lost.
        self.flow.resume_writing()
        if exc is None:
            self.transport.close()

    def _note_lost(self, exc: Exception | None) -> None:
        if (note := self.note) is None:
            return
        if (gate := note.probe.gate) is not None:
            gate.lost(self, note)
        reason = "closed" if exc is None else type(exc).__name__
        note(ConnectionLost, AT.connection_lost, reason, len(self.connections))


AT = Places(WSProtocol)
# AT.__init__ would be that of Places.
_INIT = place(WSProtocol.__init__)
