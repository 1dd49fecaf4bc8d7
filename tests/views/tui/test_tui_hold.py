"""Keys become commands; who is held, the picture says when events say so."""

from dataclasses import dataclass, field

import pytest
from textual.widgets import Input
from tui_kit import (
    LAYERS,
    Maker,
    MemoryFeed,
    Stage,
    exchanges,
    play,
    same_as_golden,
)

from tracer.events import (
    BreakpointCleared,
    BreakpointSet,
    ClientDisconnected,
    Held,
    MiddlewareEnter,
    Released,
    RouterEnter,
    TaskSuspended,
)
from tracer.events.commands import (
    Break,
    Go,
    GoAll,
    Hold,
    HoldLoop,
    Step,
    Unbreak,
)
from tracer.events.log import Record
from tracer.events.terms import Term
from tracer.model.trace import Trace
from tracer.views.tui.hand import ENDED, NOBODY, NOT_LIVE, Hand
from tracer.views.tui.player import Edge, Player

SECOND = 1_000_000_000
TIMERS = (("keep-alive", 5.0), ("asyncio.timeout", 1.5))


def said(stage: Stage) -> str:
    return "\n".join(note.message for note in stage.app._notifications)


def kind(stage: Stage) -> str:
    record = stage.app.player.moment().record
    return record.kind if record else ""


def breaks(stage: Stage) -> list[Break]:
    return [each for each in stage.feed.told if isinstance(each, Break)]


async def hears(stage: Stage, make: Maker, seconds: float = 0.0) -> None:
    """What was made comes in, and then so much time passes."""
    stage.feed.coming = list(make.taken())
    await stage.after()
    if seconds:
        await stage.after(seconds)


def going(make: Maker, req: int = 1, path: str = "/items/1") -> None:
    """A request comes as far as the app's call, and is held there."""
    make.accept(req)
    make.who["req"] = req
    make.ask(req, req, path)
    make.made = [e for e in make.made if not _is_inside(e)]


def _is_inside(record: Record) -> bool:
    layers = {"framework"}
    return record.layer in layers and record.kind != "stack.built"


def started() -> Maker:
    make = Maker()
    make.start()
    return make


async def held_at_the_start(stage: Stage) -> Maker:
    """One request, held at `run_asgi.start`, with two timers."""
    make = started()
    going(make)
    make(Held, "run_asgi.start", "hold", None, TIMERS)
    make(TaskSuspended, 11, "held")
    await hears(stage, make)
    return make


async def steps_on(stage: Stage, make: Maker) -> None:
    """It is stepped into the first middleware, and held there."""
    make(Released, "run_asgi.start", "step", 2 * SECOND, after=2 * SECOND)
    make(MiddlewareEnter, LAYERS[0], 0)
    make(Held, "middleware.enter", "step")
    make(TaskSuspended, 11, "held")
    await hears(stage, make)


def test_h_holds_the_next_new_one_where_nobody_is_there_to_hold() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.press("h")
        assert stage.feed.told == [Hold()]
        assert "The next new request will be held." in said(stage)
        await stage.after()
        assert "□ to be held: the next new request" in stage.text
        await held_at_the_start(stage)
        assert "□" not in stage.text
        assert "■ #1 GET /items/1 held at run_asgi.start" in stage.text

    play(scenario)


def test_h_holds_the_selected_request_at_its_next_stage() -> None:
    async def scenario(stage: Stage) -> None:
        make = started()
        going(make)
        await hears(stage, make, 0.1)
        await stage.press("h")
        assert stage.feed.told == [Hold(req=1)]
        await stage.after()
        assert "□ to be held: #1 at its next stage" in stage.text

    play(scenario)


def test_one_that_ends_before_it_could_be_held_is_told() -> None:
    async def scenario(stage: Stage) -> None:
        make = started()
        make.accept(1)
        make.ask(1, 1, "/items/1")
        await hears(stage, make)
        await stage.press("h")
        make.answer()
        await hears(stage, make)
        assert "#1 ended before it could be held." in said(stage)
        assert "□" not in stage.text

    play(scenario)


