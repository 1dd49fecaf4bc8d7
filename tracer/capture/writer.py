"""Events become lines: numbered, with the source they point to, in batches.

The traced program only appends to a list. A thread of ours takes from it and
feeds two queues, one for the recording and one for the viewer; neither can
hold up the other, nor the program.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from time import get_clock_info, monotonic_ns

from msgspec.structs import force_setattr

from tracer.capture import sources
from tracer.capture.outlet import Outlet
from tracer.events import AppLog, Dropped, Event, Header, Source
from tracer.events.log import encode

PERIOD = 0.02
"""Seconds between two looks at the list; the program can't wake us."""

HURRY = 0.004
"""Seconds between two looks while much is said.

Events that wait push what the program works on out of the processor's cache:
five thousand of them make a request a tenth slower.
"""

BATCH = 256
"""Events encoded at once: so few that they stay in the processor's cache while
they are numbered, encoded and let go."""

THREAD = "writer"
"""What `thread` says in the records that the writer adds itself."""


class Writer:
    """Takes events from any thread and writes them to the outlets.

    Attributes:
        emit: Takes one event: never waits, never raises.
        zero: What the monotonic clock said when the trace began.
    """

    def __init__(
        self,
        outlets: Sequence[Outlet],
        header: Header,
        *,
        root: Path,
        text: bool = True,
        complain: Callable[[str], object] = lambda sentence: None,
    ) -> None:
        self._events: list[Event] = []
        self.emit: Callable[[Event], object] = self._events.append
        self._outlets = outlets
        self.zero = header.clock0
        self._root = root
        self._text = text
        self._complain = complain
        self._said: set[str] = set()  # outlets whose failure was told
        self._seq = 0
        self._places = 0
        self._newest = 0  # the greatest `t` so far
        self._mine = 0  # the greatest `t` of the writer's own records
        self._before: list[Event] = []  # the batch before this one
        self._settle: list[Callable[[], object]] = []
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        for outlet in outlets:
            outlet.put(encode([header]), 0)
        self._thread = threading.Thread(
            target=self._run, name="asgi-trace writer", daemon=True
        )

    def start(self) -> None:
        """Begin to write. Events that came before are kept."""
        self._thread.start()

    def each_time(
        self, settle: Callable[[], object], *, first: bool = False
    ) -> None:
        """Call this before each look at the list, from the writer's thread.

        Args:
            settle: What to call; it raises nothing.
            first: Before all others that are to be called.
        """
        self._settle.insert(0 if first else len(self._settle), settle)

    def flush(self) -> None:
        """Hand all events that are there by now to the outlets."""
        with self._lock:
            for settle in self._settle:
                settle()
            self._tell_failures()
            left = len(self._events)
            while left > 0:
                batch = self._events[: min(left, BATCH)]
                del self._events[: len(batch)]
                left -= len(batch)
                self._write(batch)

    def stop(self, timeout: float = 2.0) -> None:
        """Write everything, for at most `timeout` seconds an outlet.

        Called again, it does nothing.
        """
        if self._stopping.is_set():
            return
        self._stopping.set()
        self.flush()
        for outlet in self._outlets:
            outlet.close(timeout)
        self._tell_failures()

    def _run(self) -> None:
        period = PERIOD
        while not self._stopping.wait(period):
            period = HURRY if len(self._events) > BATCH else PERIOD
            self.flush()

    def _write(self, batch: list[Event]) -> None:
        new = self._sources(batch[0].t)
        if new:
            self._number(new)
            places = _lines(new)
            for outlet in self._outlets:
                outlet.put(places, 0)
            self._before.extend(new)
        if losses := self._losses():
            batch[:0] = losses
        self._number(batch)
        lines = _lines(batch)
        for outlet in self._outlets:
            outlet.put(lines, len(batch))
        self._before = batch

    def _losses(self) -> list[Event]:
        """Say what a queue has lost, now that it takes events again."""
        said: list[Event] = []
        for outlet in self._outlets:
            if outlet.lost and not outlet.full and outlet.failure is None:
                lost, outlet.lost = outlet.lost, 0
                said.append(
                    Dropped(lost, outlet.name, t=self._now(), thread=THREAD)
                )
        return said

    def _tell_failures(self) -> None:
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
            self._events.append(
                AppLog(
                    "ERROR", "asgi_trace.writer", sentence,
                    t=self._now(), thread=THREAD,
                )
            )  # fmt: skip

    def _now(self) -> int:
        self._mine = max(self._mine, monotonic_ns() - self.zero)
        return self._mine

    def _number(self, records: list[Event]) -> None:
        newest, first = self._newest, self._seq + 1
        for seq, event in enumerate(records, first):
            force_setattr(event, "seq", seq)
            if event.t < newest:
                self._put_right(seq - first, records)
            else:
                newest = event.t
        self._newest = newest
        self._seq += len(records)

    def _put_right(self, index: int, records: list[Event]) -> None:
        """Let time not run backwards within one thread.

        Usually the earlier one is another thread's, and that is as it is.
        But a signal handler may speak between another event's stamp and its
        emission; then the later record takes the time of the earlier.
        """
        event = records[index]
        here = (records[at] for at in range(index - 1, -1, -1))
        for other in chain(here, reversed(self._before)):
            if other.thread == event.thread:
                if event.t < other.t:
                    force_setattr(event, "t", other.t)
                return

    def _sources(self, t: int) -> list[Event]:
        """Describe the places that are new, as records for the next batch.

        Their time is that of the first event after them: readers who order
        by time must meet them first.
        """
        first, self._places = self._places + 1, sources.count()
        return [
            self._source(number, t) for number in range(first, self._places + 1)
        ]

    def _source(self, number: int, t: int) -> Event:
        file, line, name, text = sources.describe(number, self._root)
        self._mine = max(self._mine, t)
        return Source(
            number,
            file,
            line,
            name,
            text if self._text else None,
            t=self._mine,
            thread=THREAD,
        )


def _lines(records: list[Event]) -> bytes:
    """Encode, and let one event that can't be written cost only itself."""
    try:
        return encode(records)
    except Exception:  # noqa: BLE001  # whatever msgspec finds wrong
        return b"".join(_line(each) for each in records)


def _line(event: Event) -> bytes:
    try:
        return encode([event])
    except Exception as error:  # noqa: BLE001  # said in the log instead
        sentence = (
            f"an event of the kind {event.kind} could not be written:"
            f" {type(error).__name__}"
        )
        return encode(
            [
                AppLog(
                    "ERROR", "asgi_trace.writer", sentence,
                    seq=event.seq, t=event.t, thread=event.thread,
                )
            ]
        )  # fmt: skip


def header_of(
    app: str, versions: dict[str, str], redacted: Iterable[str], pid: int
) -> Header:
    """Line 1 of the trace of this process, which begins now."""
    return Header(
        started=datetime.now(UTC).isoformat(),
        clock=get_clock_info("monotonic").implementation,
        clock0=monotonic_ns(),
        pid=pid,
        app=app,
        versions=versions,
        redacted=tuple(redacted),
    )
