"""One line under the rail: the lit event, in one sentence."""

from textual.strip import Strip

from tracer.events.log import Record
from tracer.model.safe import safe
from tracer.views.explain import Explanations
from tracer.views.tui.moment import Moment
from tracer.views.tui.painted import Painted
from tracer.views.tui.pieces import Piece, fit


class Now(Painted):
    """What happens at the playhead."""

    ALLOW_MAXIMIZE = False

    def __init__(
        self,
        explained: Explanations,
        *,
        id: str | None = None,  # noqa: A002
    ) -> None:
        super().__init__(id=id)
        self._explained = explained
        self._record: Record | None = None
        self._pieces: tuple[Piece, ...] = ()

    def show(self, moment: Moment) -> None:
        """Say the lit event's sentence, if it is another event."""
        record = moment.record
        if record is self._record:
            return
        self._record = record
        self._pieces = ()
        if record is not None:
            sentence = self._explained.now(record, safe)
            self._pieces = (
                (f" {record.kind} ", record.layer),
                (f" {sentence}", ""),
            )
        self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if not self._pieces:
            return self.strip((), width)
        (kind, look), (sentence, plain) = self._pieces
        room = max(width - len(kind), 0)
        return self.strip(((kind, look), (fit(sentence, room), plain)), width)
