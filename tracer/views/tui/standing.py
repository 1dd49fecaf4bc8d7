"""Events to the state of each box of the rail, at one place of the playback.

A box that was entered and not left stays open: a response leaves through
`send()` while the middleware it passes are still waiting inside.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from tracer.events import HeadHeld, TransportWrite, WsHandshake, WsMessage
from tracer.events.log import Record
from tracer.model.playback import Score
from tracer.model.stage import Leg, Part, Stop


class State(Enum):
    """How a box stands; the value is its glyph.

    FUTURE: not met. SKIPPED: passed by, as `accept` is on a connection that
    was open already. OPEN: entered and not left. PASSED: left. FAILED: left
    by an exception.
    """

    FUTURE = "·"
    SKIPPED = "–"
    OPEN = "…"
    PASSED = "✓"
    FAILED = "✗"


@dataclass(frozen=True, slots=True)
class Standing:
    """One box.

    Attributes:
        state: How it stands.
        entered: `t` of the first event on its way out, None: not yet.
        left: `t` of the last event on its way back.
        turn: Turn of the loop in which it was entered.
        note: What is worth a word beside the times; empty: nothing.
    """

    state: State = State.FUTURE
    entered: int | None = None
    left: int | None = None
    turn: int | None = None
    note: str = ""


OPENS = {
    "middleware.enter": Part.MIDDLEWARE,
    "router.enter": Part.ROUTER,
    "endpoint.enter": Part.ENDPOINT,
    "background.start": Part.ENDPOINT,
    "run_asgi.start": Part.CYCLE,
    "app.enter": Part.APP,
}
CLOSES = {
    "middleware.exit": Part.MIDDLEWARE,
    "endpoint.exit": Part.ENDPOINT,
    "background.end": Part.ENDPOINT,
    "run_asgi.end": Part.CYCLE,
    "app.exit": Part.APP,
}
FAILS = frozenset({"app.exception", "h11.error"})


class Standings:
    """The boxes of one score, at any place of it.

    Asked for rising places, it goes on from the last one.
    """

    def __init__(self, score: Score, story: Sequence[Record]) -> None:
        self._score = score
        self._story = story
        self._restart()

    def _restart(self) -> None:
        self._done = -1
        self._last: Record | None = None
        self._entered: dict[int, tuple[int, int | None]] = {}
        self._left: dict[int, int] = {}
        self._open: set[int] = set()
        self._failed: set[int] = set()
        self._notes: dict[Part, str] = {}
        self._talk = {"in": 0, "out": 0}
        self.reached: dict[Leg, set[int]] = {leg: set() for leg in Leg}

    def grow(self, score: Score, story: Sequence[Record]) -> None:
        """Take a score in place of the last one, most often a longer one."""
        same = score.rail == self._score.rail and story is self._story
        at = self._done
        if not same or at >= len(score.beats) or story[at] is not self._last:
            self._restart()
        self._score, self._story = score, story

    def at(self, index: int) -> tuple[Standing, ...]:
        """All boxes, as the event number `index` leaves them."""
        if index < self._done:
            self._restart()
        for each in range(self._done + 1, index + 1):
            self._last = self._story[each]
            self._take(self._last, self._score.beats[each].stop)
        self._done = max(index, self._done)
        return tuple(self._one(box) for box in range(len(self._score.rail)))

    def _take(self, record: Record, stop: Stop) -> None:
        box = stop.box
        self.reached[stop.leg].add(box)
        if stop.leg is Leg.OUT:
            self._entered.setdefault(box, (record.t, record.turn))
        else:
            self._left[box] = record.t
        part = self._score.rail[box].part
        if OPENS.get(record.kind) is part:
            self._open.add(box)
        if CLOSES.get(record.kind) is part:
            # What stood inside of it ended with it.
            self._open = {each for each in self._open if each < box}
            if getattr(record, "raised", None):
                self._failed.add(box)
        if record.kind in FAILS:
            self._failed.add(box)
        self._note(record)

    def _note(self, record: Record) -> None:
        """What stands in a box besides its times."""
        match record:
            case HeadHeld():
                self._notes[Part.CYCLE] = f"▤ {record.n} B"
            case TransportWrite(of="head+body"):
                self._notes = {Part.DATA: "1 write"}
            case TransportWrite(of="head"):
                self._notes.pop(Part.CYCLE, None)
            case WsHandshake(outcome="accepted"):
                self._notes[Part.ENDPOINT] = self._notes[Part.APP] = "open"
            case WsMessage():
                self._talk[record.direction] += 1
                said = f"{self._talk['in']}◄ {self._talk['out']}►"
                self._notes[Part.ENDPOINT] = self._notes[Part.APP] = said
            case _:
                pass

    def _one(self, box: int) -> Standing:
        entered, turn = self._entered.get(box, (None, None))
        left = self._left.get(box)
        note = self._notes.get(self._score.rail[box].part, "")
        return Standing(self._state(box), entered, left, turn, note)

    def _state(self, box: int) -> State:
        if box in self._failed:
            return State.FAILED
        if box in self._open:
            return State.OPEN
        if box in self._entered or box in self._left:
            return State.PASSED
        beats = self._score.beats
        skipped = bool(beats) and box < beats[0].stop.box
        return State.SKIPPED if skipped else State.FUTURE
