"""A Config becomes a running server: startup, main loop, shutdown.

Connections are the protocol's business. What happens here happens also when
nobody connects.
"""

import asyncio
import contextlib
import functools
import importlib
import logging
import os
import random
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from email.utils import formatdate
from types import FrameType
from typing import Literal

from tracer.capture.loop import new_loop
from tracer.capture.server.config import Config
from tracer.capture.server.lifespan import LifespanOff, LifespanOn
from tracer.capture.server.listen import (
    Listener,
    Serving,
    announcement,
    listen,
    url_of,
    wanted,
)
from tracer.capture.server.protocol import H11Protocol
from tracer.capture.server.state import ServerState
from tracer.capture.sources import Places
from tracer.events import (
    ListenBound,
    ListenFailed,
    LoopCreated,
    ServerConfig,
    ServerRun,
    ServerStarted,
    ServerStopped,
    ServerStopping,
    ShutdownStep,
    Signal,
    Tick,
    TickHeaders,
    TickNotify,
)

HANDLED_SIGNALS = (signal.SIGINT, signal.SIGTERM)
STARTUP_FAILURE = 3
TICK = 0.1  # seconds
TICKS_A_SECOND = 10
COUNTER_LIMIT = 864000  # a day of ticks

Sockets = Sequence[socket.socket] | None

Step = Literal[
    "stop_accepting",
    "close_connections",
    "wait_connections",
    "wait_tasks",
    "wait_closed",
    "cancel_tasks",
]


