"""A recording as a feed of records, read by a thread.

Views can't tell it from a running server, but for `progress`.
"""

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Self

from tracer.events import Header
from tracer.events.commands import Command
from tracer.events.index import Index, index, records_of
from tracer.events.log import (
    Decoder,
    Record,
    TraceError,
    open_trace,
    read_chunks,
)
from tracer.host.queue import Records

CUT_OFF = (
    "the recording is cut off in its last line, as by a kill; all before it"
    " is here"
)

KEPT_FROM = (
    "the recording was made with --keep: its first {:,} events are gone, and"
    " of requests that began there only the rest is here"
)


class FileFeed:
    """Reads a recording, see `tracer.views.feed.Feed`.

    Attributes:
        live: False.
        title: The file's name.
        header: Line 1, once it was read.
        failed: Whether `problem` is an error and not just worth saying.
    """

    live = False

    def __init__(self, path: Path, request: int | None = None) -> None:
        """Open the file and begin to read it.

        Args:
            path: The recording.
            request: Only what concerns this one, see `events.index`.

        Raises:
            OSError: It can't be opened.
            TraceError: It is a folder, or there is no such request in it.
        """
        if path.is_dir():
            raise TraceError(f"{path} is a folder, and no recording")
        self._only = None if request is None else _wanted(path, request)
        self.title = path.name
        self.header: Header | None = None
        self.failed = False
        self._problem: str | None = None
        self._decoder = Decoder()
        self._records = Records()
        self._stopping = False
        self._size = path.stat().st_size
        self._file: BinaryIO = open_trace(path)
        self._at = 0
        self._reader = threading.Thread(
            target=self._read, name="asgi-trace reader", daemon=True
        )
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    def take(self) -> list[Record]:
        """Give the records that were read since the last call."""
        return self._records.take()

    def wait(self, timeout: float) -> None:
        """Wait for records, for the end, or `timeout` seconds."""
        self._records.wait(timeout)

    @property
    def ended(self) -> bool:
        """Whether all was read and taken."""
        return self._records.ended

    @property
    def problem(self) -> str | None:
        """What is wrong with the recording."""
        return self._problem

    @property
    def progress(self) -> float | None:
        """How much of the file was read, 0 to 1."""
        return min(1.0, self._at / self._size) if self._size else 1.0

    @property
    def waiting(self) -> bool:
        """Nothing can start again."""
        return False

    def renewed(self) -> str | None:
        """A file holds one run."""
        return None

    def stop(self) -> None:
        """Read no further."""
        self._stopping = True
        self._records.close()

    def tell(self, command: Command) -> bool:
        """Nobody is there who could obey."""
        return False

    def again(self) -> bool:
        """Nobody can send a recording's requests once more."""
        return False

    def scenarios(self) -> tuple[tuple[str, str, str], ...]:
        """There is no server to send to."""
        return ()

    def send(self, scenario: str, target: str, count: int) -> str | None:
        """Say why nothing can be sent."""
        return "a recording answers nobody: serve the app to send to it"

    def close(self) -> None:
        """Stop, and let go of the file."""
        self.stop()
        self._reader.join()

    def _chunks(self, file: BinaryIO) -> Iterator[list[Record]]:
        if self._only is None:
            return read_chunks(file, self._decoder)
        return records_of(file, *self._only, self._decoder)

    def _rest(self) -> tuple[list[Record], bool]:
        rest, cut = self._decoder.finish()
        return (rest, cut) if self._only is None else ([], False)

    def _let_go(self) -> str | None:
        """Say that `--keep` has let go of its beginning, if it has."""
        first = 1 if self.header is None else self.header.kept_from
        return None if first == 1 else KEPT_FROM.format(first - 1)

    def _read(self) -> None:
        try:
            with self._file as file:
                for records in self._chunks(file):
                    self.header = self._decoder.header
                    self._at = _position(file)
                    self._records.put(records)
                    if self._stopping:
                        return
                rest, cut = self._rest()
                self.header = self._decoder.header
                self._records.put(rest)
                self._problem = CUT_OFF if cut else self._let_go()
        except TraceError as error:
            self.header = self._decoder.header
            self._records.put(error.before)
            self._problem = f"{self.title}: {error}"
            self.failed = True
        except OSError as error:
            self._problem = f"{self.title} can't be read: {error.strerror}"
            self.failed = True
        finally:
            self._records.close()


def _wanted(path: Path, request: int) -> tuple[Index, int]:
    found = index(path)
    if request not in found.requests:
        known = sorted(found.requests)
        numbers = f"{known[0]} to {known[-1]}" if known else "none"
        raise TraceError(
            f"there is no request {request} in {path.name}: it has {numbers}"
        )
    return found, request


def _position(file: BinaryIO) -> int:
    """How far the file itself was read, compressed or not."""
    return os.lseek(file.fileno(), 0, os.SEEK_CUR)
