"""A wire to test a protocol on: bytes in, writes and events out.

Nothing is replaced but the transport and the clock. The loop is asyncio's
own, run turn by turn; the protocol is ours, or uvicorn's for comparison.
"""

# ruff: noqa: ANN401  (objects of both servers pass through here)

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol as UvicornProtocol
from uvicorn.server import ServerState as UvicornState

from tracer.capture.loop import TracedLoop
from tracer.capture.probe import Note, Probe
from tracer.capture.server import Config, H11Protocol, ServerState
from tracer.events import Event

DEFAULT_HEADERS = [(b"date", b"today"), (b"server", b"wire")]
CLIENT, SERVER = ("10.0.0.1", 1234), ("10.0.0.2", 80)

Done = tuple[str, bytes]
"""What was done to the transport: `write` and what, or `close` and such."""


class Clock:
    """A clock that a test moves."""

    now = 0.0

    def time(self) -> float:
        return self.now


class PlainLoop(Clock, asyncio.SelectorEventLoop):
    pass


class SeenLoop(Clock, TracedLoop):
    pass


class Transport(asyncio.Transport):
    """Keeps what is done to it, in order; closes in a later turn."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__({"sockname": SERVER, "peername": CLIENT})
        self.done: list[Done] = []
        self.protocol: Any = None
        self.closing = False
        self._loop = loop

    def write(self, data: Any) -> None:
        assert not self.closing, "written after close()"
        self.done.append(("write", bytes(data)))

    def pause_reading(self) -> None:
        self.done.append(("pause_reading", b""))

    def resume_reading(self) -> None:
        self.done.append(("resume_reading", b""))

    def get_write_buffer_size(self) -> int:
        return 99

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        if not self.closing:
            self.closing = True
            self.done.append(("close", b""))
            self._loop.call_soon(self.protocol.connection_lost, None)

    def abort(self) -> None:
        self.close()


class Wire:
    """One connection, seen from the client's end.

    Attributes:
        events: What was said, oldest first; nothing where it isn't traced.
        lines: What was logged: level and text.
    """

    def __init__(self, make: Callable[["Wire"], Any], traced: bool) -> None:
        self.events: list[Event] = []
        self.lines: list[tuple[str, str]] = []
        self.probe = Probe(self.events.append)
        self.loop = SeenLoop(self.probe) if traced else PlainLoop()
        self.errors: list[dict[str, Any]] = []
        self.loop.set_exception_handler(lambda _, e: self.errors.append(e))
        self.transport = Transport(self.loop)
        self.transport.protocol = self._soon(make, self)
        self._soon(self.protocol.connection_made, self.transport)

    @property
    def protocol(self) -> Any:
        """Whoever has the transport now."""
        return self.transport.protocol

    def _soon(self, call: Callable[..., Any], *args: Any) -> Any:
        found: list[Any] = []
        self.loop.call_soon(lambda: found.append(call(*args)))
        self.turn()
        return found[0]

    def receives(self, *reads: bytes) -> None:
        """Let each of the reads come, and everything settle after it."""
        for data in reads:
            if self.transport.closing:
                return
            try:
                self._soon(self.protocol.data_received, data)
            except IndexError:
                # As asyncio does when data_received raises.
                self.transport.abort()
            self.settle()

    def turn(self) -> None:
        self.loop.call_soon(self.loop.stop)
        self.loop.run_forever()

    def settle(self) -> None:
        while True:
            self.turn()
            if not vars(self.loop)["_ready"]:
                return

    def wait(self, seconds: float) -> None:
        self.loop.now += seconds
        self.settle()
        self.settle()

    def lost(self, error: Exception | None = None) -> None:
        self.transport.closing = True
        self._soon(self.protocol.connection_lost, error)
        self.settle()

    @property
    def written(self) -> bytes:
        return b"".join(data for what, data in self.transport.done)

    @property
    def done(self) -> list[Done]:
        return self.transport.done

    @property
    def kinds(self) -> list[str]:
        """The kinds of the events, h11's with their names."""
        return [
            f"{each.kind} {each.name}"  # type: ignore[attr-defined]  # both have one
            if each.kind in {"h11.event", "h11.send"}
            else each.kind
            for each in self.events
        ]

    def of(self, *kinds: str) -> list[Event]:
        return [each for each in self.events if each.kind in kinds]


class _Lines(logging.Handler):
    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self._wire = wire

    def emit(self, record: logging.LogRecord) -> None:
        self._wire.lines.append((record.levelname, record.getMessage()))


@contextmanager
def wire(
    app: Any, *, traced: bool = True, app_state: Any = None, **options: Any
) -> Iterator[Wire]:
    """A connection to our own protocol."""

    def make(made: Wire) -> H11Protocol:
        note = Note(made.probe) if traced else None
        config = Config(app, note=note, **options)
        state = ServerState()
        state.default_headers = DEFAULT_HEADERS
        return H11Protocol(config, state, app_state or {}, _loop=made.loop)

    with _open(make, traced, "asgi_trace") as opened:
        yield opened


@contextmanager
def uvicorn_wire(
    app: Any, *, app_state: Any = None, **options: Any
) -> Iterator[Wire]:
    """A connection to uvicorn's."""

    def make(made: Wire) -> UvicornProtocol:
        config = uvicorn.Config(
            app, log_config=None, ws="none", proxy_headers=False, **options
        )
        config.load()
        state = UvicornState()
        state.default_headers = DEFAULT_HEADERS
        return UvicornProtocol(config, state, app_state or {}, _loop=made.loop)

    with _open(make, False, "uvicorn") as opened:
        yield opened


@contextmanager
def _open(
    make: Callable[[Wire], Any], traced: bool, loggers: str
) -> Iterator[Wire]:
    names = [f"{loggers}.error", f"{loggers}.access"]
    kept = [(each, each.level) for each in map(logging.getLogger, names)]
    heard: list[logging.Handler] = []

    def listening(opened: Wire) -> Any:
        handler = _Lines(opened)
        heard.append(handler)
        for logger, _ in kept:
            logger.addHandler(handler)
            logger.setLevel(logging.INFO)
        return make(opened)

    opened = Wire(listening, traced)
    try:
        yield opened
    finally:
        if not opened.transport.closing:
            opened.lost()
        tasks = asyncio.all_tasks(opened.loop)
        for task in tasks:
            task.cancel()
        opened.settle()
        opened.loop.close()
        for logger, level in kept:
            logger.removeHandler(heard[0])
            logger.setLevel(level)
