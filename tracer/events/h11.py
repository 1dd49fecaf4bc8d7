"""The parser's events: what the bytes mean in HTTP/1.1.

These are private to the server. The app never sees one of them: its own
messages are those of the layer `cycle`.
"""

from typing import ClassVar, Literal

from tracer.events.envelope import Event, Layer


class H11LayerEvent(Event, frozen=True, gc=False):
    """h11 said something, or was told something."""

    layer: ClassVar[Layer] = "h11"


class H11Event(H11LayerEvent, tag="h11.event", frozen=True, gc=False):
    """`next_event()` gave the next thing in the bytes received so far.

    No I/O happens here: h11 reads its own buffer. The states are those after
    the event; `their_state` is the client's, `our_state` the server's.

    Source: h11, `Connection.next_event`
    """

    name: Literal[
        "Request",
        "Data",
        "EndOfMessage",
        "NEED_DATA",
        "PAUSED",
        "ConnectionClosed",
    ]
    their_state: str
    our_state: str
    n: int | None = None
    """Bytes of a Data event."""
    detail: str | None = None
    """The request line of a Request, redacted."""


class H11Send(H11LayerEvent, tag="h11.send", frozen=True, gc=False):
    """h11 turned one event of ours into the bytes to be written.

    Source: h11, `Connection.send`
    """

    name: Literal[
        "InformationalResponse",
        "Response",
        "Data",
        "EndOfMessage",
        "ConnectionClosed",
    ]
    their_state: str
    our_state: str
    n: int
    """Bytes to be written for it, with framing."""


class H11Error(H11LayerEvent, tag="h11.error", frozen=True, gc=False):
    """The bytes are not HTTP/1.1: 400 and close. No app is called for them.

    h11 finds nearly all of them; that a Host is none, our server. The status
    is 400 also where h11 knows a better one, as 431 for a head too long.

    Source: h11, `RemoteProtocolError`; RFC 9112, section 2.2
    """

    message: str
    status: int | None
    """Of the answer; None: a response had begun, so nothing but close."""
