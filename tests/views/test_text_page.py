"""The text view's page: colours, widths, hostile text, and the wait."""

import io
import re
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from text_feeds import ListFeed, page, teahouse_feed  # isort: split

from model_records import RECORDS

from tracer.events import (
    EndpointEnter,
    MiddlewareEnter,
    RunAsgiEnd,
    RunAsgiStart,
    ScopeBuilt,
    ServerStarted,
    TaskStarted,
)
from tracer.events.log import Record
from tracer.views.text import run

SGR = re.compile(r"\x1b\[[0-9;]*m")


@given(
    st.lists(RECORDS, max_size=12),
    st.sampled_from(["story", "stages", "events"]),
    st.sampled_from([None, 30, 80, 120]),
    st.booleans(),
    st.booleans(),
)
@settings(max_examples=200)
def test_no_record_can_write_anything_but_text(
    records: list[Record],
    depth: str,
    width: int | None,
    live: bool,
    color: bool,
) -> None:
    feed = ListFeed(records, live=live, step=5)
    told = page(feed, depth=depth, width=width, color=color)
    plain = SGR.sub("", told) if color else told
    for line in plain.split("\n"):
        assert line.isprintable(), line


ROW = re.compile(r"(#\d+|c\d+|srv) *.{0,6} [┬│ ] +-?\d+\.\d{3}  ")
OTHER = re.compile(
    r"$|━━ |  |(#\d+|c\d+) +[✓✗…] |asgi-trace |turn: |✗ [\d,]+ events"
)


IDLE = re.compile(r"… idle turns: .*, events: (\d+), at most the tick's$")
"""What stands for the events of turns in which only the tick ran."""


@given(st.lists(RECORDS, max_size=12), st.booleans())
@settings(max_examples=150)
def test_every_event_has_its_line_in_a_pipe_and_only_one(
    records: list[Record], live: bool
) -> None:
    told = page(ListFeed(records, live=live, step=5), depth="events")
    rows = [line for line in told.split("\n") if ROW.match(line)]
    idle = [int(match[1]) for row in rows if (match := IDLE.search(row))]
    waited = [row for row in rows if " held the loop for " in row]
    own = len(rows) - len(idle) - len(waited)
    assert own + sum(idle) == len(records)
    for line in told.split("\n"):
        assert ROW.match(line) or OTHER.match(line), line


def test_without_a_terminal_nothing_is_coloured() -> None:
    assert "\x1b" not in page(teahouse_feed())


def test_colour_says_nothing_that_the_text_does_not() -> None:
    for width in (80, 120):
        plain = page(teahouse_feed(), width=width)
        painted = page(teahouse_feed(), width=width, color=True)
        assert painted != plain
        assert SGR.sub("", painted) == plain


