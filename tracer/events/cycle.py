"""One request and its response: the ASGI side of the server."""

from typing import ClassVar, Literal

from tracer.events.envelope import Event, Layer

Headers = tuple[tuple[str, str], ...]
"""Names and values in their order, redacted; each character is one byte."""


class CycleEvent(Event, frozen=True, gc=False):
    """Something happened to one request or its response."""

    layer: ClassVar[Layer] = "cycle"


class ScopeBuilt(CycleEvent, tag="scope.built", frozen=True, gc=False):
    """The request line and headers became the ASGI scope.

    `state_obj` numbers the request's own copy of the app's state. `path` is
    decoded and begins with `root_path`; `raw_path` is as it came.

    Source: ASGI HTTP, "HTTP Connection Scope"
    """

    method: str
    path: str
    raw_path: str
    query: str
    root_path: str
    http_version: str
    scheme: str
    client: str
    server: str
    headers: Headers
    state: tuple[str, ...]
    """Names of the keys in `scope["state"]`."""
    state_obj: int
    type: Literal["http", "websocket"] = "http"
    """What the app is called for. A WebSocket's scope has no method: it is
    that of the handshake, always GET."""
    subprotocols: tuple[str, ...] = ()
    """What a WebSocket's client offers to speak, by its preference."""


class ScopeChanged(CycleEvent, tag="scope.changed", frozen=True, gc=False):
    """A layer has put keys into the scope, or replaced what was under them.

    Noticed when the next stage is entered: `by` is who ran until then. A
    router gives its routes the scope that it got; a Mount makes a new one.

    Source: ASGI, "Specification details", on copying the scope
    """

    by: str
    names: tuple[str, ...]
    """Keys that are new, or whose value is another object than before."""
    copied: bool = False
    """The scope is another dict now: what is put in stays unseen above."""


class ProxyHeaders(CycleEvent, tag="proxy.headers", frozen=True, gc=False):
    """A proxy that is trusted says whom it speaks for, and it is believed.

    The scope gets the client and scheme that `X-Forwarded-For` and
    `X-Forwarded-Proto` tell, in place of the proxy's own. uvicorn does it in
    a middleware of its own around the app; here it is done where the scope is
    built.

    Source: uvicorn, `ProxyHeadersMiddleware`
    """

    client_before: str
    client: str
    scheme_before: str
    scheme: str


class UpgradeDecision(
    CycleEvent, tag="upgrade.decision", frozen=True, gc=False
):
    """The client asked for another protocol; this is what we made of it.

    Source: RFC 9110, section 7.8; uvicorn, `H11Protocol._should_upgrade`
    """

    wanted: str
    accepted: bool
    reason: str


class LimitCheck(CycleEvent, tag="limit.check", frozen=True, gc=False):
    """`limit_concurrency` was compared with what is open.

    This very connection counts, and so do idle ones: a limit of 1 refuses
    everything.

    Source: uvicorn, `H11Protocol.handle_events`
    """

    connections: int
    tasks: int
    limit: int


class LimitRejected(CycleEvent, tag="limit.rejected", frozen=True, gc=False):
    """The limit is reached: an app of the server's own answers with 503.

    Source: uvicorn, `service_unavailable`
    """


class CycleCreated(CycleEvent, tag="cycle.created", frozen=True, gc=False):
    """The request got its RequestResponseCycle: receive, send, an Event.

    The default headers are taken as they are now, so `Date` is fixed here.

    Source: uvicorn, `RequestResponseCycle`
    """

    default_headers: Headers
    expects_continue: bool


class CycleNext(CycleEvent, tag="cycle.next", frozen=True, gc=False):
    """h11 is ready for the next request on the same connection.

    Source: h11, `Connection.start_next_cycle`
    """


class CycleReleased(CycleEvent, tag="cycle.released", frozen=True, gc=False):
    """The cycle let go of its protocol, which breaks a reference cycle.

    Source: uvicorn, `RequestResponseCycle.run_asgi`
    """


class BodyBuffered(CycleEvent, tag="body.buffered", frozen=True, gc=False):
    """Bytes of the request's body wait for the app's `receive()`.

    Source: uvicorn, `H11Protocol.handle_events`
    """

    n: int
    buffered: int


class BodyIgnored(CycleEvent, tag="body.ignored", frozen=True, gc=False):
    """Bytes of a body that nobody wants: the response is already complete.

    Source: uvicorn, `H11Protocol.handle_events`
    """

    n: int


class RunAsgiStart(CycleEvent, tag="run_asgi.start", frozen=True, gc=False):
    """The request's task calls the app: `await app(scope, receive, send)`.

    Source: uvicorn, `RequestResponseCycle.run_asgi`
    """

    stand_in: str | None = None
    """What the server calls in place of the user's app; None: nothing is."""


class RunAsgiEnd(CycleEvent, tag="run_asgi.end", frozen=True, gc=False):
    """The app is done with the request, in one of five ways.

    `complete` is the good one. `raised`: 500 if nothing was sent, else
    close. `returned a value`: close. `no response`: 500. `incomplete`:
    close. `disconnected`: nothing to do, the client has left.

    Source: uvicorn, `RequestResponseCycle.run_asgi`
    """

    branch: Literal[
        "complete",
        "raised",
        "returned a value",
        "no response",
        "incomplete",
        "disconnected",
    ]


