"""Events in, lines out: numbered, complete, and counted where lost."""

import os
import threading
import zlib
from pathlib import Path

import pytest

from tracer.capture import sources
from tracer.capture.outlet import Outlet, open_record
from tracer.capture.writer import Writer, header_of
from tracer.events import AppLog, Dropped, Event, Signal, Source, Tick
from tracer.events.log import Decoder, Record

HERE = Path(__file__).parent


def tick(t: int, **envelope: int) -> Tick:
    return Tick(t, 0, 0, 0, t=t, thread="loop", **envelope)


class Pipe:
    """An outlet whose other end is read only when the test wants it."""

    def __init__(self, limit: int = 1 << 20) -> None:
        self._from, into = os.pipe()
        self.outlet = Outlet("viewer", into, limit)
        self.decoder = Decoder()

    def read(self, *, until: int) -> list[Record]:
        """Read until so many records have come."""
        found: list[Record] = []
        while len(found) < until:
            data = os.read(self._from, 1 << 16)
            assert data, "the pipe was closed before all had come"
            found += self.decoder.feed(data)
        return found

    def rest(self) -> list[Record]:
        """Read to the end, and close."""
        found: list[Record] = []
        while data := os.read(self._from, 1 << 16):
            found += self.decoder.feed(data)
        os.close(self._from)
        return found


def writer(*outlets: Outlet, text: bool = True) -> Writer:
    """A writer that has nothing to say about sources yet."""
    made = Writer(
        outlets,
        header_of("app:app", {}, ("cookie",), 1),
        root=HERE,
        text=text,
    )
    made._places = sources.count()
    return made


def test_the_header_comes_first_and_events_are_numbered_from_one() -> None:
    pipe = Pipe()
    written = writer(pipe.outlet)

    for t in (1, 2, 3):
        written.emit(tick(t))
    written.stop()

    assert pipe.rest() == [tick(1, seq=1), tick(2, seq=2), tick(3, seq=3)]
    assert pipe.decoder.header is not None
    assert pipe.decoder.header.app == "app:app"


def test_the_thread_writes_without_being_told_to() -> None:
    pipe = Pipe()
    written = writer(pipe.outlet)
    written.start()

    written.emit(tick(1))

    assert pipe.read(until=1) == [tick(1, seq=1)]
    written.stop()
    assert pipe.rest() == []


def spoken() -> None:
    pass


@pytest.mark.parametrize("text", [True, False])
def test_a_source_stands_before_the_event_that_points_to_it(
    *, text: bool
) -> None:
    pipe = Pipe()
    written = writer(pipe.outlet, text=text)
    where = sources.place(spoken)
    assert where is not None
    written._places = where - 1

    written.emit(tick(5, where=where))
    written.emit(tick(6, where=where))
    written.stop()

    found = pipe.rest()
    assert found[-2:] == [
        tick(5, seq=len(found) - 1, where=where),
        tick(6, seq=len(found), where=where),
    ]
    line = spoken.__code__.co_firstlineno
    assert found[0] == Source(
        where,
        Path(__file__).name,
        line,
        "spoken",
        "def spoken() -> None:\n    pass\n" if text else None,
        seq=1,
        t=5,
        thread="writer",
    )


def test_a_full_queue_loses_whole_events_and_counts_them(
    tmp_path: Path,
) -> None:
    narrow, path = Pipe(limit=1000), tmp_path / "out.jsonl"
    wide = Outlet("record", open_record(str(path)), 1 << 30)
    written = writer(narrow.outlet, wide)

    # The pipe itself holds 64 KiB or more; what is put in at once is far
    # more than that, so the second batch finds the queue full.
    filler = "x" * 3_000_000
    big = AppLog("INFO", "app", filler, t=1, thread="loop")
    written.emit(big)
    written.flush()
    for t in (2, 3, 4):
        written.emit(tick(t))
    written.flush()
    assert [each.seq for each in narrow.read(until=1)] == [1]
    while narrow.outlet.full:
        pass  # its thread has written all, and is about to say so
    written.emit(tick(5))
    written.stop()

    lost, last = narrow.rest()
    assert isinstance(lost, Dropped)
    assert (lost.n, lost.queue, lost.seq) == (3, "viewer", 5)
    assert last == tick(5, seq=6)
    recorded = Decoder().feed(path.read_bytes())
    assert [each.seq for each in recorded] == [1, 2, 3, 4, 5, 6]


