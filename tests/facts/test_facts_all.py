"""Every fact has its test, and what it says of events is held against it."""

import ast
import re
from collections import Counter
from pathlib import Path

import facts_kit
import pytest
from facts_kit import Story

from tracer.events import Tick
from tracer.views.facts import facts

HERE = Path(__file__).parent


def numbers() -> Counter[str]:
    """The facts that a test here is named after."""
    found = [
        re.match(r"test_([fn]\d+)_", each.name)
        for file in HERE.glob("test_facts_*.py")
        for each in ast.parse(file.read_text()).body
        if isinstance(each, ast.FunctionDef)
    ]
    return Counter(each[1].upper() for each in found if each)


def test_every_fact_that_can_be_seen_has_one_test() -> None:
    seen = {each.number: 1 for each in facts("en") if each.seen}

    assert numbers() == seen


def test_a_kind_counts_only_if_there_was_such_an_event() -> None:
    story = Story([Tick(1, 2, 3, 4, t=0, thread="loop")])

    facts_kit.LOOKED.clear()
    assert story.of("tick", counter=2) == []
    assert story.of("tick.headers") == []
    assert set() == facts_kit.LOOKED
    assert len(story.of("tick", counter=1)) == 1
    assert {"tick"} == facts_kit.LOOKED


def test_what_is_asked_for_once_may_not_come_twice() -> None:
    ticks = [Tick(n, 0, 0, 0, t=n, thread="loop") for n in (1, 2)]

    with pytest.raises(ValueError, match="too many"):
        Story(ticks).one("tick")
