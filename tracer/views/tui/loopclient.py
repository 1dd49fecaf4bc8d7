"""The other end on the same axis: one connection of a client of ours.

Its clock is the server's, so that what it sees late can be seen to be late.
"""

from tracer.events import (
    ClientChunk,
    ClientClosed,
    ClientConnected,
    ClientFirstByte,
    ClientRefused,
    ClientResponse,
    ClientSent,
)
from tracer.events.client import ClientEvent
from tracer.model.clients import ClientLine
from tracer.model.lanes import Segment, State
from tracer.views.tui.looprow import Of, Row
from tracer.views.tui.pieces import Piece, many

MARKS: dict[type[ClientEvent], Piece] = {
    ClientConnected: ("○", "connection"),
    ClientRefused: ("✗", "bad"),
    ClientSent: ("►", "accent"),
    ClientFirstByte: ("◄", "good"),
    ClientChunk: ("◄", "good"),
    ClientResponse: ("✓", "good"),
    ClientClosed: ("│", "warn"),
}
"""A glyph and a look for each moment of a client."""

AFTER: dict[type[ClientEvent], tuple[State, str]] = {
    ClientConnected: (State.IDLE, ""),
    ClientSent: (State.WAITS, "answer"),
    ClientFirstByte: (State.WAITS, "the rest"),
    ClientChunk: (State.WAITS, "the rest"),
    ClientResponse: (State.IDLE, ""),
    ClientClosed: (State.IDLE, ""),
}
"""What it does from then on."""


def client_row(line: ClientLine, *, mine: bool = False) -> Row:
    """Make the row of a client's connection."""
    segments: list[Segment] = []
    if line.connected is not None:
        segments.append(
            Segment(line.asked, None, State.WAITS, what="connection")
        )
    for event in line.events:
        state, what = AFTER.get(type(event), (State.IDLE, ""))
        if segments:
            segments[-1].end = event.t
            segments.append(Segment(event.t, None, state, what=what))
    if segments and line.closed is not None:
        segments[-1].end = line.closed
    scenario = f" {line.scenario}" if line.scenario else ""
    return Row(
        Of.CLIENT,
        f"{line.thread}{scenario}",
        tuple(segments),
        mine=mine,
        ended=line.closed,
        outcome=line.refused or (f"closed by {line.by}" if line.by else ""),
        marks=tuple((event.t, MARKS[type(event)]) for event in line.events),
        events=line.events,
    )


def client_said(event: ClientEvent) -> str:
    """What a client did, in a few words."""
    match event:
        case ClientConnected():
            return "is connected; the server may not know it yet"
        case ClientRefused():
            return f"is refused: {event.error}"
        case ClientSent():
            what = f": {event.what}" if event.what else ""
            return f"has sent {many(event.n, 'byte')}{what}"
        case ClientFirstByte():
            return "has the first byte of the answer"
        case ClientChunk():
            return f"has read {many(event.n, 'byte')}"
        case ClientResponse():
            return f"has read the whole {event.status}"
        case ClientClosed():
            why = f" {event.why}" if event.why else ""
            return f"closed by {event.by}{why}"
        case _:
            return event.kind
