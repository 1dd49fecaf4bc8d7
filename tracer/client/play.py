"""The steps of a script, done one after the other."""

import time
from collections.abc import Callable, Sequence
from typing import assert_never

import h11

from tracer.client.connection import Answer, Connection
from tracer.client.script import (
    AnyStep,
    Close,
    Connect,
    ReadResponse,
    Send,
    Wait,
)

RETRY = 0.03
"""Seconds between two tries to reach a server that isn't there yet."""


class ServerGoneError(Exception):
    """Nobody answers, not yet or no more: one sentence for the user."""


class Player:
    """Takes the steps of a script against one server."""

    def __init__(
        self,
        address: tuple[str, int],
        *,
        unit: float,
        patience: float,
        say: Callable[[Answer], None],
    ) -> None:
        """Open nothing yet.

        Args:
            address: Host and port of the server.
            unit: Seconds in a unit of the script.
            patience: Seconds that the server may take to listen, from now.
            say: Called with each answer.
        """
        self._address = address
        self._unit = unit
        self._deadline = time.monotonic() + patience
        self._say = say
        self._open: dict[str, Connection] = {}

    def repeat(self, steps: Sequence[AnyStep], rounds: int) -> None:
        """Play a script so many times, one unit apart.

        Raises:
            ServerGoneError: A connection could not be opened.
            h11.LocalProtocolError: The script has a request that h11 refuses.
        """
        for number in range(rounds):
            if number:
                time.sleep(self._unit)
            self.play(steps)

    def play(self, steps: Sequence[AnyStep]) -> None:
        """Take each step; leave no connection open.

        A server that hangs up on one connection ends that one only; the next
        request opens another.

        Raises:
            ServerGoneError: A connection could not be opened.
        """
        try:
            for step in steps:
                self._take(step)
        finally:
            for conn in [*self._open]:
                self._close(conn)

    def _take(self, step: AnyStep) -> None:
        match step:
            case Connect(conn=conn):
                self._connect(conn)
            case Send(conn=conn):
                self._send(conn, step)
            case ReadResponse(conn=conn):
                self._read_response(conn)
            case Close(conn=conn):
                self._close(conn)
            case Wait(units=units):
                time.sleep(units * self._unit)
            case _:
                assert_never(step)

    def _send(self, conn: str, step: Send) -> None:
        kept = self._open.get(conn)
        if kept is None or not kept.usable:
            kept = self._connect(conn)
        try:
            kept.send(step, self._unit)
        except OSError:
            # It may have answered before it hung up: `read_response` tells.
            return

    def _read_response(self, conn: str) -> None:
        if (kept := self._open.get(conn)) is None:
            return
        try:
            answer = kept.read_response()
        except (OSError, h11.RemoteProtocolError):
            self._close(conn)
            return
        if answer is not None:
            self._say(answer)

    def _connect(self, conn: str) -> Connection:
        self._close(conn)
        self._open[conn] = opened = self._reach()
        return opened

    def _reach(self) -> Connection:
        """Open a connection, the first one as soon as the server listens."""
        while True:
            try:
                opened = Connection(self._address)
            except OSError as error:
                if time.monotonic() > self._deadline:
                    raise ServerGoneError(
                        _where(self._address, error)
                    ) from error
                time.sleep(RETRY)
            else:
                self._deadline = 0
                return opened

    def _close(self, conn: str) -> None:
        if (kept := self._open.pop(conn, None)) is not None:
            kept.close()


def _where(address: tuple[str, int], error: OSError) -> str:
    host, port = address
    return f"no server answers on {host}:{port} ({error.strerror or error})"
