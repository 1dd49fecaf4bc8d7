"""A listening socket that says which connections it gives out, and how many."""

import inspect
import socket
import weakref
from asyncio.selector_events import BaseSelectorEventLoop
from typing import Any, ClassVar

from tracer.capture.probe import Note, Probe
from tracer.capture.sources import place
from tracer.events import Accept, AcceptFailed, LoopAccept


class ListenSocket(socket.socket):
    """A listening socket that says which connections it gives out.

    asyncio calls `accept` until it raises BlockingIOError: fifty clients that
    have waited come in one turn. The protocol asks for its number by `claim`.

    Source: asyncio, `BaseSelectorEventLoop._accept_connection`
    """

    note: Note
    where: int | None = None
    """Who accepts, if it isn't asyncio."""
    taken = 0
    """Connections that this callback has given out so far."""
    failed = 0
    """How often it failed in this callback."""
    failure = ""

    numbers: ClassVar[dict[int, int]] = {}
    """Connection numbers by file descriptor, until they are claimed."""

    def accept(self) -> tuple[socket.socket, Any]:
        try:
            conn, address = super().accept()
        except BlockingIOError:
            self.settle()
            raise
        except OSError as error:
            self._fail(error)
            raise
        note = self.note.about(conn=self.note.probe.next_conn())
        assert note.conn is not None
        fd = conn.fileno()
        self.numbers[fd] = note.conn
        _accepted[fd] = weakref.ref(conn), note.conn
        note(Accept, self.where or _ACCEPT, _text(address), fd)
        if not self.taken:
            _unsaid.append(self)
        self.taken += 1
        return conn, address

    def _fail(self, error: OSError) -> None:
        # asyncio tries again as often as the backlog is long, at once; it is
        # said when the loop waits, as one.
        if not self.failed:
            _unsaid.append(self)
        self.failed += 1
        self.failure = error.strerror or type(error).__name__

    def settle(self) -> None:
        """Say what one callback has taken, now that it is done."""
        taken, self.taken = self.taken, 0
        failed, self.failed = self.failed, 0
        if self.note.probe.lens == "off":
            return
        if taken:
            self.note(LoopAccept, self.where or _ACCEPT, self.fileno(), taken)
        if failed:
            where = self.where or _ACCEPT
            self.note(AcceptFailed, where, self.failure, failed)


_unsaid: list[ListenSocket] = []
"""Whose callback has not been seen to end."""

_accepted: dict[int, tuple["weakref.ref[socket.socket]", int]] = {}
"""Accepted sockets and their connections' numbers, by file descriptor."""


def settle() -> None:
    """Say what the listening sockets have not said yet; between two turns.

    A callback that has taken as many as the backlog is long ends without
    asking for one more.
    """
    while _unsaid:
        _unsaid.pop().settle()


def connection_at(fd: int) -> int | None:
    """Give the number of the accepted connection with this file descriptor.

    Once the socket is closed, its descriptor may be anybody's.
    """
    sock, number = _accepted.get(fd, (None, None))
    found = None if sock is None else sock()
    if found is not None and found.fileno() == fd:
        return number
    _accepted.pop(fd, None)
    return None


def claim(fd: int, probe: Probe) -> int:
    """Give the number of the connection with this file descriptor.

    One that was not accepted by a `ListenSocket` is numbered now.
    """
    number = ListenSocket.numbers.pop(fd, None)
    return probe.next_conn() if number is None else number


def disclaim(fd: int, number: int) -> None:
    """Say that the connection of that number will be nobody's."""
    if ListenSocket.numbers.get(fd) == number:
        del ListenSocket.numbers[fd]


def _text(address: object) -> str:
    if not isinstance(address, tuple):
        return ""
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


_ACCEPT = place(
    inspect.getattr_static(BaseSelectorEventLoop, "_accept_connection")
)
