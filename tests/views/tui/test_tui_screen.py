"""Whole screens: what is seen where, at which size, in which colours."""

import pytest
from tui_kit import (
    LAYERS,
    Maker,
    Stage,
    exchanges,
    picture,
    play,
    same_as_golden,
    teahouse,
)

from tracer.events import (
    AppException,
    AppExit,
    Dropped,
    EndpointExit,
    ExceptionRaised,
    MiddlewareExit,
    RunAsgiEnd,
)
from tracer.events.log import Record
from tracer.views.tui.tabs import NAMES

WIDE, NARROW, LEAST = (120, 40), (80, 24), (60, 16)


async def at_the_endpoint(stage: Stage) -> None:
    await stage.after(2.6)


async def at_the_end(stage: Stage) -> None:
    await stage.after(60)


def failing() -> list[Record]:
    make = Maker()
    make.start()
    make.accept(1)
    make.ask(1, 1, "/items/0")
    make(EndpointExit, "read_item", None, "KeyError")
    make(ExceptionRaised, "KeyError", "'item'", "app.py:14")
    for depth, name in reversed(list(enumerate(LAYERS))):
        make(MiddlewareExit, name, depth, "KeyError")
    make(AppExit, "Starlette", "KeyError")
    make(AppException, "KeyError", "'item'", "app.py:14", False)
    make(RunAsgiEnd, "raised")
    make.who = {}
    make(Dropped, 7, "viewer")
    return list(make.taken())


def test_a_live_screen_shows_the_request_on_its_way() -> None:
    stage = play(at_the_endpoint, exchanges(2))
    same_as_golden("live-120x40.txt", stage.text)


def test_a_small_terminal_has_one_pane_at_a_time() -> None:
    stage = play(at_the_endpoint, exchanges(2), size=NARROW)
    same_as_golden("live-80x24.txt", stage.text)


def test_the_smallest_terminal_folds_boxes_and_says_how_many() -> None:
    stage = play(at_the_endpoint, exchanges(2), size=LEAST)
    same_as_golden("live-60x16.txt", stage.text)


def test_below_that_it_asks_for_more_room() -> None:
    async def nothing(_: Stage) -> None: ...

    stage = play(nothing, exchanges(), size=(59, 16))
    assert "Make the terminal larger: at least 60 × 16." in stage.text
    assert "Requests" not in stage.text


@pytest.mark.parametrize("size", [NARROW, LEAST])
def test_help_in_a_small_terminal_stands_over_the_picture(
    size: tuple[int, int],
) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.press("question_mark")
        await stage.pilot.pause()
        assert "Make the terminal larger" not in stage.text
        assert "─#1 GET" in stage.text
        assert "▏   Events" in stage.text  # what the pane is, then its keys
        await stage.press("escape")
        assert not stage.app.screen.query("HelpPanel")

    play(scenario, exchanges(2), size=size)


def test_a_frozen_screen_says_so() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.after(2.6)
        await stage.press("space", "7")

    stage = play(scenario, exchanges(2))
    same_as_golden("frozen-120x40.txt", stage.text)


def test_a_failure_and_lost_events_are_loud() -> None:
    stage = play(at_the_end, failing())
    same_as_golden("failed-120x40.txt", stage.text)
    assert "drop 7" in stage.text
    assert "✗ failed" in stage.text


def test_the_ladder_is_the_same_without_motion() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.after(60)
        await stage.press("p")

    stage = play(scenario, exchanges(1))
    same_as_golden("ladder-120x40.txt", stage.text)


def test_each_pane_at_the_end_of_a_request() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.press("end")
        for key in NAMES:
            await stage.app.run_action(f"pane({key})")
            await stage.after()
            pages.append(stage.text)

    pages: list[str] = []
    play(scenario, exchanges(2), size=(80, 34))
    same_as_golden("panes-80x34.txt", "\n".join(pages))


def test_before_the_first_request_it_says_what_to_do() -> None:
    async def nothing(_: Stage) -> None: ...

    stage = play(nothing, [])
    assert "No request yet" in stage.text
    assert "No event is lit." in stage.text


def test_chinese_fits_too() -> None:
    stage = play(at_the_endpoint, exchanges(2), lang="zh")
    same_as_golden("live-zh-120x40.txt", stage.text)


def test_the_picture_that_the_readme_shows() -> None:
    async def scenario(stage: Stage) -> None:
        player = stage.app.player
        player.select(2)
        kinds = [record.kind for record in player.moment().story]
        await stage.after(beat_of(stage, kinds.index("endpoint.enter")) + 0.08)
        seen.append(picture(stage.app))

    seen: list[str] = []
    play(scenario, teahouse(), live=False)
    same_as_golden("live.svg", seen[0])


def beat_of(stage: Stage, index: int) -> float:
    score = stage.app.player.moment().score
    assert score is not None
    return score.beats[index].start


def test_a_light_theme_has_its_own_colours() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.after(2.6)
        seen.append(picture(stage.app))

    seen: list[str] = []
    play(scenario, exchanges(2), theme="textual-light")
    same_as_golden("live-light.svg", seen[0])


def test_the_theme_may_change_while_it_runs() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.after(2.6)
        stage.app.theme = "textual-light"
        await stage.pilot.pause()
        seen.append(picture(stage.app))

    seen: list[str] = []
    play(scenario, exchanges(2))
    same_as_golden("live-light.svg", seen[0])


def test_every_state_has_a_glyph_besides_its_colour() -> None:
    """What NO_COLOR leaves: texts of an ANSI theme, and no colour at all."""

    async def scenario(stage: Stage) -> None:
        await stage.after(2.6)
        seen.append(stage.text)

    seen: list[str] = []
    play(scenario, exchanges(2), theme="ansi-dark")
    play(scenario, exchanges(2))
    assert seen[0] == seen[1]
    assert {"►", "✓", "…", "·"} <= set(seen[0])


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_what_is_drawn_bit_by_bit_is_what_is_drawn_at_once(
    size: tuple[int, int],
) -> None:
    differ: list[int] = []

    async def scenario(stage: Stage) -> None:
        screen = stage.app.screen
        for step in range(12):
            await stage.after(0.63)
            before = screen._compositor.render_strips()
            for widget in screen.query("*"):
                widget.refresh()
            await stage.pilot.pause()
            if before != screen._compositor.render_strips():
                differ.append(step)

    play(scenario, teahouse(), size=size)
    assert differ == []
