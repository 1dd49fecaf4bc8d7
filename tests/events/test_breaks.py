"""Breakpoints as they are written: understood, or refused in a sentence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracer.events import KINDS
from tracer.events.breaks import HOLDABLE, NEAREST, kinds_of, parse_break
from tracer.events.terms import FilterError, Term


def test_a_breakpoint_names_a_stage_and_may_ask_for_more() -> None:
    terms = parse_break("endpoint.enter path=/items/* method=get name=read")

    assert terms == (
        Term("kind", ("endpoint.enter",)),
        Term("path", ("/items/*",)),
        Term("method", ("GET",)),
        Term("name", ("read",)),
    )
    assert kinds_of(terms) == {"endpoint.enter"}


def test_a_kind_may_be_any_of_several_and_not_some() -> None:
    terms = parse_break("send.*,receive.call !send.return /a")

    assert kinds_of(terms) == {"send.call", "receive.call"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "a breakpoint begins with the kind"),
        ("/items", "a breakpoint begins with the kind"),
        ("!send.call", "a breakpoint begins with the kind"),
        ("send.call !send.*", "no kind is left"),
        ("route.match", "the nearest stage that can is route.handle"),
        ("h11.*", "the nearest stage that can is data_received"),
        ("tick", "nobody can be held at tick; it is possible at data_re"),
        ("endpoint.entre", "no event has the kind 'endpoint.entre'"),
        ("endpoint.enter status=404", "no breakpoint key 'status': the keys"),
        ("endpoint.enter turn=7", "no breakpoint key 'turn'"),
        ("endpoint.enter path=", "the breakpoint 'path=' has no value"),
        ("data_received path=/a", "no path is known yet: break at run_asgi"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_reason(
    text: str, said: str
) -> None:
    with pytest.raises(FilterError, match=said.replace("*", r"\*")):
        parse_break(text)


def test_each_stage_without_an_await_names_one_that_has_it() -> None:
    assert set(HOLDABLE) < set(KINDS)
    assert set(NEAREST) < set(KINDS)
    assert set(NEAREST.values()) < set(HOLDABLE)
    assert not set(NEAREST) & set(HOLDABLE)


words = st.one_of(
    st.sampled_from([*KINDS, "send.*", "*", "!send.*", "path=/a", "name=x"]),
    st.text("!=.*/,a4 ", max_size=6),
)


@given(st.lists(words, max_size=4).map(" ".join))
def test_whatever_is_written_is_read_or_refused(text: str) -> None:
    try:
        kinds = kinds_of(parse_break(text))
    except FilterError:
        return
    assert kinds <= set(HOLDABLE)
    assert kinds
