"""Which connection of h11's is used: a lean one, where this h11 is known."""

from collections.abc import Mapping
from typing import Protocol

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


class HasStates(Protocol):
    """Which state each side is in, by h11's CLIENT and SERVER."""

    @property
    def states(self) -> Mapping[type, type]: ...


def states_of(conn: h11.Connection) -> HasStates:
    """Give what has the connection's states, for those who ask often.

    h11's own property makes a dict each time.
    """
    if KNOWN and type(conn) is lean.LeanConnection:
        return lean.machine_of(conn)
    return conn


def names_of(machine: HasStates) -> tuple[str, str]:
    """Give the names of the client's state and of the server's."""
    states = machine.states
    return states[h11.CLIENT].__name__, states[h11.SERVER].__name__


def lowered(request: h11.Request) -> list[tuple[bytes, bytes]]:
    """Give a request's headers, their names in lower case, as ASGI has them.

    Source: ASGI HTTP, `headers`
    """
    if KNOWN:
        return lean.lowered(request)
    return [(name.lower(), value) for name, value in request.headers]
