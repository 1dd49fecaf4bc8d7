"""A server whose clients do what they like, and what must hold all the same.

Clients, clock and transports are a test's; the loop is asyncio's own, the
protocols are ours. A transport does here what asyncio's does: what is paused
is not read, what the client doesn't read is buffered, and a close waits for
it.
"""

# ruff: noqa: ANN401  (messages of all sorts pass through here)

import asyncio
import contextlib
import logging
import re
from typing import Any

import h11
from server_wire import CLIENT, SERVER, SeenLoop

from tracer.capture.probe import Note, Probe
from tracer.capture.server import Config, H11Protocol, ServerState, WSProtocol
from tracer.events import Event, Header
from tracer.events.log import Decoder, encode
from tracer.model.requests import OVER
from tracer.model.trace import Trace

HEADER = Header(
    started="2000-01-01T00:00:00Z",
    clock="monotonic",
    clock0=0,
    pid=1,
    app="app:app",
    versions={},
    redacted=(),
)
HIGH_WATER = 64 * 1024
PATIENCE = 400
"""Seconds in which each time-out of the server has passed."""

START = {"type": "http.response.start", "status": 200}


class DeliberateError(Exception):
    """What the app raises by itself."""


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Do what the path says."""
    if scope["type"] == "websocket":
        await socket(scope, receive, send)
        return
    path = scope["path"]
    if path == "/raises":
        raise DeliberateError
    body, message = b"", {"more_body": path != "/early"}
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
    await send(START)
    match path:
        case "/half":
            raise DeliberateError
        case "/large":
            for _ in range(4):
                await send(
                    {
                        "type": "http.response.body",
                        "body": bytes(40_000),
                        "more_body": True,
                    }
                )
        case "/wait":
            while (await receive())["type"] != "http.disconnect":
                pass
        case _:
            pass
    await send({"type": "http.response.body", "body": body})


async def socket(scope: Any, receive: Any, send: Any) -> None:
    """Accept or refuse, and send back what comes."""
    await receive()
    match scope["path"]:
        case "/raises":
            raise DeliberateError
        case "/early":
            await send({"type": "websocket.close", "code": 4000})
            return
        case _:
            await send({"type": "websocket.accept"})
    while (message := await receive())["type"] != "websocket.disconnect":
        if scope["path"] == "/half":
            raise DeliberateError
        await send({**message, "type": "websocket.send"})


class Transport(asyncio.Transport):
    """One connection, as asyncio's own transport would have it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__({"sockname": SERVER, "peername": CLIENT})
        self.protocol: Any = None
        self.written = b""
        self.lost = self.closing = False
        self.client_reads = True
        self._loop = loop
        self._reading = True
        self._inbox: list[bytes] = []
        self._buffered = 0
        self._full = False

    # The server's side

    def write(self, data: Any) -> None:
        assert not self.closing, "written after close()"
        self.written += bytes(data)
        if not self.client_reads:
            self._buffered += len(data)
            if self._buffered > HIGH_WATER and not self._full:
                self._full = True
                self.protocol.pause_writing()

    def get_write_buffer_size(self) -> int:
        return self._buffered

    def pause_reading(self) -> None:
        self._reading = False

    def resume_reading(self) -> None:
        if not self._reading and not self.closing:
            self._reading = True
            self._loop.call_soon(self._deliver)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        if not self.closing:
            self.closing = True
            if not self._buffered:
                self._loop.call_soon(self._lose, None)

    def abort(self) -> None:
        self.loses(None)

    # The client's

    def comes(self, data: bytes) -> None:
        """Bytes come."""
        self._inbox.append(data)
        self._loop.call_soon(self._deliver)

    def _deliver(self) -> None:
        while self._inbox and self._reading and not self.closing:
            self.protocol.data_received(self._inbox.pop(0))

    def ends(self) -> None:
        """The client sends no more; asyncio closes unless it is told not to."""
        if not self.closing:
            self.protocol.eof_received()
            self.close()

    def loses(self, error: Exception | None) -> None:
        """The connection is no more."""
        self.closing = True
        self._buffered = 0
        self._loop.call_soon(self._lose, error)

    def _lose(self, error: Exception | None) -> None:
        if not self.lost:
            self.lost = True
            self.protocol.connection_lost(error)

    def reads(self) -> None:
        """The client reads again, all that was written."""
        self.client_reads = True
        self._buffered = 0
        if self._full:
            self._full = False
            self.protocol.resume_writing()
        if self.closing:
            self._loop.call_soon(self._lose, None)


