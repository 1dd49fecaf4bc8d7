"""`tracer.read`: a recording in the hand of a program."""

import gzip
from pathlib import Path

import pytest

import tracer
from tracer.events.log import Decoder, TraceError, encode

TEAHOUSE = Path(__file__).parent / "model" / "teahouse.jsonl"


def test_a_recording_is_header_events_and_model() -> None:
    recording = tracer.read(TEAHOUSE)

    again = Decoder()
    events = again.feed(encode([recording.header, *recording.events]))
    assert (again.header, tuple(events)) == (
        recording.header,
        recording.events,
    )
    assert len(events) == TEAHOUSE.read_bytes().count(b"\n") - 1
    assert not recording.cut_off
    assert recording.model.count == len(recording.events)
    asked = {each.req for each in events if each.req is not None}
    assert {n for n in recording.model.requests if n > 0} == asked
    assert all(recording.model.story(number) for number in asked)


def test_a_compressed_one_reads_the_same(tmp_path: Path) -> None:
    packed = tmp_path / "t.jsonl.gz"
    packed.write_bytes(gzip.compress(TEAHOUSE.read_bytes()))

    assert tracer.read(packed).events == tracer.read(str(TEAHOUSE)).events


def test_a_cut_off_one_says_so(tmp_path: Path) -> None:
    cut = tmp_path / "cut.jsonl"
    cut.write_bytes(TEAHOUSE.read_bytes()[:-20])

    recording = tracer.read(cut)

    assert recording.cut_off
    assert recording.events == tracer.read(TEAHOUSE).events[:-1]


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    first, rest = TEAHOUSE.read_bytes().split(b"\n", 1)
    broken = tmp_path / "broken.jsonl"
    broken.write_bytes(first + b"\n{oops}\n" + rest)

    with pytest.raises(TraceError, match="line 2"):
        tracer.read(broken)