class Server:
    """One server in one process: its sockets, its tick, its end.

    Attributes:
        started: Whether it listens.
        should_exit: Set to end it in order; seen at the next tick.
        force_exit: Set to end it without waiting for connections or tasks.

    Source: uvicorn, `Server`
    """

    logger_name = "asgi_trace.error"

    def __init__(self, config: Config) -> None:
        self.config = config
        self.note = config.note
        self.logger = logging.getLogger(self.logger_name)
        self.server_state = ServerState()
        self.lifespan: LifespanOn | LifespanOff = LifespanOff()
        self.listeners: list[Listener] = []
        self.servers: list[Serving] = []
        self.started = False
        self.should_exit = False
        self.force_exit = False
        self.last_notified = 0.0
        self._captured_signals: list[int] = []

    @functools.cached_property
    def limit_max_requests(self) -> int | None:
        """The limit with its jitter, drawn once."""
        limit = self.config.limit_max_requests
        if limit is None:
            return None
        jitter = self.config.limit_max_requests_jitter
        return limit + random.randint(0, jitter)  # noqa: S311  # no secret

    def run(self, sockets: Sockets = None) -> None:
        """Serve until stopped; makes the event loop, and closes it.

        Args:
            sockets: Open already: those of a parent process, say. They are
                closed at the end.

        Raises:
            SystemExit: With code 3, startup failed: the app's own, or the
                address can't be had.
        """
        if (note := self.note) is not None:
            note(ServerConfig, AT.run, *self.config.described())
            note(ServerRun, AT.run, os.getpid())
        with asyncio.Runner(loop_factory=self._new_loop) as runner:
            runner.run(self.serve(sockets))

    def _new_loop(self) -> asyncio.AbstractEventLoop:
        if self.config.loop == "uvloop":
            return self._new_uvloop()
        if (note := self.note) is None:
            return asyncio.SelectorEventLoop()
        loop = new_loop(note.probe)
        note(LoopCreated, AT.run, "SelectorEventLoop", loop.selector_name)
        return loop

    def _new_uvloop(self) -> asyncio.AbstractEventLoop:
        # Both are imported only here: uvloop is an extra.
        if (note := self.note) is None:
            return importlib.import_module("uvloop").Loop()  # type: ignore[no-any-return]
        libuv = importlib.import_module("tracer.capture.loop.libuv")
        note(LoopCreated, AT.run, "uvloop.Loop", "libuv", libuv.UNSEEN)
        return libuv.new_uvloop(note.probe)  # type: ignore[no-any-return]

    async def serve(self, sockets: Sockets = None) -> None:
        """Serve on the loop that runs."""
        with self.capture_signals():
            await self._serve(sockets)

    async def _serve(self, sockets: Sockets) -> None:
        config = self.config
        process_id = os.getpid()
        if config.gate is not None:
            config.gate.begin(asyncio.get_running_loop())
        if config.lifespan != "off":
            self.lifespan = LifespanOn(config)
        self.logger.info("Started server process [%d]", process_id)
        await self.startup(sockets)
        if not self.should_exit:
            await self.main_loop()
        else:
            self._note_stopping()
        await self.shutdown(sockets)
        self.logger.info("Finished server process [%d]", process_id)
        self._note_stopped(0)

    # Startup

    async def startup(self, sockets: Sockets = None) -> None:
        """Start the app first, and only then listen.

        Raises:
            SystemExit: The app said no, or the address can't be bound.
        """
        await self.lifespan.startup()
        if self.lifespan.should_exit:
            self._note_stopped(STARTUP_FAILURE)
            sys.exit(STARTUP_FAILURE)
        try:
            await self._listen(sockets)
        except OSError as error:
            self.logger.error(error)  # noqa: TRY400  # its sentence is enough
            if (note := self.note) is not None:
                said = error.strerror or str(error)
                note(ListenFailed, AT.startup, wanted(self.config), said)
            await self.lifespan.shutdown()
            self._note_stopped(STARTUP_FAILURE)
            sys.exit(STARTUP_FAILURE)
        if sockets is None:  # else their owner has said where they are
            self.logger.info(announcement(self.config, self.listeners[0]))
        if (note := self.note) is not None:
            url = url_of(self.config, self.listeners[0])
            note(ServerStarted, AT.startup, url)
        self.started = True

    async def _listen(self, sockets: Sockets) -> None:
        config, factory = self.config, self._protocol_factory()
        for each, server in await listen(config, factory, sockets):
            self.listeners.append(each)
            self.servers.append(server)
            if (note := self.note) is not None:
                family = socket.AddressFamily(each.sock.family).name
                said = each.origin, each.address, config.backlog, family
                note(ListenBound, AT.startup, *said, each.fd, each.mode)

    def _protocol_factory(self) -> Callable[[], H11Protocol]:
        def create_protocol() -> H11Protocol:
            # Called for each connection; the factory is what the server has.
            return H11Protocol(
                config=self.config,
                server_state=self.server_state,
                app_state=self.lifespan.state,
            )

        return create_protocol

    # The main loop

    async def main_loop(self) -> None:
        """Tick ten times a second until a tick says that it is over."""
        counter = 0
        should_exit = await self.on_tick(counter)
        while not should_exit:
            counter = (counter + 1) % COUNTER_LIMIT
            await asyncio.sleep(TICK)
            should_exit = await self.on_tick(counter)

    async def on_tick(self, counter: int) -> bool:
        """Do the housekeeping.

        Returns:
            Whether the server should exit.
        """
        if (note := self.note) is not None:
            state = self.server_state
            note(
                Tick,
                AT.on_tick,
                counter,
                len(state.connections),
                len(state.tasks),
                state.total_requests,
            )
        if counter % TICKS_A_SECOND == 0:
            await self._every_second(time.time())
        if self.should_exit:
            self._note_stopping()
            return True
        limit = self.limit_max_requests
        if limit is not None and self.server_state.total_requests >= limit:
            self.logger.info(
                "Maximum request limit of %d exceeded. Terminating process.",
                limit,
            )
            if note is not None:
                note(ServerStopping, AT.on_tick, "limit_max_requests")
            return True
        return False

    async def _every_second(self, now: float) -> None:
        headers = list(self.config.encoded_headers)
        date = formatdate(now, usegmt=True)
        if self.config.date_header:
            headers.insert(0, (b"date", date.encode()))
        # A new list: responses that have begun go on with the old one.
        self.server_state.default_headers = headers
        if (note := self.note) is not None:
            note(TickHeaders, AT.on_tick, date, len(headers))
        notify = self.config.callback_notify
        if notify is None:
            return
        if now - self.last_notified > self.config.timeout_notify:
            self.last_notified = now
            if note is not None:
                note(TickNotify, AT.on_tick)
            await notify()

    def _note_stopping(self) -> None:
        if (note := self.note) is not None:
            reason = "signal" if self._captured_signals else "should_exit"
            note(ServerStopping, AT.main_loop, reason)

    # Shutdown

    async def shutdown(self, sockets: Sockets = None) -> None:
        """End in order: no new clients, then the old ones, then the app."""
        if (gate := self.config.gate) is not None:
            gate.end()  # else it would be waited for who is held
        self.logger.info("Shutting down")
        self._note_step("stop_accepting", len(self.servers))
        for server in self.servers:
            server.close()
        for each in self.listeners:
            each.remove_file()
        for sock in sockets or ():
            sock.close()
        connections = list(self.server_state.connections)
        self._note_step("close_connections", len(connections))
        for connection in connections:
            connection.shutdown()
        await asyncio.sleep(TICK)
        try:
            async with asyncio.timeout(self.config.timeout_graceful_shutdown):
                await self._wait_tasks_to_complete()
        except TimeoutError:
            self._cancel_tasks()
        if not self.force_exit:
            await self.lifespan.shutdown()

    async def _wait_tasks_to_complete(self) -> None:
        state = self.server_state
        if state.connections and not self.force_exit:
            self.logger.info(
                "Waiting for connections to close. (CTRL+C to force quit)"
            )
            self._note_step("wait_connections", len(state.connections))
            # By looking, and not by an Event: that is uvicorn's way, and what
            # a tick of 0.1 s in the trace shows.
            while state.connections and not self.force_exit:  # noqa: ASYNC110
                await asyncio.sleep(TICK)
        if state.tasks and not self.force_exit:
            self.logger.info(
                "Waiting for background tasks to complete."
                " (CTRL+C to force quit)"
            )
            self._note_step("wait_tasks", len(state.tasks))
            while state.tasks and not self.force_exit:  # noqa: ASYNC110
                await asyncio.sleep(TICK)
        if self.force_exit:
            return  # wait_closed() would wait for clients, as of Python 3.12
        self._note_step("wait_closed", len(self.servers))
        for server in self.servers:
            await server.wait_closed()

    def _cancel_tasks(self) -> None:
        tasks = self.server_state.tasks
        self.logger.error(
            "Cancel %s running task(s), timeout graceful shutdown exceeded",
            len(tasks),
        )
        self._note_step("cancel_tasks", len(tasks))
        for task in tasks:
            task.cancel(
                msg="Task cancelled, timeout graceful shutdown exceeded"
            )

    def _note_step(self, step: Step, waiting: int) -> None:
        if (note := self.note) is not None:
            note(ShutdownStep, AT.shutdown, step, waiting)

    def _note_stopped(self, exit_code: int) -> None:
        if (note := self.note) is not None:
            note(ServerStopped, AT.run, exit_code, self.force_exit)

    # Signals

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Let SIGINT and SIGTERM set flags; in the main thread only.

        At the end the signals are raised again, so that who started this
        process learns that it ended by one.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        # Not loop.add_signal_handler, which couldn't give back what was
        # installed before.
        original = {
            each: signal.signal(each, self.handle_exit)
            for each in HANDLED_SIGNALS
        }
        try:
            yield
        finally:
            for each, handler in original.items():
                signal.signal(each, handler)
        for captured in reversed(self._captured_signals):
            signal.raise_signal(captured)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Note the signal in a flag; the tick does the rest."""
        self._captured_signals.append(sig)
        forces = self.should_exit and sig == signal.SIGINT
        if forces:
            self.force_exit = True
        else:
            self.should_exit = True
        if (gate := self.config.gate) is not None:
            gate.free_loop()
        if (note := self.note) is not None:
            note(Signal, AT.handle_exit, signal.Signals(sig).name, forces)


AT = Places(Server)
