"""One TCP connection: asyncio's transport and our protocol on it."""

from typing import ClassVar, Literal

from tracer.events.envelope import Event, Layer


class ConnectionEvent(Event, frozen=True, gc=False):
    """Something happened on one connection."""

    layer: ClassVar[Layer] = "connection"


class Accept(ConnectionEvent, tag="accept", frozen=True, gc=False):
    """The listening socket gave out a new connection.

    The handshake was over before: the kernel had done it and kept the
    connection waiting, however busy the loop was.

    Source: asyncio, `BaseSelectorEventLoop._accept_connection`
    """

    client: str
    fd: int


class ProtocolCreated(
    ConnectionEvent, tag="protocol.created", frozen=True, gc=False
):
    """The factory made one protocol object, for one connection.

    The factory is bound to the server, the object to the connection; all of
    them share one ServerState.

    Source: uvicorn, `Server.startup.create_protocol`
    """

    obj: int
    """Number of the protocol object, from 1."""


class ConnectionMade(
    ConnectionEvent, tag="connection_made", frozen=True, gc=False
):
    """The transport introduced itself to the protocol. No byte was read yet.

    Source: asyncio, `BaseProtocol.connection_made`
    """

    obj: int
    client: str
    server: str
    connections: int
    """Open connections now, this one included."""


class ProtocolSwitched(
    ConnectionEvent, tag="protocol.switched", frozen=True, gc=False
):
    """The transport has another protocol: its bytes go there from now on.

    The HTTP protocol made a WebSocket protocol, played the request to it
    once more, and let go. It is the same connection, on the same socket.

    Source: asyncio, `BaseTransport.set_protocol`; uvicorn,
    `H11Protocol.handle_websocket_upgrade`
    """

    obj: int
    """Number of the new protocol object."""


class TlsHandshake(ConnectionEvent, tag="tls.handshake", frozen=True, gc=False):
    """Both sides have agreed on keys; what they say from now on is encrypted.

    It took one round trip or two, and no protocol of ours saw a byte of it:
    `connection_made` comes only now.

    Source: RFC 8446, section 2; asyncio, `loop.connect_accepted_socket`
    """

    version: str
    cipher: str
    alpn: str
    """The protocol that was chosen for inside, or nothing."""
    subject: str
    """Whom the client's certificate names; nothing if it showed none."""


class TlsFailed(ConnectionEvent, tag="tls.failed", frozen=True, gc=False):
    """The two could not agree: the connection is closed, and has no request.

    The protocol that was made for it never learns of it. asyncio's own server
    says nothing here either.

    Source: RFC 8446, section 6.2; asyncio, `loop.connect_accepted_socket`
    """

    error: str
    """The error's name, and what OpenSSL calls the reason."""
    reason: str
    obj: int = 0
    """Number of that protocol object."""


class DataReceived(ConnectionEvent, tag="data_received", frozen=True, gc=False):
    """The transport handed over the bytes of one recv(). Nothing is parsed.

    One read is not one request: a request may take several reads, and one
    read may hold several requests.

    Source: asyncio, `Protocol.data_received`
    """

    n: int


class Bytes(ConnectionEvent, tag="bytes", frozen=True, gc=False):
    """The text of bytes that were read or written before, redacted.

    It follows the read or write, since a secret can be split over two reads
    and is known only once it has been parsed. Each character is one byte.

    Source: ours.
    """

    direction: Literal["in", "out"]
    of: Literal["head", "body", "trailers", "garbage"]
    text: str
    n: int
    """How many bytes there were; `text` may be shorter."""


class EofReceived(ConnectionEvent, tag="eof_received", frozen=True, gc=False):
    """The client will send no more. Nothing is answered; asyncio closes.

    Source: asyncio, `Protocol.eof_received`
    """


class ReadPaused(ConnectionEvent, tag="read.paused", frozen=True, gc=False):
    """The server stopped reading: too much is buffered, or too early.

    The kernel's buffers fill up next, and then the client's send() waits.

    Source: uvicorn, `FlowControl.pause_reading`
    """

    buffered: int
    reason: Literal["body", "pipelining", "message"]


class ReadResumed(ConnectionEvent, tag="read.resumed", frozen=True, gc=False):
    """The server reads from this connection again.

    Source: uvicorn, `FlowControl.resume_reading`
    """


class WritePaused(ConnectionEvent, tag="write.paused", frozen=True, gc=False):
    """The client reads too slowly: the next `send()` will wait.

    Source: asyncio, `BaseProtocol.pause_writing`
    """

    buffered: int
    """Bytes in the transport's buffer, above its high-water mark."""


class WriteResumed(ConnectionEvent, tag="write.resumed", frozen=True, gc=False):
    """The transport's buffer has drained; `send()` goes on.

    Source: asyncio, `BaseProtocol.resume_writing`
    """


class TransportWrite(
    ConnectionEvent, tag="transport.write", frozen=True, gc=False
):
    """Bytes were given to the transport, which tries to send them at once.

    0 bytes are common: the end of a message often has none of its own.
    `head+body` is one write for both, see `head.held`.

    Source: asyncio, `WriteTransport.write`
    """

    n: int
    of: Literal["head", "body", "head+body", "end", "handshake", "frame"]


class TransportClose(
    ConnectionEvent, tag="transport.close", frozen=True, gc=False
):
    """The server asked to close; what is buffered is still sent first.

    `connection_lost` comes in a later turn.

    Source: asyncio, `BaseTransport.close`
    """

    reason: str


class ConnDecision(ConnectionEvent, tag="conn.decision", frozen=True, gc=False):
    """The response is complete: keep the connection, or close it.

    Source: RFC 9112, section 9.3; uvicorn, `RequestResponseCycle.send`
    """

    keep: bool
    reason: str


class KeepaliveArmed(
    ConnectionEvent, tag="keepalive.armed", frozen=True, gc=False
):
    """The timer that closes an idle connection was set.

    It measures idleness between requests. It is no request timeout. The loop
    may not get a new timer for it: one that it has already sleeps on.

    Source: uvicorn, `H11Protocol.on_response_complete`
    """

    seconds: float


class KeepaliveCancelled(
    ConnectionEvent, tag="keepalive.cancelled", frozen=True, gc=False
):
    """New bytes (or the end) came in time; the timer is off.

    Source: uvicorn, `H11Protocol.data_received`
    """


class KeepaliveFired(
    ConnectionEvent, tag="keepalive.fired", frozen=True, gc=False
):
    """Nobody used the connection in time; it is closed.

    A client that sends at this very moment gets no answer.

    Source: uvicorn, `H11Protocol.timeout_keep_alive_handler`
    """


class HeadTimeout(ConnectionEvent, tag="head.timeout", frozen=True, gc=False):
    """A request's head didn't come whole in time; the connection is closed.

    The time runs from the connection's beginning, or from the first byte of a
    later request; with a byte of it here, the answer is 408. uvicorn has no
    such limit: a client that sends half a head and waits is never closed.

    Source: ours; RFC 9110, section 15.5.9
    """

    seconds: float
    n: int
    """Bytes of the head that had come."""


class ConnectionLost(
    ConnectionEvent, tag="connection_lost", frozen=True, gc=False
):
    """The connection is gone; the protocol's last call.

    Source: asyncio, `BaseProtocol.connection_lost`
    """

    reason: str
    """`closed` (by either side, in order) or the error's type."""
    connections: int
    """Open connections that are left."""
