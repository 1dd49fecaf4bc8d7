"""The loop's pane: its axis, its lanes, and the card of a blocked loop."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tui_kit import Maker, Stage, exchanges, play, same_as_golden

from tracer.events import (
    ClientConnected,
    ClientFirstByte,
    ClientResponse,
    ClientSent,
    Dropped,
    LoopBlocked,
    LoopSelect,
    TaskCreated,
    TaskDone,
    TaskResumed,
    TaskStarted,
    TaskSuspended,
    ThreadEnd,
    ThreadQueued,
    ThreadStart,
)
from tracer.events.log import Record
from tracer.model.lanes import Lanes, Segment, State
from tracer.views.tui.loopaxis import CUT, Axis, lay_axis
from tracer.views.tui.loopcells import View, lane_cells, loop_cells
from tracer.views.tui.loopwords import axis_cells, mark, turn_cells

MS = 1_000_000


# The axis


def test_without_anything_worth_a_cut_time_is_to_scale() -> None:
    axis = lay_axis(0, 40_000, [(0, 40_000)], 40)
    assert axis.scale == 1_000
    assert [axis.x(t) for t in (-5, 0, 500, 40_000, 99_999)] == [
        0, 0, 0.5, 40, 40,
    ]  # fmt: skip
    assert axis.t(20.0) == 20_000


def test_a_long_time_in_which_nobody_ran_is_cut_out_and_says_how_long() -> None:
    axis = lay_axis(0, 1_000 * MS, [(0, MS), (998 * MS, 1_000 * MS)], 47)
    assert [
        (each.start, each.end, each.x, each.cells, each.cut)
        for each in axis.stretches
    ] == [
        (0, MS, 0, pytest.approx(40 / 3), False),
        (MS, 998 * MS, pytest.approx(40 / 3), CUT, True),
        (998 * MS, 1_000 * MS, pytest.approx(40 / 3 + CUT), 80 / 3, False),
    ]
    view = View(axis, 0, 47, 10**12)
    assert (
        text(axis_cells(view, 0))
        == ("╷0.00        ⋯997ms⋯ ╷998.05     ╷998.95       "[:47])
    )


def test_of_many_gaps_the_longest_are_cut_and_there_are_not_too_many() -> None:
    busy = [(n * 100 * MS, n * 100 * MS + 1_000) for n in range(20)]
    axis = lay_axis(0, 2_000 * MS, busy, 56)
    assert sum(each.cut for each in axis.stretches) <= 56 // 14


TIMES = st.lists(
    st.tuples(st.integers(0, 10**9), st.integers(0, 10**8)), max_size=12
)


@given(TIMES, st.integers(20, 200), st.integers(0, 10**9))
def test_an_axis_has_its_cells_and_time_only_rises(
    times: list[tuple[int, int]], cells: int, t: int
) -> None:
    axis = lay_axis(0, 10**9, sorted((a, a + n) for a, n in times), cells)
    assert axis.cells == pytest.approx(cells)
    assert axis.stretches[0].start == 0
    for one, two in zip(axis.stretches, axis.stretches[1:], strict=False):
        assert one.end == two.start
        assert one.x + one.cells == pytest.approx(two.x)
    assert axis.t(axis.x(t)) == pytest.approx(t, abs=2)


# The cells


def text(cells: list[tuple[str, str]]) -> str:
    return "".join(glyph for glyph, _ in cells)


def plain(width: int = 20, scale: int = 100, left: int = 0) -> View:
    axis = lay_axis(0, width * scale, [(0, width * scale)], width)
    return View(axis, left, width, width * scale)


def lane(*cuts: tuple[int, int | None, State, str]) -> list[Segment]:
    return [Segment(a, b, state, 1, what) for a, b, state, what in cuts]


def test_a_lane_shows_what_filled_most_of_each_cell_and_its_reasons() -> None:
    segments = lane(
        (200, 300, State.READY, ""),
        (300, 440, State.RUNS, ""),
        (440, 1700, State.WAITS, "sleep"),
        (1700, 1730, State.RUNS, ""),
        (1730, None, State.HELD, "held"),
    )
    assert text(lane_cells(segments, plain())) == "  ░█▌┄┄ sleep ┄┄┄▌■■"


def test_a_reason_without_room_is_left_out_and_a_thread_is_no_loop() -> None:
    segments = lane(
        (0, 800, State.WAITS, "worker thread"),
        (800, 2000, State.RUNS, "#7"),
    )
    cells = lane_cells(segments, plain(), threads=True)
    assert text(cells) == "┄┄┄┄┄┄┄┄▒▒▒▒ #7 ▒▒▒▒"


def test_the_loop_shows_whose_request_runs_the_server_and_callbacks() -> None:
    segments = [
        Segment(0, 300, State.IDLE),
        Segment(300, 420, State.RUNS),
        Segment(420, 600, State.RUNS, 5),
        Segment(600, 700, State.RUNS, 6),
        Segment(700, 1500, State.RUNS, 7),
        Segment(1500, 1620, State.RUNS, 7),
        Segment(1620, 2000, State.IDLE),
    ]
    owners = {5: 3, 6: None, 7: 12}
    cells = loop_cells(segments, plain(), owners)
    assert text(cells) == "▁▁▁c33s██#12███22▁▁▁"[:20]


def test_turns_are_numbered_where_there_is_room() -> None:
    turns = [
        LoopSelect(0, (), t=t, turn=n, thread="loop")
        for n, t in ((41, 0), (42, 100), (43, 500), (44, 1_900))
    ]
    assert text(turn_cells(plain(), turns)) == "''42 '43           '"


def test_the_playhead_takes_the_place_of_a_number() -> None:
    axis = [(char, "") for char in "╷0.0    ╷1.0   "]
    assert text(mark(axis, 2)) == "  ▼     ╷1.0   "
    assert text(mark(axis, 5)) == "╷0.0 ▼  ╷1.0   "


STEPS = st.lists(
    st.tuples(st.sampled_from("rwse"), st.integers(1, 3), st.integers(0, 300)),
    max_size=40,
)


@given(STEPS)
def test_no_column_has_two_whole_blocks(
    steps: list[tuple[str, int, int]],
) -> None:
    lanes, t = Lanes(), 0
    for turn, (what, task, after) in enumerate(steps):
        t += after
        who: dict[str, Any] = {"t": t, "turn": turn, "thread": "loop"}
        match what:
            case "r":
                lanes.take(TaskResumed(task, "task", None, after, **who))
            case "w":
                lanes.take(TaskSuspended(task, "sleep", **who))
            case "s":
                lanes.take(LoopSelect(after // 2, (), **who))
            case _:
                lanes.take(TaskDone(task, "returned", **who))
    axis: Axis = lay_axis(0, t + 1, [(0, t + 1)], 30)
    view = View(axis, 0, 30, t)
    window = lanes.window(0, t)
    drawn = [
        text(lane_cells(each.between(0, t), view)) for each in window.tasks
    ]
    for column in zip(*drawn, strict=True):
        assert column.count("█") <= 1


# The pane


def nap() -> list[Record]:
    """A request that sleeps, has a child, and asks for a thread."""
    make = Maker()
    make.start()
    make.who = {"task": 3}
    make(TaskCreated, 3, "Task-3", "Server.serve")
    make(LoopSelect, 10_000, ())
    make(TaskStarted, 3)
    make(TaskSuspended, 3, "sleep", "asyncio.sleep")
    make.accept(1)
    make.ask(1, 1, "/nap")
    make.who["where"] = 1
    make(TaskCreated, 12, "part-1", "part", 11)
    make(TaskSuspended, 11, "child task", "asyncio.Task", 12, 14)
    _turn(make, 5_000)
    make.who["task"] = 12
    make(TaskStarted, 12, 30_000)
    make(TaskSuspended, 12, "sleep", "asyncio.sleep", None, 15)
    _turn(make, 80 * MS)
    make.who["task"] = 12
    make(TaskResumed, 12, "timer", None, 12_000)
    make(ThreadQueued, "load", 39, 40, 1)
    make(TaskSuspended, 12, "worker thread", "anyio.to_thread.run_sync")
    thread = dict(make.who)
    make(ThreadStart, "load", 20_000, 1, after=200_000)
    make.made[-1] = _in_thread(make.made[-1])
    make(ThreadEnd, "load", "returned", 1, after=900_000)
    make.made[-1] = _in_thread(make.made[-1])
    _turn(make, 1_160_000, after=20_000)
    make.who = thread
    make(TaskResumed, 12, "thread", None, 40_000)
    make(TaskDone, 12, "raised", "ValueError")
    make.who["task"] = 11
    make(TaskResumed, 11, "task", 12, 15_000)
    make.answer()
    make(TaskDone, 11, "returned")
    _turn(make, 1_000)
    return list(make.taken())


def _turn(make: Maker, waited: int, after: int | None = None) -> None:
    """The loop asks who is ready, after so much time."""
    who, make.who = make.who, {}
    make.turn += 1
    make(LoopSelect, waited, (), after=after or waited + 20_000)
    make.who = {**who}


def _in_thread(event: Any) -> Any:  # noqa: ANN401  # any event
    import msgspec  # noqa: PLC0415

    return msgspec.structs.replace(event, thread="worker-1", task=None)


async def at_its_sleep(stage: Stage) -> None:
    story = stage.app.player.moment().story
    kinds = [
        (record.kind, getattr(record, "waits_for", "")) for record in story
    ]
    stage.app.player.go(kinds.index(("task.suspended", "sleep")))
    await stage.after()
    await stage.press("0")
    await stage.after()


def test_a_request_on_the_loop_stands_beside_its_source() -> None:
    stage = play(at_its_sleep, nap())
    same_as_golden("loop-120x40.txt", stage.text)


def test_the_source_marks_the_line_that_waits() -> None:
    async def scenario(stage: Stage) -> None:
        await at_its_sleep(stage)
        marked = [line for line in stage.text.splitlines() if "►   1" in line]
        assert len(marked) == 1
        assert 'return JSONResponse({"item": number})' in marked[0]

    play(scenario, nap())


def test_the_loop_in_a_small_terminal() -> None:
    stage = play(at_its_sleep, nap(), size=(80, 24))
    same_as_golden("loop-80x24.txt", stage.text)


def test_zoomed_and_on_the_whole_screen() -> None:
    async def scenario(stage: Stage) -> None:
        await at_its_sleep(stage)
        await stage.press("z", "+", "+", "right", "down")
        await stage.after()
        await stage.pilot.pause()

    stage = play(scenario, nap())
    same_as_golden("loop-zoomed-120x40.txt", stage.text)


def line_of(stage: Stage, word: str) -> str:
    return next(line for line in stage.text.splitlines() if word in line)


def test_plus_and_minus_change_the_scale_and_stop_at_the_ends() -> None:
    scales: list[str] = []

    async def scenario(stage: Stage) -> None:
        await at_its_sleep(stage)
        for key in ("+", "-", "-"):
            await stage.press(key)
            scales.append(line_of(stage, "0 Loop ("))
        for _ in range(9):
            await stage.press("-")
        scales.append(line_of(stage, "0 Loop ("))

    play(scenario, nap())
    assert [part.split("×")[1].split(")")[0] for part in scales if "×" in part]
    assert "×2" in scales[0]
    assert "×" not in scales[1]
    assert "×0.5" in scales[2]
    assert "×0.015625" in scales[3]


def test_the_lane_with_the_cursor_says_what_it_does_at_the_playhead() -> None:
    said: list[str] = []

    async def scenario(stage: Stage) -> None:
        await at_its_sleep(stage)
        for _ in range(4):
            await stage.pilot.pause()
            said.append(stage.text.splitlines()[-4])
            await stage.press("down")

    play(scenario, nap(), size=(100, 24))
    assert [line.strip() for line in said] == [
        "#1 /nap waits for 81.31 ms: child task 12, asyncio.Task at app.py:14",
        "#1 part-1 waits for 80.03 ms: sleep, asyncio.sleep at app.py:15",
        "load() does not exist yet",
        "worker-1 does not exist yet",
    ]


def test_enter_on_another_requests_lane_shows_that_request() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.press("end", "0", "-", "down")
        await stage.after()
        pane = stage.app.board.inspectors[0]
        assert pane.has_focus
        before = stage.app.player.number
        await stage.press("enter")
        assert {before, stage.app.player.number} == {1, 2}

    play(scenario, exchanges(2), live=False)


def test_a_pane_that_is_not_seen_does_no_work() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.after(5)
        assert stage.app.board.inspectors[0]._key is None

    play(scenario, nap(), size=(80, 24))


def test_lost_events_are_said_where_an_end_may_be_missing() -> None:
    async def scenario(stage: Stage) -> None:
        await at_its_sleep(stage)
        assert "an end may be missing" not in stage.text
        make = Maker(t=500 * MS)
        make(Dropped, 7, "viewer")
        stage.feed.coming += make.taken()
        await stage.after()
        assert "an end may be missing" in stage.text

    play(scenario, nap(), size=(100, 24))


def test_before_the_first_request_the_loop_is_seen_all_the_same() -> None:
    make = Maker()
    make.start()
    for _ in range(9):
        _turn(make, 100 * MS)
        make(TaskResumed, 3, "timer")
        make(TaskSuspended, 3, "sleep", "asyncio.sleep")

    async def scenario(stage: Stage) -> None:
        await stage.press("0")
        await stage.after()
        assert "s▁▁▁▁▁" in line_of(stage, "loop  ")

    play(scenario, make.taken(), size=(100, 24))


def test_what_is_drawn_bit_by_bit_is_what_is_drawn_at_once() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.press("0")
        for step in range(14):
            await stage.after(0.31)
            if step == 7:
                await stage.press("+")
            before = stage.text
            stage.app.board.inspectors[0].refresh()
            await stage.pilot.pause()
            assert before == stage.text

    play(scenario, nap(), size=(100, 24))


def test_the_clients_end_stands_on_the_same_axis() -> None:
    make = Maker()
    make.start()
    make.accept(1)
    make.ask(1, 1, "/a")
    make.answer()
    records = make.taken()
    first, last = records[9].t, records[-1].t
    client: list[Record] = []

    def seen(t: int, cls: Any, *payload: object, nth: int = 1) -> None:  # noqa: ANN401
        client.append(cls(*payload, t=t, thread="client-1", nth=nth))

    seen(
        first - 40_000, ClientConnected, "127.0.0.1:50001", 30_000, "get", nth=0
    )
    seen(first - 20_000, ClientSent, 34, "head")
    seen(last, ClientFirstByte, 90_000)
    seen(last + 20_000, ClientResponse, 200, 12, 900_000)

    async def scenario(stage: Stage) -> None:
        stage.app.player.select(1)
        await stage.press("end", "0")
        await stage.after()
        assert stage.app.player.number == 1
        row = line_of(stage, "client-1 get")
        assert row.index("►", 1) < row.index("◄") < row.index("✓")
        assert "client-1 get has read the whole 200" in stage.text

    play(scenario, [*records, *client], size=(100, 24), live=False)


# The box with the token


def test_the_box_with_the_token_says_what_the_request_waits_for() -> None:
    stage = play(at_its_sleep, nap())
    assert "║ … sleep ║" in stage.text


# The card


def blocked(t: int, ns: int, *, over: bool, since: int = 0) -> Record:
    return LoopBlocked(
        since or t - ns, ns, "app.py:14 time.sleep(1)", over, (), 14,
        t=t, turn=9, thread="watchdog", conn=1, req=1, task=11, where=1,
    )  # fmt: skip


def blocking() -> tuple[list[Record], int]:
    make = Maker()
    make.start()
    make.accept(1)
    make(LoopSelect, 10_000, ())
    make.ask(1, 1, "/report")
    return list(make.taken()), make.t


def test_a_blocked_loop_is_told_while_it_lasts_and_when_it_is_over() -> None:
    records, t = blocking()
    texts: list[str] = []

    async def scenario(stage: Stage) -> None:
        stage.feed.coming += [blocked(t + 101 * MS, 100 * MS, over=False)]
        await stage.after()
        texts.append(line_of(stage, " ■ "))
        await stage.after(0.3)
        texts.append(line_of(stage, " ■ "))
        since = t + MS
        stage.feed.coming += [
            blocked(t + 957 * MS, 956 * MS, over=True, since=since)
        ]
        await stage.after()
        texts.append(line_of(stage, " ■ "))
        texts.append(line_of(stage, "waited meanwhile"))
        assert stage.app.board.requests.has_focus  # no key was taken

    play(scenario, records)
    at = "at app.py:14 time.sleep(1)"
    assert [line.strip() for line in texts] == [
        f"■  #1 GET /report has held the loop for 100 ms so far {at}",
        f"■  #1 GET /report has held the loop for 400 ms so far {at}",
        f"■  #1 GET /report held the loop for 956 ms {at}",
        "the server's tick waited meanwhile",
    ]


def test_the_card_comes_again_as_the_playhead_passes_and_goes_by_itself() -> (
    None
):
    records, t = blocking()
    end = blocked(t + 957 * MS, 956 * MS, over=True)
    make = Maker(t=t + 958 * MS)
    make.who = {"conn": 1, "req": 1, "task": 11}
    make.answer()
    make.who = {}
    make(TaskDone, 11, "returned")

    async def scenario(stage: Stage) -> None:
        card = stage.app.board.culprit
        await stage.press("home")
        assert not card.display
        await stage.press("end")
        assert card.display
        assert "held the loop for 956 ms" in stage.text

    play(scenario, [*records, end, *make.taken()], live=False)


def test_the_card_of_a_block_that_nobody_saw_says_so() -> None:
    records, t = blocking()
    end = LoopBlocked(t, 106 * MS, "", True, t=t + 106 * MS, thread="loop")

    async def scenario(stage: Stage) -> None:
        stage.feed.coming.append(end)
        await stage.after()
        assert (
            "One turn held the loop for 106 ms; over before anybody could look"
            in line_of(stage, " ■ ")
        )

    play(scenario, records)


def test_the_card_of_many_short_steps_blames_none_of_them() -> None:
    records, t = blocking()
    end = LoopBlocked(
        t, 300 * MS, "app.py:14 work()", True, (), 14, False, 2 * MS,
        t=t + 300 * MS, turn=9, thread="watchdog", conn=1, req=1, task=11,
    )  # fmt: skip

    async def scenario(stage: Stage) -> None:
        stage.feed.coming.append(end)
        await stage.after()
        line = line_of(stage, " ■ ")
        assert "One turn held the loop for 300 ms at app.py:14 work()" in line
        assert "one of many short steps" in line

    play(scenario, records)
