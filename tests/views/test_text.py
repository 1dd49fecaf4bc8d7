"""The text view on a real run: whole pages compared with files.

Written anew by GOLDENS=write, after a look at the difference.
"""

import io
import os
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from text_feeds import ListFeed, page, teahouse_feed

from tracer.events import (
    AppLog,
    AppOutput,
    Dropped,
    Header,
    Tick,
    Unknown,
)
from tracer.model.filter import FilterError
from tracer.model.requests import Outcome
from tracer.views.explain import LANGUAGES
from tracer.views.text import run
from tracer.views.text.words import WORDS

GOLDENS = Path(__file__).parent / "text_goldens"


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("story-80", {"depth": "story", "width": 80}),
        ("stages-80", {"depth": "stages", "width": 80}),
        ("events-pipe", {"depth": "events", "filter": "req=3"}),
        ("story-zh-60", {"depth": "story", "width": 60, "lang": "zh"}),
        ("story-40", {"depth": "story", "width": 40, "filter": "conn=1"}),
        ("wide-140", {"depth": "stages", "width": 140, "filter": "req=4"}),
    ],
)
def test_a_recording_is_told(name: str, options: dict[str, str]) -> None:
    file = GOLDENS / f"{name}.txt"
    told = page(teahouse_feed(), **options)
    if os.environ.get("GOLDENS") == "write":
        file.parent.mkdir(exist_ok=True)
        file.write_text(told, "utf-8")
    assert told == file.read_text("utf-8")


def test_live_it_is_told_in_the_pieces_it_comes_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tracer.views.text.blocks.PATIENCE", 0)
    file = GOLDENS / "live-story-80.txt"
    told = page(teahouse_feed(live=True, step=40), depth="story", width=80)
    if os.environ.get("GOLDENS") == "write":
        file.write_text(told, "utf-8")
    assert told == file.read_text("utf-8")


def lines(told: str, label: str) -> list[str]:
    return [line for line in told.splitlines() if line.startswith(label)]


def test_in_a_pipe_each_event_is_one_line_that_grep_finds() -> None:
    feed = teahouse_feed()
    told = page(feed, depth="events")
    rows = [
        line
        for line in told.splitlines()
        if re.match(r"(#\d+|c\d+|srv) +\S* [┬│ ] +-?\d+\.\d{3}  [a-z]", line)
    ]
    # Those of idle turns are counted in a line: there is nothing to find.
    idle = [int(n) for n in re.findall(r"idle turns: .* events: (\d+)", told)]
    assert len(idle) > 5
    assert len(rows) - len(idle) + sum(idle) == len(feed.records)
    asked = [r for r in feed.records if r.kind == "route.match"]
    assert len(asked) > 10
    assert sum(" route.match " in row for row in rows) == len(asked)


def test_live_or_recorded_the_same_lines_are_told() -> None:
    for depth in ("story", "stages", "events"):
        recorded = page(teahouse_feed(), depth=depth)
        for step in (7, 100):
            live = page(teahouse_feed(live=True, step=step), depth=depth)
            for label in ("#1 ", "#3 ", "#5 ", "c7 ", "c8 "):
                one, other = lines(recorded, label), lines(live, label)
                results = {each for each in one if each[5] in "✓✗"}
                assert results <= set(other)
                assert [
                    unmarked(each) for each in one if each not in results
                ] == [unmarked(each) for each in other if each not in results]


def unmarked(line: str) -> str:
    """Where a turn begins depends on what was shown before it."""
    return line.replace("┬", "│")


def test_no_line_is_wider_than_the_terminal() -> None:
    for width in (40, 60, 80, 100, 120, 200):
        told = page(teahouse_feed(), depth="events", width=width)
        longest = max(cell_len(line) for line in told.splitlines())
        assert longest <= width


def test_a_request_is_found_by_path_status_and_method() -> None:
    for chosen, labels in [
        ("/teas/*", {"#2", "#7"}),
        ("4xx", {"#7", "c7"}),
        ("POST", {"#5"}),
        ("!2xx GET", {"#6", "#7"}),
        ("route=/teas", {"#5"}),
    ]:
        for live in (False, True):
            told = page(teahouse_feed(live=live, step=20), filter=chosen)
            shown = {
                line.split()[0]
                for line in told.splitlines()
                if re.match(r"(#|c\d|srv)", line)
            }
            assert shown == labels, (chosen, live)


