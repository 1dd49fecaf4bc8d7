"""The table of a recording, against what a plain reading of it gives."""

import functools
import gzip
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracer.events import (
    Accept,
    EofReceived,
    Header,
    LoopSelect,
    ResponseStart,
    ScopeBuilt,
    ServerRun,
    Source,
)
from tracer.events.index import PREAMBLE, Entry, index, records_of
from tracer.events.log import Decoder, Record, TraceError, encode, open_trace

TEAHOUSE = Path(__file__).parents[1] / "model" / "teahouse.jsonl"
HEADER = Header(
    started="2025-01-01T00:00:00+00:00",
    clock="test",
    clock0=0,
    pid=1,
    app="app:app",
    versions={},
    redacted=(),
)


def plain(path: Path) -> list[Record]:
    decoder = Decoder()
    with open_trace(path) as file:
        records = decoder.feed(file.read())
    return records + decoder.finish()[0]


def told(path: Path, req: int) -> list[Record]:
    with open_trace(path) as file:
        pieces = list(records_of(file, index(path), req, Decoder()))
    return [record for piece in pieces for record in piece]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_the_table_of_a_real_recording(
    tmp_path: Path, pack: type[bytes]
) -> None:
    path = tmp_path / "out.jsonl"
    path.write_bytes(pack(TEAHOUSE.read_bytes()))
    records = plain(path)

    made = index(path)

    assert made.events == len(records)
    assert made.kinds == Counter(each.kind for each in records)
    assert not made.cut_off
    scopes = {
        each.req: (each.conn, each.method, each.path)
        for each in records
        if isinstance(each, ScopeBuilt)
    }
    answers = {
        each.req: each.status
        for each in records
        if isinstance(each, ResponseStart)
    }
    rows = {
        each.req: (each.conn, each.method, each.path)
        for each in made.requests.values()
    }
    assert rows == scopes
    assert answers == {
        each.req: each.status
        for each in made.requests.values()
        if each.status is not None
    }
    for entry in made.requests.values():
        own = [each for each in records if each.req == entry.req]
        assert entry.events == len(own)
        assert entry.first == own[0].t
        assert entry.last == max(each.t for each in own)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_one_request_comes_with_what_it_cannot_be_told_without(
    tmp_path: Path, pack: type[bytes]
) -> None:
    path = tmp_path / "out.jsonl"
    path.write_bytes(pack(TEAHOUSE.read_bytes()))
    entry = index(path).requests[3]

    def concerns(each: Record) -> bool:
        if each.kind in PREAMBLE or each.req == 3:
            return True
        if each.req is not None:
            return False
        if each.conn is not None:
            return each.conn == entry.conn and each.t <= entry.last
        return entry.first <= each.t <= entry.last

    assert told(path, 3) == [each for each in plain(path) if concerns(each)]


numbers = st.one_of(st.none(), st.integers(1, 5))
events = st.builds(
    lambda cls, conn, req: (cls, conn, req),
    st.sampled_from(["accept", "source", "receive", "start", "select"]),
    numbers,
    numbers,
)


def made_of(some: list[tuple[str, int | None, int | None]]) -> list[Record]:
    make: dict[str, Callable[..., Record]] = {
        "accept": functools.partial(Accept, "127.0.0.1:1", 7),
        "source": functools.partial(Source, 1, "a.py", 1, "f", "é" * 90),
        "receive": EofReceived,
        "start": functools.partial(ResponseStart, 201, ()),
        "select": functools.partial(LoopSelect, 1, (), None),
    }
    return [
        make[kind](t=t, thread="loop", conn=conn, req=req)
        for t, (kind, conn, req) in enumerate(some)
    ]


@given(st.lists(events, max_size=40))
def test_any_records_are_counted_and_found_again(
    tmp_path_factory: pytest.TempPathFactory,
    some: list[tuple[str, int | None, int | None]],
) -> None:
    records = made_of(some)
    path = tmp_path_factory.mktemp("index") / "out.jsonl"
    path.write_bytes(encode([HEADER, *records]))

    made = index(path)

    assert made.events == len(records)
    asked = {each.req for each in records if each.req is not None}
    assert set(made.requests) == asked
    for req in asked:
        own = [each for each in told(path, req) if each.req == req]
        assert own == [each for each in records if each.req == req]
        begun = any(each.kind == "response.start" for each in own)
        assert made.requests[req].status == (201 if begun else None)


def test_a_recording_without_requests(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_bytes(encode([HEADER, ServerRun(7, t=1, thread="loop")]))

    made = index(path)

    assert (made.events, made.requests) == (1, {})
    assert made.kinds == {"server.run": 1}


@pytest.mark.parametrize("cut", [1, 2, 30])
def test_a_last_line_that_is_not_whole(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "out.jsonl"
    records = made_of([("receive", 1, 1), ("receive", 1, 1)])
    path.write_bytes(encode([HEADER, *records])[:-cut])

    made = index(path)

    # Without its newline alone it is whole.
    assert made.cut_off == (cut > 1)
    assert made.requests[1].events == (1 if cut > 1 else 2)
    assert told(path, 1) == records[: made.requests[1].events]


def test_a_field_that_a_later_version_writes_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    later = {"kind": "later", "t": 1, "conn": 1, "req": 4, "status": "fine"}
    line = msgspec.json.encode(later) + b"\n"
    path.write_bytes(encode([HEADER]) + line)

    made = index(path)

    [entry] = made.requests.values()
    size = len(encode([HEADER]))
    assert entry == Entry(4, 1, 1, size, last=1, end=size + len(line), events=1)


@pytest.mark.parametrize(
    ("bytes_", "said"),
    [
        (b"", "the file is empty, so it is no trace"),
        (b"{}\n", "this is no asgi-trace recording"),
        (b"nothing", "this is no asgi-trace recording"),
    ],
)
def test_what_is_no_recording(tmp_path: Path, bytes_: bytes, said: str) -> None:
    path = tmp_path / "out.jsonl"
    path.write_bytes(bytes_)
    with pytest.raises(TraceError, match=said):
        index(path)


@pytest.mark.parametrize("line", [b"{", b"[]", b'{"kind":1,"t":1}', b"\xff"])
def test_a_broken_line_is_named_by_its_number(
    tmp_path: Path, line: bytes
) -> None:
    path = tmp_path / "out.jsonl"
    good = encode(made_of([("receive", 1, 1)]))
    path.write_bytes(encode([HEADER]) + good + line + b"\n" + good)
    with pytest.raises(TraceError, match=r"^line 3 is") as caught:
        index(path)
    assert caught.value.line == 3
