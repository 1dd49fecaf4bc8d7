"""Recordings as a feed: whole, cut off, broken, or none at all."""

import gzip
from pathlib import Path

import pytest

from tracer.events import EofReceived, Header, Tick
from tracer.events.log import Record, TraceError, encode
from tracer.host.queue import AT_ONCE, LIMIT
from tracer.host.replay import CUT_OFF, FileFeed

HEADER = Header(
    started="2025-01-01T00:00:00+00:00",
    clock="test",
    clock0=7,
    pid=1,
    app="app:app",
    versions={},
    redacted=(),
)


def ticks(count: int) -> list[Record]:
    return [Tick(n, 2, 3, 4, t=n, thread="loop") for n in range(count)]


def drained(feed: FileFeed) -> list[Record]:
    found: list[Record] = []
    while not feed.ended:
        feed.wait(1)
        found += feed.take()
    return found


def recording(folder: Path, data: bytes) -> Path:
    path = folder / "out.jsonl"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_recording_gives_its_header_and_all_its_records(
    tmp_path: Path, pack: type[bytes]
) -> None:
    path = recording(tmp_path, pack(encode([HEADER, *ticks(10_000)])))

    with FileFeed(path) as feed:
        assert drained(feed) == ticks(10_000)
        assert feed.header == HEADER
        assert feed.title == "out.jsonl"
        assert feed.problem is None
        assert feed.progress == 1.0
        assert not feed.failed
        assert not feed.live
        assert not feed.again()


def test_a_header_alone_is_a_recording(tmp_path: Path) -> None:
    with FileFeed(recording(tmp_path, encode([HEADER]))) as feed:
        assert drained(feed) == []
        assert feed.header == HEADER
        assert feed.problem is None


def test_a_cut_off_last_line_is_accepted_and_said(tmp_path: Path) -> None:
    data = encode([HEADER, *ticks(3)])[:-10]

    with FileFeed(recording(tmp_path, data)) as feed:
        assert drained(feed) == ticks(2)
        assert feed.problem == CUT_OFF
        assert not feed.failed


def test_a_broken_line_is_named_and_all_before_it_given(
    tmp_path: Path,
) -> None:
    data = encode([HEADER, *ticks(3)]) + b"oops\n" + encode(ticks(2))

    with FileFeed(recording(tmp_path, data)) as feed:
        assert drained(feed) == ticks(3)
        assert (feed.problem or "").startswith("out.jsonl: line 5 is broken")
        assert feed.failed


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "out.jsonl: the file is empty"),
        (b"hello\n" * 9, "out.jsonl: this is no asgi-trace recording"),
        (b"\x1f\x8bhello, I am no gzip", "out.jsonl: the gzip file is damaged"),
        (
            encode([HEADER]).replace(b"asgi-trace/1", b"asgi-trace/2"),
            "out.jsonl: this recording has the format 'asgi-trace/2'",
        ),
    ],
)
def test_what_is_no_recording_fails_with_a_sentence(
    tmp_path: Path, data: bytes, sentence: str
) -> None:
    with FileFeed(recording(tmp_path, data)) as feed:
        assert drained(feed) == []
        assert (feed.problem or "").startswith(sentence)
        assert feed.failed


def test_a_folder_is_no_recording(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="is a folder"):
        FileFeed(tmp_path)


def test_it_is_given_in_portions_and_stops_when_told(tmp_path: Path) -> None:
    count = LIMIT + 30_000
    path = recording(tmp_path, encode([HEADER, *ticks(count)]))

    with FileFeed(path) as feed:
        feed.wait(5)
        assert 0 < len(feed.take()) <= AT_ONCE
        feed.stop()
        rest = drained(feed)
    assert len(rest) < count


def test_one_request_of_a_recording(tmp_path: Path) -> None:
    def of(req: int) -> list[Record]:
        return [
            EofReceived(t=t, thread="loop", conn=req, req=req) for t in range(3)
        ]

    path = recording(tmp_path, encode([HEADER, *of(1), *of(2), *of(3)]))

    with FileFeed(path, 2) as feed:
        assert drained(feed) == of(2)
        assert feed.header == HEADER
        assert feed.problem is None
    with pytest.raises(
        TraceError,
        match=r"^there is no request 7 in out\.jsonl: it has 1 to 3$",
    ):
        FileFeed(path, 7)
