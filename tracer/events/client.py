"""The other end: what a client of ours does, on the same clock.

A client is a process of its own; each of its connections is a thread of the
trace, `client-N`. It doesn't know the server's numbers: whose connection it
is, the reader finds by its address.
"""

from typing import ClassVar

from tracer.events.envelope import Event, Layer


class ClientEvent(Event, frozen=True, gc=False, kw_only=True):
    """Something happened at the client's end."""

    layer: ClassVar[Layer] = "client"

    nth: int = 0
    """Which request of its connection it is about, from 1; 0: of none."""


class ClientConnected(
    ClientEvent, tag="client.connected", frozen=True, gc=False
):
    """The kernel has connected the client; the server may not know it yet.

    The handshake is the kernels' business: `accept` only takes out what is
    connected already.

    Source: Python, `socket.connect`
    """

    address: str
    """The client's own, as the server will see it: `127.0.0.1:54321`."""
    ns: int
    """Nanoseconds from asking to being connected."""
    scenario: str = ""


class ClientRefused(ClientEvent, tag="client.refused", frozen=True, gc=False):
    """Nobody listens there, or the connection was lost before it was made.

    Source: Python, `socket.connect`
    """

    error: str
    scenario: str = ""


class ClientSent(ClientEvent, tag="client.sent", frozen=True, gc=False):
    """The client's kernel has taken `n` bytes; when they arrive is open.

    Source: Python, `socket.sendall`
    """

    n: int
    what: str = ""
    """What was sent, in a few words: `head`, `body 2 of 3`, `garbage`."""


class ClientFirstByte(
    ClientEvent, tag="client.first_byte", frozen=True, gc=False
):
    """The first byte of an answer is here.

    Source: Python, `socket.recv`
    """

    ns: int
    """Nanoseconds since the request's last byte was sent."""


class ClientChunk(ClientEvent, tag="client.chunk", frozen=True, gc=False):
    """The client has read `n` bytes.

    Where one read ends and the next begins is up to the kernels: no read is
    a chunk of HTTP or a message of ASGI.

    Source: Python, `socket.recv`
    """

    n: int


class ClientResponse(ClientEvent, tag="client.response", frozen=True, gc=False):
    """A whole response has been read, as the client understands it.

    Interim ones (1xx) are told too: the one proper is still to come then.

    Source: RFC 9112, section 6; h11
    """

    status: int
    n: int
    """Bytes of body."""
    ns: int
    """Nanoseconds since the request's first byte was sent."""


class ClientClosed(ClientEvent, tag="client.closed", frozen=True, gc=False):
    """The connection has ended for the client.

    Source: Python, `socket.close`, `socket.shutdown`
    """

    by: str
    """`client`, `server`, `reset by client`, `reset by server`, or `client,
    half`: it has said its last, and still listens."""
    why: str = ""
    """What was missed by that, or what was wrong: `before it answered`."""
