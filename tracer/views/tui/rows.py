"""A pane whose lines are made at once, from the played part of a story.

Inspectors are of this kind: some dozens of lines, made anew when something
of theirs has happened.
"""

from collections.abc import Hashable, Iterable

from tracer.views.tui.lines import Lines
from tracer.views.tui.moment import Moment
from tracer.views.tui.pieces import Line

MOST = 2000
"""Lines that one pane holds; the newest are kept."""


class Rows(Lines):
    """Lines that a subclass gives for a moment."""

    TAIL = False
    """Whether the newest line is kept in sight."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._key: Hashable = None
        self._made: list[Line] = []
        self._moment: Moment | None = None

    def key(self, moment: Moment) -> Hashable:
        """What the lines depend on; equal keys, equal lines."""
        raise NotImplementedError

    def rows(self, moment: Moment, width: int) -> Iterable[Line]:
        """The lines for a moment."""
        raise NotImplementedError

    def show(self, moment: Moment) -> None:
        """Make the lines anew if they could differ."""
        number = moment.request.number if moment.request else None
        key = (number, self.size.width, self.key(moment))
        if key == self._key:
            return
        if self._key is None or self._key[0] != number:  # type: ignore[index]  # a tuple, as made above
            self.top = 0
        self._key, self._moment = key, moment
        self._made = list(self.rows(moment, max(self.size.width - 1, 1)))
        self._made = self._made[-MOST:]
        last = max(len(self._made) - 1, 0)
        if self.TAIL:
            self.top = max(0, len(self._made) - max(self.size.height, 1))
        self.top = min(self.top, last)
        self.refresh()

    def on_resize(self) -> None:
        if self._moment is not None:
            self.show(self._moment)
        super().on_resize()

    def count(self) -> int:
        return len(self._made)

    def line(self, index: int, width: int) -> Line:
        return self._made[index]


def played_of(moment: Moment, *kinds: str) -> list[int]:
    """Indexes of the played events of some kinds."""
    return [
        index
        for index, record in enumerate(moment.played)
        if record.kind in kinds
    ]
