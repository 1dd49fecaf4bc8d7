"""What is said is shipped to the recorder, with the source it points to.

The traced program only appends to a list. A thread of ours takes from it many
times a second and sends it on, as it is; numbering and writing are another
process's work, on another processor, see `recorder`.
"""

import os
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from time import get_clock_info, monotonic_ns
from typing import Any
from weakref import WeakSet

from tracer.capture import sources
from tracer.capture.fault import fault
from tracer.capture.link import Link
from tracer.capture.probe import Probe
from tracer.capture.rows import pack, split, time_of
from tracer.events import Dropped, Event, Header, Source

PERIOD = 0.02
"""Seconds between two looks at the list; the program can't wake us."""

HURRY = 0.004
"""Seconds between two looks while much is said.

What waits pushes what the program works on out of the processor's cache: five
thousand events make a request a tenth slower.
"""

MUCH = 2048
"""Values in the list that make it hurry; an event is six and its payload."""

THREAD = "writer"
"""What `thread` says in the records that the writer adds itself."""


class Writer:
    """Ships what a probe is told, from whatever thread, to a recorder."""

    def __init__(
        self,
        link: Link,
        zero: int,
        *,
        root: Path,
        text: bool = True,
        complain: Callable[[str], object] = lambda sentence: None,
    ) -> None:
        """Begin to listen; `start` begins to ship.

        Args:
            link: Leads to the recorder.
            zero: What the monotonic clock said when the trace began.
            root: The app's folder.
            text: Whether the source's text is sent along.
            complain: Takes a sentence if the recorder ends before us.
        """
        self._said: list[Any] = []
        self.probe = Probe(self._said.append, self._said.extend)
        self.probe.zero = zero
        self._zero = zero
        self._link = link
        self._root = root
        self._text = text
        self._complain = complain
        self._places = 0
        self._lost = 0
        self._mine = 0  # the greatest `t` of the writer's own records
        self._settle: list[Callable[[], object]] = []
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(
            target=self._run, name="asgi-trace writer", daemon=True
        )
        _writers.add(self)

    def start(self) -> None:
        """Begin to ship. What was said before is kept."""
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
        """Send on all that was said by now, as far as the pipe takes it."""
        with self._lock:
            try:
                for settle in self._settle:
                    settle()
                self._take()
            except Exception:  # noqa: BLE001 - nor does our thread end of it
                fault()
            self._pump()

    def stop(self, timeout: float = 2.0) -> None:
        """Send on everything and wait until it is written, but not longer.

        Called again, it does nothing.
        """
        if self._stopping.is_set():
            return
        self._stopping.set()
        self.flush()
        with self._lock:
            self._link.close(timeout)

    def after_fork(self) -> None:
        """In a forked process: say nothing, and let go of the pipe."""
        self._stopping.set()
        self.probe.be_silent()
        self._link.leave()

    def _run(self) -> None:
        period = PERIOD
        while not self._stopping.wait(period):
            period = HURRY if len(self._said) > MUCH else PERIOD
            self.flush()

    def _take(self) -> None:
        # Each of the two is one step for all other threads, and no row is
        # ever half in the list.
        rows = self._said[:]
        del self._said[: len(rows)]
        if not rows or self._link.failed:
            return
        if self._link.full:
            self._lost += sum(1 for _ in split(rows))
            return
        self._link.put(pack(self._first(rows) + rows, self._zero))

    def _first(self, rows: list[Any]) -> list[Event]:
        """What the recorder must know before these: new places, losses."""
        # Looked for after the rows were taken, so theirs are among them.
        first, self._places = self._places + 1, sources.count()
        said: list[Event] = [
            self._source(number, time_of(rows, self._zero))
            for number in range(first, self._places + 1)
        ]
        if self._lost:
            lost, self._lost = self._lost, 0
            self._mine = max(self._mine, monotonic_ns() - self._zero)
            said.append(Dropped(lost, "recorder", t=self._mine, thread=THREAD))
        return said

    def _source(self, number: int, t: int) -> Event:
        """Describe a place at the time of the first event after it.

        Readers who order by time must meet it first.
        """
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

    def _pump(self) -> None:
        failed = self._link.failed
        self._link.pump()
        if self._link.failed and not failed:
            self._complain(
                f"the recorder {self._link.ending}, so from here on nothing"
                " is recorded or shown; the server goes on"
            )


_writers: WeakSet[Writer] = WeakSet()


def _after_fork() -> None:
    for writer in tuple(_writers):
        writer.after_fork()


os.register_at_fork(after_in_child=_after_fork)


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