class Terminal(io.StringIO):
    """What the view takes for a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environ", "coloured"),
    [
        ({"TERM": "xterm"}, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
    ],
)
def test_a_terminal_is_coloured_unless_it_says_no(
    environ: dict[str, str],
    coloured: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("TERM", "NO_COLOR", "FORCE_COLOR", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    stream = Terminal()
    run(teahouse_feed(), stream=stream)
    assert ("\x1b" in stream.getvalue()) is coloured


def test_a_terminal_has_the_width_it_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "72")
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    run(teahouse_feed(), stream=stream, color=False)
    widths = {cell_len(line) for line in stream.getvalue().splitlines()}
    assert max(widths) <= 72
    assert max(widths) >= 70


def test_a_bar_waits_on_a_terminal_and_is_gone_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    waiting = Terminal()
    monkeypatch.setattr(sys, "stderr", waiting)
    feed = teahouse_feed(step=50)
    feed.progress = 0.25
    page(feed, filter="/nowhere")
    assert "reading" in waiting.getvalue()
    assert " 25%" in waiting.getvalue()
    assert waiting.getvalue().endswith("\x1b[2K")  # its line is erased


def test_in_a_pipe_nobody_sees_a_bar(
    capsys: pytest.CaptureFixture[str],
) -> None:
    feed = teahouse_feed(step=50)
    feed.progress = 0.25
    page(feed)
    assert capsys.readouterr().err == ""


def built(t: int, req: int, path: str) -> ScopeBuilt:
    return ScopeBuilt(
        "GET", path, path, "", "", "1.1", "http", "c", "s", (), (), 1,
        t=t, turn=t, thread="loop", req=req,
    )  # fmt: skip


def shown(told: str) -> list[str]:
    """Labels and headings in order, without the summary."""
    body = told.partition("━━ Requests")[0]
    return [
        re.sub(r" ━.*", "", line) if line.startswith("━") else line.split()[0]
        for line in body.splitlines()
        if line.startswith(("━", "#", "srv"))
    ]


OVERLAP: list[Record] = [
    built(1, 1, "/slow"),
    built(2, 2, "/quick"),
    EndpointEnter(
        "quick", "function", "async", t=3, turn=3, thread="loop", req=2
    ),
    RunAsgiEnd("complete", t=4, turn=4, thread="loop", req=2),
    EndpointEnter(
        "slow", "function", "async", t=5, turn=4, thread="loop", req=1
    ),
    RunAsgiEnd("complete", t=6, turn=6, thread="loop", req=1),
]


def test_live_requests_that_overlap_are_told_by_turns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tracer.views.text.blocks.PATIENCE", 0)
    feed = ListFeed(OVERLAP, live=True, step=1)
    assert shown(page(feed, depth="stages")) == [
        "━━ #1 GET /slow",
        "#1",
        "━━ #2 GET /quick",
        "#2",
        "#2",
        "#2",
        "#2",
        "━━ #1 GET /slow",
        "#1",
        "#1",
        "#1",
    ]


def test_live_requests_that_end_within_a_moment_are_told_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tracer.views.text.blocks.PATIENCE", 1e9)
    feed = ListFeed(OVERLAP, live=True, step=1)
    assert shown(page(feed, depth="stages")) == [
        "━━ #2 GET /quick",
        *["#2"] * 4,
        "━━ #1 GET /slow",
        *["#1"] * 4,
    ]


def test_recorded_requests_are_told_one_after_the_other() -> None:
    assert shown(page(ListFeed(OVERLAP, step=1), depth="stages")) == [
        "━━ #1 GET /slow",
        *["#1"] * 4,
        "━━ #2 GET /quick",
        *["#2"] * 4,
    ]


def test_a_turn_begins_where_the_number_changes() -> None:
    told = page(ListFeed(OVERLAP), depth="stages")
    marks = re.findall(r"^#. +(\d) ([┬│])", told, re.MULTILINE)
    assert marks == [(turn, "┬") for turn in "146234"]
    same_turn: list[Record] = [
        TaskStarted(7, t=6, turn=6, thread="loop", req=1, seq=9)
    ]
    told = page(ListFeed(OVERLAP + same_turn), depth="events")
    marks = re.findall(r"^#1 +(\d) ([┬│])", told, re.MULTILINE)
    assert marks == [("1", "┬"), ("4", "┬"), ("6", "┬"), ("6", "│")]


def test_an_endless_request_does_not_hold_up_a_recording_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tracer.views.text.blocks.HELD", 4)
    records: list[Record] = [
        built(1, 1, "/endless"),
        RunAsgiStart(t=2, thread="loop", req=1),
    ]
    for number in range(2, 6):
        records.append(built(number * 10, number, "/quick"))
        end = RunAsgiEnd(
            "complete", t=number * 10 + 1, thread="loop", req=number
        )
        records.append(end)
    late = EndpointEnter(
        "late", "function", "async", t=99, thread="loop", req=1
    )
    told = page(ListFeed([*records, late], step=2))
    heads = [line for line in shown(told) if line.startswith("━")]
    assert heads == [
        "━━ #1 GET /endless",
        *[f"━━ #{number} GET /quick" for number in range(2, 6)],
        "━━ #1 GET /endless",
    ]
    assert "goes on" in told


def test_the_servers_lines_stand_between_the_requests() -> None:
    up = ServerStarted("http://x", t=0, thread="loop")
    told = shown(page(ListFeed([up, *OVERLAP])))
    assert told[:3] == ["━━ the server", "srv", "━━ #1 GET /slow"]


def test_no_depth_makes_a_line_endless() -> None:
    deep = MiddlewareEnter("M", 10**12, t=1, thread="loop", req=1)
    (line,) = [
        each for each in page(ListFeed([deep])).splitlines() if " M " in each
    ]
    assert len(line) < 250


def test_what_is_under_way_at_the_end_is_said() -> None:
    for live in (False, True):
        told = page(ListFeed(OVERLAP[:3], live=live), depth="stages")
        assert "#1   … running\n#2   … running\n" in told
        assert "Requests 2" in told
        assert "  running 2\n" in told
