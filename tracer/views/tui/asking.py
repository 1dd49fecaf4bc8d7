"""The keys that ask something of the running server: hold, break, send.

Each is one line: what it means stands in `hand`, and in the feed. What came
of it, events tell.
"""

from collections.abc import Callable

from textual.app import App
from textual.notifications import SeverityLevel

from tracer.model.trace import Trace
from tracer.views.feed import Feed
from tracer.views.tui.board import BREAKS, Board
from tracer.views.tui.form import Choice, SendForm
from tracer.views.tui.hand import Hand
from tracer.views.tui.messages import BreakCleared
from tracer.views.tui.player import Player


class Asking(App[int]):
    """The part of the app that asks."""

    feed: Feed
    trace: Trace
    player: Player
    board: Board
    hand: Hand
    _clock: Callable[[], float]
    sent: Choice | None = None
    """What a client was last sent for."""

    def repaint(self) -> None:
        """Show at once what a key has changed."""
        raise NotImplementedError

    def say(
        self, sentence: str, severity: SeverityLevel = "information"
    ) -> None:
        self.notify(sentence, severity=severity, markup=False)

    def action_hold(self) -> None:
        self.hand.hold()
        self.repaint()

    def action_hold_bytes(self) -> None:
        self.hand.hold_bytes()

    def action_hold_loop(self) -> None:
        self.hand.hold_loop(self._clock())

    def action_step_held(self) -> None:
        self.hand.step()
        self.repaint()

    def action_let_go(self) -> None:
        self.hand.go()
        self.repaint()

    def action_let_all_go(self) -> None:
        self.hand.go_all()
        self.repaint()

    def set_break(self, text: str) -> None:
        problem = self.hand.set_break(text)
        if problem is not None:
            self.say(problem, "warning")
            return
        self.board.breaks.input.value = ""
        self.board.breaks.focus()

    def on_break_cleared(self, message: BreakCleared) -> None:
        self.hand.clear_break(message.id)

    def action_break_here(self) -> None:
        """Write a breakpoint for the stage at the playhead."""
        self.board.choose(BREAKS)
        self.board.breaks.suggest(self.player.moment())
        self.repaint()

    def action_send(self) -> None:
        offered = self.feed.scenarios()
        if not self.feed.live or not offered:
            self.say("There is no running server to send a client to.")
            return
        first = self.sent or Choice("", self._target(), 0)
        lang = self.board.lang
        form = SendForm(offered, lang, first, self.feed.send)
        self.push_screen(form, self._remember)

    def _remember(self, choice: Choice | None) -> None:
        self.sent = choice or self.sent

    def _target(self) -> str:
        request = self.player.moment().request
        if request is None or request.number < 0:
            return "/"
        return request.target

    def action_again(self) -> None:
        if not self.feed.again():
            url = self.trace.server.url
            ask = f"t sends one, or curl {url}" if url else "it is a recording"
            self.say(f"There is no client of ours to run again: {ask}")
