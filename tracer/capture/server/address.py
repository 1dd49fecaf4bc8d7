"""The two ends of a connection, as ASGI's scope gives them."""

import asyncio
import socket


def get_remote_addr(transport: asyncio.BaseTransport) -> tuple[str, int] | None:
    """Give the client's address and port; None for a Unix socket.

    Source: ASGI HTTP, `client`; uvicorn, `get_remote_addr`
    """
    sock: socket.socket | None = transport.get_extra_info("socket")
    if sock is not None:
        try:
            found = sock.getpeername()
        except OSError:
            return None  # the client has left already
        if not isinstance(found, tuple):
            return None
        return str(found[0]), int(found[1])
    found = transport.get_extra_info("peername")
    if isinstance(found, list | tuple) and len(found) == 2:  # noqa: PLR2004
        return str(found[0]), int(found[1])
    return None


def get_local_addr(
    transport: asyncio.BaseTransport,
) -> tuple[str, int | None] | None:
    """Give the server's address and port; a Unix socket's path and None.

    Source: ASGI HTTP, `server`; uvicorn, `get_local_addr`
    """
    sock: socket.socket | None = transport.get_extra_info("socket")
    if sock is not None:
        found = sock.getsockname()
        if isinstance(found, tuple):
            return str(found[0]), int(found[1])
        return (found, None) if isinstance(found, str) else None
    found = transport.get_extra_info("sockname")
    if isinstance(found, list | tuple) and len(found) == 2:  # noqa: PLR2004
        return str(found[0]), int(found[1])
    return (found, None) if isinstance(found, str) else None


def is_ssl(transport: asyncio.BaseTransport) -> bool:
    """Tell whether the connection is encrypted by asyncio."""
    return bool(transport.get_extra_info("sslcontext"))


def address(end: tuple[str, int | None] | None) -> str:
    """Write one end as text: `127.0.0.1:80`, `[::1]:80`, a path or nothing."""
    if end is None:
        return ""
    host, port = end
    if port is None:
        return host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
