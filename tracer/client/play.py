"""The steps of a script, done one after the other by one thread.

Whatever it waits for, it looks after all open connections meanwhile: the
first byte of each answer is told when it comes, not when its turn has come.
"""

import errno
import os
import socket
from collections.abc import Sequence
from time import monotonic, monotonic_ns, sleep
from typing import assert_never

from tracer.client.address import Place, write
from tracer.client.connection import Connection, Watcher
from tracer.client.frame import Write, frame, split
from tracer.client.script import (
    AnyStep,
    Close,
    Connect,
    HalfClose,
    Raw,
    Read,
    ReadEnd,
    ReadFirstByte,
    ReadResponse,
    Send,
    Wait,
)
from tracer.client.waiting import FOREVER, READING, WRITING, Waiting
from tracer.events.client import ClientConnected, ClientRefused

RETRY = 0.03
"""Seconds between two tries to reach a server that isn't there yet."""


class ServerGoneError(Exception):
    """Nobody answers, not yet or no more: one sentence for the user."""


class Player:
    """Takes the steps of a script against one server."""

    def __init__(  # noqa: PLR0913  # each is a choice of the command line
        self,
        place: Place,
        watch: Watcher,
        *,
        unit: float,
        patience: float = 0,
        timeout: float = FOREVER,
        scenario: str = "",
    ) -> None:
        """Open nothing yet.

        Args:
            place: Where the server is.
            watch: Who is told what happens.
            unit: Seconds in a unit of the script.
            patience: Seconds that the server may take to listen, from now.
            timeout: Seconds that one round of the script may take.
            scenario: What its connections are said to be for.
        """
        self._place = place
        self._watch = watch
        self._unit = unit
        self._listens_by = monotonic() + patience
        self._timeout = timeout
        self._scenario = scenario
        self._count = 0
        self._open: dict[str, Connection] = {}

    def repeat(self, steps: Sequence[AnyStep], rounds: int) -> None:
        """Play a script so many times, one unit apart.

        Raises:
            ServerGoneError: A connection could not be opened.
            TookTooLongError: A round did not end in time.
            h11.LocalProtocolError: The script has a request that h11 refuses.
        """
        for number in range(rounds):
            if number:
                sleep(self._unit)  # with no connection to look after
            self.play(steps)

    def play(self, steps: Sequence[AnyStep]) -> None:
        """Take each step; leave no connection open.

        A server that hangs up on one connection ends that one only; the next
        request opens another.

        Raises:
            ServerGoneError: A connection could not be opened.
            TookTooLongError: It did not end in time.
        """
        self._waiting = Waiting(self._timeout, self._watch.settle)
        try:
            for step in steps:
                self._take(step)
        finally:
            for conn in self._open.values():
                conn.close()
            self._open.clear()
            self._waiting.close()
            self._watch.settle()

    def _take(self, step: AnyStep) -> None:
        match step:
            case Connect():
                self._connect(step)
            case Send():
                self._send(step)
            case Raw():
                self._send_raw(step)
            case Wait(units=units):
                self._waiting.pause(units * self._unit)
            case _:
                if (conn := self._open.get(step.conn)) is not None:
                    self._go_on(step, conn)

    def _go_on(
        self,
        step: ReadResponse | ReadFirstByte | ReadEnd | Read | HalfClose | Close,
        conn: Connection,
    ) -> None:
        """Take a step that a connection which was never opened can't take."""
        until = self._waiting.until
        match step:
            case ReadResponse():
                self._read_on(conn)
                until(lambda: conn.closed or not conn.answers.asked)
            case ReadFirstByte():
                self._read_on(conn)
                until(lambda: conn.closed or conn.begun > 0)
            case ReadEnd():
                self._read_on(conn)
                until(lambda: conn.closed)
            case Read():
                self._read(step, conn)
            case HalfClose():
                conn.half_close()
            case Close():
                conn.close(reset=step.reset)
            case _:
                assert_never(step)

    # Connecting

    def _connect(self, step: Connect) -> Connection:
        """Open a connection, the first one as soon as the server listens."""
        if (before := self._open.pop(step.conn, None)) is not None:
            before.close()
        self._count += 1
        thread = f"client-{self._count}"
        while (sock := self._reach(thread, step.window)) is None:
            self._waiting.pause(RETRY)
        self._listens_by = 0
        conn = Connection(sock, thread, self._watch, self._waiting)
        self._open[step.conn] = conn
        if step.reads == "always":
            self._read_on(conn)
        return conn

    def _reach(self, thread: str, window: int) -> socket.socket | None:
        """Try each address once; None: it's worth another try."""
        begun, code = monotonic_ns(), 0
        for family, address in self._place.addresses:
            sock = socket.socket(family)
            try:
                code = self._try(sock, address, window)
            except BaseException:
                sock.close()
                raise
            if not code:
                t = monotonic_ns()
                mine = write(*sock.getsockname()[:2])
                self._watch.event(
                    ClientConnected(
                        mine, t - begun, self._scenario, t=t, thread=thread
                    )
                )
                return sock
            sock.close()
        if monotonic() < self._listens_by:
            return None
        why = os.strerror(code)
        t = monotonic_ns()
        self._watch.event(
            ClientRefused(why, self._scenario, t=t, thread=thread)
        )
        raise ServerGoneError(
            f"no server answers on {self._place.name} ({why})"
        )

    def _try(
        self, sock: socket.socket, address: tuple[str, int], window: int
    ) -> int:
        """Connect, and give the error's number; 0: it worked."""
        sock.setblocking(False)
        # A later part leaves at once, not when the server has acknowledged
        # the part before (Nagle's algorithm).
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if window:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        code = sock.connect_ex(address)
        if code == errno.EINPROGRESS:
            self._waiting.until_ready(sock, WRITING)
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        return code

    # Sending

    def _usable(self, name: str) -> Connection:
        kept = self._open.get(name)
        if kept is not None and kept.eager:
            kept.receive()  # the server may have hung up meanwhile
        if kept is None or not kept.usable:
            return self._connect(Connect(name))
        return kept

    def _send(self, step: Send) -> None:
        writes = frame(step, self._place.name)
        conn = self._usable(step.conn)
        upgrade = any(name.lower() == "upgrade" for name in step.headers)
        nth = conn.ask(step.method, step.target, upgrade=upgrade)
        if step.awaits_continue:
            heard = conn.heard
            self._write(conn, writes.pop(0), nth)
            self._waiting.until(lambda: conn.closed or conn.heard > heard)
            if not conn.answers.asked:
                return  # it has the answer already: no need for the body
        self._write_apart(conn, writes, step.gap, nth)

    def _send_raw(self, step: Raw) -> None:
        data = step.text.encode("latin-1")
        if step.switched:
            kept = self._open.get(step.conn)
            if kept is None or kept.closed or not kept.answers.switched:
                return  # a server of HTTP would take it for garbage
            self._write_apart(kept, split(data, step.pieces, step.what), 0, 0)
            return
        conn = self._usable(step.conn)
        asked = [
            conn.ask(method, step.what, upgrade=step.upgrade)
            for method in step.asks
        ]
        writes = split(data, step.pieces, step.what)
        self._write_apart(conn, writes, step.gap, asked[0] if asked else 0)

    def _write_apart(
        self, conn: Connection, writes: Sequence[Write], gap: float, nth: int
    ) -> None:
        for number, each in enumerate(writes):
            if number:
                self._waiting.pause(gap * self._unit)
            self._write(conn, each, nth)

    def _write(self, conn: Connection, each: Write, nth: int) -> None:
        left = memoryview(each.data)
        while left and not conn.closed:
            left = left[conn.write(left, each.what, nth) :]
            if left and not conn.closed:
                self._waiting.until_ready(conn.sock, WRITING)

    # Reading

    def _read_on(self, conn: Connection) -> None:
        """From now on, read what comes as it comes."""
        if not conn.eager and not conn.closed:
            conn.eager = True
            self._waiting.look_after(conn.sock, conn.receive)

    def _read(self, step: Read, conn: Connection) -> None:
        for number in range(step.times):
            if conn.closed or not conn.answers.asked:
                return
            if number:
                self._waiting.pause(step.gap * self._unit)
            self._waiting.until_ready(conn.sock, READING)
            conn.receive(step.n)
