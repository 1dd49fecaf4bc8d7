"""Keys each do what they say."""

from textual.widgets import HelpPanel
from tui_kit import Maker, Stage, exchanges, play

from tracer.model.depth import Depth
from tracer.views.tui.player import SPEEDS
from tracer.views.tui.problem import Problem


def lit(stage: Stage) -> int:
    return stage.app.player.moment().index


def kind(stage: Stage) -> str:
    record = stage.app.player.moment().record
    return record.kind if record else ""


def said(stage: Stage) -> str:
    """The notes in the corner, which may be too narrow for a line."""
    return "\n".join(note.message for note in stage.app._notifications)


def test_space_freezes_and_goes_on() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.after(1)
        await stage.press("space")
        frozen = lit(stage)
        await stage.after(5)
        assert lit(stage) == frozen
        assert "FROZEN" in stage.text
        await stage.press("space")
        await stage.after(0.5)
        assert lit(stage) > frozen

    play(scenario, exchanges())


def test_space_at_the_end_plays_it_again() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.after(60)
        await stage.press("space", "space")
        assert lit(stage) == 0

    play(scenario, exchanges())


def test_dot_and_comma_step_over_what_is_listed() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.press("home")
        kinds = [kind(stage)]
        for _ in range(4):
            await stage.press(".")
            kinds.append(kind(stage))
        await stage.press(",")
        assert kinds == [
            "accept",
            "connection_made",
            "data_received",
            "h11.event",
            "scope.built",  # `bytes` is a detail
        ]
        assert kind(stage) == "h11.event"

    play(scenario, exchanges())


def test_arrows_scrub_and_home_and_end_are_the_edges() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.press("end")
        last = lit(stage)
        assert kind(stage) == "run_asgi.end"
        await stage.press("left")
        assert 0 < lit(stage) < last
        await stage.press("right", "home")
        assert lit(stage) == 0

    play(scenario, exchanges())


def test_speed_goes_by_steps_and_stops_at_the_ends() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.press("<")
        assert stage.app.player.speed == 0.5
        for _ in SPEEDS:
            await stage.press(">")
        assert stage.app.player.speed == SPEEDS[-1]
        assert f"×{SPEEDS[-1]:g}" in stage.text

    play(scenario, exchanges())


def test_digits_bring_panes_to_the_front() -> None:
    titles = {
        "4": "read 34 bytes",
        "5": "client (their_state)",
        "6": "receive() and send()",
        "7": "content-length",
        "8": "at the last tick",
        "9": "stdout",
    }

    async def scenario(stage: Stage) -> None:
        await stage.press("end")
        for key, text in titles.items():
            await stage.press(key)
            await stage.after()
            pane = stage.app.board.widget(int(key))
            pane.scroll_lines(-99)
            await stage.pilot.pause()
            assert text in stage.text, key
            assert pane.has_focus

    play(scenario, exchanges(1))


def test_up_and_down_select_and_follow_ends() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.press("1")
        assert stage.app.player.number == 1
        await stage.press("j", "down", "up")
        assert stage.app.player.number == 2
        assert not stage.app.player.follow
        await stage.press("f")
        assert stage.app.player.follow
        await stage.after(60)
        assert stage.app.player.number == 3

    play(scenario, exchanges(3))


def test_enter_opens_the_code_and_escape_goes_back() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.press("2", "enter")
        assert stage.app.board.source.has_focus
        await stage.press("escape")
        assert stage.app.board.requests.has_focus

    play(scenario, exchanges())


def test_up_and_down_in_the_events_move_the_playhead() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.press("home", "2", "down", "down")
        assert kind(stage) == "data_received"
        assert not stage.app.player.playing

    play(scenario, exchanges())


def test_in_a_small_terminal_the_shown_pane_has_the_keys() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.press("home", "down")
        assert kind(stage) == "connection_made"
        await stage.press("1", "z", "z", "2", "down")
        assert kind(stage) == "data_received"

    play(scenario, exchanges(), size=(80, 24))


def test_clicks_pick_what_is_under_them() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.pilot.click("#requests", offset=(8, 2))
        assert stage.app.player.number == 2
        await stage.pilot.click("#inspect-tabs", offset=(14, 0))
        assert stage.app.board.inspected == 5
        await stage.pilot.click("#conveyor", offset=(114, 3))
        assert kind(stage) == "endpoint.enter"
        await stage.pilot.click("#scrubber", offset=(12, 0))
        assert lit(stage) == 0
        await stage.pilot.click("#events", offset=(8, 3))
        assert kind(stage) == "scope.built"

    play(scenario, exchanges(2))


def test_each_pane_that_takes_keys_has_its_help() -> None:
    async def scenario(stage: Stage) -> None:
        for widget in stage.app.screen.query("*"):
            if widget.can_focus and widget.id not in {"filter", "break", None}:
                assert widget.HELP, widget

    play(scenario)


def test_d_goes_through_the_depths() -> None:
    async def scenario(stage: Stage) -> None:
        events, counts = stage.app.board.events, []
        for _ in Depth:
            counts.append((events.depth.name, events.count()))
            await stage.press("d")
        assert counts[0][0] == "STAGES"
        assert [name for name, _ in counts] == ["STAGES", "EVENTS", "STORY"]
        assert counts[2][1] < counts[0][1] < counts[1][1]

    play(scenario, exchanges())


