"""A recording that lets go of what is old, and is whole at every moment."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recording_kit import HEADER

from tracer.capture.frames import Keep
from tracer.capture.newest import SUFFIX, Newest
from tracer.capture.outlet import open_record
from tracer.events import AppLog, Event, Header, Source
from tracer.events.log import (
    Decoder,
    Record,
    encode,
    open_trace,
    read_chunks,
)


def said(seq: int, text: str = "x" * 200) -> Event:
    return AppLog("INFO", "app", text, seq=seq, t=seq, thread="loop")


def place(seq: int, text: str = "") -> Event:
    return Source(seq, "app.py", 1, "f", text, seq=seq, t=seq, thread="writer")


def opened(path: Path, keep: Keep, clock: list[float] | None = None) -> Newest:
    time = [0.0] if clock is None else clock
    fd = open_record(str(path))
    made = Newest(fd, str(path), keep, clock=lambda: time[0])
    made.write(encode([HEADER]))
    return made


def read(path: Path) -> tuple[Header, list[Record]]:
    decoder, found = Decoder(), list[Record]()
    with open_trace(path) as file:
        for some in read_chunks(file, decoder):
            found += some
    rest, cut = decoder.finish()
    assert not cut
    assert decoder.header is not None
    return decoder.header, found + rest


def assert_newest(path: Path, last: int, places: list[int]) -> int:
    """It ends with the last; places come first, then all that was kept."""
    header, found = read(path)
    seqs = [each.seq for each in found]
    first = header.kept_from
    older = [each for each in places if each < first]
    assert seqs == [*older, *range(first, last + 1)]
    assert [each.kind for each in found[: len(older)]] == ["source"] * len(
        older
    )
    return first


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz"])
def test_the_newest_part_is_kept_and_readable_at_every_moment(
    tmp_path: Path, name: str
) -> None:
    path, size = tmp_path / name, 20_000
    made = opened(path, Keep(bytes=size))
    firsts = set()
    texts = [os.urandom(300).hex() for _ in range(50)]  # not to be compressed

    for seq in range(1, 201):
        is_place = seq in {3, 100}
        made.write(
            encode([place(seq) if is_place else said(seq, texts[seq % 50])])
        )
        firsts.add(assert_newest(path, seq, [3, 100]))
        files = list(tmp_path.iterdir())
        assert path.stat().st_size < 1.2 * size
        assert sum(each.stat().st_size for each in files) < 1.8 * size
        assert {each.stat().st_mode & 0o777 for each in files} == {0o600}
    made.close()

    assert len(firsts) > 3
    first = assert_newest(path, 200, [3, 100])
    assert path.stat().st_size > size / 2
    assert 100 < first < 200
    assert list(tmp_path.iterdir()) == [path]


def test_a_time_is_kept_at_least(tmp_path: Path) -> None:
    path, clock = tmp_path / "out.jsonl", [0.0]
    made = opened(path, Keep(seconds=10), clock)

    for seq in range(1, 101):
        clock[0] = seq
        made.write(encode([said(seq)]))
        first = assert_newest(path, seq, [])
        assert min(seq, 10) <= seq - first + 1 <= 22
    made.close()

    assert first > 70


def test_what_is_short_is_kept_whole(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    made = opened(path, Keep(bytes=1_000_000))
    made.write(encode([said(1), place(2), said(3)]))
    made.close()

    header, found = read(path)
    assert header == HEADER
    assert found == [said(1), place(2), said(3)]


@settings(max_examples=25)
@given(st.lists(st.integers(1, 20), min_size=1, max_size=10), st.data())
def test_however_lines_come_each_is_kept_once(
    tmp_path_factory: pytest.TempPathFactory,
    batches: list[int],
    data: st.DataObject,
) -> None:
    path = tmp_path_factory.mktemp("kept") / "out.jsonl"
    made = opened(path, Keep(bytes=data.draw(st.integers(2000, 9000))))
    seq, places = 0, list[int]()
    for size in batches:
        lines = []
        for _ in range(size):
            seq += 1
            if data.draw(st.booleans()):
                places.append(seq)
                lines.append(place(seq, '\n{"kind":"source",'))
            else:
                lines.append(said(seq, '{"kind":"source","seq":7}\n'))
        made.write(encode(lines))
    made.close()

    assert_newest(path, seq, places)


def test_a_folder_that_can_not_be_written_to_ends_it_and_leaves_the_file(
    tmp_path: Path,
) -> None:
    path = tmp_path / "out.jsonl"
    made = opened(path, Keep(bytes=20_000))
    Path(f"{path}{SUFFIX}").mkdir()

    with pytest.raises(IsADirectoryError):
        made.write(b"".join(encode([said(seq)]) for seq in range(1, 100)))

    header, found = read(path)
    assert header == HEADER
    assert [each.seq for each in found] == [*range(1, len(found) + 1)]
    assert 10 < len(found) < 99
