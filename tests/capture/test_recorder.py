"""Frames in, lines out: numbered, complete, and counted where lost."""

import io
import os
import signal
import subprocess
import sys
import threading
import time
import zlib
from pathlib import Path
from typing import Any

import pytest
from recording_kit import HEADER, Viewer, tick

from tracer.capture.frames import Frames, Start, framed, read_start
from tracer.capture.link import MODULE
from tracer.capture.outlet import File, Outlet, open_record
from tracer.capture.recorder import FAULT, Recorder
from tracer.capture.rows import code_of, pack
from tracer.events import AppLog, Dropped, Source, Tick
from tracer.events.log import Decoder, Record

PATIENCE = 20.0  # seconds

FILLER = AppLog("INFO", "app", "x" * 3_000_000, t=1, thread="loop")
"""More than a pipe holds."""


def recorder(*outlets: Outlet) -> Recorder:
    return Recorder(outlets, HEADER, lambda sentence: None)


def frame(*rows: Any) -> bytes:  # noqa: ANN401  # as a flat list is
    return pack(list(rows), 0)


def test_the_header_comes_first_and_events_are_numbered_from_one() -> None:
    viewer = Viewer()
    made = recorder(viewer.outlet)

    made.feed(frame(tick(1), tick(2)))
    made.feed(frame(tick(3)))
    made.stop()

    assert viewer.rest() == [tick(1, seq=1), tick(2, seq=2), tick(3, seq=3)]
    assert viewer.decoder.header == HEADER


def test_lines_leave_without_waiting_for_more() -> None:
    viewer = Viewer()
    made = recorder(viewer.outlet)

    made.feed(frame(tick(1)))

    assert viewer.read(until=1) == [tick(1, seq=1)]
    made.stop()
    assert viewer.rest() == []


def wait_until_empty(outlet: Outlet) -> None:
    deadline = time.monotonic() + PATIENCE
    while outlet.full:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_a_full_queue_loses_whole_events_and_counts_them(
    tmp_path: Path,
) -> None:
    narrow, path = Viewer(limit=1000), tmp_path / "out.jsonl"
    wide = Outlet("record", File(open_record(str(path))), 1 << 30)
    made = recorder(narrow.outlet, wide)

    made.feed(frame(FILLER))
    made.feed(frame(tick(2), tick(3), tick(4)))
    assert [each.seq for each in narrow.read(until=1)] == [1]
    wait_until_empty(narrow.outlet)
    made.feed(frame(tick(5)))
    made.stop()

    lost, last = narrow.rest()
    assert isinstance(lost, Dropped)
    assert (lost.n, lost.queue, lost.seq) == (3, "viewer", 5)
    assert last == tick(5, seq=6)
    recorded = Decoder().feed(path.read_bytes())
    assert [each.seq for each in recorded] == [1, 2, 3, 4, 5, 6]


def test_what_was_lost_on_the_way_here_is_counted_too() -> None:
    viewer = Viewer()
    made = recorder(viewer.outlet)
    lost = Dropped(40, "recorder", t=2, thread="writer")

    made.feed(frame(tick(1)))
    made.feed(frame(lost, tick(3)))
    made.stop()

    assert viewer.rest() == [
        tick(1, seq=1),
        Dropped(40, "recorder", seq=42, t=2, thread="writer"),
        tick(3, seq=43),
    ]


def test_header_and_sources_are_never_lost() -> None:
    viewer = Viewer(limit=1)
    made = recorder(viewer.outlet)
    source = Source(1, "app.py", 1, "f", None, t=2, thread="writer")

    made.feed(frame(FILLER))
    made.feed(frame(source, tick(2)))
    reader = threading.Thread(target=made.stop)
    reader.start()
    found = viewer.rest()
    reader.join()

    assert viewer.decoder.header == HEADER
    kinds = {each.kind for each in found}
    assert "source" in kinds
    assert "tick" not in kinds


def test_a_row_that_makes_no_event_costs_only_itself() -> None:
    viewer = Viewer()
    made = recorder(viewer.outlet)
    wrong = code_of(Tick, 1), 2, None, None, None, "loop", None, None, 7

    made.feed(frame(tick(1), *wrong, tick(3)))
    made.stop()

    first, said, last = viewer.rest()
    assert (first, last) == (tick(1, seq=1), tick(3, seq=3))
    assert isinstance(said, AppLog)
    assert said.text.startswith("an event of the kind tick could not")
    assert said.seq == 2


