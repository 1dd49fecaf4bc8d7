"""A listening socket that says which connections it gives out."""

import inspect
import socket
from asyncio.selector_events import BaseSelectorEventLoop
from typing import Any, ClassVar

from tracer.capture.probe import Note, Probe
from tracer.capture.sources import place
from tracer.events import Accept


class ListenSocket(socket.socket):
    """A listening socket that says which connections it gives out.

    asyncio calls `accept` until it raises BlockingIOError: fifty clients that
    have waited come in one turn. The protocol asks for its number by `claim`.

    Source: asyncio, `BaseSelectorEventLoop._accept_connection`
    """

    note: Note

    numbers: ClassVar[dict[int, int]] = {}
    """Connection numbers by file descriptor, until they are claimed."""

    def accept(self) -> tuple[socket.socket, Any]:
        conn, address = super().accept()
        note = self.note.about(conn=self.note.probe.next_conn())
        assert note.conn is not None
        self.numbers[conn.fileno()] = note.conn
        note(Accept, _ACCEPT, _text(address), conn.fileno())
        return conn, address


def claim(fd: int, probe: Probe) -> int:
    """Give the number of the connection with this file descriptor.

    One that was not accepted by a `ListenSocket` is numbered now.
    """
    number = ListenSocket.numbers.pop(fd, None)
    return probe.next_conn() if number is None else number


def _text(address: object) -> str:
    if not isinstance(address, tuple):
        return ""
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


_ACCEPT = place(
    inspect.getattr_static(BaseSelectorEventLoop, "_accept_connection")
)
