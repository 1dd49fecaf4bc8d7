"""What was said, as a row of plain values; rows become events elsewhere.

Making an event costs three times as much as making a tuple, and on the loop
each nanosecond counts. So a note says a row, and rows are joined to one flat
list. Who wants events makes them at once (`event_of`); a recording has them
made by another process (`recorder`).

A row is the code of its kind, the clock, turn, task, place, thread, connection
and request, and then the payload:

    (code_of(DataReceived, 1), 81_000, 12, 3, 7, "loop", 1, 2, 80)

An element of the list that is no code stands for itself: a whole event, or
one as the bytes of its line, where msgpack can't carry a value of it.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from tracer.events import KINDS, AppLog, Event

Row = tuple[Any, ...]

HEAD = 8
"""Values in front of the payload."""

THREAD = 5
"""Where the thread's name stands among them."""

_BITS = 5  # of a code, for the size of the payload
_MOST = (1 << _BITS) - 1
_CLASSES = tuple(KINDS.values())
_FIRST: dict[object, int] = {
    cls: number << _BITS for number, cls in enumerate(_CLASSES)
}

_pack = msgspec.msgpack.Encoder().encode


def codes_of(size: int) -> dict[object, int]:
    """The codes of all kinds, said with a payload of so many values."""
    return {cls: first | size for cls, first in _FIRST.items()}


def code_of(cls: object, size: int) -> int:
    """The code of a kind that is said with so many values, at most 31."""
    return _FIRST[cls] | size


def read_code(code: int) -> tuple[type[Event], int]:
    """The kind behind a code, and how many values its payload has here."""
    return _CLASSES[code >> _BITS], code & _MOST


def event_of(row: Sequence[Any], zero: int) -> Event:
    """Make the event that a row says.

    Args:
        row: One row.
        zero: What the clock said when the trace began.
    """
    code, t, turn, task, where, thread, conn, req, *payload = row
    cls: Callable[..., Event] = _CLASSES[code >> _BITS]
    return cls(
        *payload,
        t=t - zero,
        turn=turn,
        thread=thread,
        conn=conn,
        req=req,
        task=task,
        where=where,
    )


def split(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Cut a flat list into rows; a whole event is a row of one element."""
    at = 0
    while at < len(rows):
        code = rows[at]
        size = HEAD + (code & _MOST) if type(code) is int else 1
        yield rows[at : at + size]
        at += size


def time_of(rows: Sequence[Any], zero: int) -> int:
    """When the first of them was said, in nanoseconds of the trace."""
    first = rows[0]
    if type(first) is int:
        return int(rows[1]) - zero
    assert isinstance(first, Event)  # by whoever wrote it out
    return first.t


def pack(rows: Sequence[Any], zero: int) -> bytes:
    """Encode a flat list for another process.

    msgpack takes neither lone surrogates nor numbers of more than 64 bits;
    JSON does, in its way. What nothing can write costs only itself.
    """
    try:
        return _pack(rows)
    except Exception:  # noqa: BLE001  # whatever msgspec finds wrong
        careful: list[Any] = []
        for row in split(rows):
            try:
                _pack(row)
            except Exception:  # noqa: BLE001  # as above
                careful.append(_line(row, zero))
            else:
                careful += row
        return _pack(careful)


def _line(row: Sequence[Any], zero: int) -> bytes:
    """One event as its line; if that can't be, one that says so."""
    # Rarely needed; nobody is to wait for its import at the start.
    from tracer.events.log import encode  # noqa: PLC0415

    code = row[0]
    cls = read_code(code)[0] if type(code) is int else type(code)
    try:
        event = event_of(row, zero) if type(code) is int else code
        return encode([event])
    except Exception as error:  # noqa: BLE001  # said in the log instead
        sentence = (
            f"an event of the kind {cls.kind} could not be written:"
            f" {type(error).__name__}"
        )
        thread = row[THREAD] if type(code) is int else code.thread
        said = AppLog(
            "ERROR", "asgi_trace.writer", sentence,
            t=time_of(row, zero), thread=thread,
        )  # fmt: skip
        return encode([said])
