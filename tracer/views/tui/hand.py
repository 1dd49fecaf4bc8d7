"""What the user does to the running server: hold, step, let go, break.

Keys become commands. What came of a command, the server's own events tell;
only that one was asked for is known here.
"""

from collections.abc import Callable, Iterable

from tracer.events import BreakpointSet, Held
from tracer.events.breaks import parse_break
from tracer.events.commands import (
    Break,
    Command,
    Go,
    GoAll,
    Hold,
    HoldLoop,
    Step,
    Unbreak,
)
from tracer.events.log import Record
from tracer.events.terms import FilterError
from tracer.model.holds import Holding
from tracer.model.requests import OVER
from tracer.model.trace import Trace
from tracer.views.feed import Feed
from tracer.views.tui.player import Player

Say = Callable[[str], None]

SECONDS = 5.0
"""For how long the whole loop is held."""
SURE = 6.0
"""Seconds within which the key has to come twice for that."""

NOT_LIVE = "Only a running server can be held, and this is a recording."
ENDED = "The server has ended: there is nobody left to hold."
NOBODY = "Nobody is held. h holds the selected request, or else the next one."


class Hand:
    """Asks, and remembers what it asked for until an event answers."""

    def __init__(
        self, feed: Feed, trace: Trace, player: Player, say: Say
    ) -> None:
        """Make the hand of a feed's user.

        Args:
            feed: Takes the commands.
            trace: Tells who is held.
            player: Shows those who are held.
            say: Shows a sentence to the user.
        """
        self._feed = feed
        self._trace = trace
        self._player = player
        self._say = say
        self._asked: set[int | None] = set()
        self._warned: float | None = None
        self._numbered = 0

    # Holding

    def hold(self) -> None:
        """Hold the selected request at its next stage, or the next new one."""
        request = self._trace.requests.get(self._player.number or 0)
        if request is None or request.number < 0 or request.outcome in OVER:
            if self._tell(Hold()):
                self._asked.add(None)
                self._say("The next new request will be held.")
        elif self._trace.holds.of(request.number) is not None:
            self._say(f"{request.label} is held: s steps it, c lets it go on.")
        elif self._tell(Hold(req=request.number)):
            self._asked.add(request.number)
            self._say(f"{request.label} will be held at its next stage.")

    def hold_bytes(self) -> None:
        """Keep the next bytes of the selected request's connection unread."""
        request = self._trace.requests.get(self._player.number or 0)
        conn = None if request is None else request.conn
        known = self._trace.connections.get(conn or 0)
        if known is None or known.closed:
            self._say("The selected request has no open connection.")
        elif self._tell(Hold(conn=conn)):
            self._say(f"The next bytes on connection {conn} will be held.")

    def hold_loop(self, now: float) -> None:
        """Hold the whole loop; the first time, say what that would do."""
        if not self._possible():
            return
        if self._warned is None or now - self._warned > SURE:
            self._warned = now
            self._say(
                f"H once more holds the whole loop for {SECONDS:g} s, as a"
                " blocking call would: no request goes on, no time-out fires,"
                " new clients wait in the kernel. C ends it."
            )
            return
        self._warned = None
        self._tell(HoldLoop(SECONDS))

    # Letting go

    def step(self) -> None:
        """Let one who is held go on to its next stage."""
        held = self._target()
        if held is None or not self._tell(Step(*_whose(held))):
            return
        if held.req is not None:
            self._player.stand(held.req)

    def go(self) -> None:
        """Let one who is held go on."""
        held = self._target()
        if held is not None and self._tell(Go(*_whose(held))):
            self._player.let_go()

    def go_all(self) -> None:
        """Let everybody go, and take back what was asked for."""
        if not self._trace.holds.held and not self._asked:
            if self._possible():
                self._say(NOBODY)
            return
        if self._tell(GoAll()):
            self._asked.clear()
            self._player.let_go()

    def _target(self) -> Holding | None:
        """The one that is meant: the shown one, or who is held longest."""
        if not self._possible():
            return None
        holds = self._trace.holds
        if (shown := holds.of(self._player.number)) is not None:
            return shown
        if holds.loop is not None:
            self._say("The whole loop is held, so nobody can step: C ends it.")
        elif not holds.held:
            self._say(NOBODY)
        else:
            return holds.held[0]
        return None

    # Breakpoints

    def set_break(self, text: str) -> str | None:
        """Set a breakpoint.

        Returns:
            Why it can't be set, in one sentence; None: it was asked for.
        """
        try:
            terms = parse_break(text)
        except FilterError as error:
            return str(error)
        if self._tell(Break(self._numbered + 1, text, terms)):
            self._numbered += 1
        return None

    def clear_break(self, number: int) -> None:
        """Forget a breakpoint."""
        self._tell(Unbreak(number))

    # What came of it

    def hear(self, records: Iterable[Record]) -> None:
        """Show those who were held just now, if their user wants to look."""
        for record in records:
            match record:
                case Held(req=int(req)):
                    self._show(record, req)
                case BreakpointSet():
                    self._numbered = max(self._numbered, record.id)
                case _:
                    pass

    def _show(self, held: Held, req: int) -> None:
        if not self._feed.live or self._trace.holds.of(req) is None:
            return  # or it was let go at once
        wanted = bool(self._asked & {req, None}) or held.by == "step"
        self._asked -= {req, None} if held.by == "hold" else {req}
        shown = self._player.number
        free = self._player.playing and self._trace.holds.of(shown) is None
        if wanted or free or (self._player.playing and shown == req):
            self._player.stand(req)

    def look(self) -> None:
        """Say so when one that was to be held has come to its end instead."""
        for req in [each for each in self._asked if each is not None]:
            request = self._trace.requests.get(req)
            if request is None or request.outcome in OVER:
                self._asked.discard(req)
                self._say(f"#{req} ended before it could be held.")

    @property
    def asked(self) -> frozenset[int | None]:
        """Requests that are to be held and aren't yet; None: the next one."""
        return frozenset(self._asked)

    def _possible(self) -> bool:
        if self._feed.live and not self._feed.ended:
            return True
        self._say(ENDED if self._feed.live else NOT_LIVE)
        return False

    def _tell(self, command: Command) -> bool:
        if not self._possible():
            return False
        told = self._feed.tell(command)
        if not told:
            self._say(ENDED)
        return told


def _whose(held: Holding) -> tuple[int | None, int | None]:
    """A request by its number; bytes that are none yet by their connection."""
    return held.req, held.conn if held.req is None else None
