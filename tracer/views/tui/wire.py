"""The bytes of a request and its response, as they went over the wire."""

from collections.abc import Hashable, Iterable
from typing import ClassVar

from tracer.events import Bytes, DataReceived, TransportWrite
from tracer.model.safe import hexdump
from tracer.views.tui.moment import Moment
from tracer.views.tui.pieces import Line, many, millis
from tracer.views.tui.rows import Rows, played_of

WAYS = {
    "in": ("◄ in  ", "connection"),
    "out": ("► out ", "good"),
}
SIDE, EACH = 9, 4
"""Cells of a dump line beside its bytes, and those of each byte."""
ACROSS = (16, 12, 8)
"""Bytes in a line, by preference."""


class Wire(Rows):
    """A hex dump of what was read and written so far."""

    TAIL = True
    HELP: ClassVar[str] = """
### Bytes

What came in (`◄`) and went out (`►`), up to the playhead. A read or a write
is noted with its size at once; its text follows when it has been parsed,
since only then secrets are known. Secret values are blotted out, and of
bodies the first 1024 bytes are kept.
"""

    def key(self, moment: Moment) -> Hashable:
        return tuple(
            played_of(moment, "bytes", "data_received", "transport.write")
        )

    def rows(self, moment: Moment, width: int) -> Iterable[Line]:
        fitting = (n for n in ACROSS if SIDE + EACH * n <= width)
        across = next(fitting, ACROSS[-1])
        for record in moment.played:
            at = millis(record.t - moment.began, 7)
            match record:
                case DataReceived():
                    head = f"read {many(record.n, 'byte')}"
                    yield (
                        ("◄ in  ", "connection"),
                        (head, "strong"),
                        (at, "muted"),
                    )
                case TransportWrite():
                    head = f"write {many(record.n, 'byte')} ({record.of})"
                    yield (("► out ", "good"), (head, "strong"), (at, "muted"))
                case Bytes():
                    yield from _dump(record, across)
                case _:
                    pass


def _dump(record: Bytes, across: int) -> Iterable[Line]:
    way, look = WAYS[record.direction]
    said = f"{record.of}, {many(record.n, 'byte')}"
    if (shown := len(record.text)) != record.n:
        said += f", {shown} shown"
    yield ((way, look), (said, "muted"))
    for line in hexdump(record.text, across):
        offset, dump = line[:6], line[6:]
        yield (
            (offset, "faint"),
            (dump[: 2 + across * 3], look),
            (dump[2 + across * 3 :], ""),
        )
