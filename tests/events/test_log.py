"""Events to lines and back, whatever they say and wherever they are cut."""

import gzip
import io
import types
import typing
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracer.events import FORMAT, KINDS, AppOutput, Event, Header, Tick, Unknown
from tracer.events.log import (
    Decoder,
    Record,
    TraceError,
    encode,
    open_trace,
    read_chunks,
)

HEADER = Header(
    started="2025-01-01T00:00:00+00:00",
    clock="test",
    clock0=7,
    pid=1,
    app="app:app",
    versions={"python": "3"},
    redacted=("cookie",),
)
INTEGERS = st.integers(-(2**63), 2**63 - 1)


def of_type(wanted: object) -> st.SearchStrategy[object]:
    """Values of an event's field, as its annotation says."""
    parts = typing.get_args(wanted)
    match typing.get_origin(wanted) or wanted:
        case typing.Literal:
            return st.sampled_from(parts)
        case typing.Union | types.UnionType:
            return st.one_of([of_type(each) for each in parts])
        case builtin if builtin is tuple and parts[-1] is ...:
            return st.lists(of_type(parts[0]), max_size=3).map(tuple)
        case builtin if builtin is tuple:
            return st.tuples(*[of_type(each) for each in parts])
        case builtin if builtin is dict:
            return st.dictionaries(st.text(), of_type(parts[1]), max_size=3)
        case builtin if builtin is int:
            return INTEGERS
        case builtin if builtin is float:
            return st.floats(allow_nan=False, allow_infinity=False)
        case builtin if builtin is types.NoneType:
            return st.none()
        case builtin:
            assert builtin in {str, bool}, builtin
            return st.text() if builtin is str else st.booleans()


def event_of(kind: type[Event]) -> st.SearchStrategy[Event]:
    hints = typing.get_type_hints(kind)
    return st.builds(
        kind,
        **{
            each.name: of_type(hints[each.name])
            for each in msgspec.structs.fields(kind)
        },
    )


EVENTS = st.sampled_from(sorted(KINDS.values(), key=lambda kind: kind.__name__))
ANY = EVENTS.flatmap(event_of)


def read(data: bytes) -> tuple[list[Record], bool]:
    decoder = Decoder()
    records = decoder.feed(data)
    rest, cut = decoder.finish()
    assert decoder.header == HEADER
    return records + rest, cut


@settings(max_examples=40)
@given(st.lists(ANY, max_size=5))
def test_what_was_written_is_read(events: list[Record]) -> None:
    assert read(encode([HEADER, *events])) == (events, False)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@settings(max_examples=10)
@given(st.data())
def test_each_kind_comes_back_as_itself(
    kind: type[Event], data: st.DataObject
) -> None:
    event = data.draw(event_of(kind))

    assert read(encode([HEADER, event])) == ([event], False)


@settings(max_examples=40)
@given(st.lists(ANY, max_size=4), st.data())
def test_any_cut_of_the_bytes_reads_the_same(
    events: list[Record], data: st.DataObject
) -> None:
    whole = encode([HEADER, *events])
    cuts = sorted(data.draw(st.sets(st.integers(0, len(whole)), max_size=9)))
    decoder = Decoder()

    found: list[Record] = []
    for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        found += decoder.feed(whole[start:end])

    assert found == events
    assert decoder.finish() == ([], False)


@settings(max_examples=40)
@given(st.lists(ANY, min_size=1, max_size=3), st.data())
def test_a_log_that_ends_anywhere_gives_all_its_whole_lines(
    events: list[Record], data: st.DataObject
) -> None:
    head, body = encode([HEADER]), encode(events)
    end = data.draw(st.integers(0, len(body)))

    found, cut = read(head + body[:end])

    whole = body[:end].count(b"\n")
    # A last line that lacks only its newline is whole, too.
    assert found in (events[:whole], events[: whole + 1])
    assert not (cut and len(found) > whole)


@given(st.dictionaries(st.text(), st.integers(0, 9) | st.text(), max_size=4))
def test_a_kind_of_tomorrow_is_kept_as_it_is(
    fields: dict[str, object],
) -> None:
    fields = {**fields, "kind": "from.tomorrow"}
    event = Unknown(kind="from.tomorrow", fields=fields)

    (found,), _ = read(encode([HEADER, event]))

    assert found == event
    assert encode([found]) == encode([event])


def test_lone_surrogates_are_written_escaped_and_stop_nothing() -> None:
    said = AppOutput("stdout", "a\udc80b", t=1, thread="loop")
    tick = Tick(1, 2, 3, 4, t=2, thread="loop")

    assert read(encode([HEADER, said, tick]))[0] == [
        AppOutput("stdout", "a\\udc80b", t=1, thread="loop"),
        tick,
    ]


def test_a_broken_line_is_named_and_what_stood_before_it_is_given() -> None:
    tick = Tick(1, 2, 3, 4, t=2, thread="loop")
    data = encode([HEADER, tick, tick]) + b'{"kind":"tick",\n'

    with pytest.raises(TraceError, match="line 4 is broken") as caught:
        Decoder().feed(data)

    assert caught.value.line == 4
    assert caught.value.before == [tick, tick]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (b'{"kind":"tick","t":1}', "line 2 is no event: .*missing"),
        (b"[1]", "line 2 is no event"),
        (b"\xff\xfe", "line 2 is broken"),
        (b'{"kind":"trace"}', "line 2 is no event"),
        (b"", "line 2 is broken"),
        (b"[" * 100_000, "line 2 is no event"),
    ],
)
def test_what_is_no_event_is_an_error_with_its_number(
    line: bytes, sentence: str
) -> None:
    with pytest.raises(TraceError, match=sentence):
        Decoder().feed(encode([HEADER]) + line + b"\n")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "the file is empty"),
        (b"hello\n", "this is no asgi-trace recording"),
        (b'{"kind":"tick"}\n', "this is no asgi-trace recording"),
        (b"[" * 100_000 + b"\n", "this is no asgi-trace recording"),
        (b'{"kind":"\xff"}\n', "this is no asgi-trace recording"),
        (
            encode([HEADER]).replace(FORMAT.encode(), b"asgi-trace/9"),
            "the format 'asgi-trace/9', and this version reads",
        ),
        (
            f'{{"kind":"trace","format":"{FORMAT}"}}\n'.encode(),
            "line 1 is no valid header",
        ),
    ],
)
def test_what_is_no_recording_says_why(data: bytes, sentence: str) -> None:
    with pytest.raises(TraceError, match=sentence):
        read(data)


def read_file(path: Path) -> list[Record]:
    decoder = Decoder()
    with open_trace(path) as file:
        found = [each for some in read_chunks(file, decoder) for each in some]
    return found + decoder.finish()[0]


def test_a_compressed_recording_without_its_end_gives_all_of_it(
    tmp_path: Path,
) -> None:
    ticks: list[Record] = [
        Tick(n, 2, 3, 4, t=n, thread="loop") for n in range(20_000)
    ]
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb") as file:
        file.write(encode([HEADER, *ticks]))
        file.flush()
        killed = packed.getvalue()
    path = tmp_path / "out.jsonl.gz"

    path.write_bytes(killed)
    assert read_file(path) == ticks

    path.write_bytes(packed.getvalue())
    assert read_file(path) == ticks


def test_a_damaged_compressed_recording_says_so(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl.gz"
    packed = bytearray(gzip.compress(encode([HEADER]) * 50))
    packed[12:40] = bytes(28)
    path.write_bytes(packed)

    with pytest.raises(TraceError):
        read_file(path)
