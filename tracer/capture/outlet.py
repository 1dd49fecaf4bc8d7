"""A bounded queue with a thread behind it that writes to one sink.

Whoever puts something in never waits. What doesn't fit is lost as a whole
and counted.
"""

import os
import sys
import threading
import zlib
from collections import deque
from typing import Literal, Protocol

RECORD_LIMIT = 64 << 20  # bytes in the queue before it loses anything
VIEWER_LIMIT = 8 << 20
_AT_ONCE = 1 << 20  # bytes joined to one write, so that a pipe gets few
_GZIP = 16 + zlib.MAX_WBITS  # zlib's way to ask for gzip's frame
_LEVEL = 3  # a fifth larger than at 6, and written three times as fast


class Sink(Protocol):
    """Where an outlet's thread writes, and may wait."""

    def write(self, lines: bytes) -> None:
        """Write whole lines.

        Raises:
            OSError: It can't be done, and no more will be tried.
        """

    def close(self) -> None:
        """Write what is left, and close.

        Raises:
            OSError: It can't be done.
        """


class File:
    """A file or pipe, compressed or not; what was written can be read."""

    def __init__(self, fd: int, *, compress: bool = False) -> None:
        self.size = 0  # bytes written
        self._fd = fd
        self._gzip = zlib.compressobj(_LEVEL, wbits=_GZIP) if compress else None

    def write(self, lines: bytes) -> None:
        if self._gzip is not None:
            # Flushed each time: what a killed process wrote can be read.
            lines = self._gzip.compress(lines)
            lines += self._gzip.flush(zlib.Z_SYNC_FLUSH)
        self._write(lines)

    def close(self) -> None:
        try:
            if self._gzip is not None:
                self._write(self._gzip.flush())
        finally:
            os.close(self._fd)

    def _write(self, data: bytes) -> None:
        self.size += len(data)
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]


class Outlet:
    """Bytes on their way out, in order, or counted as lost.

    Attributes:
        name: Which queue this is, as `dropped` events say it.
        failure: What went wrong with the sink; None: nothing.
        lost: Events that didn't fit, since this was last set to 0.
    """

    def __init__(
        self, name: Literal["record", "viewer"], sink: Sink, limit: int
    ) -> None:
        self.name = name
        self.failure: OSError | None = None
        self.lost = 0
        self._sink = sink
        self._limit = limit
        self._pieces: deque[bytes] = deque()
        self._waiting = 0  # bytes in the queue and in the write under way
        self._closing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(
            target=self._run, name=f"asgi-trace {name}", daemon=True
        )
        self._thread.start()

    @property
    def full(self) -> bool:
        """Whether the next events would be lost."""
        return self._waiting >= self._limit

    def put(self, data: bytes, events: int) -> None:
        """Queue lines that hold so many events; 0 of them: never lost.

        Source: ours.
        """
        with self._changed:
            if self.failure is not None or (self.full and events):
                self.lost += events
                return
            self._pieces.append(data)
            self._waiting += len(data)
            self._changed.notify()

    def close(self, timeout: float | None) -> None:
        """Write what is queued, for at most `timeout` seconds, and close."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(timeout)

    def _run(self) -> None:
        try:
            while data := self._take():
                self._sink.write(data)
                with self._changed:
                    self._waiting -= len(data)
            self._sink.close()
        except OSError as error:
            self._give_up(error)

    def _take(self) -> bytes:
        """Wait for something to write; nothing means that all is written."""
        with self._changed:
            while not self._pieces and not self._closing:
                self._changed.wait()
            taken, size = [], 0
            while self._pieces and size < _AT_ONCE:
                taken.append(self._pieces.popleft())
                size += len(taken[-1])
        return b"".join(taken)

    def _give_up(self, error: OSError) -> None:
        with self._changed:
            self.failure = error
            self._pieces.clear()
            self._waiting = 0


def open_record(path: str) -> int:
    """Open a recording to write, readable by its owner only.

    Raises:
        OSError: It can't be opened.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    fd = os.open(path, flags, 0o600)
    if os.path.isfile(path):  # noqa: PTH113  # and no /dev/null
        try:
            os.fchmod(fd, 0o600)
        except OSError as error:
            sys.stderr.write(f"asgi-trace: {path} stays readable: {error}\n")
    return fd
