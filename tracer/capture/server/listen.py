"""A host and a port become listening sockets, traced or not."""

import asyncio
import contextlib
import functools
import os
import socket
from collections.abc import Iterable
from typing import Any

from tracer.capture.loop import ListenSocket
from tracer.capture.probe import Note


async def bind(host: str, port: int, note: Note | None) -> list[socket.socket]:
    """Bind a socket to each address that the host's name stands for.

    asyncio would do the same for `create_server(host, port)`; but only a
    socket of our own can say whom it accepts.

    Raises:
        OSError: The name is unknown, or no address could be bound.

    Source: asyncio, `BaseEventLoop.create_server`
    """
    found = []
    try:
        for family, kind, proto, _, address in await _resolve(host, port):
            sock = _make(family, kind, proto, note)
            found.append(sock)
            if os.name == "posix":
                # The last run's connections may still be in TIME_WAIT.
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                # Else `::` would take the port of 0.0.0.0 as well.
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            _bind(sock, address)
            sock.setblocking(False)
    except BaseException:
        for sock in found:
            sock.close()
        raise
    return found


def _make(
    family: int, kind: int, proto: int, note: Note | None
) -> socket.socket:
    if note is None:
        return socket.socket(family, kind, proto)
    sock = ListenSocket(family, kind, proto)
    sock.note = note
    return sock


def _bind(sock: socket.socket, address: tuple[object, ...]) -> None:
    try:
        sock.bind(address)
    except OSError as error:
        raise OSError(
            error.errno,
            f"error while attempting to bind on address {address!r}:"
            f" {(error.strerror or str(error)).lower()}",
        ) from None


async def _resolve(host: str, port: int) -> Iterable[Any]:
    wanted: str | None = host or None
    ask = functools.partial(
        socket.getaddrinfo, wanted, port, type=socket.SOCK_STREAM
    )
    with contextlib.suppress(socket.gaierror):
        # A number needs no name server, and so no thread to wait for one.
        infos = ask(flags=socket.AI_PASSIVE | socket.AI_NUMERICHOST)
        return dict.fromkeys(infos)
    loop = asyncio.get_running_loop()
    infos = await loop.getaddrinfo(
        wanted, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    return dict.fromkeys(infos)
