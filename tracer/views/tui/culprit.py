"""Two lines while the loop is blocked, and where the playhead meets that.

Who held it and where; who waited meanwhile. It takes no key from anybody.
"""

from rich.cells import cell_len
from textual import events
from textual.strip import Strip

from tracer.events import LoopBlocked
from tracer.model.lanes import Card, Lanes
from tracer.model.trace import Trace
from tracer.views.tui.messages import Proved
from tracer.views.tui.moment import Moment
from tracer.views.tui.painted import Painted
from tracer.views.tui.pieces import Line, Piece, duration, fit, many

FRESH = 6_000_000_000
"""Nanoseconds that a card stays on a live screen after the loop is free."""
BEFORE = 50_000_000
"""Nanoseconds in which those who waited come in after it."""


class Culprit(Painted):
    """Seen only while there is something to say."""

    ALLOW_MAXIMIZE = False

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._lines: tuple[Line, ...] = ()
        self._cards: dict[int, tuple[tuple[LoopBlocked, int], Card]] = {}
        self._trace: Trace | None = None
        self._shown: LoopBlocked | None = None

    def show(self, moment: Moment, *, live: bool) -> None:
        """Show the card of a moment, if there is one.

        Args:
            moment: What is looked at.
            live: Whether the server runs: a loop that is blocked now is
                shown wherever the playhead is.
        """
        trace = self._trace = moment.trace
        card = None
        if trace.lanes.blocked.blocks:
            card = self._fresh(moment) if live else None
            card = card or self._met(moment)
        lines = () if card is None else _said(card, moment, live=live)
        self._shown = None if card is None else card.block
        if lines != self._lines:
            self._lines = lines
            self.set_class(bool(lines), "-on")
            self.refresh()

    def _fresh(self, moment: Moment) -> Card | None:
        """The newest one, while it lasts and for a little longer."""
        block = moment.trace.lanes.blocked.blocks[-1]
        over = moment.now - (block.since + block.ns)
        if block.over and over > FRESH:
            return None
        return self._card(block, moment.trace.lanes)

    def _met(self, moment: Moment) -> Card | None:
        """The last one that the shown request has met before the playhead."""
        if moment.request is None or not moment.story:
            return None
        number, lanes = moment.request.number, moment.trace.lanes
        blocks = lanes.blocked.between(moment.began - BEFORE, moment.at)
        for block in reversed(blocks):
            card = self._card(block, lanes)
            if number == card.req or number in card.requests:
                return card
        return None

    def _card(self, block: LoopBlocked, lanes: Lanes) -> Card:
        """A card is made anew only while more can be learnt."""
        key = block, lanes.last
        known = self._cards.get(block.since)
        if known is None or not (known[1].settled or known[0] == key):
            known = self._cards[block.since] = key, lanes.card(block)
        return known[1]

    def render_line(self, y: int) -> Strip:
        room, pieces = self.size.width, list[Piece]()
        for text, look in self._lines[y] if y < len(self._lines) else ():
            pieces.append((fit(text, room), look))
            room -= cell_len(pieces[-1][0])
        return self.strip(pieces, self.size.width)

    def on_click(self, event: events.Click) -> None:
        """Go to the finding of it."""
        event.stop()
        found = () if self._trace is None else self._trace.findings
        for finding in found:
            proof = finding.proof
            if (
                isinstance(proof, LoopBlocked)
                and self._shown is not None
                and (proof.since == self._shown.since)
            ):
                self.post_message(Proved(finding))
                return


def _said(card: Card, moment: Moment, *, live: bool) -> tuple[Line, ...]:
    return _who_held(card, moment, live=live), _who_waited(card, moment.trace)


def _who_held(card: Card, moment: Moment, *, live: bool) -> Line:
    block = card.block
    held = "held the loop for "
    ns = block.ns
    if not block.over:
        held = "has held the loop for "
        ns = max(ns, moment.now - block.since) if live else ns
    gil = "; seen at its end, for it kept the interpreter to itself"
    share = "; one of many short steps in one turn" if card.many else ""
    at: Line = ((" at ", ""), (block.culprit, "strong"))
    if not block.culprit:
        at = (("; over before anybody could look by whom", "muted"),)
    return (
        (" ■ ", "loud"),
        (f" {_whose(card, moment.trace)} ", "strong"),
        (held, ""),
        (_long(ns), "bad"),
        (" so far" if not block.over else "", "bad"),
        *at,
        (share or (gil if block.held_gil else ""), "muted"),
    )


def _long(ns: int) -> str:
    """Milliseconds without a fraction: more exact than that it never is."""
    return f"{ns // 1_000_000} ms" if ns < 10**9 else duration(ns)


def _whose(card: Card, trace: Trace) -> str:
    if card.many or not card.block.culprit:
        return "One turn"
    request = trace.requests.get(card.req or 0)
    if request is not None:
        return _name(request.number, trace)
    if card.block.task is None:
        return "A callback"
    lane = trace.lanes.tasks.known.get(card.block.task)
    return f"Task {card.block.task}" if lane is None else lane.coro


def _name(number: int, trace: Trace) -> str:
    request = trace.requests.get(number)
    if request is None or not request.method:
        return f"#{number}"
    return f"{request.label} {request.method} {request.target}"


def _who_waited(card: Card, trace: Trace) -> Line:
    parts = []
    if card.requests:
        parts.append(many(len(card.requests), "request"))
    if card.newcomers:
        parts.append(many(card.newcomers, "new connection"))
    if card.tasks:
        parts.append(many(len(card.tasks), "other task"))
    if card.tick:
        parts.append("the server's tick")
    if not parts:
        return (("    nobody is known to have waited meanwhile", "muted"),)
    listed = ", ".join(parts[:-1])
    said = f"{listed} and {parts[-1]}" if listed else parts[-1]
    names = ", ".join(_name(number, trace) for number in card.requests)
    return (
        (f"    {said}", "warn"),
        (" waited meanwhile", "" if names else "muted"),
        (f": {names}" if names else "", ""),
    )
