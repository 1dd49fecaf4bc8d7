"""The playhead: each event has its moment, and the token its place."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_records import RECORDS, teahouse

from tracer.events.log import Record
from tracer.model.playback import (
    LONGEST,
    STAY,
    Score,
    beat_at,
    dwell,
    score,
    travelled,
)
from tracer.model.stage import Leg
from tracer.model.trace import Trace


def scores(records: list[Record]) -> list[Score]:
    trace = Trace()
    trace.feed(records)
    made = []
    for number in trace.requests:
        start = trace.start_of(number)
        assert start is not None
        made.append(score(start, trace.story(number)))
    return made


@given(st.lists(RECORDS, max_size=25), st.floats(-1, 60))
@settings(max_examples=100)
def test_every_clock_has_a_beat_and_every_beat_a_place(
    records: list[Record], clock: float
) -> None:
    for played in scores(records):
        ends = 0.0
        for index, beat in enumerate(played.beats):
            assert beat.index == index
            assert beat.start == pytest.approx(ends)
            assert STAY <= beat.dwell <= LONGEST
            assert 0 <= beat.stop.box < len(played.rail)
            ends = beat.start + beat.dwell
        assert played.seconds == ends
        before, stop, part = travelled(played, clock)
        assert 0.0 <= part <= 1.0
        assert stop == played.beats[beat_at(played, clock)].stop
        assert before.box < len(played.rail)


@given(st.integers(0, 10**12), st.integers(0, 10**12), st.booleans())
def test_a_longer_wait_is_never_shown_as_a_shorter_one(
    one: int, other: int, moves: bool
) -> None:
    short, long = sorted([one, other])
    assert dwell(short, moves=moves) <= dwell(long, moves=moves)


def test_the_beats_of_a_clock_that_goes_on_go_on() -> None:
    _, records = teahouse()
    for played in scores(records):
        steps = [played.seconds * n / 200 for n in range(202)]
        beats = [beat_at(played, clock) for clock in steps]
        assert beats == sorted(beats)
        assert beats[0] == 0
        assert beats[-1] == len(played.beats) - 1


def test_a_real_request_goes_out_to_its_endpoint_and_comes_back() -> None:
    _, records = teahouse()
    played = scores(records)[0]
    names = [
        (played.rail[beat.stop.box].name, beat.stop.leg)
        for beat in played.beats
    ]
    way = [
        name
        for index, name in enumerate(names)
        if index == 0 or names[index - 1] != name
    ]
    out = [name for name, leg in way if leg is Leg.OUT]
    assert list(dict.fromkeys(out)) == [
        "accept",
        "data",
        "h11",
        "cycle",
        "ServerErrorMiddleware",
        "Stamp",
        "Greeting",
        "ExceptionMiddleware",
        "router",
        "home",
    ]
    back = [name for name, leg in way if leg is Leg.BACK]
    rings = ["ExceptionMiddleware", "Greeting", "Stamp"]
    assert [name for name in back if name in rings] == rings


def test_nothing_to_play_has_no_token() -> None:
    nothing = Score((), ())
    assert nothing.seconds == 0.0
    assert beat_at(nothing, 1.0) == -1
    with pytest.raises(ValueError, match="no token"):
        travelled(nothing, 1.0)
