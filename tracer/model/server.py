"""The server's state as a whole, made anew by each of its own events."""

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec.structs import replace

from tracer.events import (
    Dropped,
    LifespanStartup,
    ListenBound,
    ServerStarted,
    ServerStopped,
    ServerStopping,
    Tick,
    TickHeaders,
    TlsFailed,
    TlsHandshake,
)
from tracer.events.log import Record


class ServerView(msgspec.Struct, frozen=True):
    """The server as a whole.

    Attributes:
        phase: not started, starting, running, stopping, stopped.
        url: Where it listens.
        reason: Why it stops.
        exit_code: Once it stopped in order.
        ticks: The housekeeping counter; it stands still with the loop.
        connections: Open ones, at the last tick.
        tasks: Request tasks, at the last tick.
        total_requests: Responses completed, at the last tick.
        date: The `Date` that new responses get.
        dropped: Events that a full queue lost.
        agreed: TLS handshakes that came to their end.
        failed: TLS handshakes that did not.
    """

    phase: str = "not started"
    url: str = ""
    reason: str = ""
    exit_code: int | None = None
    ticks: int = 0
    connections: int = 0
    tasks: int = 0
    total_requests: int = 0
    date: str = ""
    dropped: int = 0
    agreed: int = 0
    failed: int = 0


def advance(server: ServerView, record: Record) -> ServerView:
    """The server after one more event, be it its own or not."""
    rule = _RULES.get(type(record))
    return rule(server, record) if rule else server


_RULES: dict[type[Record], Callable[[ServerView, Any], ServerView]] = {
    LifespanStartup: lambda was, _: replace(was, phase="starting"),
    ListenBound: lambda was, _: replace(was, phase="starting"),
    ServerStarted: lambda was, e: replace(was, phase="running", url=e.url),
    ServerStopping: lambda was, e: replace(
        was, phase="stopping", reason=e.reason
    ),
    ServerStopped: lambda was, e: replace(
        was, phase="stopped", exit_code=e.exit_code
    ),
    Tick: lambda was, e: replace(
        was,
        ticks=e.counter,
        connections=e.connections,
        tasks=e.tasks,
        total_requests=e.total_requests,
    ),
    TickHeaders: lambda was, e: replace(was, date=e.date),
    Dropped: lambda was, e: replace(was, dropped=was.dropped + e.n),
    TlsHandshake: lambda was, _: replace(was, agreed=was.agreed + 1),
    TlsFailed: lambda was, _: replace(was, failed=was.failed + 1),
}
"""What each kind changes; a kind that isn't here changes nothing."""
