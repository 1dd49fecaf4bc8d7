"""The form that sends a client: what is asked for, and what is said to it."""

from textual.widgets import Input
from tui_kit import Maker, Stage, exchanges, play

from tracer.events import ScopeBuilt
from tracer.views.tui.form import SendForm


def said(stage: Stage) -> str:
    return "\n".join(note.message for note in stage.app._notifications)


def test_t_sends_what_was_chosen_and_remembers_it() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.press("t")
        await stage.pilot.pause()
        assert "Send a client" in stage.text
        assert "One request." in stage.text
        await stage.press("down", "tab", "end", *"&p", "tab", "7", "enter")
        assert stage.feed.sent == [("slow-body", "/items/1?q=1&p", 7)]
        assert not isinstance(stage.app.screen, SendForm)
        await stage.press("t", "enter")
        assert stage.feed.sent[1:] == stage.feed.sent[:1]

    play(scenario, exchanges(1))


def test_without_a_number_it_is_the_scenarios_own() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.press("t", "enter")
        assert stage.feed.sent == [("get", "/", 0)]

    play(scenario)


def test_why_nothing_can_be_sent_is_said_in_the_form() -> None:
    async def scenario(stage: Stage) -> None:
        stage.feed.refusal = "the server is not up yet [red]"
        await stage.press("t", "enter")
        await stage.pilot.pause()
        assert "the server is not up yet [red]" in stage.text
        assert isinstance(stage.app.screen, SendForm)
        await stage.press("escape")
        assert not isinstance(stage.app.screen, SendForm)

    play(scenario, exchanges(1), size=(80, 24))


def test_what_was_not_sent_is_not_remembered() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.press("t", "down", "escape", "t", "enter")
        assert stage.feed.sent == [("get", "/items/1?q=1", 0)]

    play(scenario, exchanges(1))


def test_the_sentences_are_in_the_users_language() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.press("t", "j")
        await stage.pilot.pause()
        assert "迟到的请求体。" in stage.text
        assert "A body that comes late." not in stage.text

    play(scenario, exchanges(1), lang="zh")


def test_keys_of_the_screen_below_do_nothing_in_the_form() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.press("t", "h", "C", "space", "tab", *"hC")
        assert stage.feed.told == []
        assert stage.app.player.playing
        target = stage.app.screen.query_one("#target", Input)
        assert target.value.endswith("hC")

    play(scenario, exchanges(1))


def test_a_number_is_digits_only() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.press("t", "tab", "tab", *"-1x23", "4", "5", "enter")
        assert stage.feed.sent == [("get", "/", 1234)]

    play(scenario)


def test_a_recording_has_nobody_to_send_to() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.press("t")
        assert "no running server to send a client to" in said(stage)

    play(scenario, exchanges(1), live=False)


def test_a_request_that_was_none_gives_no_target() -> None:
    async def scenario(stage: Stage) -> None:
        make = Maker()
        make.accept(1)
        make.ask(1, 1, "/a b")
        stage.feed.coming = [
            each for each in make.taken() if not isinstance(each, ScopeBuilt)
        ]
        await stage.after()
        await stage.press("t", "enter")
        assert stage.feed.sent == [("get", "/", 0)]

    play(scenario)
