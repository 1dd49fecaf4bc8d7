"""One WebSocket's state, made anew by each of its events, and what was said.

A request that asked for a WebSocket has a `Socket`: counts and how it ended,
so that a chat of a million messages costs no more than one of three. The
messages themselves stay in the request's story; `said_of` finds them there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
from msgspec.structs import replace

from tracer.events import (
    ClientDisconnected,
    ConnectionLost,
    WsClose,
    WsFragment,
    WsHandshake,
    WsLimit,
    WsMessage,
    WsPing,
    WsPong,
    WsTimeout,
)
from tracer.events.log import Record

Way = Literal["in", "out"]

LAYER = "websocket"
OPEN = frozenset({"OPEN", "REMOTE_CLOSING", "LOCAL_CLOSING"})
"""States in which it is a WebSocket, and somebody may still speak."""


class Socket(msgspec.Struct, frozen=True):
    """A WebSocket, from the request for one to its end.

    Attributes:
        state: As in `states.SocketState`.
        handshake: How it was answered; empty: not yet, or nobody saw it.
        subprotocol: What both have agreed to speak.
        extensions: What else they agreed on.
        since: `t` of the answer that opened it.
        until: `t` of its end: both have closed, or the connection is lost.
        messages_in: Whole messages from the client.
        messages_out: Whole messages to the client.
        bytes_in: Their bytes, unpacked.
        bytes_out: Their bytes, unpacked.
        code: Of the Close frame that began the end; None: there was none.
        by: Who sent that one; empty where only the answer was seen.
        reason: What it gave as its reason.
        answered: Whether the other side has closed, too.
    """

    state: str = "CONNECTING"
    handshake: str = ""
    subprotocol: str | None = None
    extensions: tuple[str, ...] = ()
    since: int | None = None
    until: int | None = None
    messages_in: int = 0
    messages_out: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    code: int | None = None
    by: str = ""
    reason: str = ""
    answered: bool = False

    @property
    def is_open(self) -> bool:
        """Whether frames may go, at least one way."""
        return self.state in OPEN and self.until is None

    @property
    def was_open(self) -> bool:
        """Whether it was ever more than a request."""
        talked = self.messages_in + self.messages_out > 0
        return self.handshake == "accepted" or talked or self.code is not None

    @property
    def doing(self) -> str:
        """How it stands, in a few letters; empty: it has not come to that."""
        if self.is_open:
            return f"{self.messages_in}◄ {self.messages_out}► open"
        if self.code is not None:
            return f"closed {self.code}"
        return ""


def advance(socket: Socket, record: Record) -> Socket:
    """The WebSocket after one more event of its request."""
    rule = _RULES.get(type(record))
    return rule(socket, record) if rule else socket


def after(socket: Socket | None, record: Record) -> Socket | None:
    """The same of a request that may have none: an event of one proves it."""
    if socket is None:
        return advance(Socket(), record) if record.layer == LAYER else None
    return advance(socket, record)


def _answered(socket: Socket, record: WsHandshake) -> Socket:
    accepted = record.outcome == "accepted"
    return replace(
        socket,
        state=record.state,
        handshake=record.outcome,
        subprotocol=record.subprotocol,
        extensions=record.extensions,
        since=record.t if accepted else None,
        until=None if accepted else record.t,
    )


def _told(socket: Socket, record: WsMessage) -> Socket:
    # The handshake may be in a part of the recording that was let go.
    state = "OPEN" if socket.state == "CONNECTING" else socket.state
    if record.direction == "in":
        return replace(
            socket,
            state=state,
            messages_in=socket.messages_in + 1,
            bytes_in=socket.bytes_in + record.n,
        )
    return replace(
        socket,
        state=state,
        messages_out=socket.messages_out + 1,
        bytes_out=socket.bytes_out + record.n,
    )


def _closed(socket: Socket, record: WsClose) -> Socket:
    ended = record.state == "CLOSED" and socket.until is None
    changed = replace(
        socket,
        state=record.state,
        until=record.t if ended else socket.until,
        answered=socket.answered or not record.first,
    )
    if record.first:
        return replace(
            changed, code=record.code, by=record.by, reason=record.reason
        )
    # The one that it answers may be in a part that was let go.
    return (
        changed
        if socket.code is not None
        else replace(changed, code=record.code)
    )


def _lost(socket: Socket, record: Record) -> Socket:
    if socket.until is not None:
        return socket
    return replace(socket, state="CLOSED", until=record.t)


_RULES: dict[type[Record], Callable[[Socket, Any], Socket]] = {
    WsHandshake: _answered,
    WsMessage: _told,
    WsClose: _closed,
    ClientDisconnected: _lost,
    ConnectionLost: _lost,
}
"""What each kind changes; a kind that isn't here changes nothing."""


@dataclass(frozen=True, slots=True)
class Said:
    """One line of a conversation.

    Attributes:
        t: When.
        way: From the client, or to it; None: neither of them spoke.
        sort: `text`, `binary`, `part`, `ping`, `pong`, `close`, `limit`,
            `timeout` or the handshake's outcome.
        n: Bytes, unpacked; None where none are meant.
        packed: Bytes on the wire, where it was compressed.
        text: Its beginning, or what there is to know of it.
        frames: In how many frames it came.
        by: Of a Close frame, who sent it.
        code: Of a Close frame.
        first: Of a Close frame: it began the end.
        rtt: Of a pong, how long after our ping it came.
    """

    t: int
    way: Way | None
    sort: str
    n: int | None = None
    packed: int | None = None
    text: str = ""
    frames: int = 1
    by: str = ""
    code: int | None = None
    first: bool = True
    rtt: int | None = None


def said_of(record: Record) -> Said | None:
    """What an event adds to the conversation; None: nothing."""
    rule = _SAYS.get(type(record))
    return rule(record) if rule else None


def way_of(record: Record) -> Way | None:
    """Which way an event of a WebSocket goes; None: no way, or no such."""
    said = said_of(record)
    return None if said is None else said.way


def _handshake(e: WsHandshake) -> Said:
    words = [e.reason or "", e.subprotocol or "", *e.extensions]
    text = ", ".join(each for each in words if each)
    return Said(e.t, "out", e.outcome, text=text, code=e.status)


def _message(e: WsMessage) -> Said:
    return Said(
        e.t,
        e.direction,
        e.type,
        e.n,
        packed=e.compressed,
        text=e.text,
        frames=e.fragments,
    )


_SAYS: dict[type[Record], Callable[[Any], Said]] = {
    WsHandshake: _handshake,
    WsMessage: _message,
    WsFragment: lambda e: Said(e.t, e.direction, "part", e.n, first=not e.last),
    WsPing: lambda e: Said(e.t, e.direction, "ping", e.n),
    WsPong: lambda e: Said(e.t, e.direction, "pong", e.n, rtt=e.rtt),
    WsClose: lambda e: Said(
        e.t,
        "in" if e.by == "client" else "out",
        "close",
        text=e.reason,
        by=e.by,
        code=e.code,
        first=e.first,
    ),
    WsLimit: lambda e: Said(e.t, None, "limit", e.n, text=f"{e.limit}"),
    WsTimeout: lambda e: Said(e.t, None, "timeout", text=f"{e.seconds:g} s"),
}
"""Which kinds are part of the conversation, and what each says."""
