"""Each shape that is used to smuggle gets what RFC 9112 says of it."""

# ruff: noqa: ANN401  (apps pass through here)

import itertools
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rfc_exceptions import RFC_EXCEPTIONS
from server_wire import Wire, uvicorn_wire, wire
from smuggling import ENDLESS, SECOND, SHAPES, Heard, Shape

from tracer.capture.server import connection

Open = Callable[[Any], AbstractContextManager[Wire]]


def asked(open_wire: Open, *reads: bytes) -> tuple[Heard, list[bytes], bool]:
    """Give what the app was asked, the answers, and whether it was closed."""
    heard: list[tuple[str, str, bytes]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message["body"]
            more = message["more_body"]
        heard.append((scope["method"], scope["path"], body))
        headers = [(b"content-length", b"0")]
        start = {"type": "http.response.start", "status": 200}
        await send({**start, "headers": headers})
        await send({"type": "http.response.body"})

    with open_wire(app) as opened:
        opened.receives(*reads)
        assert opened.errors == []
        answers = re.findall(rb"HTTP/1.1 (\d+)", opened.written)
        return tuple(heard), answers, opened.transport.closing


def expected(shape: Shape) -> tuple[Heard, list[bytes], bool]:
    answers = [b"200"] * len(shape.heard) or [b"400"]
    return shape.heard, answers, shape.closed


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("shape", SHAPES, ids=lambda each: each.name)
def test_it_is_read_as_the_rfc_says_or_refused(
    shape: Shape, known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "KNOWN", known and connection.KNOWN)
    assert asked(wire, shape.data + SECOND) == expected(shape)


@settings(max_examples=200)
@given(st.sampled_from(SHAPES), st.data())
def test_it_is_so_in_reads_cut_anywhere(shape: Shape, draw: Any) -> None:
    data = shape.data + SECOND
    place = st.integers(0, len(data))
    cuts = sorted(draw.draw(st.lists(place, min_size=1, max_size=5)))
    reads = [
        data[begin:end]
        for begin, end in itertools.pairwise([0, *cuts, len(data)])
        if end > begin
    ]
    assert asked(wire, *reads) == expected(shape)


@pytest.mark.parametrize("name", ENDLESS)
def test_what_never_ends_is_refused_before_it_is_whole(name: str) -> None:
    data = ENDLESS[name]
    reads = [data[at : at + 1000] for at in range(0, len(data), 1000)]
    assert asked(wire, *reads) == ((), [b"400"], True)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda each: each.name)
def test_uvicorn_does_so_too_or_it_stands_in_the_list(shape: Shape) -> None:
    theirs = asked(uvicorn_wire, shape.data + SECOND)
    assert (theirs == expected(shape)) == shape.uvicorn


def test_each_exception_has_its_section_in_the_list() -> None:
    sections = {
        found[0]
        for each in SHAPES
        if not each.uvicorn
        and (found := re.search(r"\d\.\d(\.\d)?", each.section))
    }
    listed = " ".join(each.rule for each in RFC_EXCEPTIONS)
    assert {each for each in sections if each not in listed} == set()
