"""Whatever a request says, no pane draws a control character."""

from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import inspect, structs
from rich.cells import cell_len
from tui_kit import Maker, Stage, exchanges, play

from tracer.events import (
    KINDS,
    AppException,
    BreakpointSet,
    Event,
    Held,
    RunAsgiEnd,
    Unknown,
)
from tracer.events.log import Record
from tracer.model.stage import Part, rail_of
from tracer.model.trace import Trace
from tracer.views.tui.pieces import fit, wrap
from tracer.views.tui.player import Player
from tracer.views.tui.tabs import NAMES
from tracer.views.tui.track import lay_out

BAD = "\x1b[31m\r\n\x9b2J\u202e[red]x[/nope]\udc80\u200bé日本\t\x00"


def poisoned(event: Event, bad: str = BAD) -> Event:
    """The event with every text of it replaced that may be any text."""
    info = inspect.type_info(type(event))
    assert isinstance(info, inspect.StructType)
    changes: dict[str, object] = {}
    for each in info.fields:
        value = getattr(event, each.name)
        free = not isinstance(each.type, inspect.LiteralType)
        if isinstance(value, str) and free and each.name != "thread":
            latin = bad.encode("latin-1", "replace").decode("latin-1")
            changes[each.name] = latin if event.kind == "bytes" else bad
        if isinstance(value, tuple) and value and isinstance(value[0], str):
            changes[each.name] = (bad,) * len(value)
        if isinstance(value, tuple) and value and isinstance(value[0], tuple):
            changes[each.name] = tuple(
                tuple(bad if isinstance(one, str) else one for one in row)
                for row in value
            )
    return structs.replace(event, **changes)


def hostile() -> list[Record]:
    make = Maker()
    make.made = exchanges(2)
    make.t = make.made[-1].t
    make.accept(2)
    make.ask(3, 2, "/")
    make(BreakpointSet, 1, "endpoint.enter")
    make(Held, "endpoint.enter", "breakpoint", 1, (("keep-alive", 5.0),))
    make(AppException, "E", "m", "a", False)
    make(RunAsgiEnd, "raised")
    fields = {"kind": BAD, "t": make.t + 1, "conn": 2, "req": 3, "what": BAD}
    return [
        *(poisoned(each) for each in make.taken()),
        Unknown(kind=BAD, fields=fields),
    ]


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
def test_no_pane_draws_a_control_character(size: tuple[int, int]) -> None:
    bad: list[tuple[str, str]] = []

    async def scenario(stage: Stage) -> None:
        stage.app.feed.title = "app"
        for number in (1, 3):
            stage.app.player.select(number)
            for key in NAMES:
                await stage.app.run_action(f"pane({key})")
                await stage.after(60)
                for strip in stage.app.screen._compositor.render_strips():
                    bad.extend(
                        (NAMES[key], part.text)
                        for part in strip
                        if not part.text.isprintable()
                    )

    play(scenario, hostile(), size=size)
    assert bad == []


def test_markup_of_a_stranger_stays_text() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.after(60)

    stage = play(scenario, hostile())
    assert "[red]x[/nope]" in stage.text


@given(st.text(max_size=60), st.integers(1, 30))
def test_wrapping_loses_nothing_but_blanks(text: str, width: int) -> None:
    text = " ".join(text.split())
    lines = wrap(text, width)
    assert "".join("".join(lines).split()) == "".join(text.split())


@given(
    st.text(st.characters(categories=["L"]), max_size=30), st.integers(1, 20)
)
def test_fitting_keeps_to_the_width(text: str, width: int) -> None:
    assert cell_len(fit(text, width)) <= width


def test_the_fixture_is_hostile_in_each_kind_it_has() -> None:
    kinds = {record.kind for record in hostile()}
    assert len(kinds & set(KINDS)) > 30


@settings(suppress_health_check=list(HealthCheck))
@given(st.lists(st.sampled_from(exchanges(2)), max_size=40), st.data())
def test_the_player_bears_any_order_of_events(
    records: list[Event], data: st.DataObject
) -> None:
    trace = Trace()
    player = Player(trace, live=data.draw(st.booleans()))
    for record in records:
        trace.feed([record])
        player.advance(data.draw(st.sampled_from([0.0, 0.05, 3.0])))
        moment = player.moment()
        assert moment.index < len(moment.story)
        moment.token()


@given(st.integers(1, 40), st.integers(60, 220))
def test_any_rail_fits_any_width(rings: int, width: int) -> None:
    rail = rail_of(tuple(f"Layer{n}Middleware" for n in range(rings)))
    slots = lay_out(rail, width)
    assert [box for slot in slots for box in slot.boxes] == list(
        range(len(rail))
    )
    assert slots[-1].x + slots[-1].width < width
    for one, other in pairwise(slots):
        assert one.x + one.width < other.x + 1
    assert rail[slots[-1].boxes[-1]].part is Part.ENDPOINT
