"""Which connection of h11's is used: a lean one, where this h11 is known."""

import h11

try:
    from tracer.capture.server import lean
except ImportError:  # another h11 may have other private parts
    KNOWN = False
else:
    KNOWN = lean.FITS


def new_connection(max_incomplete_event_size: int) -> h11.Connection:
    """Make the server's side of one connection."""
    if KNOWN:
        return lean.LeanConnection(h11.SERVER, max_incomplete_event_size)
    return h11.Connection(h11.SERVER, max_incomplete_event_size)


def lowered(request: h11.Request) -> list[tuple[bytes, bytes]]:
    """Give a request's headers, their names in lower case, as ASGI has them.

    Source: ASGI HTTP, `headers`
    """
    if KNOWN:
        return lean.lowered(request)
    return [(name.lower(), value) for name, value in request.headers]