def test_the_picture_stands_at_the_stage_where_one_is_held() -> None:
    async def scenario(stage: Stage) -> None:
        await held_at_the_start(stage)
        await stage.after(0.5)
        assert kind(stage) == "held"
        assert stage.app.player.edge is Edge.KEPT
        assert not stage.app.player.moving
        moment = stage.app.player.moment()
        assert moment.held is not None
        assert moment.held_for == pytest.approx(0.5, abs=0.01)

    play(scenario)


def test_stepping_moves_the_token_at_once() -> None:
    async def scenario(stage: Stage) -> None:
        make = await held_at_the_start(stage)
        await stage.after(2)
        await stage.press("s")
        assert stage.feed.told == [Step(req=1)]
        await steps_on(stage, make)
        await stage.after(0.4)
        assert kind(stage) == "held"
        moment = stage.app.player.moment()
        assert moment.score is not None
        assert moment.score.rail[moment.token()[1].box].name == LAYERS[0]
        assert "held at middleware.enter" in stage.text

    play(scenario)


def test_it_is_said_for_how_long_and_what_goes_on_meanwhile() -> None:
    async def scenario(stage: Stage) -> None:
        await held_at_the_start(stage)
        for seconds, line in (
            (0.5, "time-outs go on: keep-alive 4.5 s, asyncio.timeout 1.0 s"),
            (2.7, "time-outs go on: keep-alive 1.8 s, asyncio.timeout 0.0 s"),
        ):
            await stage.after(seconds)
            assert line in stage.text
        assert "held at run_asgi.start 3.2 s" in stage.text
        assert "■ run_asgi.start 3.2 s" in stage.text  # in the list
        assert "the client's own are not known here" in stage.text
        assert "s step  c go on  C all" in stage.text

    play(scenario)


def test_it_ticks_while_the_server_says_nothing_and_stops_with_it() -> None:
    async def scenario(stage: Stage) -> None:
        await held_at_the_start(stage)
        await stage.after(1.5)
        assert " 1.5 s" in stage.text
        stage.feed.ended = True
        await stage.after(1)
        assert "s step" not in stage.text

    play(scenario)


def test_a_client_that_leaves_meanwhile_is_told() -> None:
    async def scenario(stage: Stage) -> None:
        make = await held_at_the_start(stage)
        make(ClientDisconnected)
        await hears(stage, make, 1)
        assert "its client has left" in stage.text
        assert "‼ run_asgi.start" in stage.text
        await stage.press("B")
        await stage.after()
        assert "client left" in stage.text

    play(scenario)


def test_c_lets_it_go_on_and_the_playback_goes_its_own_pace() -> None:
    async def scenario(stage: Stage) -> None:
        make = await held_at_the_start(stage)
        await stage.after(1)
        at = stage.app.player.clock
        await stage.press("c")
        assert stage.feed.told == [Go(req=1)]
        make(Released, "run_asgi.start", "go", SECOND, after=SECOND)
        for depth, name in enumerate(LAYERS):
            make(MiddlewareEnter, name, depth)
        make(RouterEnter, "http", "/items/1", 2)
        make.answer()
        await hears(stage, make)
        assert kind(stage) == "released"  # at once, and not after a second
        assert stage.app.player.clock > at
        assert stage.app.player.edge is Edge.NONE
        assert "■" not in stage.text
        await stage.after(0.1)
        assert kind(stage) == "middleware.enter"

    play(scenario)


