"""One connection's state, made anew by each of its events."""

from enum import Enum

import msgspec
from msgspec.structs import replace

from tracer.events import (
    Accept,
    ConnectionLost,
    ConnectionMade,
    DataReceived,
    KeepaliveArmed,
    KeepaliveCancelled,
    KeepaliveFired,
    ReadPaused,
    ReadResumed,
    ScopeBuilt,
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
        closed: `t` of `connection_lost`, or None.
        requests: How many requests have come on it.
        bytes_in: Bytes read so far.
        bytes_out: Bytes given to the transport so far.
        reading: False while reading is paused.
        writing: False while the client reads too slowly.
        reason: Why it was closed, once it was.
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


def advance(conn: Connection, record: Record) -> Connection:
    """The connection after one more event of it."""
    match record:
        case Accept():
            return replace(conn, client=record.client)
        case ConnectionMade():
            return replace(
                conn, client=record.client, state=ConnectionState.ACTIVE
            )
        case DataReceived():
            return replace(conn, bytes_in=conn.bytes_in + record.n)
        case TransportWrite():
            return replace(conn, bytes_out=conn.bytes_out + record.n)
        case ScopeBuilt():
            return replace(
                conn,
                requests=conn.requests + 1,
                state=ConnectionState.ACTIVE,
            )
        case ReadPaused() | ReadResumed():
            return replace(conn, reading=isinstance(record, ReadResumed))
        case WritePaused() | WriteResumed():
            return replace(conn, writing=isinstance(record, WriteResumed))
        case _:
            return _ending(conn, record)


def _ending(conn: Connection, record: Record) -> Connection:
    match record:
        case KeepaliveArmed():
            return replace(conn, state=ConnectionState.IDLE)
        case KeepaliveCancelled() if conn.state is ConnectionState.IDLE:
            return replace(conn, state=ConnectionState.ACTIVE)
        case KeepaliveFired():
            return replace(conn, reason="idle for too long")
        case TransportClose():
            return replace(
                conn,
                state=ConnectionState.CLOSING,
                reason=conn.reason or record.reason,
            )
        case ConnectionLost():
            return replace(
                conn,
                state=ConnectionState.CLOSED,
                closed=record.t,
                reason=conn.reason or record.reason,
            )
        case _:
            return conn
