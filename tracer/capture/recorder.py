"""The recorder: `python -m tracer.capture.recorder`, rows on its stdin.

The traced process only appends to a list and ships it here. Here it becomes
lines, for two queues: one for the recording, one for the viewer; neither can
hold up the other, nor the traced process. The end of stdin is the end of the
trace, however the traced process has ended.
"""

import os
import signal
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from time import monotonic_ns
from typing import Any

import msgspec

from tracer.capture.frames import (
    Frames,
    Keep,
    SpoiltError,
    Start,
    read_start,
)
from tracer.capture.lines import Lines
from tracer.capture.outlet import RECORD_LIMIT, VIEWER_LIMIT, File, Outlet, Sink
from tracer.events import AppLog, Dropped, Event, Header

THREAD = "recorder"
"""What `thread` says in the records that the recorder adds itself."""

LAST = 5.0
"""Seconds that a viewer may take to read what there is at the end."""

FAULT = 4
"""Exit code after a fault of ours."""

_AT_ONCE = 1 << 20  # bytes read at a time

_rows = msgspec.msgpack.Decoder(list[Any])
_encode = msgspec.json.Encoder().encode_lines


class Recorder:
    """Takes frames of rows and writes them to the outlets as lines."""

    def __init__(
        self,
        outlets: Sequence[Outlet],
        header: Header,
        complain: Callable[[str], object],
    ) -> None:
        self._outlets = outlets
        self._lines = Lines(header.clock0)
        self._complain = complain
        self._said: set[str] = set()  # outlets whose failure was told
        for outlet in outlets:
            outlet.put(_encode([header]), 0)

    def feed(self, frame: bytes) -> None:
        """Write the rows of one frame."""
        rows = _rows.decode(frame)
        at = self._sources(rows)
        self._say(self._losses())
        while at < len(rows):
            lines, at = self._lines.number(rows, at)
            self._put(lines)

    def spoilt(self, line: bytes) -> None:
        """Let the viewer stumble over it; a recording just ends before."""
        for outlet in self._outlets:
            if outlet.name == "viewer":
                outlet.put(line, 0)

    def stop(self) -> None:
        """Write everything. A viewer that doesn't read loses the rest."""
        self._say(self._losses())
        for outlet in self._outlets:
            outlet.close(LAST if outlet.name == "viewer" else None)
        self._say([])

    def _sources(self, rows: list[Any]) -> int:
        """Write the source places that a frame begins with; never lost."""
        at = 0
        while at < len(rows):
            row = rows[at]
            if type(row) is not dict or row["kind"] != "source":
                break
            at += 1
        if at:
            places = _encode(self._lines.number(rows[:at], 0)[0])
            for outlet in self._outlets:
                outlet.put(places, 0)
        return at

    def _put(self, lines: Sequence[object]) -> None:
        data = _encode(lines)
        for outlet in self._outlets:
            outlet.put(data, len(lines))

    def _losses(self) -> Iterator[Event]:
        """Say what a queue has lost, now that it takes events again."""
        for outlet in self._outlets:
            if outlet.lost and not outlet.full and outlet.failure is None:
                lost, outlet.lost = outlet.lost, 0
                yield Dropped(lost, outlet.name, t=self._now(), thread=THREAD)

    def _failures(self) -> Iterator[Event]:
        """Say once that the disk is full; a viewer that left needs no word."""
        for outlet in self._outlets:
            if outlet.failure is None or outlet.name in self._said:
                continue
            self._said.add(outlet.name)
            if outlet.name == "viewer":
                continue
            sentence = (
                f"the recording stops here: {outlet.failure.strerror};"
                " the server goes on"
            )
            self._complain(sentence)
            yield AppLog(
                "ERROR", "asgi_trace.recorder", sentence,
                t=self._now(), thread=THREAD,
            )  # fmt: skip

    def _say(self, losses: Iterator[Event] | list[Event]) -> None:
        said = [*losses, *self._failures()]
        if said:
            self._put([self._lines.own(each) for each in said])

    def _now(self) -> int:
        return monotonic_ns() - self._lines.zero


def say(sentence: str) -> None:
    """Tell whoever reads the traced process's standard error."""
    sys.stderr.write(f"asgi-trace: {sentence}\n")
    sys.stderr.flush()


def outlets_of(start: Start) -> list[Outlet]:
    """Open what the trace is to be written to."""
    outlets = []
    if start.viewer:
        outlets.append(Outlet("viewer", File(1), VIEWER_LIMIT))
    if start.record is not None:
        sink = record_sink(start.record, start.path, start.keep)
        outlets.append(Outlet("record", sink, RECORD_LIMIT))
    return outlets


def record_sink(fd: int, path: str, keep: Keep | None) -> Sink:
    """Say how a recording is written."""
    if keep is None or not stat.S_ISREG(os.fstat(fd).st_mode):
        return File(fd, compress=path.endswith(".gz"))
    # Only who asks for it pays for its import.
    from tracer.capture.newest import Newest  # noqa: PLC0415

    return Newest(fd, os.path.realpath(path), keep)


def frames(fd: int) -> Iterator[bytes]:
    """Read frames until nobody is left to write them."""
    cut = Frames()
    while data := os.read(fd, _AT_ONCE):
        yield from cut.feed(data)


def main() -> int:
    """Record until the end of standard input."""
    # The traced process may be stopped by a signal to all; what it says
    # while it ends is still to be written. It is its end that is ours.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    coming = frames(0)
    try:
        first = next(coming, None)
        if first is None:
            return 0  # it ended before it began
        start = read_start(first)
    except SpoiltError as error:
        File(1).write(error.line)
        return 0
    recorder = Recorder(outlets_of(start), start.header, say)
    try:
        for frame in coming:
            recorder.feed(frame)
    except SpoiltError as error:
        recorder.spoilt(error.line)
    except Exception as error:  # noqa: BLE001  # told, and all before it kept
        say(
            "a fault of asgi-trace's own in its recorder, please report it:"
            f" {type(error).__name__}: {error}"
        )
        recorder.stop()
        return FAULT
    recorder.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