def test_a_kind_that_is_asked_for_is_shown_at_any_depth() -> None:
    told = page(teahouse_feed(), depth="story", filter="kind=tick")
    assert len(lines(told, "srv")) == len(
        [r for r in teahouse_feed().records if isinstance(r, Tick)]
    )
    told = page(teahouse_feed(), depth="story", filter="req=1 layer=h11")
    assert {row.split()[4] for row in lines(told, "#1")} == {
        "h11.event",
        "h11.send",
    }


def test_a_filter_that_makes_no_sense_is_the_callers_business() -> None:
    with pytest.raises(FilterError, match="no filter key"):
        run(teahouse_feed(), filter="colour=red", stream=io.StringIO())


def test_lost_events_are_said_whatever_the_filter() -> None:
    feed = teahouse_feed()
    feed.records.append(Dropped(1234, "viewer", t=10**10, thread="loop"))
    told = page(feed, depth="story", filter="/nowhere")
    assert "1,234 events" in lines(told, "srv")[0]
    assert told.endswith("1,234 events were lost: what is shown has gaps\n")


def test_output_is_told_with_its_request_and_a_traceback_in_one_line() -> None:
    feed = teahouse_feed()
    last = max(record.t for record in feed.records)
    ours: dict[str, Any] = {"t": last, "thread": "loop", "conn": 4, "req": 5}
    trace = "Traceback:\n  File x\n  File y\n  z\nValueError: no tea"
    feed.records += [
        AppOutput("stdout", "sencha\n", **ours),
        AppLog("ERROR", "house", trace, **ours),
        AppLog("INFO", "asgi_trace.error", "Started", **ours),
    ]
    said = [
        line
        for line in lines(page(feed), "#5")
        if " app.log " in line or " app.output " in line
    ]
    assert len(said) == 2
    assert said[0].endswith("sencha")
    assert said[1].endswith("Traceback: … ValueError: no tea")


def test_a_kind_of_a_later_version_is_told_with_its_fields() -> None:
    strange = Unknown(
        "ws.message",
        {
            "kind": "ws.message",
            "t": 5,
            "req": 1,
            "thread": "loop",
            "direction": "in\x1b",
        },
    )
    told = page(ListFeed([strange]))
    (line,) = [each for each in told.splitlines() if " ws.message " in each]
    assert line.startswith("#1 ")
    assert line.endswith("direction='in␛'")


def test_a_problem_is_said_on_stderr_with_our_exit_code(
    capsys: pytest.CaptureFixture[str],
) -> None:
    feed = teahouse_feed()
    feed.problem = "line 12 is no event"
    assert run(feed, stream=io.StringIO()) == 4
    assert capsys.readouterr().err == "line 12 is no event\n"
    assert run(teahouse_feed(), stream=io.StringIO()) == 0


def test_nobody_who_reads_is_the_callers_business() -> None:
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        run(teahouse_feed(), stream=Closed())


def test_an_empty_trace_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    feed = ListFeed([])
    assert isinstance(feed.header, Header)
    assert run(feed) == 0
    told = capsys.readouterr().out
    assert told.startswith("asgi-trace · a list · recorded 2026")
    assert "Requests 0" in told


def test_a_terminal_that_knows_no_unicode_gets_what_it_knows() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="latin-1")
    run(teahouse_feed(), depth="story", stream=stream)
    told = raw.getvalue().decode("ascii")
    assert "\n== #1 GET / ==" in told
    assert "?" not in told.replace("?milk", "")


def test_the_views_own_words_are_there_in_each_language() -> None:
    assert set(WORDS) == set(LANGUAGES)
    for words in WORDS.values():
        assert set(words.outcomes) == {each.value for each in Outcome}
        assert all(getattr(words, each.name) for each in fields(words))
        for each in fields(words):
            text = getattr(words, each.name)
            ours = getattr(WORDS["en"], each.name)
            if isinstance(text, str):
                assert re.findall("{.*?}", text) == re.findall("{.*?}", ours)
