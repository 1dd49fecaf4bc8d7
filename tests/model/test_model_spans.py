"""Spans nest; depth and tables cover the whole vocabulary."""

from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from model_records import RECORDS, teahouse

from tracer.events import (
    KINDS,
    H11Event,
    LoopSelect,
    TaskDone,
    TaskResumed,
    TaskStarted,
    TaskSuspended,
    Tick,
    TransportWrite,
)
from tracer.events.log import Record
from tracer.model.depth import DETAILS, MILESTONES, Depth, depth_of
from tracer.model.findings import RULED
from tracer.model.placing import EPILOGUE
from tracer.model.spans import ENDS, LIT, idle, lit, spans
from tracer.model.stage import STOPS
from tracer.model.trace import Trace


@given(st.lists(RECORDS, max_size=40))
@settings(max_examples=100)
def test_the_spans_of_a_task_or_thread_nest(records: list[Record]) -> None:
    made = spans(records)
    assert [span.first for span in made] == sorted(s.first for s in made)
    closed = [span for span in made if span.last is not None]
    for span in closed:
        opened, ended = records[span.first], records[span.last or 0]
        assert ENDS[opened.kind] == ended.kind
        assert (opened.thread, opened.task) == (ended.thread, ended.task)
        for other in closed:
            first = records[other.first]
            same = (first.thread, first.task) == (opened.thread, opened.task)
            if same and span.first < other.first < (span.last or 0):
                assert (other.last or 0) < (span.last or 0)
                assert other.depth > span.depth


def test_the_spans_of_a_real_request_are_an_onion() -> None:
    _, records = teahouse()
    trace = Trace()
    trace.feed(records)
    made = spans(trace.story(1))
    assert all(span.end is not None for span in made)
    onion = [
        span.name
        for span in made
        if span.name.startswith(("app", "middleware", "endpoint"))
    ]
    assert onion == [
        "app Starlette",
        "middleware ServerErrorMiddleware",
        "middleware Stamp",
        "middleware Greeting",
        "middleware ExceptionMiddleware",
        "endpoint home",
    ]


def test_the_tables_name_kinds_that_there_are() -> None:
    named = {*STOPS, *MILESTONES, *DETAILS, *EPILOGUE, *ENDS, *ENDS.values()}
    named |= RULED | set(LIT)
    assert named <= set(KINDS)
    assert not MILESTONES & DETAILS


@given(st.lists(RECORDS, max_size=60))
@settings(max_examples=100)
def test_a_task_has_one_step_at_a_time(records: list[Record]) -> None:
    made = lit(records)
    assert [span.first for span in made] == sorted(s.first for s in made)
    for name in {span.name for span in made}:
        steps = [span for span in made if span.name == name]
        for one, other in pairwise(steps):
            assert one.last is None or one.last < other.first


def test_who_has_the_loop_and_when_nobody_has() -> None:
    def at(t: int) -> dict[str, Any]:
        return {"t": t, "thread": "loop"}

    records: list[Record] = [
        LoopSelect(90, (), **at(100)),
        TaskStarted(1, **at(110)),
        TaskSuspended(1, "sleep", **at(150)),
        LoopSelect(50, (), **at(210)),
        TaskResumed(1, "timer", **at(220)),
        TaskDone(1, "returned", **at(230)),
    ]

    assert [(s.name, s.start, s.end) for s in lit(records)] == [
        ("task 1", 110, 150),
        ("task 1", 220, 230),
    ]
    assert [(s.start, s.end) for s in idle(records)] == [(10, 100), (160, 210)]


def test_a_depth_shows_what_the_ones_before_it_show() -> None:
    envelope: dict[str, Any] = {"t": 1, "thread": "loop"}
    assert depth_of(Tick(1, 0, 0, 0, **envelope)) is Depth.EVENTS
    asks = H11Event("NEED_DATA", "IDLE", "IDLE", **envelope)
    assert depth_of(asks) is Depth.EVENTS
    told = H11Event("Request", "DONE", "SEND_RESPONSE", **envelope)
    assert depth_of(told) is Depth.STAGES
    assert depth_of(TransportWrite(0, "end", **envelope)) is Depth.EVENTS
    assert depth_of(TransportWrite(5, "body", **envelope)) is Depth.STAGES


def test_a_real_requests_story_is_a_handful_of_lines() -> None:
    _, records = teahouse()
    trace = Trace()
    trace.feed(records)
    for number in trace.requests:
        story = [depth_of(each) for each in trace.story(number)]
        assert 2 <= story.count(Depth.STORY) <= 9
        assert story.count(Depth.STAGES) < 100
