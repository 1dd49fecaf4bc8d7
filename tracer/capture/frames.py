"""What passes between the traced process and its recorder, piece by piece.

A frame is a length and so many bytes. The first one is `Start`, each further
one a flat list of rows, see `rows`.
"""

import msgspec

from tracer.events import Header

_LENGTH = 4  # bytes, of the length of a frame


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

    def feed(self, data: bytes) -> list[bytes]:
        """Take more bytes; give the frames that are complete with them."""
        rest = self._rest
        rest += data
        found: list[bytes] = []
        at = 0
        while len(rest) - at >= _LENGTH:
            begin = at + _LENGTH
            end = begin + int.from_bytes(rest[at:begin], "big")
            if end > len(rest):
                break
            found.append(bytes(rest[begin:end]))
            at = end
        del rest[:at]
        return found
