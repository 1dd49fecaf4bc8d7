"""A URL becomes the socket addresses to connect to, if they are allowed."""

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from tracer.client.script import ScriptError


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server may be.

    Attributes:
        name: `host:port` as the URL says it, for the Host header.
        addresses: Family and socket address of each address it has, to be
            tried one after the other.
        target: Path and query of the URL; `/` where it has none.
    """

    name: str
    addresses: tuple[tuple[socket.AddressFamily, tuple[str, int]], ...]
    target: str = "/"


def resolve(url: str, *, anywhere: bool = False) -> Place:
    """Find out where a URL's server is, and whether we may trouble it.

    What counts are the addresses that are really connected to: a name is
    looked up only once.

    Args:
        url: `http://HOST[:PORT][/PATH][?QUERY]`.
        anywhere: Whether it may be on another machine.

    Raises:
        ScriptError: No such URL, nobody by that name, or another machine.

    Source: RFC 1122, section 3.2.1.3; RFC 4291, section 2.5.3.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ScriptError(f"{url!r} is no URL: {error}") from error
    if parts.scheme == "https":
        raise ScriptError("https:// can't be sent: only plain http:// is shown")
    if parts.scheme != "http" or not host:
        raise ScriptError(f"{url!r} is no http:// URL")
    if parts.username is not None:
        raise ScriptError("a URL with a user in it isn't sent")
    port = 80 if port is None else port
    found = _look_up(host, port)
    if not anywhere:
        for _, address in found:
            _must_be_here(host, address[0])
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Place(write(host, port), found, target)


def _look_up(
    host: str, port: int
) -> tuple[tuple[socket.AddressFamily, tuple[str, int]], ...]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or "it is no name"
        raise ScriptError(f"nobody is known as {host!r} ({why})") from error
    # dict, not set: in the order in which they are to be tried.
    return tuple(
        dict.fromkeys((each[0], (str(each[4][0]), port)) for each in found)
    )


def _must_be_here(host: str, address: str) -> None:
    if not ipaddress.ip_address(address.partition("%")[0]).is_loopback:
        raise ScriptError(
            f"{host} is not this machine: use 127.0.0.1, or --anywhere if its"
            " owner agrees"
        )


def write(host: str, port: int) -> str:
    """Write an address as the server does: `127.0.0.1:80`, `[::1]:80`.

    Source: RFC 9110, section 7.2; RFC 3986, section 3.2.2.
    """
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
