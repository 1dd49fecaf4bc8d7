"""The filter grammar: what is read, what fits, and what is refused."""

import pytest
from msgspec.structs import replace

from tracer.events import RouteMatch, Tick
from tracer.model.filter import Filter, FilterError, Term, parse_filter
from tracer.model.requests import Outcome, Request
from tracer.model.times import Times


def request(**changes: object) -> Request:
    plain = Request(
        number=7,
        conn=2,
        times=Times(arrived=0),
        method="GET",
        path="/items/42",
        status=404,
        route="GET /items/{id}",
    )
    return replace(plain, **changes)


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", ()),
        ("/items/*", (Term("path", ("/items/*",)),)),
        ("4xx", (Term("status", ("4??",)),)),
        ("404,500", (Term("status", ("404", "500")),)),
        ("GET", (Term("method", ("GET",)),)),
        ("method=get", (Term("method", ("GET",)),)),
        ("!path=/", (Term("path", ("/",), wanted=False),)),
        ("!/", (Term("path", ("/",), wanted=False),)),
        ("req=7 conn=2", (Term("req", ("7",)), Term("conn", ("2",)))),
        ("send.*", (Term("kind", ("send.*",)),)),
        ("layer=h11,cycle", (Term("layer", ("h11", "cycle")),)),
    ],
)
def test_a_filter_is_terms(text: str, terms: tuple[Term, ...]) -> None:
    chosen = parse_filter(text)
    assert (*chosen.requests, *chosen.events) == terms
    assert bool(chosen) is bool(terms)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("colour=red", "no filter key 'colour': the keys are path, status"),
        ("path=", "the filter 'path=' has no value after 'path'"),
        ("status=,", "has no value after 'status'"),
        ("sendd.*", "no event has the kind 'sendd.*'"),
        ("kind=nope", "no event has the kind 'nope'"),
    ],
)
def test_a_filter_that_makes_no_sense_says_why(text: str, says: str) -> None:
    with pytest.raises(FilterError, match=r"^[^\n]+$") as caught:
        parse_filter(text)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("/items/*", True),
        ("/items", False),
        ("4xx", True),
        ("5xx,404", True),
        ("!4xx", False),
        ("GET /items/* 404", True),
        ("POST /items/* 404", False),
        ("req=7", True),
        ("conn=3", False),
        ("route=/items/{id}", True),
    ],
)
def test_all_terms_must_hold(text: str, fits: bool) -> None:
    assert parse_filter(text).wants_request(request()) is fits


def test_a_status_is_judged_when_it_is_known() -> None:
    chosen = parse_filter("4xx")
    assert chosen.needs_status
    running = request(status=None)
    assert chosen.judge(running) is None
    assert chosen.judge(request(status=404)) is True
    assert chosen.judge(request(status=200)) is False
    over = request(status=None, outcome=Outcome.LEFT)
    assert chosen.judge(over) is False
    assert parse_filter("!4xx").judge(over) is True


def test_what_is_known_to_be_unwanted_needs_not_wait() -> None:
    running = request(status=None)
    assert parse_filter("/other 4xx").judge(running) is False
    assert parse_filter("/items/* 4xx").judge(running) is None
    unparsed = request(method="", path="", status=None, route="")
    assert parse_filter("/items/*").judge(unparsed) is None
    assert parse_filter("route=/x").judge(request(route="")) is False


def test_events_are_chosen_by_kind_layer_and_thread() -> None:
    match = RouteMatch("/x", "FULL", t=1, thread="loop", turn=5)
    tick = Tick(1, 0, 0, 0, t=1, thread="loop")
    chosen = parse_filter("route.*")
    assert chosen.names_events
    assert chosen.wants_event(match)
    assert not chosen.wants_event(tick)
    assert parse_filter("layer=server").wants_event(tick)
    assert parse_filter("!kind=tick").wants_event(match)
    assert not parse_filter("!kind=tick").names_events
    assert not parse_filter("turn=5").wants_event(tick)
    assert Filter().wants_event(tick)
