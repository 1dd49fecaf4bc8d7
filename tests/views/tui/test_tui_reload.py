"""The server starts again: the screen stays, its trace begins anew."""

from tui_kit import Stage, exchanges, play

from tracer.model.depth import Depth
from tracer.views.tui.board import BREAKS, SERVER

TRACE = 'Traceback:\n  File "app.py", line 3\nSyntaxError: \x1b[31mno'


async def again(stage: Stage, changed: str = "app.py") -> None:
    """The feed goes over to the next run."""
    stage.feed.changed = changed
    stage.feed.coming = [*exchanges(1)]
    await stage.after()
    await stage.after(0.1)


def test_the_next_run_is_another_trace_and_the_screen_says_so() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.after(9)
        assert len(stage.app.trace.requests) == 3
        await again(stage, "routes/\x1b[31mteas.py")
        assert list(stage.app.trace.requests) == [1]
        assert stage.app.player.trace is stage.app.trace
        notes = [note.message for note in stage.app._notifications]
        assert notes == [
            "Reloaded: routes/␛[31mteas.py. This run is another trace."
        ]

    stage = play(scenario, exchanges(3))

    assert "reloaded: routes/␛[31mteas.py" in stage.text
    assert "req 1 " in stage.text


def test_what_its_user_has_set_stays() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.press("d", "p", "less_than_sign", "8")
        await stage.press("slash", *"path", "equals_sign", *"/x", "enter")
        await again(stage)
        board = stage.app.board
        assert board.events.depth is Depth.EVENTS
        assert board.ladder.display
        assert board.input.value == "path=/x"
        assert board.wanted is not None
        assert board.inspected == SERVER
        assert stage.app.player.speed == 0.5
        await stage.press("B")
        assert stage.app.focused is board.widget(BREAKS)

    stage = play(scenario, exchanges(1))

    assert "Requests (0" in stage.text  # the filter holds for the new run too


def test_a_broken_app_is_shown_until_it_starts_again() -> None:
    """Whether its user has read the sentence or not, and each time anew."""

    async def scenario(stage: Stage) -> None:
        for key in ("", "escape", ""):
            stage.feed.waiting, stage.feed.problem = True, TRACE
            await stage.after()
            assert "WAITING" in stage.text
            assert "SyntaxError: ␛[31mno" in stage.text
            if key:
                await stage.press(key)
            stage.feed.waiting, stage.feed.problem = False, None
            await again(stage)
            assert len(stage.app.screen_stack) == 1
            assert "SyntaxError" not in stage.text

    assert "LIVE" in play(scenario, exchanges(1), size=(80, 24)).text


def test_a_form_that_is_open_stays_open() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.press("8", "t")
        await again(stage)
        assert len(stage.app.screen_stack) == 2
        await stage.press("escape")

    assert "reloaded    app.py" in play(scenario, exchanges(1)).text
