"""A feed of records becomes a screen that a user can ask.

The app owns what the widgets don't: the feed, the trace, the player and the
clock. One tick takes what has come, lets time pass, and shows the moment to
the panes; a pane draws only what differs.
"""

import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import ClassVar

from textual import constants
from textual.app import ComposeResult, SystemCommand
from textual.binding import BindingType
from textual.content import Content
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Footer, Input

from tracer.model.depth import Depth
from tracer.model.filter import FilterError, parse_filter
from tracer.model.findings import RULES, Severity
from tracer.model.trace import Trace
from tracer.views.explain import load
from tracer.views.feed import Feed
from tracer.views.tui.anew import Renewing
from tracer.views.tui.board import SERVER, Board
from tracer.views.tui.commands import COMMANDS, of_panes
from tracer.views.tui.hand import Hand
from tracer.views.tui.keys import BINDINGS
from tracer.views.tui.messages import (
    PaneChosen,
    Picked,
    Proved,
    Sought,
)
from tracer.views.tui.moment import Moment
from tracer.views.tui.pieces import Piece, many
from tracer.views.tui.player import Player
from tracer.views.tui.problem import Problem
from tracer.views.tui.tabs import NAMES

FEED_RATE, FRAME_RATE = 1 / 20, 1 / 30
"""Seconds between two looks at the feed, and between two frames."""
BUDGET = 0.025
"""Seconds that one tick may spend on folding."""
PATIENCE = 6.0
"""Seconds that a server has for its graceful end before we leave."""
SCRUB = 0.05
"""Part of a playback that an arrow key passes."""


