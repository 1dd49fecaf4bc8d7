"""A recording becomes a table of its requests, and one request's own records.

A million events take seconds to fold; who wants one request out of them
reads the file once for this table, and folds what concerns that request.
"""

import operator
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from tracer.events.log import (
    CHUNK,
    Decoder,
    Record,
    TraceError,
    open_trace,
    read_pieces,
)

PREAMBLE = frozenset(
    {
        "app.snapshot",
        "listen.bound",
        "loop.created",
        "server.config",
        "server.started",
        "source",
        "stack.built",
    }
)
"""Kinds that stand once in a recording and are about all of its requests."""


class Slim(msgspec.Struct, frozen=True, gc=False):
    """Of a line only what the table needs; all else is passed over."""

    kind: str
    t: int = 0
    conn: int | None = None
    req: int | None = None
    method: str | None = None
    path: str | None = None
    status: int | None = None


Range = tuple[int, int]


@dataclass(slots=True)
class Entry:
    """One request in the table.

    Attributes:
        req: Its number.
        conn: Its connection's number, or None.
        first: When its first event was, in nanoseconds of the trace.
        last: The same of its last one.
        events: How many it has.
        method: As in its scope; None: the scope is not in the recording.
        path: The same.
        status: Of the response; None: none began.
        begin: Where in the file its first event is near, in bytes.
        end: Where its last event is over.
    """

    req: int
    conn: int | None
    first: int
    begin: int
    last: int = 0
    end: int = 0
    events: int = 0
    method: str | None = None
    path: str | None = None
    status: int | None = None


@dataclass(slots=True)
class Index:
    """What stands in a recording, and where.

    Attributes:
        requests: Each request that has an event, in order of their first.
        kinds: How many events of each kind there are.
        opened: Between which bytes each connection's first event stands.
        begins: The same for what concerns all requests, see `PREAMBLE`.
        events: How many there are.
        cut_off: Whether the last line was not whole, and is left out.
    """

    requests: dict[int, Entry] = field(default_factory=dict)
    kinds: Counter[str] = field(default_factory=Counter)
    opened: dict[int, Range] = field(default_factory=dict)
    begins: list[Range] = field(default_factory=list)
    events: int = 0
    cut_off: bool = False


_slim = msgspec.json.Decoder(Slim)
_kind = operator.attrgetter("kind")


def index(path: Path) -> Index:
    """Read a recording, plain or gzip, and give the table.

    Memory grows with its requests, not with its events.

    Raises:
        OSError: It can't be read.
        TraceError: It is no recording, or has a broken line.

    Source: ours.
    """
    made = Index()
    with open_trace(path) as file:
        for at, lines in _pieces(file, made):
            _enter(made, at, at + len(lines), _decode(lines, made.events))
    return made


def _pieces(file: BinaryIO, made: Index) -> Iterator[tuple[int, bytes]]:
    """Give whole lines, and where they begin; the header is checked."""
    at, rest = 0, b""
    header = Decoder()
    for data in read_pieces(file):
        data = rest + data  # noqa: PLW2901  # what was cut off in front
        cut = data.rfind(b"\n") + 1
        rest = data[cut:]
        lines = data[:cut]
        start = at
        at += cut
        if header.header is None and lines:
            first = lines.index(b"\n") + 1
            header.feed(lines[:first])
            lines = lines[first:]
            start += first
        if lines:
            yield start, lines
    if header.header is None:
        header.feed(rest)
        header.finish()  # which says what is wrong with it
    elif rest:
        try:
            _slim.decode(rest)
        except msgspec.DecodeError:
            made.cut_off = True
        else:
            yield at, rest


def _decode(lines: bytes, before: int) -> list[Slim]:
    try:
        return _slim.decode_lines(lines)
    except msgspec.DecodeError:
        return [
            _decode_line(line, before + number)
            for number, line in enumerate(lines.splitlines(), 2)
        ]


def _decode_line(line: bytes, number: int) -> Slim:
    """Read a line of which not all at once could be read.

    A later version's event may have a field of another type under a name
    that stands in `Slim`.
    """
    try:
        return _slim.decode(line)
    except msgspec.DecodeError:
        pass
    try:
        found: Any = msgspec.json.decode(line)
    except msgspec.DecodeError as error:
        raise TraceError(f"line {number} is broken: {error}", number) from error
    if not isinstance(found, dict) or not isinstance(found.get("kind"), str):
        raise TraceError(f"line {number} is no event", number)
    kept = {key: found[key] for key in ("kind", "t", "conn", "req")}
    return msgspec.convert(kept, Slim, strict=False)


def _enter(made: Index, begin: int, end: int, records: list[Slim]) -> None:
    made.events += len(records)
    kinds = Counter(map(_kind, records))
    made.kinds.update(kinds)
    if not PREAMBLE.isdisjoint(kinds):
        made.begins.append((begin, end))
    requests, opened = made.requests, made.opened
    for record in records:
        req = record.req
        if req is None:
            conn = record.conn
            if conn is not None and conn not in opened:
                opened[conn] = begin, end
            continue
        entry = requests.get(req)
        if entry is None:
            entry = Entry(req, record.conn, record.t, begin)
            requests[req] = entry
        entry.events += 1
        entry.end = end
        # What a worker thread said may be written later than it happened.
        entry.last = max(entry.last, record.t)
        if record.status is not None and record.kind == "response.start":
            entry.status = record.status
        elif record.path is not None and record.kind == "scope.built":
            entry.method, entry.path = record.method, record.path


def records_of(
    file: BinaryIO, made: Index, req: int, decoder: Decoder
) -> Iterator[list[Record]]:
    """Give the records of one request, and those it can't be told without.

    These are: the recording's preamble, how its connection began, and what
    happened between its first event and its last to nobody or to its
    connection.

    Args:
        file: The recording, from its beginning.
        made: Its table.
        req: The request's number.
        decoder: Reads it; gets the header first.

    Raises:
        KeyError: There is no such request.
        OSError: The file can't be read.
        TraceError: It is another file than the one that was indexed.
    """
    entry = made.requests[req]
    conn = entry.conn
    ranges = [*made.begins, (entry.begin, entry.end)]
    if conn is not None and conn in made.opened:
        ranges.append(made.opened[conn])

    def concerns(record: Record) -> bool:
        if record.kind in PREAMBLE or record.req == req:
            return True
        if record.req is not None:
            return False
        if record.conn is not None:
            return record.conn == conn and record.t <= entry.last
        return entry.first <= record.t <= entry.last

    decoder.feed(file.readline())
    for begin, end in _merged(ranges):
        file.seek(begin)
        left = end - begin
        while left > 0 and (data := file.read(min(left, CHUNK))):
            left -= len(data)
            found = decoder.feed(data)
            yield [each for each in found if concerns(each)]
    # A last line without its newline.
    yield [each for each in decoder.finish()[0] if concerns(each)]


def _merged(ranges: list[Range]) -> list[Range]:
    """Order ranges, and make one of those that meet."""
    merged: list[Range] = []
    for begin, end in sorted(ranges):
        if merged and begin <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((begin, end))
    return merged
