"""A growing story to its score; what was scored before isn't done again."""

from collections.abc import Sequence

from tracer.events.log import Record
from tracer.model.playback import Beat, Score, dwell
from tracer.model.requests import Request, advance


class Scorer:
    """Gives what `tracer.model.playback.score` gives, for a growing story.

    A stream may have ten thousand events, and each look at it shall cost what
    is new in it.
    """

    def __init__(self, start: Request) -> None:
        """Begin with the request before its first event."""
        self._start = start
        self._final = start
        self._known: list[Record] = []
        self._restart()

    def _restart(self) -> None:
        rail = self._final.rail
        start = self._start
        self._request = Request(
            start.number, start.conn, start.times, rail=rail
        )
        self._beats: list[Beat] = []
        self._clock = 0.0

    def score(self, records: Sequence[Record]) -> Score:
        """Lay the events out for playing.

        Args:
            records: All of them so far, oldest first.
        """
        count = len(self._known)
        if count and (
            len(records) < count or records[count - 1] is not self._known[-1]
        ):
            # One that came late was put between: nothing can be kept.
            count, self._known, self._final = 0, [], self._start
            self._restart()
        new = records[count:]
        rail = self._final.rail
        for record in new:
            self._final = advance(self._final, record)
        self._known += new
        if self._final.rail != rail:
            self._restart()
            new = self._known
        for record in new:
            self._add(record)
        return Score(self._final.rail, tuple(self._beats))

    def _add(self, record: Record) -> None:
        index = len(self._beats)
        before = self._known[max(index - 1, 0)].t
        moved = advance(self._request, record)
        moves = index == 0 or moved.at != self._request.at
        lasts = dwell(max(0, record.t - before), moves=moves)
        self._beats.append(Beat(index, moved.at, self._clock, lasts))
        self._clock += lasts
        self._request = moved