def test_header_and_sources_are_never_lost() -> None:
    pipe = Pipe(limit=1)
    written = writer(pipe.outlet)
    where = sources.place(spoken)
    assert where is not None
    written.emit(AppLog("INFO", "app", "x" * 3_000_000, t=1, thread="loop"))
    written.flush()
    written._places = where - 1

    written.emit(tick(2, where=where))
    written.flush()
    reader = threading.Thread(target=written.stop)
    reader.start()
    found = pipe.rest()
    reader.join()

    assert pipe.decoder.header is not None
    kinds = {each.kind for each in found}
    assert "source" in kinds
    assert "tick" not in kinds


def test_time_never_falls_within_a_thread_when_a_signal_interrupts() -> None:
    pipe = Pipe()
    written = writer(pipe.outlet)
    other = AppLog("INFO", "app", "", t=3, thread="worker-1")

    written.emit(tick(5))
    # Stamped 6, then interrupted by a handler that is stamped 8.
    written.emit(Signal("SIGINT", False, t=8, thread="loop"))
    written.emit(other)
    written.flush()
    written.emit(tick(6))
    written.stop()

    assert [(each.thread, each.t) for each in pipe.rest()] == [
        ("loop", 5),
        ("loop", 8),
        ("worker-1", 3),
        ("loop", 8),
    ]


def test_an_event_that_cannot_be_written_costs_only_itself() -> None:
    pipe = Pipe()
    written = writer(pipe.outlet)

    written.emit(tick(1))
    written.emit(Tick(object(), 0, 0, 0, t=2, thread="loop"))  # type: ignore[arg-type]  # on purpose
    written.emit(tick(3))
    written.stop()

    first, said, last = pipe.rest()
    assert (first, last) == (tick(1, seq=1), tick(3, seq=3))
    assert isinstance(said, AppLog)
    assert said.text.startswith("an event of the kind tick could not")
    assert said.seq == 2


def test_what_settles_before_a_look_is_in_it() -> None:
    pipe = Pipe()
    written = writer(pipe.outlet)
    late: list[Event] = [tick(1)]
    written.each_time(lambda: late and written.emit(late.pop()))

    written.stop()

    assert pipe.rest() == [tick(1, seq=1)]


def test_a_recording_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text("old")
    path.chmod(0o644)

    outlet = Outlet("record", open_record(str(path)), 1 << 20)
    outlet.put(b"new\n", 0)
    outlet.close(2)

    assert path.read_text() == "new\n"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_compressed_recording_can_be_read_before_its_end(
    tmp_path: Path,
) -> None:
    path = tmp_path / "out.jsonl.gz"
    fd = open_record(str(path))
    outlet = Outlet("record", fd, 1 << 20, compress=True)
    pipe = Pipe()
    written = writer(outlet, pipe.outlet)

    written.emit(tick(1))
    written.flush()
    unpack = zlib.decompressobj(31)
    seen = b""
    with path.open("rb") as file:
        while b'"tick"' not in seen:
            seen += unpack.decompress(file.read())
    assert not unpack.eof
    written.stop()

    assert b'"tick"' in zlib.decompress(path.read_bytes(), 31)
    pipe.rest()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_said_once_and_the_viewer_goes_on() -> None:
    said: list[str] = []
    pipe = Pipe()
    full = Outlet("record", os.open("/dev/full", os.O_WRONLY), 1 << 20)
    written = writer(full, pipe.outlet)
    written._complain = said.append
    while full.failure is None:
        pass  # the header was enough

    written.emit(tick(1))
    written.flush()
    written.emit(tick(2))
    written.stop()

    sentence = (
        "the recording stops here: No space left on device; the server goes on"
    )
    assert said == [sentence]
    texts = [each.text for each in pipe.rest() if isinstance(each, AppLog)]
    assert texts == [sentence]


def test_a_viewer_that_left_is_no_trouble() -> None:
    pipe = Pipe()
    written = writer(pipe.outlet)
    os.close(pipe._from)

    written.emit(tick(1))
    written.stop()

    assert isinstance(pipe.outlet.failure, BrokenPipeError)
