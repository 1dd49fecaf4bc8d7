"""A new connection gets its number, its two ends and what TLS has settled."""

import asyncio
from asyncio.sslproto import SSLProtocol
from collections.abc import Collection
from typing import Protocol

from tracer.capture.loop import claim
from tracer.capture.probe import Note
from tracer.capture.server.address import address, is_ssl
from tracer.capture.server.tls import agreed
from tracer.capture.sources import place
from tracer.events import ConnectionMade, TlsHandshake


class Introduced(Protocol):
    """A protocol object that has just been given its transport."""

    transport: asyncio.Transport
    obj: int
    client: tuple[str, int] | None
    server: tuple[str, int | None] | None

    @property
    def connections(self) -> Collection[object]: ...


def introduce(
    made: Introduced, server: Note, where: int | None
) -> tuple[Note, tuple[str, str]]:
    """Say that a connection was made.

    Args:
        made: Whose connection it is.
        server: Speaks for the server.
        where: The place of its `connection_made`.

    Returns:
        Who speaks for the connection, and its two ends as text.
    """
    sock = made.transport.get_extra_info("socket")
    fd = -1 if sock is None else sock.fileno()
    note = server.about(conn=claim(fd, server.probe))
    if is_ssl(made.transport):
        asyncios = type(made.transport).__module__ == SSLProtocol.__module__
        # uvloop does it where nobody can look.
        agreement = _AGREED if asyncios else None
        note(TlsHandshake, agreement, *agreed(made.transport))
    ends = address(made.client), address(made.server)
    note(ConnectionMade, where, made.obj, *ends, len(made.connections))
    return note, ends


_AGREED = place(getattr(SSLProtocol, "_on_handshake_complete", None))
