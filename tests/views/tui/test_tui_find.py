"""The findings' pane: what was found, what to do, and where it shows."""

from msgspec import structs
from tui_kit import LAYERS, Maker, Stage, exchanges, play

from tracer.events import (
    AppException,
    AppExit,
    Dropped,
    EndpointExit,
    LoopBlocked,
    MiddlewareExit,
    RunAsgiEnd,
)
from tracer.events.log import Record


def failing(number: int = 1, make: Maker | None = None) -> list[Record]:
    make = make or Maker()
    if number == 1:
        make.start()
    make.accept(number)
    make.ask(number, number, f"/items/{number}")
    make(EndpointExit, "read_item", None, "KeyError")
    for depth, name in reversed(list(enumerate(LAYERS))):
        make(MiddlewareExit, name, depth, "KeyError")
    make(AppExit, "Starlette", "KeyError")
    make(AppException, "KeyError", f"'item {number}'", "app.py:14", False)
    make(RunAsgiEnd, "raised")
    return list(make.taken())


def test_findings_are_listed_with_what_to_do() -> None:
    async def scenario(stage: Stage) -> None:
        assert " ! 1 " in stage.text  # the gauge
        await stage.press("!")
        await stage.after()
        assert "! Findings (1)" in stage.text
        assert "✗ #1    KeyError came out of the app" in stage.text
        assert "An exception reached the server" in stage.text
        assert "see app.exception" in stage.text

    play(scenario, failing(), size=(80, 40))


def test_enter_goes_to_the_proof_and_freezes_there() -> None:
    async def scenario(stage: Stage) -> None:
        make = Maker(t=10**9)
        stage.feed.coming = [*failing(2, make), *failing(3, make)]
        await stage.after()
        await stage.press("!", "down", "down", "enter")
        player = stage.app.player
        assert (player.number, player.playing) == (3, False)
        record = player.moment().record
        assert isinstance(record, AppException)
        assert record.message == "'item 3'"

    play(scenario, failing())


def test_a_new_finding_takes_neither_focus_nor_cursor() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.press("!")
        pane = stage.app.board.widget(10)
        await stage.press("1")
        focused = stage.app.focused
        stage.feed.coming = failing(2, Maker(t=10**9))
        await stage.after()
        assert stage.app.focused is focused
        assert (pane.count(), pane.cursor) == (2, 0)
        assert " ! 2 " in stage.text

    play(scenario, failing())


def test_what_is_no_requests_own_is_shown_with_the_server() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.press("!", "enter")
        await stage.after()
        assert stage.app.board.server.has_focus

    make = Maker()
    make.start()
    make(Dropped, 7, "viewer")
    play(scenario, make.taken())


def test_before_anything_was_found_it_says_so() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.press("!", "enter")
        await stage.after()
        assert "Nothing to look at was found so far." in stage.text
        assert " ! " not in stage.text.splitlines()[0]

    play(scenario, exchanges(1))


def test_the_proof_of_a_forgotten_request_is_not_looked_for() -> None:
    async def scenario(stage: Stage) -> None:
        stage.app.trace.keep = 30
        stage.feed.coming = failing(2, Maker(t=10**9))
        await stage.after()
        await stage.press("!", "enter")
        notes = [note.message for note in stage.app._notifications]
        assert notes == ["The events of this request are no longer kept."]

    play(scenario, failing())


def test_a_strangers_words_in_a_finding_stay_words() -> None:
    bad = "\x1b[31m[red]x[/nope]\u202e"
    records = [
        structs.replace(each, type=bad, message=bad)
        if isinstance(each, AppException)
        else each
        for each in failing()
    ]

    async def scenario(stage: Stage) -> None:
        await stage.press("!")
        await stage.after()
        assert "[red]x[/nope]" in stage.text
        assert "\x1b" not in stage.text

    play(scenario, records)


def test_what_is_open_when_the_records_end_is_judged_then() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.press("!")
        await stage.after()
        assert "! Findings (0)" in stage.text
        stage.feed.ended = True
        await stage.after()
        assert "! Findings (1)" in stage.text
        await stage.after()
        assert "! Findings (1)" in stage.text

    make = Maker()
    make.start()
    make.accept(1)
    make.ask(1, 1, "/items/1")
    make(LoopBlocked, 0, 300_000_000, "app.py:14 time.sleep(0.3)", True)
    play(scenario, list(make.taken()), size=(80, 40))
