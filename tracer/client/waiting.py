"""Waiting for several sockets at once, and never longer than was agreed."""

import contextlib
import selectors
import socket
from collections.abc import Callable
from time import monotonic

READING, WRITING = selectors.EVENT_READ, selectors.EVENT_WRITE

FOREVER = 86_400.0
"""Seconds; longer than anybody holds a request."""

Call = Callable[[], object]


class TookTooLongError(Exception):
    """Something didn't come in time: one sentence for the user."""


class Waiting:
    """The sockets that are looked after while anything is waited for.

    Source: Python, `selectors`
    """

    def __init__(self, timeout: float, settle: Call) -> None:
        """Look after nothing yet.

        Args:
            timeout: Seconds that all waiting together may take, from now.
            settle: Called before each wait.
        """
        self._selector = selectors.DefaultSelector()
        self._timeout = timeout
        self._ends = monotonic() + timeout
        self._settle = settle

    def look_after(self, sock: socket.socket, read: Call) -> None:
        """From now on, call `read` whenever there is something to read."""
        self._selector.register(sock, READING, read)

    def forget(self, sock: socket.socket) -> None:
        """Look after it no more; to be called before it is closed."""
        with contextlib.suppress(KeyError):
            self._selector.unregister(sock)

    def close(self) -> None:
        """Look after nobody any more."""
        self._selector.close()

    def pause(self, seconds: float) -> None:
        """Let time pass.

        Raises:
            TookTooLongError: It is longer than what is left.
        """
        ends = monotonic() + seconds
        while (left := ends - monotonic()) > 0:
            self._turn(min(left, self._left()))

    def until(self, done: Callable[[], bool]) -> None:
        """Wait until something is so, by what the sockets bring.

        Raises:
            TookTooLongError: It wasn't in time.
        """
        while not done():
            self._turn(self._left())

    def until_ready(self, sock: socket.socket, event: int) -> None:
        """Wait until a socket can be read from or written to, or is closed.

        Raises:
            TookTooLongError: It wasn't in time.
        """
        key = self._selector.get_map().get(sock)
        if key is None:
            self._selector.register(sock, event)
        else:
            self._selector.modify(sock, key.events | event, key.data)
        while sock.fileno() != -1 and sock not in self._turn(
            self._left(), event
        ):
            pass
        if sock.fileno() == -1:
            return
        if key is None:
            self._selector.unregister(sock)
        else:
            self._selector.modify(sock, key.events, key.data)

    def _left(self) -> float:
        left = self._ends - monotonic()
        if left <= 0:
            raise TookTooLongError(
                f"it was not over after {self._timeout:g} s (--timeout)"
            )
        return left

    def _turn(self, seconds: float, event: int = 0) -> list[object]:
        """Wait for a while; give the sockets that are ready for an event."""
        self._settle()
        ready: list[object] = []
        for key, mask in self._selector.select(seconds):
            if mask & event:
                ready.append(key.fileobj)
            if mask & READING and key.data is not None:
                key.data()
        return ready
