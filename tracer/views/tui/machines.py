"""h11's two state machines, as its tables have them, the current state lit."""

from collections.abc import Hashable, Iterable, Mapping
from typing import ClassVar

from tracer.events import H11Event, H11Send
from tracer.events.states import CLIENT_NEXT, SERVER_NEXT, STATE_CHANGES
from tracer.views.tui.moment import Moment
from tracer.views.tui.pieces import Line, Piece, millis, pad
from tracer.views.tui.rows import Rows, played_of

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
        theirs, ours = "IDLE", "IDLE"
        history: list[Line] = []
        for record in moment.played:
            if isinstance(record, H11Event | H11Send):
                theirs, ours = record.their_state, record.our_state
                at = millis(record.t - moment.began, 8)
                way = "◄ " if isinstance(record, H11Event) else "► "
                states = f"{theirs} / {ours}"
                history.append(
                    (
                        (at, "muted"),
                        ("  " + way, "h11"),
                        (pad(record.name, 16), ""),
                        (states, "muted"),
                    )
                )
            elif record.kind == "cycle.next":
                theirs = ours = "IDLE"
                at = millis(record.t - moment.began, 8)
                history.append(
                    (
                        (at, "muted"),
                        ("  ↺ ", "h11"),
                        (pad("next cycle", 16), ""),
                        ("IDLE / IDLE", "muted"),
                    )
                )
        half = max(width // 2, 20)
        yield (
            (pad("client (their_state)", half), "strong"),
            ("server (our_state)", "strong"),
        )
        left = list(_machine(CLIENT, CLIENT_NEXT, theirs, 0))
        right = list(_machine(SERVER, SERVER_NEXT, ours, 1))
        blank: Line = (("", ""),)
        for index in range(max(len(left), len(right))):
            one = left[index] if index < len(left) else blank
            other = right[index] if index < len(right) else blank
            yield (*_padded(one, half), *other)
        yield ()
        yield (
            ("how they got there", "strong"),
            ("   client / server", "muted"),
        )
        yield from history


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
