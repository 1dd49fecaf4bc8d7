"""h11's two state machines, as its tables have them, the current state lit."""

from collections.abc import Hashable, Iterable, Mapping
from itertools import zip_longest
from typing import ClassVar

from tracer.events import CycleNext, H11Event, H11Send
from tracer.events.states import CLIENT_NEXT, SERVER_NEXT, STATE_CHANGES
from tracer.views.tui.moment import Moment
from tracer.views.tui.pieces import Line, Piece, millis, pad
from tracer.views.tui.rows import Rows, played_of

START = ("IDLE", "IDLE")
"""Where both sides begin, on each new request."""
BLANK: Line = (("", ""),)
Table = Mapping[tuple[str, str], str]


def main_road(table: Table) -> list[tuple[str, str]]:
    """The states of one good exchange: each with what leads to it."""
    road, state = [("IDLE", "")], "IDLE"
    while True:
        steps = [
            (event, after)
            for (before, event), after in table.items()
            if before == state and after not in {state, "CLOSED"}
        ]
        if not steps:
            return road
        event, state = steps[0]
        road.append((state, event))


def side_roads(
    table: Table, road: list[tuple[str, str]], side: int
) -> list[str]:
    """The other states that a side can get into."""
    states = [*table.values(), *(change[side + 2] for change in STATE_CHANGES)]
    known = {state for state, _ in road} | {"*"}
    others = [state for state in dict.fromkeys(states) if state not in known]
    return [*others, *({"ERROR"} - set(others))]


CLIENT = main_road(CLIENT_NEXT)
SERVER = main_road(SERVER_NEXT)


class Machines(Rows):
    """Client and server side by side, and how they came to where they are."""

    HELP: ClassVar[str] = """
### h11

h11 keeps two state machines for each connection: one for the client, one for
the server. `●` is the state now, and the words beside the arrows are the
events that move it. When both are DONE and the connection is kept,
`start_next_cycle()` sets both back to IDLE.

The events are the **parser's**: the app never sees them.
"""

    def key(self, moment: Moment) -> Hashable:
        return tuple(played_of(moment, "h11.event", "h11.send", "cycle.next"))

    def rows(self, moment: Moment, width: int) -> Iterable[Line]:
        history = list(_history(moment))
        theirs, ours = history[-1][1] if history else START
        half = max(width // 2, 20)
        client, server = "client (their_state)", "server (our_state)"
        yield ((pad(client, half), "strong"), (server, "strong"))
        left = _machine(CLIENT, CLIENT_NEXT, theirs, 0)
        right = _machine(SERVER, SERVER_NEXT, ours, 1)
        for one, other in zip_longest(left, right, fillvalue=BLANK):
            yield (*_padded(one, half), *other)
        yield ()
        how = "how they got there"
        yield ((how, "strong"), ("   client / server", "muted"))
        for line, _ in history:
            yield line


def _history(moment: Moment) -> Iterable[tuple[Line, tuple[str, str]]]:
    """What moved the machines, with both their states after it."""
    name: str
    for record in moment.played:
        match record:
            case H11Event():
                way, name = "◄", record.name
                states = record.their_state, record.our_state
            case H11Send():
                way, name = "►", record.name
                states = record.their_state, record.our_state
            case CycleNext():
                way, name, states = "↺", "next cycle", START
            case _:
                continue
        yield (
            (
                (millis(record.t - moment.began, 8), "muted"),
                (f"  {way} ", "h11"),
                (pad(name, 16), ""),
                (" / ".join(states), "muted"),
            ),
            states,
        )


def _machine(
    road: list[tuple[str, str]], table: Table, now: str, side: int
) -> Iterable[Line]:
    for state, event in road:
        if event:
            yield (("│ ", "faint"), (event, "muted"))
        yield _state(state, now)
    others = side_roads(table, road, side)
    lit = now in others
    yield (("", ""),)
    for state in others:
        if not lit or state == now:
            yield _state(state, now)


def _state(state: str, now: str) -> Line:
    if state == now:
        return (("● ", "token"), (state, "strong"))
    return (("○ ", "faint"), (state, "muted"))


def _padded(line: Line, width: int) -> tuple[Piece, ...]:
    used = sum(len(text) for text, _ in line)
    return (*line, (" " * max(width - used, 1), ""))