class _Failures(logging.Handler):
    """Keeps what the app was said to have raised, and we did."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            if not isinstance(error, _ALLOWED) and not _is_late(error):
                self.found.append(repr(error))


_ALLOWED = (DeliberateError, OSError)
"""OSError is what a WebSocket's send() raises for a client that has left."""


def _is_late(error: BaseException) -> bool:
    """Whether an app answered after the server did: 400, as under uvicorn."""
    late = re.search(r"state=(MUST_CLOSE|CLOSED|ERROR)", str(error))
    return isinstance(error, h11.LocalProtocolError) and late is not None


class Crowd:
    """A server, and all of its clients."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.errors: list[dict[str, Any]] = []
        self.clients: list[Transport] = []
        probe = Probe(self.events.append)
        self.loop = SeenLoop(probe)
        self.loop.set_exception_handler(lambda _, e: self.errors.append(e))
        self._state = ServerState()
        self._config = Config(
            app, note=Note(probe), ws_protocol_class=WSProtocol
        )
        self._failures = _Failures()
        self._logger = logging.getLogger(self._config.logger_name)
        self._logger.addHandler(self._failures)

    def open(self) -> Transport:
        """Let one more client come."""
        transport = Transport(self.loop)
        self.clients.append(transport)

        def made() -> None:
            transport.protocol = H11Protocol(
                self._config, self._state, {}, _loop=self.loop
            )
            transport.protocol.connection_made(transport)

        self.loop.call_soon(made)
        self.settle()
        return transport

    def settle(self) -> None:
        """Let the loop turn until nothing is left to do now."""
        while True:
            self.loop.call_soon(self.loop.stop)
            self.loop.run_forever()
            if not vars(self.loop)["_ready"]:
                break
        self.nothing_is_raised()

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.loop.now += seconds
        self.settle()
        self.settle()

    # What must hold

    def nothing_is_raised(self) -> None:
        assert self.errors == [], self.errors
        assert self._failures.found == []

    def nobody_is_waited_for(self) -> None:
        """Each connection ends by itself, if it isn't its client's turn."""
        for each in self.clients:
            if not each.client_reads:
                each.reads()
        for _ in range(PATIENCE // 5):
            self.wait(5)
        for each in self.clients:
            assert each.lost or _is_busy(each)

    def end(self) -> None:
        """All leave, and nothing is left."""
        for each in self.clients:
            each.loses(ConnectionResetError())
        self.settle()
        assert self._state.connections == set()
        assert self._state.tasks == set()
        assert asyncio.all_tasks(self.loop) == set()
        timers = vars(self.loop)["_scheduled"]
        assert [each for each in timers if not each.cancelled()] == []
        self.events_are_true()

    def events_are_true(self) -> None:
        """Each event can be written, read and folded; all have an end."""
        records = Decoder().feed(encode([HEADER, *self.events]))
        assert records == self.events
        trace = Trace()
        trace.feed(records)
        trace.end()
        assert all(each.closed for each in trace.connections.values())
        assert len(trace.connections) == len(self.clients)
        for request in trace.requests.values():
            assert request.outcome in OVER, request

    def close(self) -> None:
        self._logger.removeHandler(self._failures)
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        with contextlib.suppress(AssertionError):
            self.settle()
        self.loop.close()


def _is_busy(client: Transport) -> bool:
    """Whether the client owes bytes of a body, or the app won't end.

    Neither has a time-out, here as under uvicorn.
    """
    protocol = client.protocol
    if not isinstance(protocol, H11Protocol) or protocol.cycle is None:
        return False
    owes = protocol.conn.their_state is h11.SEND_BODY
    return owes or protocol.scope["path"] == "/wait"
