"""What a trusted proxy says of its client is put into the scope.

uvicorn has a middleware for it around the app. Here it is done where the
scope is built, so that a request without such headers pays next to nothing;
what the app gets is the same.
"""

import functools
import ipaddress

from tracer.capture.probe import Note
from tracer.capture.server.address import address
from tracer.capture.server.asgi import Scope
from tracer.capture.sources import place
from tracer.events import ProxyHeaders

FOR = b"x-forwarded-for"
PROTO = b"x-forwarded-proto"
SCHEMES = frozenset({"http", "https", "ws", "wss"})
LONGEST_NAME = 253
"""Of a host in DNS; nothing longer is kept in a cache."""


class TrustedProxies:
    """Whose word is taken: addresses, networks, and names as they stand.

    Args:
        trusted: `*` for everybody's, or a list with commas between.

    Source: uvicorn, `_TrustedHosts`
    """

    def __init__(self, trusted: str) -> None:
        self.everybody = trusted == "*"
        self.names: set[str] = set()
        self.hosts: set[ipaddress.IPv4Address | ipaddress.IPv6Address] = set()
        self.networks: set[ipaddress.IPv4Network | ipaddress.IPv6Network] = (
            set()
        )
        for each in () if self.everybody else split(trusted):
            try:
                if "/" in each:
                    self.networks.add(ipaddress.ip_network(each))
                else:
                    self.hosts.add(ipaddress.ip_address(each))
            except ValueError:
                self.names.add(each)
        self._known = functools.lru_cache(maxsize=4096)(self._look)

    def __contains__(self, host: str | None) -> bool:
        if self.everybody:
            return True
        if not host:
            return False
        ask = self._known if len(host) <= LONGEST_NAME else self._look
        return ask(host)

    def _look(self, host: str) -> bool:
        try:
            ip = ipaddress.ip_address(host)
        except ValueError:
            return host in self.names
        return ip in self.hosts or any(ip in each for each in self.networks)

    def client_in(self, forwarded_for: str) -> tuple[str, int]:
        """Find whom the last trusted proxy got the request from.

        Each proxy appends what it saw, so the list is read from its end; in
        front of that, anybody may have written anything.
        """
        hosts = split(forwarded_for)
        if not self.everybody:
            for each in reversed(hosts):
                host, port = host_and_port(each)
                if host not in self:
                    return host, port
        return host_and_port(hosts[0])


def split(value: str) -> list[str]:
    """Split a list that has commas between its members."""
    return [each.strip() for each in value.split(",")]


def host_and_port(value: str) -> tuple[str, int]:
    """Split `1.2.3.4:80` and `[::1]:80`; what is neither stays whole.

    Source: uvicorn, `_parse_host_port`
    """
    if value.startswith("["):
        host, bracket, port = value[1:].partition("]")
        if not bracket or (port and not port.startswith(":")):
            return value, 0
        return host, _number(port[1:], 0) or 0
    if value.count(":") == 1:
        host, _, text = value.partition(":")
        number = _number(text, None)
        return (value, 0) if number is None else (host, number)
    return value, 0


def _number(text: str, otherwise: int | None) -> int | None:
    try:
        return int(text)
    except ValueError:
        return otherwise


def trusting(
    proxies: TrustedProxies | None, client: tuple[str, int] | None
) -> TrustedProxies | None:
    """Give them for a connection that comes from one of them."""
    host = None if client is None else client[0]
    return proxies if proxies is not None and host in proxies else None


def believe(scope: Scope, proxies: TrustedProxies, note: Note | None) -> str:
    """Put what a proxy says into a scope; whoever asks trusts that proxy.

    Returns:
        The client that the scope has now, as text.

    Source: uvicorn, `ProxyHeadersMiddleware.__call__`
    """
    before, spoken = scope["client"], scope["scheme"]
    proto: bytes | None = None
    clients: list[bytes] = []
    for name, value in scope["headers"]:
        if name == PROTO:
            proto = value
        elif name == FOR:
            clients.append(value)
    if proto is not None:
        scheme = proto.decode("latin-1").strip()
        if scheme in SCHEMES:
            if scope["type"] == "websocket":
                scheme = scheme.replace("http", "ws")
            scope["scheme"] = scheme
    if clients:
        client = proxies.client_in(b", ".join(clients).decode("latin-1"))
        if client[0]:  # the header may be empty
            scope["client"] = client
    said = address(scope["client"])
    if note is not None:
        now = scope["scheme"]
        note(ProxyHeaders, _BELIEVE, address(before), said, spoken, now)
    return said


_BELIEVE = place(believe)
