"""What the traced process is told at its start, as one JSON line."""

from typing import Literal

import msgspec

from tracer.capture.frames import Keep
from tracer.capture.terminal import Terminal
from tracer.events.commands import Break


class Options(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The app, the trace and the server: names and defaults as uvicorn's.

    Source: uvicorn, `Config`; the trace's own options are ours.
    """

    app: str
    """`module:attr`."""
    factory: bool = False
    app_dir: str = ""
    """Put first into `sys.path`; empty: the current folder."""
    environment: tuple[tuple[str, str], ...] = ()
    """Variables to set before the app is imported, from `--env-file`."""

    record: str | None = None
    keep: Keep | None = None
    """How much of the recording is kept, its newest part; None: all."""
    viewer: bool = True
    """Whether somebody reads the trace from our standard output."""
    terminal: Terminal | None = None
    """What to put back if the viewer is killed while it draws there."""
    source: bool = True
    reveal: bool = False
    lens: Literal["off", "on", "full"] = "on"
    """How much of the event loop is shown. Off: that tasks begin and end.
    On: turns, steps, waits, each named by the place that yielded. Full: the
    whole chain of awaits at each suspension."""
    slow_callback: float = 0.1
    """Seconds after which a turn that still runs has blocked the loop; 0:
    nobody watches."""
    lines: bool = False
    """Whether each line of the app's endpoints and middleware is said."""
    breaks: tuple[Break, ...] = ()

    loop: Literal["asyncio", "uvloop"] = "asyncio"

    host: str = "127.0.0.1"
    port: int = 8000
    uds: str | None = None
    fd: int | None = None
    backlog: int = 2048
    lifespan: Literal["auto", "on", "off"] = "auto"
    root_path: str = ""
    limit_concurrency: int | None = None
    limit_max_requests: int | None = None
    limit_max_requests_jitter: int = 0
    timeout_keep_alive: float = 5
    timeout_head: float = 60
    timeout_graceful_shutdown: float | None = None
    headers: tuple[tuple[str, str], ...] = ()
    join_head: bool = False
    date_header: bool = True
    server_header: bool = True
    access_log: bool = True
    log_level: int | None = None
    """Of the server's own loggers; None: as ever."""
    h11_max_incomplete_event_size: int | None = None
    ws: Literal["auto", "none", "wsproto"] = "auto"
    ws_max_size: int = 16 * 1024 * 1024
    ws_ping_interval: float | None = 20.0
    ws_ping_timeout: float | None = 20.0
    ws_per_message_deflate: bool = True

    reset_contextvars: bool = False
    proxy_headers: bool = True
    forwarded_allow_ips: str | None = None
    ssl_keyfile: str | None = None
    ssl_certfile: str | None = None
    ssl_keyfile_password: str | None = None
    ssl_version: int = 17
    ssl_cert_reqs: int = 0
    ssl_ca_certs: str | None = None
    ssl_ciphers: str | None = None

    def line(self) -> bytes:
        """The line that `python -m tracer.capture.child` reads first."""
        return msgspec.json.encode(self) + b"\n"