def test_the_held_one_stays_in_the_picture_while_others_pass() -> None:
    async def scenario(stage: Stage) -> None:
        make = await held_at_the_start(stage)
        for number in (2, 3):
            make.accept(number)
            make.ask(number, number, f"/items/{number}")
            make.answer()
        await hears(stage, make, 30)
        await stage.after(30)
        assert stage.app.player.number == 1
        assert stage.app.player.follow
        make.who = {"conn": 1, "req": 1, "task": 11}
        make(Released, "run_asgi.start", "go", 60 * SECOND)
        make.answer()
        await hears(stage, make)
        seen = [stage.app.player.number]
        for _ in range(6):
            await stage.after(10)
            seen.append(stage.app.player.number)
        assert list(dict.fromkeys(seen)) == [1, 2, 3]  # now they are shown

    play(scenario)


def test_a_frozen_picture_is_not_taken_away_by_a_breakpoint() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.press("home")
        make = started()
        make.t = 10 * SECOND
        going(make, 2)
        make(Held, "run_asgi.start", "breakpoint", 1)
        await hears(stage, make, 0.2)
        assert stage.app.player.number == 1
        assert not stage.app.player.playing
        assert "■ #2 GET /items/1 held at run_asgi.start" in stage.text
        await stage.press("s")  # meant is the one that is held
        assert stage.feed.told == [Step(req=2)]
        assert stage.app.player.number == 2

    play(scenario, exchanges(1))


def test_several_are_held_and_the_shown_one_is_named_first() -> None:
    async def scenario(stage: Stage) -> None:
        make = await held_at_the_start(stage)
        going(make, 2, "/items/2")
        make(Held, "run_asgi.start", "breakpoint", 1)
        await hears(stage, make, 0.2)
        assert "held at run_asgi.start 0.2 s  and #2" in stage.text
        stage.app.player.select(2)
        await stage.after()
        assert "■ #2 GET /items/2 held" in stage.text
        await stage.press("s", "C")
        assert stage.feed.told == [Step(req=2), GoAll()]

    play(scenario)


def test_the_whole_loop_is_held_only_when_it_was_asked_for_twice() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.press("H")
        assert stage.feed.told == []
        assert "H once more holds the whole loop for 5 s" in said(stage)
        await stage.after(7)  # too long ago
        await stage.press("H")
        assert stage.feed.told == []
        await stage.press("H")
        assert stage.feed.told == [HoldLoop(5.0)]
        make = Maker(t=SECOND)
        make(Held, "loop", "hold")
        await hears(stage, make, 1.5)
        assert "the whole loop is held 1.5 s: nobody goes on" in stage.text
        await stage.press("s", "C")
        assert "nobody can step" in said(stage)
        assert stage.feed.told == [HoldLoop(5.0), GoAll()]
        make(Released, "loop", "all", SECOND)
        await hears(stage, make)
        assert "the whole loop" not in stage.text.replace(said(stage), "")

    play(scenario, exchanges(1))


def test_bytes_of_a_connection_are_held_and_let_go_by_its_number() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.app.run_action("hold_bytes")
        assert stage.feed.told == [Hold(conn=1)]
        make = Maker(t=SECOND, who={"conn": 1})
        make(Held, "data_received", "hold")
        await hears(stage, make, 0.2)
        assert "■ connection 1 held at data_received 0.2 s" in stage.text
        await stage.press("s", "c")
        assert stage.feed.told[1:] == [Step(conn=1), Go(conn=1)]

    play(scenario, exchanges(1))


def test_a_recording_tells_at_the_playhead_for_how_long_one_was_held() -> None:
    make = started()
    going(make)
    make(Held, "run_asgi.start", "hold", None, TIMERS)
    make(Released, "run_asgi.start", "go", 3 * SECOND, after=3 * SECOND)

    async def scenario(stage: Stage) -> None:
        await stage.press("end", ",")
        moment = stage.app.player.moment()
        assert kind(stage) == "held"
        assert moment.held_for == 3.0
        assert "s step" not in stage.text

    play(scenario, make.taken(), live=False)


# The hand alone: what is asked for, and what is said