def test_a_recording_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text("old")
    path.chmod(0o644)

    outlet = Outlet("record", File(open_record(str(path))), 1 << 20)
    outlet.put(b"new\n", 0)
    outlet.close(2)

    assert path.read_text() == "new\n"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_compressed_recording_can_be_read_before_its_end(
    tmp_path: Path,
) -> None:
    path = tmp_path / "out.jsonl.gz"
    fd = open_record(str(path))
    outlet = Outlet("record", File(fd, compress=True), 1 << 20)
    made = recorder(outlet)

    made.feed(frame(tick(1)))
    unpack, seen = zlib.decompressobj(31), b""
    deadline = time.monotonic() + PATIENCE
    with path.open("rb") as file:
        while b'"tick"' not in seen:
            assert time.monotonic() < deadline
            seen += unpack.decompress(file.read())
    assert not unpack.eof
    made.stop()

    assert b'"tick"' in zlib.decompress(path.read_bytes(), 31)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_said_once_and_the_viewer_goes_on() -> None:
    said: list[str] = []
    viewer = Viewer()
    full = Outlet("record", File(os.open("/dev/full", os.O_WRONLY)), 1 << 20)
    made = Recorder([full, viewer.outlet], HEADER, said.append)
    deadline = time.monotonic() + PATIENCE
    while full.failure is None:  # the header was enough
        assert time.monotonic() < deadline
        time.sleep(0.001)

    made.feed(frame(tick(1)))
    made.feed(frame(tick(2)))
    made.stop()

    sentence = (
        "the recording stops here: No space left on device; the server goes on"
    )
    assert said == [sentence]
    texts = [each.text for each in viewer.rest() if isinstance(each, AppLog)]
    assert texts == [sentence]


def test_a_viewer_that_left_is_no_trouble() -> None:
    viewer = Viewer()
    made = recorder(viewer.outlet)
    viewer.leave()

    made.feed(frame(tick(1)))
    made.stop()

    assert isinstance(viewer.outlet.failure, BrokenPipeError)


def test_frames_may_be_cut_anywhere() -> None:
    whole = [b"", b"one", bytes(1000), b"four"]
    data = b"".join(framed(each) for each in whole)

    for size in (1, 2, 3, 7, 1000, len(data)):
        cut, found, stream = Frames(), list[bytes](), io.BytesIO(data)
        while some := stream.read(size):
            found += cut.feed(some)
        assert found == whole


def started(start: Start, *fds: int) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", MODULE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=fds,
    )
    assert process.stdin is not None
    process.stdin.write(framed(start.pack()))
    process.stdin.flush()
    return process


def test_what_is_no_frame_ends_it_and_the_recording_stays_whole(
    tmp_path: Path,
) -> None:
    """An app that writes to a descriptor that isn't its own, in short."""
    path = tmp_path / "out.jsonl"
    fd = open_record(str(path))
    process = started(Start(HEADER, True, fd, str(path)), fd)
    os.close(fd)

    seen, said = process.communicate(b"hello\nworld", timeout=30)

    assert (process.returncode, said) == (0, b"")
    header, broken = seen.splitlines()
    assert broken == b"hello"
    assert path.read_bytes() == header + b"\n"


def test_the_process_writes_both_and_outlives_what_stops_the_server(
    tmp_path: Path,
) -> None:
    path = tmp_path / "out.jsonl.gz"
    fd = open_record(str(path))
    start = Start(HEADER, True, fd, str(path))
    assert read_start(start.pack()) == start
    process = started(start, fd)
    os.close(fd)
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        decoder, found = Decoder(), list[Record]()
        process.stdin.write(framed(frame(tick(1))))
        process.stdin.flush()
        while not found:
            found += decoder.feed(os.read(process.stdout.fileno(), 1 << 16))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            process.send_signal(number)
        process.stdin.write(framed(frame(tick(2))) + framed(b"cut off")[:6])
        process.stdin.close()
        found += decoder.feed(process.stdout.read())

        assert process.wait(PATIENCE) == 0
    assert found == [tick(1, seq=1), tick(2, seq=2)]
    recorded = zlib.decompress(path.read_bytes(), 31)
    assert Decoder().feed(recorded) == found


def test_a_fault_of_ours_is_a_sentence_and_costs_nothing_before_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "out.jsonl"
    fd = open_record(str(path))
    process = started(Start(HEADER, False, fd, str(path)), fd)
    os.close(fd)
    with process:
        sent = framed(frame(tick(1))) + framed(frame(1 << 40))
        _, words = process.communicate(sent, PATIENCE)

    assert process.returncode == FAULT
    assert words.startswith(
        b"asgi-trace: a fault of asgi-trace's own in its recorder, please"
        b" report it: IndexError: "
    )
    assert words.count(b"\n") == 1
    assert Decoder().feed(path.read_bytes()) == [tick(1, seq=1)]
