"""A known head keeps its h11 event, and what h11 refuses stays refused."""

from typing import Any, cast

import h11
import pytest

from tracer.capture.server.head import Header, response_event

HEADERS: list[Header] = [(b"content-length", b"2"), (b"x-known-head", b"1")]


def test_the_same_head_is_the_same_event_and_another_one_is_not() -> None:
    first = response_event(200, HEADERS)

    assert response_event(200, list(HEADERS)) is first
    assert response_event(201, HEADERS).status_code == 201
    assert response_event(200, HEADERS[:1]).headers.raw_items() == HEADERS[:1]


def test_a_status_that_only_equals_a_known_one_is_refused() -> None:
    response_event(200, HEADERS)

    with pytest.raises(h11.LocalProtocolError, match="must be integer"):
        response_event(cast("Any", 200.0), HEADERS)


def test_headers_that_are_lists_are_taken_as_h11_takes_them() -> None:
    pairs = cast("list[Header]", [[b"x-list", b"1"]])

    assert response_event(200, pairs).headers.raw_items() == [(b"x-list", b"1")]


def test_an_illegal_header_is_refused_each_time() -> None:
    for _ in range(2):
        with pytest.raises(h11.LocalProtocolError, match="Illegal header"):
            response_event(200, [(b"x", b"a\nb")])
