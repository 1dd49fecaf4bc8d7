"""Records on their way from the thread that reads to the view that draws."""

import threading
from collections import deque

from tracer.events.log import Record

AT_ONCE = 4000
"""Records given to a view at a time, so that its tick stays short."""

LIMIT = 200_000
"""Records that wait; then the reader waits too, and the writer drops."""


class Records:
    """A bounded queue with an end.

    Source: ours.
    """

    def __init__(self) -> None:
        self._records: deque[Record] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def put(self, records: list[Record]) -> None:
        """Add records; waits while too many are there and nobody takes."""
        with self._changed:
            while len(self._records) >= LIMIT and not self._closed:
                self._changed.wait()
            self._records.extend(records)
            self._changed.notify_all()

    def take(self) -> list[Record]:
        """Give the next records, as many as there are up to `AT_ONCE`."""
        with self._changed:
            count = min(len(self._records), AT_ONCE)
            taken = [self._records.popleft() for _ in range(count)]
            self._changed.notify_all()
        return taken

    def wait(self, timeout: float) -> None:
        """Wait for records or the end, for at most `timeout` seconds."""
        with self._changed:
            if not self._records and not self._closed:
                self._changed.wait(timeout)

    def close(self) -> None:
        """Say that nothing more comes."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def ended(self) -> bool:
        """Closed, and all taken."""
        return self._closed and not self._records
