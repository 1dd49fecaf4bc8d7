"""A process's standard input, written to by a thread of its own.

A process that is busy doesn't read; who has something to tell it must not
wait for that, least of all the one who draws the screen.
"""

import contextlib
import threading
from collections import deque
from typing import IO

MANY = 100
"""Lines that may wait before those who can be patient have to be."""


class Input:
    """Lines on their way to a process, in order.

    Source: ours.
    """

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        self._lines: deque[bytes] = deque()
        self._changed = threading.Condition()
        self._ended = False
        self._writer = threading.Thread(
            target=self._write, name="asgi-trace input", daemon=True
        )
        self._writer.start()

    def tell(self, line: bytes) -> None:
        """Write a line when that is possible. Returns at once."""
        with self._changed:
            self._lines.append(line)
            self._changed.notify_all()

    def tell_patiently(self, line: bytes) -> None:
        """The same, but wait while many lines do, or until its end."""
        with self._changed:
            while len(self._lines) >= MANY and not self._ended:
                self._changed.wait()
            self._lines.append(line)
            self._changed.notify_all()

    def hang_up(self) -> None:
        """End it, after what was told. Returns at once."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def close(self, timeout: float) -> None:
        """Hang up, and wait for the end."""
        self.hang_up()
        self._writer.join(timeout)

    def _write(self) -> None:
        # A process that is gone hears nothing: there is nobody to tell.
        with contextlib.suppress(OSError), self._pipe:
            while (line := self._next()) is not None:
                self._pipe.write(line)
                self._pipe.flush()
        self.hang_up()

    def _next(self) -> bytes | None:
        with self._changed:
            while not self._lines and not self._ended:
                self._changed.wait()
            self._changed.notify_all()
            return self._lines.popleft() if self._lines else None