def test_z_gives_a_pane_the_screen_and_takes_it_back() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.press("2", "z")
        await stage.pilot.pause()
        assert stage.app.board.events.size.height > 30
        await stage.press("z")
        await stage.pilot.pause()
        assert stage.app.board.events.size.height < 20

    play(scenario, exchanges())


def test_slash_filters_and_a_bad_filter_says_why() -> None:
    async def scenario(stage: Stage) -> None:
        board = stage.app.board
        await stage.press("slash", *"/items/2", "enter")
        assert board.requests.count() == 1
        assert "1 Requests (1 of 3)" in stage.text
        await stage.press("slash", *" color=red", "enter")
        assert "no filter key 'color'" in said(stage)
        assert board.input.has_focus

    play(scenario, exchanges(3))


def test_a_filter_by_kind_thins_the_events_out() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.press("slash", *"kind=route.*", "enter")
        await stage.after()
        assert stage.app.board.events.count() == 3

    play(scenario, exchanges())


def test_a_filter_by_status_waits_for_the_status() -> None:
    async def scenario(stage: Stage) -> None:
        listed = stage.app.board.requests
        make = Maker()
        make.accept(1)
        make.ask(1, 1, "/a")
        stage.feed.coming = list(make.taken())
        await stage.after()
        assert listed.count() == 0
        make.answer(status=404)
        make.ask(2, 1, "/b")
        make.answer(status=200)
        stage.feed.coming = list(make.taken())
        await stage.after()
        assert listed.count() == 1
        assert "/a" in stage.text

    play(scenario, filter="404")


def test_a_filter_may_stand_from_the_beginning() -> None:
    async def scenario(stage: Stage) -> None:
        assert stage.app.board.requests.count() == 1
        assert "path=/items/2" in stage.text

    play(scenario, exchanges(3), filter="path=/items/2")


def test_r_sends_again_or_says_what_to_do() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.press("r")
        assert "curl http://127.0.0.1:8000" in said(stage)
        stage.feed.clients = True
        await stage.press("r")
        assert stage.feed.rounds == 1

    play(scenario, exchanges())


def test_help_is_about_the_focused_pane() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.press("5", "question_mark")
        await stage.pilot.pause()
        assert "h11 keeps two state" in stage.text
        await stage.press("f1")
        assert not stage.app.screen.query(HelpPanel)

    play(scenario, exchanges())


def test_the_palette_has_every_key() -> None:
    async def scenario(stage: Stage) -> None:
        commands = list(stage.app.get_system_commands(stage.app.screen))
        titles = {each.title for each in commands}
        assert {"Freeze or go on", "Follow", "Pane Source"} <= titles
        wanted = next(e for e in commands if e.title == "Picture")
        result = wanted.callback()
        if result is not None:
            await result
        assert stage.app.board.ladder.display

    play(scenario, exchanges())


def test_reduced_motion_jumps_from_stop_to_stop() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.app.run_action("motion")
        for _ in range(20):
            await stage.after(0.07)
            before, after, part = stage.app.player.moment().token()
            assert (before, part) == (after, 1.0)

    play(scenario, exchanges())


def test_quit_lets_a_live_server_end_in_order() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.press("ctrl+q")
        assert stage.feed.stops == 1
        await stage.after(1)
        assert stage.app.return_value is None
        assert "leaving" in stage.text
        stage.feed.ended = True
        await stage.after(1)

    assert play(scenario, exchanges()).app.return_value == 0


def test_a_server_that_never_ends_is_not_waited_for_for_ever() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.press("ctrl+q")
        await stage.after(30)

    assert play(scenario, exchanges()).app.return_value == 0


def test_a_problem_is_said_once_and_the_screen_stays() -> None:
    async def scenario(stage: Stage) -> None:
        stage.feed.ended = True
        stage.feed.problem = "the server was killed by SIGKILL [red]"
        await stage.after()
        await stage.pilot.pause()
        assert "killed by SIGKILL [red]" in stage.text
        assert " ENDED " in stage.text
        assert " gone" in stage.text
        await stage.press("escape")
        await stage.after(1)
        assert not isinstance(stage.app.screen, Problem)
        await stage.press("end")
        assert kind(stage) == "run_asgi.end"

    play(scenario, exchanges())


def test_the_newest_is_played_and_the_skipped_are_counted() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.after(1)
        make = Maker(t=10_000_000_000)
        make.accept(2)
        for number in range(2, 7):
            make.ask(number, 2, f"/items/{number}")
            make.answer()
        stage.feed.coming = list(make.taken())
        await stage.after(1)
        assert stage.app.player.number == 1
        await stage.after(60)
        await stage.after(60)
        assert stage.app.player.number == 6
        assert "4 requests passed over" in stage.text

    play(scenario, exchanges())


def test_a_few_that_wait_are_played_in_order() -> None:
    async def scenario(stage: Stage) -> None:
        seen = [stage.app.player.number]
        for _ in range(8):
            await stage.after(30)
            seen.append(stage.app.player.number)
        assert list(dict.fromkeys(seen)) == [1, 2, 3]
        assert "passed over" not in stage.text

    play(scenario, exchanges(3), live=True)


def test_a_recording_is_played_in_order_and_nothing_is_skipped() -> None:
    async def scenario(stage: Stage) -> None:
        seen = [stage.app.player.number]
        for _ in range(8):
            await stage.after(30)
            seen.append(stage.app.player.number)
        assert list(dict.fromkeys(seen)) == [1, 2, 3]
        assert "passed over" not in stage.text

    play(scenario, exchanges(3), live=False)
