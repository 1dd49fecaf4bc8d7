"""What labels are said to fit and to cover, Starlette agrees with."""

import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from starlette.routing import compile_path

from tracer.model.findings.paths import covers, fits


@pytest.mark.parametrize(
    ("first", "later"),
    [
        ("GET /a", "GET /a"),
        ("GET /{a}", "GET /b"),
        ("GET /{a}", "GET /{b:int}"),
        ("GET,POST /{a}", "GET /b"),
        ("/{a}", "GET /b"),
        ("GET /{a:path}", "GET /b/c/{d}"),
        ("GET /a/{b:path}", "GET /a/"),
        ("GET /{a:int}", "GET /12"),
        ("GET /v{a}", "GET /v{b}"),
        ("Mount /a", "GET /a/b"),
        ("Mount /a", "Mount /a"),
        ("Mount /a", "Mount /a/b"),
        ("Mount /a", "WebSocket /a/b"),
        ("Mount", "GET /"),
        ("Mount", "Mount /a"),
        ("WebSocket /{a}", "WebSocket /b"),
    ],
)
def test_a_wider_route_covers_a_narrower(first: str, later: str) -> None:
    assert covers(first, later)


@pytest.mark.parametrize(
    ("first", "later"),
    [
        ("GET /a", "GET /b"),
        ("GET /a", "POST /a"),
        ("GET /a", "GET,POST /a"),
        ("GET /a", "/a"),
        ("GET /a", "HEAD /a"),
        ("GET /{a:int}", "GET /b"),
        ("GET /{a:int}", "GET /{b}"),
        ("GET /{a}", "GET /b/c"),
        ("GET /{a}", "GET /"),
        ("GET /{a}", "GET /{b:path}"),
        ("GET /{a}", "GET /{b:mine}"),
        ("GET /{a:mine}", "GET /b"),
        ("GET /a/{b:path}", "GET /a"),
        ("GET /v{a}", "GET /v1"),
        ("Mount /a", "GET /a"),
        ("Mount /a", "GET /ab"),
        ("Mount /a/b", "Mount /a"),
        ("GET /a", "Mount /a"),
        ("WebSocket /a", "GET /a"),
        ("GET /a", "WebSocket /a"),
        ("Host a.example", "GET /"),
        ("router /a", "GET /a/b"),
        ("GET /a", "router /a"),
    ],
)
def test_nothing_else_is_said_to_be_covered(first: str, later: str) -> None:
    assert not covers(first, later)


PART = st.sampled_from(
    ["a", "b", "7", "{x}", "{x:int}", "{x:path}", "{x:uuid}", "{x:float}",
     "a{x}", "{x:int}.{y}"]
)  # fmt: skip
TEMPLATES = st.lists(PART, min_size=1, max_size=3).map(
    lambda parts: "/" + "/".join(
        part.replace("x", f"x{at}").replace("y", f"y{at}")
        for at, part in enumerate(parts)
    )
)  # fmt: skip
VALUES = {
    "str": ["a", "7", "é-x"],
    "int": ["7", "42"],
    "path": ["", "a", "a/b"],
    "float": ["1", "1.5"],
    "uuid": ["0123456789abcdef0123456789abcdef"],
}


@st.composite
def paths(draw: st.DrawFn, template: str) -> str:
    def value(field: re.Match[str]) -> str:
        return draw(st.sampled_from(VALUES[field[1] or "str"]))

    return re.sub(r"\{\w+(?::(\w+))?\}", value, template)


@st.composite
def alike(draw: st.DrawFn, template: str) -> str:
    """A template whose parts are those of another, or quite different."""
    parts = template.split("/")[1:]
    return "/" + "/".join(
        each if draw(st.booleans()) else draw(PART).replace("x", f"z{at}")
        for at, each in enumerate(parts)
    )


@given(TEMPLATES, st.data())
@settings(max_examples=150)
def test_what_is_covered_the_first_really_takes(
    first: str, data: st.DataObject
) -> None:
    later = data.draw(alike(first))
    assume(covers(f"GET {first}", f"GET {later}"))
    path = data.draw(paths(later))
    assert compile_path(first)[0].match(path)


@given(TEMPLATES, TEMPLATES, st.data())
@settings(max_examples=300)
def test_what_fits_is_what_starlette_matches(
    template: str, other: str, data: st.DataObject
) -> None:
    path = data.draw(paths(template) | paths(other))
    taken = compile_path(template)[0].match(path) is not None
    assert fits(f"GET {template}", path) is taken
