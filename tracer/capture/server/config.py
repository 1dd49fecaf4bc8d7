"""Options become a Config: what the server is told before it runs."""

import contextlib
import platform
import weakref
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import KW_ONLY, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from ssl import SSLContext
from typing import Any, Literal

from tracer.capture.gate import Gate
from tracer.capture.probe import Note
from tracer.capture.server.asgi import ASGIApp
from tracer.capture.server.proxy import TrustedProxies
from tracer.capture.server.scope import SPEC_VERSION
from tracer.capture.server.tls import HANDSHAKE_TIMEOUT, TLS

_PACKAGES = (
    *("asgi-trace", "h11", "wsproto"),
    *("starlette", "fastapi", "anyio", "uvloop"),
)

Option = str | int | float | bool | None


@dataclass(eq=False)
class Config:
    """The options of one server, named as uvicorn names them.

    Args:
        app: An ASGI callable, already loaded.
        app_name: How its user calls it: `app:app`.
        host: Name or address to listen on; IPv4 or IPv6.
        port: 0 lets the system choose one.
        uds: Path of a Unix socket to listen on instead.
        fd: Number of an open descriptor to listen on instead.
        backlog: Connections that the kernel keeps while nobody accepts.
        lifespan: `auto` takes an exception at the lifespan scope for "this
            app has none"; `on` takes it for a failed startup.
        root_path: Put in front of each path, for an app behind a proxy that
            strips it.
        limit_concurrency: At so many connections or tasks, answer with 503.
        limit_max_requests: After so many responses, shut down.
        limit_max_requests_jitter: Up to so many more, at random, so that
            several servers don't end at once.
        timeout_keep_alive: Seconds until an idle connection is closed.
        timeout_head: Seconds until a request's head must have come whole;
            None or 0: it may take for ever, as uvicorn lets it.
        timeout_graceful_shutdown: Seconds until the tasks that are left are
            cancelled; None waits for ever.
        timeout_notify: Seconds between two calls of `callback_notify`.
        callback_notify: Awaited by the tick, to say that the loop is alive.
        headers: Added to every response.
        join_head: Whether a response's head is held back until the first
            message of its body, and written with it; uvicorn writes it at
            once.
        date_header: Whether responses carry `Date`.
        server_header: Whether responses carry `Server`.
        access_log: Whether each response is logged, where someone listens.
        h11_max_incomplete_event_size: Bytes of a head that are buffered.
        trusted_proxies: Whose X-Forwarded headers are believed; None:
            nobody's.
        tls: Certificate and key, for https; None: plain http.
        ssl_handshake_timeout: Seconds that a client may take for it.
        reset_contextvars: Start each request's task in an empty context.
        ws_protocol_class: Who gets a connection that is to be a WebSocket;
            None: nobody, and the request is served as plain HTTP.
        ws_max_size: Bytes of the largest message, unpacked.
        ws_ping_interval: Seconds between two pings; None: nobody asks.
        ws_ping_timeout: Seconds until a pong must have come; None: it needn't.
        ws_per_message_deflate: Whether messages may be compressed.
        asgi_version: Of the interface that the app has, for its scopes.
        logger_name: Who says what goes wrong.
        access_logger_name: Who says the line of each response.
        note: Where the trace goes; None: not traced, and nothing installed.
        gate: Holds requests on request; None: nobody can ask for that.

    Raises:
        TLSError: Certificate or key can't be used.

    Source: uvicorn, `Config`
    """

    app: ASGIApp
    _: KW_ONLY
    app_name: str = "app"
    host: str = "127.0.0.1"
    port: int = 8000
    uds: str | None = None
    fd: int | None = None
    backlog: int = 2048
    loop: Literal["asyncio", "uvloop"] = "asyncio"
    lifespan: Literal["auto", "on", "off"] = "auto"
    root_path: str = ""
    limit_concurrency: int | None = None
    limit_max_requests: int | None = None
    limit_max_requests_jitter: int = 0
    timeout_keep_alive: float = 5
    timeout_head: float | None = 60
    timeout_graceful_shutdown: float | None = None
    timeout_notify: float = 30
    callback_notify: Callable[[], Awaitable[None]] | None = None
    headers: Sequence[tuple[str, str]] = ()
    join_head: bool = False
    date_header: bool = True
    server_header: bool = True
    access_log: bool = True
    h11_max_incomplete_event_size: int | None = None
    trusted_proxies: TrustedProxies | None = None
    tls: TLS | None = None
    ssl_handshake_timeout: float = HANDSHAKE_TIMEOUT
    reset_contextvars: bool = False
    ws_protocol_class: type[Any] | None = None
    ws_max_size: int = 16 * 1024 * 1024
    ws_ping_interval: float | None = 20.0
    ws_ping_timeout: float | None = 20.0
    ws_per_message_deflate: bool = True
    asgi_version: str = "3.0"
    logger_name: str = "asgi_trace.error"
    access_logger_name: str = "asgi_trace.access"
    note: Note | None = None
    gate: Gate | None = None

    encoded_headers: list[tuple[bytes, bytes]] = field(init=False)
    adopted: "weakref.ref[Any] | None" = field(default=None, init=False)
    ssl: SSLContext | None = field(init=False)

    def __post_init__(self) -> None:
        encoded = [
            (name.lower().encode("latin-1"), value.encode("latin-1"))
            for name, value in self.headers
        ]
        if self.server_header and b"server" not in dict(encoded):
            encoded.insert(0, (b"server", b"asgi-trace"))
        self.encoded_headers = encoded
        self.ssl = None if self.tls is None else self.tls.context()

    @property
    def loaded_app(self) -> ASGIApp:
        """The app under the name that a protocol looks for in uvicorn."""
        return self.app

    def origin(self) -> Any:  # noqa: ANN401  # whoever's server it is
        """The config that this one was made of, see `adopt`; else this one."""
        found = None if self.adopted is None else self.adopted()
        return self if found is None else found

    def described(
        self,
    ) -> tuple[str, str, str, dict[str, str], dict[str, Option]]:
        """All that `server.config` says."""
        versions = {"python": platform.python_version()}
        for name in _PACKAGES:
            with contextlib.suppress(PackageNotFoundError):
                versions[name] = version(name)
        versions["asgi"] = f"{self.asgi_version} (HTTP {SPEC_VERSION})"
        return self.app_name, self.loop, "h11", versions, self.options()

    @property
    def scheme(self) -> Literal["http", "https"]:
        """What its URL begins with."""
        return "http" if self.tls is None else "https"

    def options(self) -> dict[str, Option]:
        """The options that are plain values, for the trace."""
        return {
            "host": self.host,
            "port": self.port,
            "uds": self.uds,
            "fd": self.fd,
            "backlog": self.backlog,
            "lifespan": self.lifespan,
            "root_path": self.root_path,
            "limit_concurrency": self.limit_concurrency,
            "limit_max_requests": self.limit_max_requests,
            "limit_max_requests_jitter": self.limit_max_requests_jitter,
            "timeout_keep_alive": self.timeout_keep_alive,
            "timeout_head": self.timeout_head,
            "timeout_graceful_shutdown": self.timeout_graceful_shutdown,
            "timeout_notify": self.timeout_notify,
            "join_head": self.join_head,
            "date_header": self.date_header,
            "server_header": self.server_header,
            "access_log": self.access_log,
            "reset_contextvars": self.reset_contextvars,
            "ws": self.ws_protocol_class is not None,
            "ws_max_size": self.ws_max_size,
            "ws_ping_interval": self.ws_ping_interval,
            "ws_ping_timeout": self.ws_ping_timeout,
            "ws_per_message_deflate": self.ws_per_message_deflate,
            "proxy_headers": self.trusted_proxies is not None,
            **(self.tls.options() if self.tls is not None else {}),
        }
