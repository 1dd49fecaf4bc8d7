"""One connection's state, made anew by each of its events."""

from collections.abc import Callable
from enum import Enum
from typing import Any

import msgspec
from msgspec.structs import replace

from tracer.events import (
    Accept,
    ConnectionLost,
    ConnectionMade,
    DataReceived,
    HeadTimeout,
    KeepaliveArmed,
    KeepaliveCancelled,
    KeepaliveFired,
    ProtocolSwitched,
    ReadPaused,
    ReadResumed,
    ScopeBuilt,
    TlsFailed,
    TlsHandshake,
    TransportClose,
    TransportWrite,
    WritePaused,
    WriteResumed,
)
from tracer.events.log import Record


class ConnectionState(Enum):
    """What a connection is doing.

    ACCEPTED: the kernel gave it out, the protocol doesn't know it yet.
    ACTIVE: a request is on it. IDLE: kept alive, the timer runs.
    CLOSING: close was asked for. CLOSED: it is gone.
    """

    ACCEPTED = "accepted"
    ACTIVE = "active"
    IDLE = "idle"
    CLOSING = "closing"
    CLOSED = "closed"


class Connection(msgspec.Struct, frozen=True):
    """A TCP connection from accept to connection_lost.

    Attributes:
        number: Its number in the trace.
        client: Address of the client.
        opened: `t` of its first event.
        closed: `t` of `connection_lost` or `tls.failed`, or None.
        requests: How many requests have come on it.
        bytes_in: Bytes read so far.
        bytes_out: Bytes given to the transport so far.
        reading: False while reading is paused.
        writing: False while the client reads too slowly.
        reason: Why it was closed, once it was.
        tls: What was agreed on, if it is encrypted.
        peer: Whom the client's certificate names, if it showed one.
        frames: Whether it has become a WebSocket.
    """

    number: int
    client: str = ""
    state: ConnectionState = ConnectionState.ACCEPTED
    opened: int = 0
    closed: int | None = None
    requests: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    reading: bool = True
    writing: bool = True
    reason: str = ""
    tls: str = ""
    peer: str = ""
    frames: bool = False


def advance(conn: Connection, record: Record) -> Connection:
    """The connection after one more event of it."""
    rule = _RULES.get(type(record))
    return rule(conn, record) if rule else conn


def _cancelled(conn: Connection, _: KeepaliveCancelled) -> Connection:
    idle = conn.state is ConnectionState.IDLE
    return replace(conn, state=ConnectionState.ACTIVE) if idle else conn


_RULES: dict[type[Record], Callable[[Connection, Any], Connection]] = {
    Accept: lambda was, e: replace(was, client=e.client),
    ConnectionMade: lambda was, e: replace(
        was, client=e.client, state=ConnectionState.ACTIVE
    ),
    DataReceived: lambda was, e: replace(was, bytes_in=was.bytes_in + e.n),
    TransportWrite: lambda was, e: replace(was, bytes_out=was.bytes_out + e.n),
    ScopeBuilt: lambda was, _: replace(
        was, requests=was.requests + 1, state=ConnectionState.ACTIVE
    ),
    ReadPaused: lambda was, _: replace(was, reading=False),
    ReadResumed: lambda was, _: replace(was, reading=True),
    WritePaused: lambda was, _: replace(was, writing=False),
    WriteResumed: lambda was, _: replace(was, writing=True),
    KeepaliveArmed: lambda was, _: replace(was, state=ConnectionState.IDLE),
    KeepaliveCancelled: _cancelled,
    KeepaliveFired: lambda was, _: replace(was, reason="idle for too long"),
    HeadTimeout: lambda was, _: replace(was, reason="the head took too long"),
    TransportClose: lambda was, e: replace(
        was, state=ConnectionState.CLOSING, reason=was.reason or e.reason
    ),
    TlsHandshake: lambda was, e: replace(
        was, tls=f"{e.version} {e.cipher}", peer=e.subject
    ),
    ProtocolSwitched: lambda was, _: replace(was, frames=True),
    TlsFailed: lambda was, e: replace(
        was, state=ConnectionState.CLOSED, closed=e.t, reason=e.reason
    ),
    ConnectionLost: lambda was, e: replace(
        was,
        state=ConnectionState.CLOSED,
        closed=e.t,
        reason=was.reason or e.reason,
    ),
}
"""What each kind changes; a kind that isn't here changes nothing."""
