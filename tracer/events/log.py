"""Events to lines and back: one format, live in a pipe and at rest in a file.

A line is a JSON object. The first one is the header. Nothing here knows
what an event means.
"""

import gzip
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Union, cast

import msgspec

from tracer.events import FORMAT, KINDS, Event, Header, Unknown

Record = Event | Unknown
"""What a reader gets: an event, or one of a kind that it doesn't know."""

LONGEST_LINE = 64 * 1024 * 1024
"""Bytes; a longer line is no event of ours, and would fill the memory."""

_encoder = msgspec.json.Encoder()
_decode_event: msgspec.json.Decoder[Event] = msgspec.json.Decoder(
    cast("type[Event]", Union[tuple(KINDS.values())])  # noqa: UP007
)
_decode_header = msgspec.json.Decoder(Header)
_decode_any: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


class TraceError(Exception):
    """A trace that can't be read, and why: one sentence for its user.

    Attributes:
        line: Number of the line at fault, from 1; None when it is the whole.
        before: Records that stood before it and were not given yet.
    """

    def __init__(self, sentence: str, line: int | None = None) -> None:
        super().__init__(sentence)
        self.line = line
        self.before: list[Record] = []


def encode(records: Iterable[Record | Header]) -> bytes:
    """Write records as lines, each ended by a newline.

    Lone surrogates, which UTF-8 can't carry, are written escaped, as
    `backslashreplace` does: nothing that a traced program says can stop its
    log.

    Source: ours.
    """
    if not isinstance(records, list):
        records = list(records)
    plain: Sequence[object] = records
    # Looked for one by one, they would cost a third of all the time.
    if Unknown in set(map(type, records)):
        plain = [_plain(each) for each in records]
    try:
        return _encoder.encode_lines(plain)
    except UnicodeEncodeError:
        return b"".join(_encode_carefully(each) for each in records)


def _plain(record: Record | Header) -> object:
    return record.fields if isinstance(record, Unknown) else record


def _encode_carefully(record: Record | Header) -> bytes:
    try:
        return _encoder.encode(_plain(record)) + b"\n"
    except UnicodeEncodeError:
        clean = without_surrogates(msgspec.to_builtins(_plain(record)))
        return _encoder.encode(clean) + b"\n"


def without_surrogates(value: object) -> object:
    """Escape the lone surrogates in all texts of a plain value.

    Source: Unicode, section 3.9, D92 (surrogates are not encodable).
    """
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode("utf-8")
        case dict():
            return {
                without_surrogates(key): without_surrogates(each)
                for key, each in value.items()
            }
        case list() | tuple():
            return [without_surrogates(each) for each in value]
        case _:
            return value


class Decoder:
    """Bytes in, records out; the bytes may be cut anywhere.

    Attributes:
        header: Line 1, once it has come.
        lines: Complete lines read so far.
    """

    def __init__(self) -> None:
        self.header: Header | None = None
        self.lines = 0
        self._rest = b""

    def feed(self, data: bytes) -> list[Record]:
        """Take more bytes; give the records that are complete with them.

        Raises:
            TraceError: A line that is no header, no event and no JSON object;
                it carries the records before it in `data`.
        """
        if b"\n" not in data:
            self._rest += data
            if len(self._rest) > LONGEST_LINE:
                raise TraceError(
                    f"line {self.lines + 1} is longer than"
                    f" {LONGEST_LINE >> 20} MiB, which no trace line is",
                    self.lines + 1,
                )
            return []
        *whole, self._rest = (self._rest + data).split(b"\n")
        records: list[Record] = []
        for line in whole:
            self.lines += 1
            if self.header is None:
                self.header = _read_header(line)
            else:
                records.append(self._read(line, records))
        return records

    def _read(self, line: bytes, before: list[Record]) -> Record:
        try:
            return _read_record(line, self.lines)
        except TraceError as error:
            error.before = before
            raise

    def finish(self) -> tuple[list[Record], bool]:
        """Say that no more bytes will come.

        Returns:
            The records of a last line that is whole but for its newline, and
            whether a last line was cut off and had to be left out.

        Raises:
            TraceError: There was nothing at all, or not even a header.
        """
        rest, self._rest = self._rest, b""
        if self.header is None:
            if not rest:
                raise TraceError("the file is empty, so it is no trace")
            self.header = _read_header(rest)
            return [], False
        if not rest:
            return [], False
        try:
            record = _read_record(rest, self.lines + 1)
        except TraceError:
            return [], True
        self.lines += 1
        return [record], False


def _read_header(line: bytes) -> Header:
    try:
        found = _decode_any.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        found = None
    if not isinstance(found, dict) or found.get("kind") != "trace":
        raise TraceError(
            "this is no asgi-trace recording: its first line is no header"
            ' like {"kind":"trace",...}',
            1,
        )
    if found.get("format") != FORMAT:
        raise TraceError(
            f"this recording has the format {str(found.get('format'))[:40]!r},"
            f" and this version reads {FORMAT!r}: upgrade asgi-trace",
            1,
        )
    try:
        return _decode_header.decode(line)
    except msgspec.ValidationError as error:
        raise TraceError(f"line 1 is no valid header: {error}", 1) from error


def _read_record(line: bytes, number: int) -> Record:
    try:
        return _decode_event.decode(line)
    except msgspec.ValidationError as error:
        if (unknown := _unknown(line)) is not None:
            return unknown
        raise TraceError(
            f"line {number} is no event: {error}", number
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise TraceError(f"line {number} is broken: {error}", number) from error


def _unknown(line: bytes) -> Unknown | None:
    """The event of a kind that we don't know, if it is one."""
    try:
        found = _decode_any.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    kind = found.get("kind") if isinstance(found, dict) else None
    if not isinstance(kind, str) or kind in KINDS or kind == "trace":
        return None
    return Unknown(kind=kind, fields=found)


CHUNK = 1 << 18
"""Bytes read from a file at a time."""


def open_trace(path: Path) -> BinaryIO:
    """Open a recording, plain or gzip (by its first bytes, not its name).

    Raises:
        OSError: It can't be opened.
    """
    with path.open("rb") as file:
        magic = file.read(2)
    if magic == b"\x1f\x8b":
        return cast("BinaryIO", gzip.open(path))
    return path.open("rb")


def read_pieces(file: BinaryIO) -> Iterator[bytes]:
    """Read a recording's bytes piece by piece, as they come.

    Raises:
        TraceError: The gzip file is damaged.
        OSError: The file can't be read.
    """
    while True:
        try:
            # read1 and not read, which would lose what it has gathered when
            # it comes to the missing end of a gzip stream.
            data = file.read1(CHUNK)  # type: ignore[attr-defined]  # both have it
        except EOFError:
            return  # no end, as kill -9 leaves it
        except (gzip.BadGzipFile, zlib.error) as error:
            raise TraceError(f"the gzip file is damaged: {error}") from error
        if not data:
            return
        yield data


def read_chunks(file: BinaryIO, decoder: Decoder) -> Iterator[list[Record]]:
    """Read a recording piece by piece, for callers that show progress.

    The last piece may end in a cut-off line, which is left out: ask
    `decoder.finish` for that.

    Raises:
        TraceError: As `Decoder.feed`; also for a damaged gzip file.
        OSError: The file can't be read.
    """
    for data in read_pieces(file):
        yield decoder.feed(data)
