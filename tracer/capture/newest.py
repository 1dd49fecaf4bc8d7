"""A recording of which only the newest part is kept: lines in, one file out.

Once the file has grown, a second one is begun beside it, with the header and
the source places that came before, and both are written. Once that has grown
too, it takes the first one's name, in one step. So the file is a whole
recording at every moment, however its writer ends; and nothing is ever copied.

With a number of bytes, the file holds between half of them and all; with a
time, what was said in so many seconds, and up to twice of that. The second
file takes at most as much as half of the first.
"""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic

import msgspec

from tracer.capture.frames import Keep
from tracer.capture.outlet import File, open_record
from tracer.events import Header

SUFFIX = ".next"
"""What the second file's name has at its end."""

_SOURCE = re.compile(rb'^\{"kind":"source",.*\n', re.MULTILINE)
_PARTS = 16  # of what is kept, at most one is written at a time


class Newest:
    """A sink, see `outlet`, that lets go of what is old."""

    def __init__(
        self,
        fd: int,
        path: str,
        keep: Keep,
        *,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """Take over a file that is open and empty.

        Args:
            fd: The file.
            path: Where it stands; no link.
            keep: How much of it to keep.
            clock: Gives seconds.
        """
        self._path = path
        self._beside = path + SUFFIX
        self._keep = keep
        self._clock = clock
        self._header: Header | None = None
        self._sources: list[bytes] = []
        self._file = self._new(fd)
        self._begun = clock()
        self._next: File | None = None
        self._next_begun = 0.0

    def write(self, lines: bytes) -> None:
        for piece in self._pieces(lines):
            if self._header is not None:
                self._turn_over(piece)
            self._learn(piece)
            self._file.write(piece)
            if self._next is not None:
                self._next.write(piece)

    def close(self) -> None:
        self._file.close()
        if self._next is not None:
            self._next.close()
            Path(self._beside).unlink()

    def _new(self, fd: int) -> File:
        return File(fd, compress=self._path.endswith(".gz"))

    def _pieces(self, lines: bytes) -> Iterator[bytes]:
        """Cut off so much at a time that no file grows far beyond its size."""
        most = len(lines)
        if self._keep.bytes is not None:
            most = self._keep.bytes // _PARTS
        at = 0
        while at < len(lines):
            end = lines.rfind(b"\n", at, at + most) + 1
            end = end or lines.find(b"\n", at) + 1
            yield lines[at:end]
            at = end

    def _learn(self, piece: bytes) -> None:
        """Keep what every file needs: the header, the source places."""
        self._sources += _SOURCE.findall(piece)
        if self._header is None:
            first, _, _ = piece.partition(b"\n")
            self._header = msgspec.json.decode(first, type=Header)

    def _turn_over(self, piece: bytes) -> None:
        """Begin the second file, or let it take the place of the first."""
        if self._next is None:
            if self._has_grown(self._file, self._begun):
                self._begin(piece)
        elif self._has_grown(self._next, self._next_begun):
            os.replace(self._beside, self._path)  # noqa: PTH105
            self._file.close()
            self._file, self._begun = self._next, self._next_begun
            self._next = None

    def _has_grown(self, file: File, begun: float) -> bool:
        size, seconds = self._keep.bytes, self._keep.seconds
        if size is not None and file.size >= size // 2:
            return True
        return seconds is not None and self._clock() - begun >= seconds

    def _begin(self, piece: bytes) -> None:
        first, _, _ = piece.partition(b"\n")
        seq = msgspec.json.decode(first)["seq"]
        assert self._header is not None
        header = msgspec.structs.replace(self._header, kept_from=seq)
        self._next = self._new(open_record(self._beside))
        self._next_begun = self._clock()
        self._next.write(
            b"".join([msgspec.json.encode(header), b"\n", *self._sources])
        )
