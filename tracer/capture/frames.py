"""What passes between the traced process and its recorder, piece by piece.

A frame is a length and so many bytes. The first one is `Start`, each further
one a flat list of rows, see `rows`.
"""

from collections.abc import Iterator

import msgspec

from tracer.events import Header

LONGEST = 128 << 20
"""Bytes; a length beyond that is none: somebody else has written there."""

_LENGTH = 4  # bytes, of the length of a frame


class SpoiltError(Exception):
    """What came is no frame: the app writes to a descriptor that isn't its.

    Attributes:
        line: How it begins, as a line that is none of a trace.
    """

    def __init__(self, found: bytes) -> None:
        super().__init__(found)
        self.line = found.split(b"\n")[0] + b"\n"


class Keep(msgspec.Struct, frozen=True):
    """How much of a recording is kept, its newest part: see `newest`."""

    bytes: int | None = None
    seconds: float | None = None


class Start(msgspec.Struct, frozen=True):
    """What a recorder is told first.

    Attributes:
        header: Line 1 of the trace.
        viewer: Whether somebody reads the trace from its standard output.
        record: Descriptor of the recording; None: there is none.
        path: Where the recording stands; `.gz` at its end: compressed.
        keep: None: all of it.
    """

    header: Header
    viewer: bool = False
    record: int | None = None
    path: str = ""
    keep: Keep | None = None

    def pack(self) -> bytes:
        """What the first frame holds."""
        return msgspec.msgpack.encode(self)


def read_start(frame: bytes) -> Start:
    """Read the first frame.

    Raises:
        msgspec.DecodeError: It is none.
    """
    return msgspec.msgpack.decode(frame, type=Start)


def framed(data: bytes) -> bytes:
    """Put its length in front."""
    return len(data).to_bytes(_LENGTH, "big") + data


class Frames:
    """Bytes in, cut anywhere; whole frames out."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take more bytes; give the frames that are complete with them.

        Raises:
            SpoiltError: There is something else after those that were given.
        """
        rest = self._rest
        rest += data
        at = 0
        while len(rest) - at >= _LENGTH:
            begin = at + _LENGTH
            length = int.from_bytes(rest[at:begin], "big")
            if length > LONGEST:
                raise SpoiltError(bytes(rest[at : at + 80]))
            if begin + length > len(rest):
                break
            at = begin + length
            yield bytes(rest[begin:at])
        del rest[:at]
