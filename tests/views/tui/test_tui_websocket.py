"""A WebSocket on the screen: its pane, its endpoint, and a head held back."""

import pytest
from tui_kit import Maker, Stage, exchanges, play, same_as_golden
from websocket_talk import chat, refused

from tracer.events import HeadHeld, ResponseStart, SendCall, TransportWrite
from tracer.events.log import Record


def kinds(stage: Stage) -> list[str]:
    return [each.kind for each in stage.app.player.moment().story]


def shown(stage: Stage) -> list[str]:
    """What the pane lists, head and lines."""
    talk = stage.app.board.talk
    lines = [talk.line(n, 100) for n in range(talk.count())]
    return ["".join(text for text, _ in line).rstrip() for line in lines]


async def while_it_is_open(stage: Stage) -> None:
    await stage.press("w", "end")
    stage.app.player.go(kinds(stage).index("ws.close") - 1)
    await stage.after()


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
def test_the_pane_shows_what_was_said_and_the_rail_that_it_stays(
    size: tuple[int, int],
) -> None:
    stage = play(while_it_is_open, chat(), size=size)
    same_as_golden(f"websocket-{size[0]}x{size[1]}.txt", stage.text)


def test_each_line_says_way_kind_size_and_beginning() -> None:
    stage = play(while_it_is_open, chat())
    assert shown(stage) == [
        "   14.000 ► accepted     101  chat",
        "   18.000 ► text         7 B  welcome",
        "   23.000 ◄ ping         3 B",
        "   24.000 ► pong         3 B",
        "   25.000 ◄ part         3 B  more to come",
        "   26.000 ◄ part         2 B  the last",
        "   27.000 ◄ text         5 B  2 frames, 7 packed · green",
        "►  30.000 ► text        18 B  a cup of green tea",
        "   34.000 ► close       4000  app: we close at six",
        "   36.000 ◄ close       4000  client answers",
    ]


def test_the_cursor_is_the_playhead() -> None:
    async def up(stage: Stage) -> None:
        await while_it_is_open(stage)
        await stage.press("up", "up")
        await stage.after()
        record = stage.app.player.moment().record
        seen.append((record.kind, record.seq) if record else None)
        await stage.press("enter")
        seen.append(stage.app.board.pane)

    seen: list[object] = []
    play(up, chat())
    assert seen == [("ws.fragment", 27), 2]


def test_a_filter_picks_lines() -> None:
    stage = play(while_it_is_open, chat(), filter="kind=ws.p*")
    assert [line.split()[-3:] for line in shown(stage)] == [
        ["ping", "3", "B"],
        ["pong", "3", "B"],
    ]


def test_the_tab_comes_with_the_first_websocket_the_key_always_works() -> None:
    async def look(stage: Stage) -> None:
        pages.append(stage.text)
        await stage.press("w")
        await stage.after()

    pages: list[str] = []
    stage = play(look, exchanges())
    assert " w We" not in pages[0]
    assert "[w WebSocket]" in stage.text
    assert "This request asked for no WebSocket." in stage.text
    play(look, chat())
    assert " w We" in pages[1]


def test_a_refused_one_says_that_nothing_can_be_said() -> None:
    async def look(stage: Stage) -> None:
        await stage.press("w", "end")
        await stage.after()

    stage = play(look, refused())
    assert "refused  0◄ 0 bytes  0► 0 bytes" in stage.text
    assert "no frame can go either way" in stage.text


def joined() -> list[Record]:
    make = Maker()
    make.start()
    make.accept(1)
    make.ask(1, 1, "/items/1")
    make(SendCall, "http.response.start", None, None, 200)
    make(HeadHeld, 104)
    make(ResponseStart, 200, ())
    make(SendCall, "http.response.body", 6, True)
    make(TransportWrite, 115, "head+body")
    return list(make.taken())


def test_a_head_held_back_stands_in_its_box_until_the_one_write() -> None:
    async def look(stage: Stage) -> None:
        for kind in ("send.call", "head.held", "response.start"):
            stage.app.player.go(kinds(stage).index(kind))
            await stage.after()
            pages.append(stage.text)
        await stage.press("end")
        await stage.after()
        pages.append(stage.text)

    pages: list[str] = []
    play(look, joined())
    assert ["▤ 104 B" in page for page in pages] == [False, True, True, False]
    assert ["1 write" in page for page in pages] == [False] * 3 + [True]


def test_before_the_first_request_nothing_is_said_of_one() -> None:
    async def look(stage: Stage) -> None:
        await stage.press("w")
        pages.append(stage.text)
        stage.feed.coming = [*exchanges()]
        await stage.after()
        pages.append(stage.text)

    pages: list[str] = []
    play(look)
    assert "No request yet." in pages[0]
    assert "asked for no WebSocket" not in pages[0]
    assert "asked for no WebSocket" in pages[1]
