"""A server that starts again: the screen stays, and what it shows begins anew.

The board's panes remember much of the run they have shown, so the next run
gets a board of its own; what the user has set goes over to it.
"""

from textual.widgets import Footer

from tracer.model.safe import safe
from tracer.model.trace import Trace
from tracer.views.tui.asking import Asking
from tracer.views.tui.board import Board
from tracer.views.tui.hand import Hand
from tracer.views.tui.player import Player
from tracer.views.tui.problem import Problem


class Renewing(Asking):
    """The part of the app that goes over to the next run.

    Attributes:
        changed: Which files made it start again; None: it is the first run.
    """

    changed: str | None = None
    _renewing: bool = False

    @property
    def over(self) -> bool:
        """Whether this run has ended, be there another to come or not."""
        return self.feed.ended or self.feed.waiting

    def renewing(self) -> bool:
        """Go over to the next run, if there is one; say if that takes time."""
        changed = None if self._renewing else self.feed.renewed()
        if changed is not None:
            self.changed, self._renewing = safe(changed), True
            self.trace = Trace()
            was = self.player
            self.player = Player(
                self.trace, live=was.live, still=was.still, speed=was.speed
            )
            self.hand = Hand(self.feed, self.trace, self.player, self.say)
            self.forget()
            self.call_next(self._change_boards)
        return self._renewing

    async def _change_boards(self) -> None:
        if isinstance(self.screen, Problem):
            self.pop_screen()  # the sentence was about the run before
        before = self.board
        screen = before.screen
        screen.minimize()
        self.board = Board(before.explained)
        with self.batch_update():
            await before.remove()  # first: their panes have the same names
            await screen.mount(self.board, before=screen.query_one(Footer))
            self.board.take_over(before)
        self.board.server.changed = self.changed
        self._renewing = False
        self.clear_notifications()  # else those of the runs before pile up
        self.say(f"Reloaded: {self.changed}. This run is another trace.")
        self.repaint()

    def forget(self) -> None:
        """Forget what was known of the run before."""
        raise NotImplementedError
