"""What happens inside the app: middleware, routing, endpoint, response.

Seen by reversible patches on the framework's classes. A verdict that stands
here is the one that the framework itself got.
"""

from typing import ClassVar, Literal

from tracer.events.envelope import Event, Layer


class FrameworkEvent(Event, frozen=True, gc=False):
    """Something happened inside the app."""

    layer: ClassVar[Layer] = "framework"


class AppSnapshot(FrameworkEvent, tag="app.snapshot", frozen=True, gc=False):
    """What stood before we came: routes, middleware, handlers.

    A list made by looking, not by watching. Routes that are added later are
    seen when they are tried.

    Source: ours.
    """

    name: str
    routes: tuple[str, ...]
    middleware: tuple[str, ...]
    handlers: tuple[str, ...]


class AppEnter(FrameworkEvent, tag="app.enter", frozen=True, gc=False):
    """An ASGI app was called with scope, receive and send.

    A mounted app is entered like any other, with a changed scope.

    Source: ASGI, "Applications"
    """

    name: str
    type: str
    """The scope's type: http, websocket or lifespan."""


class AppExit(FrameworkEvent, tag="app.exit", frozen=True, gc=False):
    """The app returned, or raised.

    Source: ASGI, "Applications"
    """

    name: str
    raised: str | None = None
    """The exception's type."""


class StackBuilt(FrameworkEvent, tag="stack.built", frozen=True, gc=False):
    """The middleware were wrapped around the router, once.

    Outermost first. Built from the inside out, at the first call, which is
    the lifespan's as a rule: later `add_middleware` calls are refused.

    Source: Starlette, `Starlette.build_middleware_stack`
    """

    layers: tuple[str, ...]
    handlers: tuple[str, ...]
    """`status or exception -> layer`, for each exception handler."""


class MiddlewareEnter(
    FrameworkEvent, tag="middleware.enter", frozen=True, gc=False
):
    """A middleware was called, on the way in.

    Source: Starlette, "Middleware"
    """

    name: str
    depth: int
    """0 is the outermost."""
    through: bool = False
    """Whether it only hands on: `BaseHTTPMiddleware` sees nothing but HTTP."""


class MiddlewareExit(
    FrameworkEvent, tag="middleware.exit", frozen=True, gc=False
):
    """A middleware returned (or raised), on the way back.

    The response has left long before, as a rule: it goes out through
    `send()`, not by returning.

    Source: Starlette, "Middleware"
    """

    name: str
    depth: int
    raised: str | None = None


class RouterEnter(FrameworkEvent, tag="router.enter", frozen=True, gc=False):
    """A router looks for the route that fits.

    Source: Starlette, `Router.app`
    """

    type: str
    path: str
    """The path that it compares: what is left below a mount."""
    routes: int


class RouteMatch(FrameworkEvent, tag="route.match", frozen=True, gc=False):
    """A route was asked whether it fits; this is what it answered.

    The first FULL wins and no later route is asked. PARTIAL (the path fits,
    the method doesn't) is kept for the case that none is FULL. `scan` 2 is
    the second search, with the final slash toggled.

    Source: Starlette, `Router.app`, `Route.matches`
    """

    route: str
    verdict: Literal["NONE", "PARTIAL", "FULL"]
    scan: Literal[1, 2] = 1


class RouterRedirect(
    FrameworkEvent, tag="router.redirect", frozen=True, gc=False
):
    """Only the final slash was wrong: the router redirects with 307.

    Source: Starlette, `Router.app`, `redirect_slashes`
    """

    location: str


class RouterDefault(
    FrameworkEvent, tag="router.default", frozen=True, gc=False
):
    """No route fitted: the router's default is called.

    Inside an app it raises HTTPException(404); the response is made further
    out, by ExceptionMiddleware.

    Source: Starlette, `Router.not_found`
    """


class RouteHandle(FrameworkEvent, tag="route.handle", frozen=True, gc=False):
    """The chosen route handles the request.

    Source: Starlette, `Route.handle`
    """

    route: str
    path_params: tuple[str, ...]
    """Names of the path parameters."""


class DependencyEnter(
    FrameworkEvent, tag="dependency.enter", frozen=True, gc=False
):
    """FastAPI calls one dependency.

    Source: FastAPI, `solve_dependencies`
    """

    name: str


class DependencyExit(
    FrameworkEvent, tag="dependency.exit", frozen=True, gc=False
):
    """The dependency returned (or its code after `yield` ended).

    Source: FastAPI, `solve_dependencies`
    """

    name: str
    phase: Literal["returned", "yielded", "teardown"]
    raised: str | None = None


class EndpointEnter(
    FrameworkEvent, tag="endpoint.enter", frozen=True, gc=False
):
    """The user's own function is called.

    A `def` runs in a worker thread, an `async def` on the loop itself.

    Source: Starlette, `request_response`
    """

    name: str
    form: Literal["function", "class", "instance"]
    mode: Literal["async", "threadpool", "raw"]


class EndpointExit(FrameworkEvent, tag="endpoint.exit", frozen=True, gc=False):
    """The user's function returned (or raised). Nothing was sent by that.

    Source: Starlette, `request_response`
    """

    name: str
    returned: str | None = None
    """Type of what it returned."""
    raised: str | None = None


class ResponseCall(FrameworkEvent, tag="response.call", frozen=True, gc=False):
    """The Response object was called like an app: it sends the messages.

    Source: Starlette, `Response.__call__`
    """

    name: str
    status: int


class BackgroundStart(
    FrameworkEvent, tag="background.start", frozen=True, gc=False
):
    """A background task begins, in the same task, after the last body.

    Source: Starlette, `BackgroundTask.__call__`
    """

    name: str


class BackgroundEnd(
    FrameworkEvent, tag="background.end", frozen=True, gc=False
):
    """The background task ended; only now can the request's task end.

    Source: Starlette, `BackgroundTask.__call__`
    """

    name: str
    raised: str | None = None


class ExceptionRaised(
    FrameworkEvent, tag="exception.raised", frozen=True, gc=False
):
    """An exception came out of the endpoint, the router or a middleware.

    Said once, where it was first seen; the exits on its way carry its type.

    Source: Python, "Exceptions"
    """

    type: str
    message: str
    at: str
    """`file:line` where it was raised."""


class ExceptionHandled(
    FrameworkEvent, tag="exception.handled", frozen=True, gc=False
):
    """A handler makes a response of an exception.

    ServerErrorMiddleware answers and raises it again all the same: the
    server logs it and closes the connection.

    Source: Starlette, `ExceptionMiddleware`, `ServerErrorMiddleware`
    """

    type: str
    by: str
    handler: str
    raised_again: bool
