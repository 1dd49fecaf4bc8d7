"""When the milestones of one request were."""

import msgspec


class Times(msgspec.Struct, frozen=True):
    """When a request's milestones were, in nanoseconds of the trace.

    Each is the `t` of its event, or None where it has not come.
    """

    arrived: int
    """Its first event: accept or the first bytes."""
    parsed: int | None = None
    """The head was understood: `scope.built`."""
    app: int | None = None
    """The app was called: `run_asgi.start`."""
    response: int | None = None
    """The status was fixed: `response.start`."""
    complete: int | None = None
    """The last body was written: `response.complete`."""
    ended: int | None = None
    """The app returned: `run_asgi.end`."""
