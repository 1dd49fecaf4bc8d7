"""What is said, shipped: with its sources, in time, and never waiting."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest
from recording_kit import HEADER, Shipped, tick

from tracer.capture import link as links
from tracer.capture import sources
from tracer.capture.link import Link, start_recorder
from tracer.capture.probe import Note
from tracer.capture.rows import code_of
from tracer.capture.writer import Writer, header_of
from tracer.events import DataReceived, EofReceived, Event, Source
from tracer.events.log import Decoder

HERE = Path(__file__).parent


def writer(link: Link, *, text: bool = True) -> Writer:
    """A writer that has nothing to say about sources yet."""
    made = Writer(link, 0, root=HERE, text=text)
    made._places = sources.count()
    return made


def values(frames: list[bytes]) -> list[Any]:
    found: list[Any] = []
    for each in frames:
        found += msgspec.msgpack.decode(each)
    return found


def plain(event: Event) -> dict[str, Any]:
    found = msgspec.msgpack.decode(msgspec.msgpack.encode(event))
    assert isinstance(found, dict)
    return found


def test_rows_and_events_leave_as_they_were_said_and_in_order() -> None:
    pipe = Shipped()
    made = writer(Link(pipe.into))
    note = Note(made.probe, conn=1, req=2)
    made.probe.turn, made.probe.task = 3, 4

    note.one(DataReceived, 5, 80)
    made.probe.emit(tick(6))
    note.bare(EofReceived, None)
    made.stop()

    said = values(pipe.frames())
    data = [code_of(DataReceived, 1), said[1], 3, 4, 5, "loop", 1, 2, 80]
    end = [code_of(EofReceived, 0), said[11], 3, 4, None, "loop", 1, 2]
    assert said == [*data, plain(tick(6)), *end]


def test_the_thread_ships_without_being_told_to() -> None:
    pipe = Shipped()
    made = writer(Link(pipe.into))
    made.start()

    made.probe.emit(tick(1))

    assert pipe.bytes()
    made.stop()
    assert pipe.frames() == []


def spoken() -> None:
    pass


@pytest.mark.parametrize("text", [True, False])
def test_a_source_stands_before_what_points_to_it(*, text: bool) -> None:
    pipe = Shipped()
    made = writer(Link(pipe.into), text=text)
    where = sources.place(spoken)
    assert where is not None
    made._places = where - 1

    made.probe.emit(tick(5, where=where))
    made.flush()
    made.probe.emit(tick(6, where=where))
    made.stop()

    said = values(pipe.frames())
    assert said[-2:] == [
        plain(tick(5, where=where)),
        plain(tick(6, where=where)),
    ]
    source = Source(
        where,
        Path(__file__).name,
        spoken.__code__.co_firstlineno,
        "spoken",
        "def spoken() -> None:\n    pass\n" if text else None,
        t=5,
        thread="writer",
    )
    assert said[0] == plain(source)


def test_what_settles_before_a_look_is_in_it() -> None:
    pipe = Shipped()
    made = writer(Link(pipe.into))
    late: list[Event] = [tick(2)]
    early: list[Event] = [tick(1)]
    made.each_time(lambda: late and made.probe.emit(late.pop()))
    made.each_time(lambda: early and made.probe.emit(early.pop()), first=True)

    made.stop()

    assert values(pipe.frames()) == [plain(tick(1)), plain(tick(2))]


def test_a_recorder_that_does_not_read_costs_events_and_no_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(links, "LIMIT", 100_000)
    pipe = Shipped()
    made = writer(Link(pipe.into))
    note = Note(made.probe)

    many = 40_000  # far more than the pipe and the queue hold
    for number in range(many):
        note.one(DataReceived, None, number)
        if number % 1000 == 0:
            made.flush()
    made.flush()
    reader = threading.Thread(target=made.stop)
    arrived: list[Any] = []
    lost: list[int] = []
    read = Shipped.frames
    reader.start()
    said = values(read(pipe))
    reader.join()

    at = 0
    while at < len(said):
        if isinstance(said[at], dict):
            lost.append(said[at]["n"])
            at += 1
        else:
            arrived.append(said[at + 8])
            at += 9
    assert not lost  # nothing was said after it, so nobody told of it yet
    assert made._lost + len(arrived) == many
    assert arrived == [*range(len(arrived))]
    assert made._lost > 0


def test_what_was_lost_is_told_once_there_is_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pipe = Shipped()
    made = writer(Link(pipe.into))
    note = Note(made.probe)
    monkeypatch.setattr(links, "LIMIT", 0)
    for number in range(3):
        note.one(DataReceived, None, number)
    made.probe.emit(tick(4))
    made.flush()
    monkeypatch.setattr(links, "LIMIT", 1 << 20)
    made.probe.emit(tick(5))
    made.stop()

    lost, last = values(pipe.frames())
    assert (lost["n"], lost["queue"], lost["kind"]) == (
        4,
        "recorder",
        "dropped",
    )
    assert last == plain(tick(5))


def test_without_a_recorder_it_goes_on_and_says_so_once() -> None:
    said: list[str] = []
    pipe = Shipped()
    made = writer(Link(pipe.into))
    made._complain = said.append
    pipe.leave()

    for t in range(3):
        made.probe.emit(tick(t))
        made.flush()
    assert made._said == []
    made.stop()

    assert said == [
        "the recorder has ended, so from here on nothing is recorded or"
        " shown; the server goes on"
    ]


def test_a_recorder_killed_by_a_signal_without_a_name_is_told_of_too() -> None:
    code = f"import os; os.kill(os.getpid(), {signal.SIGRTMIN + 3})"
    process = subprocess.Popen([sys.executable, "-c", code])
    read, write = os.pipe()
    os.close(read)
    link = Link(write, process)
    process.wait()
    link.close(0)

    assert link.ending == f"was killed by signal {signal.SIGRTMIN + 3}"


def test_a_fault_of_ours_does_not_end_the_shipping(
    caplog: pytest.LogCaptureFixture,
) -> None:
    pipe = Shipped()
    made = writer(Link(pipe.into))
    faults = [ValueError("ours")]

    def settle() -> None:
        if faults:
            raise faults.pop()

    made.each_time(settle)
    for t in (1, 2):
        made.probe.emit(tick(t))
        made.flush()
    made.stop()

    assert values(pipe.frames()) == [plain(tick(1)), plain(tick(2))]
    assert "asgi-trace failed" in caplog.text


def test_a_forked_process_says_nothing_and_holds_nothing_open() -> None:
    pipe = Shipped()
    made = writer(Link(pipe.into))
    made.probe.emit(tick(1))
    made.flush()

    child = os.fork()
    if child == 0:
        note = Note(made.probe)
        note.one(DataReceived, None, 1)
        made.probe.emit(tick(2))
        made.stop()
        silent = made._said == []
        os._exit(0 if silent else 1)
    assert os.waitpid(child, 0)[1] == 0
    made.stop()

    assert values(pipe.frames()) == [plain(tick(1))]


def test_what_a_real_recorder_was_sent_is_in_the_file_when_it_stops(
    tmp_path: Path,
) -> None:
    path = tmp_path / "out.jsonl"
    header = header_of("app:app", {}, (), 1)
    made = Writer(
        start_recorder(header, record=str(path)), header.clock0, root=HERE
    )
    note = Note(made.probe)
    many = 20_000
    for number in range(many):
        note.one(DataReceived, None, number)
    note.one(DataReceived, None, 1 << 70)
    made.stop(20)

    decoder = Decoder()
    found = decoder.feed(path.read_bytes())
    assert decoder.header == header
    assert [each.seq for each in found] == [*range(1, len(found) + 1)]
    assert [each.n for each in found if isinstance(each, DataReceived)] == [
        *range(many),
        1 << 70,
    ]
    assert HEADER.format == header.format


def test_no_recording_is_no_recorder(tmp_path: Path) -> None:
    header = header_of("app:app", {}, (), 1)
    with pytest.raises(FileNotFoundError):
        start_recorder(header, record=str(tmp_path / "no" / "out.jsonl"))