@dataclass
class Grip:
    """A hand without a screen."""

    feed: MemoryFeed
    trace: Trace = field(default_factory=Trace)
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        player = Player(self.trace, live=self.feed.live)
        self.hand = Hand(self.feed, self.trace, player, self.said.append)
        records = self.feed.take()
        self.trace.feed(records)
        self.hand.hear(records)
        player.advance(0)

    def try_all(self) -> None:
        """Ask for everything that is asked for by a key."""
        hand = self.hand
        for ask in (hand.hold, hand.step, hand.go, hand.go_all):
            ask()
        hand.hold_loop(0.0)
        assert hand.set_break("send.call") is None


def test_a_recording_can_not_be_held_and_says_so() -> None:
    grip = Grip(MemoryFeed(exchanges(1), live=False))
    grip.try_all()
    assert grip.feed.told == []
    assert grip.said == [NOT_LIVE] * 6


def test_nobody_can_be_held_by_a_server_that_has_ended() -> None:
    grip = Grip(MemoryFeed(exchanges(1)))
    grip.feed.ended = True
    grip.try_all()
    assert grip.feed.told == []
    assert grip.said == [ENDED] * 6


def test_nobody_is_held_and_s_says_how_to_hold() -> None:
    grip = Grip(MemoryFeed(exchanges(1)))
    grip.hand.step()
    grip.hand.go()
    grip.hand.go_all()
    assert grip.feed.told == []
    assert grip.said == [NOBODY] * 3


def test_one_who_is_held_is_not_held_again() -> None:
    make = started()
    going(make)
    make(Held, "run_asgi.start", "hold")
    grip = Grip(MemoryFeed(make.taken()))
    grip.hand.hold()
    assert grip.feed.told == []
    assert grip.said == ["#1 is held: s steps it, c lets it go on."]


def test_numbers_of_breakpoints_are_never_used_twice() -> None:
    make = started()
    make(BreakpointSet, 4, "endpoint.enter")  # by --break
    make(BreakpointSet, 5, "send.call")
    make(BreakpointCleared, 5)
    grip = Grip(MemoryFeed(make.taken()))
    for text in ("send.call", "app.exit"):
        assert grip.hand.set_break(text) is None
    told = [each for each in grip.feed.told if isinstance(each, Break)]
    assert [each.id for each in told] == [6, 7]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("route.match", "the nearest stage that can is route.handle"),
        ("", "a breakpoint begins with the kind of event to hold at"),
        ("send.call color=red", "no breakpoint key 'color'"),
    ],
)
def test_a_breakpoint_that_makes_no_sense_says_why(text: str, why: str) -> None:
    grip = Grip(MemoryFeed(exchanges(1)))
    assert why in str(grip.hand.set_break(text))
    assert grip.feed.told == []


# Breakpoints


def test_a_breakpoint_is_written_and_listed_when_it_is_set() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.press("B")
        await stage.after()
        assert "No breakpoint is set" in stage.text
        text = "route.handle path=/items/*"
        stage.app.board.breaks.input.value = text
        await stage.press("a", "enter")
        terms = (Term("kind", ("route.handle",)), Term("path", ("/items/*",)))
        assert stage.feed.told == [Break(1, text, terms)]
        assert "No breakpoint is set" in stage.text  # until the server says it
        make = Maker(t=SECOND)
        make(BreakpointSet, 1, text)
        await hears(stage, make)
        assert "1  route.handle path=/items/*" in stage.text
        assert stage.app.board.breaks.has_focus
        make.who = {"conn": 1, "req": 1}
        make(Held, "route.handle", "breakpoint", 1)
        await hears(stage, make)
        assert "1 hit  holds #1" in stage.text
        await stage.press("delete")
        assert stage.feed.told[1:] == [Unbreak(1)]
        make(BreakpointCleared, 1)
        await hears(stage, make)
        assert "No breakpoint is set" in stage.text
        assert "■  #1 GET /items/1" in stage.text  # it stays held

    play(scenario, exchanges(1))


