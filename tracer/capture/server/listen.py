"""What the server is told becomes listening sockets, traced or not.

A host and a port, a path, a descriptor, or sockets that are open already:
each becomes a `Listener`, and somebody who accepts on it.
"""

import asyncio
import contextlib
import functools
import os
import socket
import stat
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from tracer.capture.loop import ListenSocket
from tracer.capture.probe import Note
from tracer.capture.server.address import address
from tracer.capture.server.config import Config
from tracer.capture.server.tls_server import TLSServer

Origin = Literal["tcp", "unix", "fd", "inherited"]
Factory = Callable[[], asyncio.Protocol]

FILE_MODE = 0o666
"""Of a Unix socket's file: whoever may enter its folder may connect."""


class Serving(Protocol):
    """Who accepts on a socket until it is closed, as `asyncio.Server` does."""

    @property
    def sockets(self) -> Sequence[Any]: ...

    def close(self) -> None: ...

    async def wait_closed(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Listener:
    """A bound socket, and where it came from.

    Attributes:
        sock: Ours to close.
        origin: `tcp` and `unix` were bound by us; `fd` is a descriptor that
            the command line named, `inherited` a socket that was passed in.
        fd: The number of that descriptor.
        mode: Who may connect to a Unix socket's file: `0666`.
        path: Where that file is; nothing if we haven't made it.
        file: Its device and inode.
    """

    sock: socket.socket
    origin: Origin
    fd: int | None = None
    mode: str = ""
    path: str = ""
    file: tuple[int, int] = (0, 0)

    @property
    def address(self) -> str:
        """`127.0.0.1:8000`, or a Unix socket's path."""
        name = self.sock.getsockname()
        if isinstance(name, tuple):
            return address(name[:2])
        if isinstance(name, bytes):  # Linux: a name that is no file
            return "@" + os.fsdecode(name[1:])
        return str(name)

    def url(self, scheme: str) -> str:
        """How a client calls it; there is no URL for a Unix socket."""
        named = isinstance(self.sock.getsockname(), tuple)
        return f"{scheme}://{self.address}" if named else f"unix:{self.address}"

    def remove_file(self) -> None:
        """Take away a Unix socket's file, unless it is another's by now.

        asyncio does so as of Python 3.13, and uvicorn leaves it to asyncio.

        Source: asyncio, `loop.create_unix_server`, `cleanup_socket`
        """
        if self.path:
            with contextlib.suppress(OSError):
                found = Path(self.path).stat()
                if (found.st_dev, found.st_ino) == self.file:
                    Path(self.path).unlink()


async def listen(
    config: Config, factory: Factory, sockets: Sequence[socket.socket] | None
) -> list[tuple[Listener, Serving]]:
    """Listen wherever the server is told to, or nowhere.

    Args:
        config: Its `fd` is asked for first, then its `uds`, then its host.
        factory: Makes the protocol of each connection.
        sockets: Open already, and taken instead of all that.

    Raises:
        OSError: The name is unknown, or no address could be bound.

    Source: uvicorn, `Server.startup`
    """
    found = await _bind_all(config, sockets)
    served: list[tuple[Listener, Serving]] = []
    try:
        for each in found:
            server = await _serve_on(each, factory, config)
            served.append((each, server))
    except BaseException:
        for _, server in served:
            server.close()
        for each in found:
            each.sock.close()
            each.remove_file()
        raise
    return served


async def _serve_on(
    listener: Listener, factory: Factory, config: Config
) -> Serving:
    if (context := config.ssl) is not None:
        listener.sock.listen(config.backlog)
        return TLSServer(
            listener.sock,
            factory,
            context,
            config.ssl_handshake_timeout,
            config.note,
        )
    loop = asyncio.get_running_loop()
    unix = listener.origin == "unix"
    create = loop.create_unix_server if unix else loop.create_server
    return await create(factory, sock=listener.sock, backlog=config.backlog)


async def _bind_all(
    config: Config, sockets: Sequence[socket.socket] | None
) -> list[Listener]:
    note = config.note
    if sockets is not None:
        return [_inherited(each, note) for each in sockets]
    if config.fd is not None:
        return [_from_fd(config.fd, note)]
    if config.uds is not None:
        return [_unix(config.uds, note)]
    return await _tcp(config.host, config.port, note)


def _inherited(given: socket.socket, note: Note | None) -> Listener:
    fd = given.fileno()
    sock = _make(given.family, given.type, given.proto, note, os.dup(fd))
    return Listener(sock, "inherited", fd)


def _from_fd(fd: int, note: Note | None) -> Listener:
    # As a Unix socket, whatever it is. It can be used all the same; but
    # asyncio sets TCP_NODELAY only on what it takes for TCP.
    sock = _make(socket.AF_UNIX, socket.SOCK_STREAM, 0, note, os.dup(fd))
    return Listener(sock, "fd", fd)


def _unix(path: str, note: Note | None) -> Listener:
    """Bind a Unix socket; one that a server has left there makes way.

    Source: asyncio, `loop.create_unix_server`; uvicorn, `Server.startup`
    """
    mode = FILE_MODE
    file = Path(path)
    with contextlib.suppress(FileNotFoundError):
        found = file.stat().st_mode
        mode = stat.S_IMODE(found)
        if stat.S_ISSOCK(found):
            file.unlink()
    sock = _make(socket.AF_UNIX, socket.SOCK_STREAM, 0, note)
    try:
        _bind(sock, path)
        file.chmod(mode)
        made = file.stat()
    except BaseException:
        sock.close()
        raise
    where = made.st_dev, made.st_ino
    return Listener(
        sock, "unix", None, f"{mode:04o}", str(file.absolute()), where
    )


async def _tcp(host: str, port: int, note: Note | None) -> list[Listener]:
    """Bind a socket to each address that the host's name stands for.

    asyncio would do the same for `create_server(host, port)`; but only a
    socket of our own can say whom it accepts.

    Source: asyncio, `BaseEventLoop.create_server`
    """
    found = []
    try:
        for family, kind, proto, _, where in await _resolve(host, port):
            sock = _make(family, kind, proto, note)
            found.append(Listener(sock, "tcp"))
            if os.name == "posix":
                # The last run's connections may still be in TIME_WAIT.
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                # Else `::` would take the port of 0.0.0.0 as well.
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            _bind(sock, where)
    except BaseException:
        for listener in found:
            listener.sock.close()
        raise
    return found


def _make(
    family: int, kind: int, proto: int, note: Note | None, fd: int | None = None
) -> socket.socket:
    if note is None:
        sock = socket.socket(family, kind, proto, fd)
    else:
        sock = ListenSocket(family, kind, proto, fd)
        sock.note = note
    try:
        sock.setblocking(False)
    except OSError:  # it is no socket
        sock.close()
        raise
    return sock


def _bind(sock: socket.socket, where: str | tuple[object, ...]) -> None:
    try:
        sock.bind(where)
    except OSError as error:
        raise OSError(
            error.errno,
            f"error while attempting to bind on address {where!r}:"
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


def wanted(config: Config) -> str:
    """Name where the server was told to listen, where that went wrong."""
    if config.fd is not None:
        return f"file descriptor {config.fd}"
    if config.uds is not None:
        return config.uds
    return address((config.host, config.port))


def announcement(config: Config, listener: Listener) -> str:
    """What a server's user reads when it is ready.

    A host stands there as it was asked for.

    Source: uvicorn, `Server._log_started_message`
    """
    match listener.origin:
        case "unix":
            where = f"unix socket {config.uds}"
        case "fd":
            where = f"socket {listener.sock.getsockname()}"
        case _:
            where = url_of(config, listener)
    return f"asgi-trace running on {where} (Press CTRL+C to quit)"


def url_of(config: Config, listener: Listener) -> str:
    """Where a client finds the server."""
    if listener.origin != "tcp":
        return listener.url(config.scheme)
    host = config.host or "0.0.0.0"  # noqa: S104  # as uvicorn says it
    port = config.port or listener.sock.getsockname()[1]
    return f"{config.scheme}://{address((host, port))}"