class ReceiveCall(CycleEvent, tag="receive.call", frozen=True, gc=False):
    """The app called `receive()`.

    `ready` says whether it will return without giving up its turn; None
    where a server that isn't ours keeps that to itself.

    Source: ASGI HTTP, "Request - receive event"
    """

    ready: bool | None


class ReceiveReturn(CycleEvent, tag="receive.return", frozen=True, gc=False):
    """`receive()` gave the app a message.

    All that was buffered comes in one message, so several reads of the
    socket may be one `http.request`.

    Source: ASGI HTTP, "Request - receive event"; ASGI WebSocket
    """

    type: Literal[
        "http.request",
        "http.disconnect",
        "websocket.connect",
        "websocket.receive",
        "websocket.disconnect",
    ]
    n: int
    more_body: bool
    reason: str | None = None
    """Why it is a disconnect."""
    code: int | None = None
    """Of a WebSocket's disconnect."""


class SendCall(CycleEvent, tag="send.call", frozen=True, gc=False):
    """The app called `send()` with a message, or the server did in its place.

    The server sends the 500 of an app that has failed, and the 503 at the
    limit, by the same `send()`.

    Source: ASGI HTTP, "Response Start - send event"
    """

    type: str
    n: int | None = None
    """Bytes of a body message, or of a WebSocket's."""
    more_body: bool | None = None
    status: int | None = None
    by: Literal["app", "server"] = "app"
    code: int | None = None
    """Of a message that closes a WebSocket."""


class SendReturn(CycleEvent, tag="send.return", frozen=True, gc=False):
    """`send()` returned: the message is with the transport, not the client.

    Source: ASGI HTTP, "Response Body - send event"
    """

    type: str


class SendRejected(CycleEvent, tag="send.rejected", frozen=True, gc=False):
    """The message was out of order, or HTTP can't carry it: `send()` raised.

    RuntimeError for the one, h11's LocalProtocolError for the other: an
    illegal header, a body that is longer than its Content-Length.

    Source: uvicorn, `RequestResponseCycle.send`
    """

    expected: str
    got: str
    raises: str = "RuntimeError"


class SendDropped(CycleEvent, tag="send.dropped", frozen=True, gc=False):
    """The connection is gone; the message goes nowhere, and nobody is told.

    Source: ASGI HTTP 2.3, "Disconnected Client - send exception"
    """

    type: str


class ContinueSent(CycleEvent, tag="continue.sent", frozen=True, gc=False):
    """The first `receive()` sent `100 Continue`, which the client awaits.

    Source: RFC 9110, section 10.1.1
    """


class ContinueDropped(
    CycleEvent, tag="continue.dropped", frozen=True, gc=False
):
    """The app answered without reading: the client never gets its 100.

    Source: RFC 9110, section 10.1.1
    """


class AccessLog(CycleEvent, tag="access.log", frozen=True, gc=False):
    """The access line was written, at the start of the response.

    Its time is not the end of the response, which may be far off.

    Source: uvicorn, `RequestResponseCycle.send`
    """

    text: str


class ResponseStart(CycleEvent, tag="response.start", frozen=True, gc=False):
    """Status and headers are fixed: nobody can change them any more.

    Source: ASGI HTTP, "Response Start - send event"
    """

    status: int
    headers: tuple[tuple[str, str, str], ...]
    """Name, value, and who added it: tick, config, app, mirrored or h11; in
    answer to a WebSocket's handshake also wsproto and server."""


class HeadHeld(CycleEvent, tag="head.held", frozen=True, gc=False):
    """The head is made and held back, to go out with the first of the body.

    So `--join-head` has it: one write in place of two. An app that waits long
    before its first piece of body keeps its head waiting too. One that fails
    meanwhile has started its response all the same: the head goes out alone.

    Source: ASGI HTTP, "Response Start - send event"
    """

    n: int
    """Bytes that wait."""


class ResponseComplete(
    CycleEvent, tag="response.complete", frozen=True, gc=False
):
    """The last body message was written. The app may still be running.

    Source: ASGI HTTP, "Response Body - send event"
    """

    n: int
    """Bytes of body in all."""


class AppException(CycleEvent, tag="app.exception", frozen=True, gc=False):
    """An exception came out of the app and reached the server.

    Source: uvicorn, `RequestResponseCycle.run_asgi`
    """

    type: str
    message: str
    at: str
    """`file:line` of the innermost frame of the app's own code."""
    response_started: bool
    unheard: bool = False
    """Whether the connection was gone, so that no answer can reach anyone."""


class ClientDisconnected(
    CycleEvent, tag="client.disconnected", frozen=True, gc=False
):
    """The client left before its response, or its WebSocket, was at its end.

    The app is not cancelled: it learns of it from `receive()`, or never.

    Source: ASGI HTTP, "Disconnect - receive event"
    """

    of: Literal["response", "websocket"] = "response"
    """What it left."""