def test_a_breakpoint_where_nobody_can_stand_says_where_one_can() -> None:
    async def scenario(stage: Stage) -> None:
        stage.app.board.breaks.input.value = "route.match"
        await stage.press("B", "a", "enter")
        assert "the nearest stage that can is route.handle" in said(stage)
        assert stage.feed.told == []
        assert stage.app.board.breaks.input.has_focus
        await stage.press("escape")
        assert stage.app.board.breaks.has_focus

    play(scenario, exchanges(1))


def test_break_here_takes_the_stage_at_the_playhead() -> None:
    stages = {
        "middleware.enter": "middleware.enter name=ServerErrorMiddleware",
        "send.call": "send.call path=/items/1",
        "data_received": "data_received",
        "endpoint.exit": "endpoint.exit name=read_item",
    }

    async def scenario(stage: Stage) -> None:
        story = stage.app.player.moment().story
        kinds = [record.kind for record in story]
        for at, text in stages.items():
            stage.app.player.go(kinds.index(at))
            await stage.app.run_action("break_here")
            await stage.pilot.pause()
            written = stage.app.board.breaks.input
            assert (written.value, written.has_focus) == (text, True)
            await stage.press("enter")
        assert [each.text for each in breaks(stage)] == list(stages.values())

    play(scenario, exchanges(1))


def test_enter_shows_the_request_that_a_breakpoint_holds() -> None:
    async def scenario(stage: Stage) -> None:
        make = Maker(t=SECOND)
        make(BreakpointSet, 1, "run_asgi.start")
        going(make, 2, "/items/2")
        make(Held, "run_asgi.start", "breakpoint", 1)
        await hears(stage, make)
        for line in (0, 1):  # the breakpoint, and the one it holds
            stage.app.player.select(1)
            await stage.press("B")
            stage.app.board.breaks.cursor = line
            await stage.press("enter")
            assert stage.app.player.number == 2

    play(scenario, exchanges(1))


def test_letters_in_a_field_are_letters() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.press("B", "a", *"hCt!")
        assert isinstance(stage.app.focused, Input)
        assert stage.app.board.breaks.input.value == "hCt!"
        assert stage.feed.told == []

    play(scenario, exchanges(1))


def test_leaving_does_not_wait_for_the_held() -> None:
    async def scenario(stage: Stage) -> None:
        await held_at_the_start(stage)
        await stage.press("ctrl+q")
        assert stage.feed.stops == 1
        stage.feed.ended = True
        await stage.after(0.1)

    assert play(scenario).app.return_value == 0


def test_the_screen_while_somebody_is_held() -> None:
    async def scenario(stage: Stage) -> None:
        make = await held_at_the_start(stage)
        await steps_on(stage, make)
        make.who = {}
        make(BreakpointSet, 1, "run_asgi.start path=/items/*")
        going(make, 2, "/items/2")
        make(Held, "run_asgi.start", "breakpoint", 1, TIMERS)
        await hears(stage, make, 0.7)
        await stage.press("B")
        await stage.after(0.2)

    stage = play(scenario)
    same_as_golden("held-120x40.txt", stage.text)


def test_held_in_a_small_terminal() -> None:
    async def scenario(stage: Stage) -> None:
        make = started()
        make(BreakpointSet, 1, "run_asgi.start")
        going(make)
        make(Held, "run_asgi.start", "breakpoint", 1, TIMERS)
        await hears(stage, make, 0.4)
        lines = stage.text.splitlines()
        bar = next(each for each in lines if each.startswith(" ■"))
        assert "held at run_asgi.start 0.4 s  breakpoint 1" in bar
        assert bar.endswith("s step  c go on  C all")
        timers = "keep-alive 4.6 s, asyncio.timeout 1.1 s"
        assert timers in lines[lines.index(bar) + 1]

    play(scenario, size=(80, 24))