class TraceApp(Renewing):
    """The screen. `tick` is all that moves it."""

    CSS_PATH = "trace.tcss"
    TITLE = "asgi-trace"
    BINDINGS: ClassVar[list[BindingType]] = BINDINGS

    def __init__(
        self,
        feed: Feed,
        *,
        depth: Depth = Depth.STAGES,
        filter: str = "",  # noqa: A002  # its name on the command line too
        lang: str = "en",
        clock: Callable[[], float] | None = None,
    ) -> None:
        """Make the screen of a feed.

        Args:
            feed: Where the records come from.
            depth: How much is listed at first.
            filter: What is listed at first, see `tracer.model.filter`.
            lang: Language of the explanations.
            clock: Seconds that only rise. Given, it is the test's: no timer
                runs, and `tick` is called by hand.

        Raises:
            FilterError: A filter that makes no sense.
        """
        super().__init__()
        self.feed = feed
        self.trace = Trace()
        still = constants.TEXTUAL_ANIMATIONS == "none"
        self.player = Player(self.trace, live=feed.live, still=still)
        self.hand = Hand(feed, self.trace, self.player, self.say)
        self.board = Board(load(lang))
        self.board.events.depth = depth
        self._first = filter, parse_filter(filter)
        self._manual = clock is not None
        self._clock = clock or time.monotonic
        self._then = self._clock()
        self._frames: Timer | None = None
        self._leaving: float | None = None
        self.forget()

    def forget(self) -> None:
        self._told: str | None = None
        self._judged = False  # what was still open when the run ended
        self._heard = self._then, 0

    def compose(self) -> ComposeResult:
        yield self.board
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        text, wanted = self._first
        if wanted:
            self.board.filter(wanted)
            self.board.input.value = text
            self.board.input.display = True
        self.board.requests.focus()
        if not self._manual:
            self.set_interval(FEED_RATE, self.tick)
            self._frames = self.set_interval(FRAME_RATE, self.frame, pause=True)

    # Time

    def tick(self) -> None:
        """Take what has come, and let time pass."""
        if self.renewing():
            return
        changed = self._drain()
        self._advance()
        self.hand.look()
        self._paint(changed | self._ticking())
        self._look_for_the_end()
        if self._frames is not None:
            if self.player.moving and not self.player.still:
                self._frames.resume()
            else:
                self._frames.pause()

    def frame(self) -> None:
        """Let time pass, for the token's sake."""
        if not self.renewing():
            self._advance()
            self._paint(set())

    def _advance(self) -> None:
        now = self._clock()
        self.player.advance(now - self._then)
        self._then = now
        then, t = self._heard
        gone = 0.0 if self.over else now - then
        self.player.now = t + int(gone * 1_000_000_000)

    def _drain(self) -> set[int]:
        changed: set[int] = set()
        until = time.monotonic() + BUDGET
        while records := self.feed.take():
            self.trace.header = self.feed.header
            changed |= self.trace.feed(records)
            self.board.hear(records)
            self.hand.hear(records)
            self._heard = self._clock(), self.trace.last
            if time.monotonic() > until:
                break
        if self.over and not self._judged:
            self._judged = True
            self.trace.end()
        return changed

    def _ticking(self) -> set[int]:
        """Those who are held: for how long, changes all the time."""
        held = self.trace.holds.held
        return {each.req for each in held if each.req is not None}

    def _look_for_the_end(self) -> None:
        if self._leaving is not None:
            late = self._clock() - self._leaving > PATIENCE
            if self.feed.ended or late:
                self.exit(0)
        elif self.over and self.feed.problem != self._told:
            self._told = self.feed.problem
            self.push_screen(Problem(self._told or ""))

    # The picture

    def _paint(self, changed: set[int]) -> None:
        moment = self.player.moment()
        self.board.show(moment, changed, self._pace())
        self.board.title(*self._names(moment))
        self.board.top.show(self._who(), self._gauges())
        live = self.feed.live and not self.over
        shown = moment.request.number if moment.request else None
        self.board.held.show(
            self.trace if live else None, shown, moment.now, self.hand.asked
        )
        self.board.culprit.show(moment, live=live)

    def _pace(self) -> Piece:
        """Moving or not, and how fast."""
        player = self.player
        speed = f"×{player.speed:g}"
        if not player.playing:
            return f" FROZEN {speed} ", "warn"
        return f" {'►' if player.moving else '·'} {speed} ", "accent"

    def _names(self, moment: Moment) -> tuple[Content, Content]:
        request = moment.request
        if request is None:
            return Content("Conveyor"), Content("")
        status = "" if request.status is None else f"  {request.status}"
        title = f"{request.label} {request.verb} {request.target}{status}"
        said = ["ms since its first event"]
        if self.player.passed:
            said.insert(0, f"{many(self.player.passed, 'request')} passed over")
        if self.player.follow:
            said.insert(0, "following")
        return Content(title), Content(" · ".join(said))

    def _who(self) -> tuple[Piece, ...]:
        live = (" LIVE ► ", "good")
        if not self.feed.live:
            live = (" REPLAY ", "accent")
        elif self.feed.waiting:
            live = (" WAITING ", "warn")
        elif self.feed.ended:
            live = (" ENDED ", "warn")
        url = self.trace.server.url
        listens = (f"  {url}" if url else "", "")
        who = (" asgi-trace ", "strong"), live, (self.feed.title, "strong")
        if self.changed is None:
            return (*who, listens)
        return (*who, listens, (f"  reloaded: {self.changed}", "muted"))

    def _gauges(self) -> tuple[Piece, ...]:
        server, progress = self.trace.server, self.feed.progress
        state = "leaving" if self._leaving is not None else server.phase
        if self.feed.live and self.over and server.phase != "stopped":
            state = "gone"  # it could not say that it stops
        if progress is not None and not self.feed.ended:
            state = f"reading {progress:.0%}"
        dropped = (
            f" drop {server.dropped} ",
            "loud" if server.dropped else "muted",
        )
        found = sum(
            count
            for rule, count in self.trace.found.items()
            if RULES[rule].severity is not Severity.INFO
        )
        return (
            (f" ! {found} " if found else "", "warn"),
            (f" req {len(self.trace.requests)} ", "muted"),
            (f" ev {self.trace.count:,} ".replace(",", " "), "muted"),
            dropped,
            (f" {state} ", "accent"),
        )

    # Keys: the playhead

    def action_freeze(self) -> None:
        self.player.freeze()
        self.repaint()

    def action_step(self, lines: int) -> None:
        index = self.board.events.beside(lines)
        if index is not None:
            self.player.go(index)
        self.repaint()

    def action_scrub(self, steps: int) -> None:
        self.player.scrub(steps * SCRUB * self.player.seconds)
        self.repaint()

    def action_edge(self, end: int) -> None:
        self.player.go(len(self.player.moment().story) if end else 0)
        self.repaint()

    def action_speed(self, steps: int) -> None:
        self.player.faster(steps)
        self.repaint()

    def action_follow(self) -> None:
        self.player.toggle_follow()
        self.repaint()

    def on_picked(self, message: Picked) -> None:
        self.player.select(message.number)
        self.repaint()

    def on_sought(self, message: Sought) -> None:
        self.player.go(message.index)
        self.repaint()

    def on_proved(self, message: Proved) -> None:
        found = message.finding
        if found.req is None:
            self.action_pane(SERVER)
        elif self.player.seek(found.req, found.proof):
            self.repaint()
        else:
            self.say("The events of this request are no longer kept.")

    def repaint(self) -> None:
        self._then = self._clock() if not self._manual else self._then
        self._paint(set())
        if self._frames is not None and self.player.moving:
            self._frames.resume()

    # Keys: the panes

    def action_pane(self, number: int) -> None:
        self.board.choose(number)
        self._paint(set())

    def on_pane_chosen(self, message: PaneChosen) -> None:
        self.action_pane(message.number)

    def action_depth(self) -> None:
        events = self.board.events
        events.depth = Depth((events.depth + 1) % len(Depth))
        self._paint(set())

    def action_picture(self) -> None:
        self.board.turn_picture()
        self._paint(set())

    def action_zoom(self) -> None:
        if self.screen.maximized:
            self.screen.minimize()
        elif self.screen.focused is not None:
            self.screen.maximize(self.screen.focused)

    def action_leave(self) -> None:
        if self.board.input.has_focus:
            self._close_filter()
        elif self.board.breaks.input.has_focus:
            self.board.breaks.focus()
        elif self.screen.query("HelpPanel"):
            self.action_hide_help_panel()
        elif self.screen.maximized:
            self.screen.minimize()
        else:
            self.action_pane(1)

    def action_help(self) -> None:
        if self.screen.query("HelpPanel"):
            self.action_hide_help_panel()
        else:
            self.action_show_help_panel()

    def action_filter(self) -> None:
        self.board.input.display = True
        self.board.input.focus()

    def _close_filter(self) -> None:
        self.board.input.display = bool(self.board.input.value)
        self.action_pane(self.board.pane)

    def on_input_submitted(self, message: Input.Submitted) -> None:
        if message.input is self.board.breaks.input:
            self.set_break(message.value)
            return
        try:
            wanted = parse_filter(message.value)
        except FilterError as error:
            self.say(str(error), "warning")
            return
        self.board.filter(wanted)
        self._close_filter()

    def action_motion(self) -> None:
        self.player.still = not self.player.still
        self.repaint()

    # The end

    async def action_quit(self) -> None:
        """Leave; a live server gets a moment to end in order."""
        if not self.feed.live or self.feed.ended or self._leaving is not None:
            self.exit(0)
            return
        self._leaving = self._clock()
        self.feed.stop()
        self._paint(set())

    def get_system_commands(
        self, screen: Screen[object]
    ) -> Iterable[SystemCommand]:
        yield from super().get_system_commands(screen)
        for title, help_, action in (*COMMANDS, *of_panes(NAMES)):
            run = partial(self.run_action, action)
            yield SystemCommand(title, help_, run)
