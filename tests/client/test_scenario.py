"""Scenarios are data: what they become, and what is refused with a sentence."""

import string
from pathlib import Path
from typing import Any

import h11
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracer.client.frame import frame, split
from tracer.client.scenario import (
    Parameters,
    Scenario,
    checked,
    choose,
    clean_target,
    load_scenarios,
    scenarios,
)
from tracer.client.script import (
    Close,
    Raw,
    ReadResponse,
    ScriptError,
    Send,
    Wait,
)

WHOLE = """
[scenario.two-at-once]
en = "Two."
zh = "两个。"
uses = { count = 2, gap = 0.5, size = 3 }
steps = [
  { repeat = "$count", steps = [
    { do = "send", conn = "c$i", target = "$target", size = "$size" },
    { do = "wait", units = "$gap" },
  ] },
  { do = "raw", conn = "a", text = "$$5 for $host: $filler" },
]
"""


def scenario(*steps: dict[str, Any], **uses: object) -> Scenario:
    return Scenario("Some.", "一些。", steps, choose(**uses))


def test_parameters_are_put_into_the_steps(tmp_path: Path) -> None:
    file = tmp_path / "s.toml"
    file.write_text(WHOLE)
    found = load_scenarios(file)["two-at-once"]

    assert found.play("/x?$y", "h:1", choose(size=4)) == (
        Send(conn="c1", target="/x?$y", size=4),
        Wait(0.5),
        Send(conn="c2", target="/x?$y", size=4),
        Wait(0.5),
        Raw(conn="a", text="$5 for h:1: xxxx"),
    )


def test_a_count_that_it_does_not_use_means_the_whole_so_often() -> None:
    steps = (
        {"do": "send", "conn": "a", "target": "$target"},
        {"do": "read_response", "conn": "a"},
    )

    assert (
        scenario(*steps).play("/", "h", choose(count=2))
        == (
            Send(conn="a", target="/"),
            ReadResponse(conn="a"),
            Close(conn="a"),
        )
        * 2
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[scenario", "is no script: Expected ']'"),
        ("", "has no [scenario.NAME]"),
        ("scenario = 1", "has no [scenario.NAME]"),
        (WHOLE.replace("two-at-once", "Two_At"), "'Two_At' is no name like"),
        (WHOLE.replace("$host", "$i"), "$i is nothing that it knows: $count,"),
        (WHOLE.replace("zh", "de"), "contains unknown field `de`"),
        (WHOLE.replace("gap = 0.5", "gap = -1"), ">= 0.0 - at `$.uses.gap`"),
        (WHOLE.replace('"$count"', '"$gap"'), "0.5 is no number of times"),
        (WHOLE.replace('"$count"', "true"), "True is no number of times"),
        (WHOLE.replace('"$count"', "0"), "0 is no number of times"),
        (WHOLE.replace('"$count"', "9000"), "it has more than 10000 steps"),
        (WHOLE.replace("steps = [\n    {", "more = 1, steps = [\n    {"),
         "a repeat has `steps` and nothing else"),
        (WHOLE.replace('"send"', '"shout"'), "Invalid value 'shout'"),
        (WHOLE.replace("$$5", "\\u20ac"), "matching regex"),
    ],
)  # fmt: skip
def test_what_is_no_scenario_is_refused_with_the_reason(
    text: str, sentence: str, tmp_path: Path
) -> None:
    file = tmp_path / "s.toml"
    file.write_text(text)

    with pytest.raises(ScriptError) as caught:
        load_scenarios(file)

    assert sentence in str(caught.value)
    assert str(caught.value).startswith(str(file))


@pytest.mark.parametrize(
    ("name", "target", "count", "sentence"),
    [
        ("sing", "/", 0, "there is no scenario 'sing', only get, head, "),
        ("get", "x", 0, "'x' is no target: it begins with '/'"),
        ("get", "", 0, "'' is no target: it begins with '/'"),
        ("get", "/", 1001, "count can't be 1001: Expected `int` <= 1000"),
        ("get", "/", -1, "count can't be -1: Expected `int` >= 1"),
    ],
)
def test_a_wish_that_makes_no_sense_is_a_sentence(
    name: str, target: str, count: int, sentence: str
) -> None:
    with pytest.raises(ScriptError) as caught:
        checked(name, target, count)

    assert str(caught.value).startswith(sentence)


def test_a_parameter_that_it_has_not_is_refused() -> None:
    with pytest.raises(ScriptError, match="this scenario has no reset, size"):
        scenario().play("/", "h", choose(size=1, reset=True))


def test_each_says_what_it_shows_in_both_languages() -> None:
    for each in scenarios().values():
        assert each.en.isascii()
        assert each.en.endswith((".", "?"))
        assert each.zh.endswith(("。", "？"))
        assert each.zh != each.en


TEXT = st.text(st.characters(codec="utf-8"), max_size=30)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT
    | st.sampled_from(["$i", "$count", "$x", "$$", "send", "repeat"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["do", "conn", "target", "repeat", "steps", "n"]),
        inner, max_size=4,
    ),
)  # fmt: skip


@given(st.lists(st.dictionaries(TEXT, VALUES, max_size=4), max_size=3), VALUES)
def test_any_file_is_steps_or_a_sentence(
    steps: list[dict[str, Any]], repeated: object
) -> None:
    steps.append({"repeat": repeated, "steps": steps[:]})
    try:
        made = scenario(*steps, count=2).play("/", "h", Parameters())
    except ScriptError:
        return
    assert all(isinstance(each, msgspec.Struct) for each in made)


@given(TEXT)
def test_no_parameter_becomes_a_parameter(text: str) -> None:
    """What a user asks for is put in once, and not looked at again."""
    step = {"do": "send", "conn": "a", "target": "$target"}
    made = scenario(step, count=2).play(text, "$target", Parameters())

    assert made == (Send(conn="a", target=text),)


@given(TEXT)
def test_any_target_may_be_sent(text: str) -> None:
    target = clean_target("/" + text)

    assert target.isascii()
    assert not set(target) & set(string.whitespace + "#\x00\x7f")
    h11.Request(method="GET", target=target, headers=[("host", "h")])


def test_a_target_is_encoded_as_browsers_do() -> None:
    assert clean_target("/茶 1?q=a b&c=%20#top") == (
        "/%E8%8C%B6%201?q=a%20b&c=%20"
    )


@given(st.binary(max_size=50), st.integers(1, 60))
def test_parts_are_all_of_it_and_none_is_empty(data: bytes, n: int) -> None:
    writes = split(data, n, "part")

    assert b"".join(each.data for each in writes) == data
    assert len(writes) == max(1, min(n, len(data)))
    assert all(each.data for each in writes) or not data


@given(st.integers(0, 300), st.integers(1, 7), st.none() | st.integers(0, 9))
def test_a_request_in_parts_is_the_same_request(
    size: int, pieces: int, stop: int | None
) -> None:
    step = Send("a", "/", "POST", size=size, pieces=pieces)
    part = msgspec.structs.replace(step, stop_after=stop)
    whole = b"".join(each.data for each in frame(step, "h"))
    sent = b"".join(each.data for each in frame(part, "h"))

    head, _, body = whole.partition(b"\r\n\r\n")
    assert body == b"x" * size
    assert (b"Content-Length: %d" % size in head) is (size > 0)
    assert whole.startswith(sent)
    assert sent.startswith(head)
    if stop is None or stop >= min(pieces, size):
        assert sent == whole


def test_steps_for_the_demo_still_mean_the_same() -> None:
    step = Send("a", "/teas", "POST", {"content-type": "x"}, ("{", "}"))

    writes = [(each.data, each.what) for each in frame(step, "h:1")]
    assert writes == [
        (
            b"POST /teas HTTP/1.1\r\nHost: h:1\r\n"
            b"User-Agent: asgi-trace-client\r\ncontent-type: x\r\n"
            b"Content-Length: 2\r\n\r\n{",
            "head and body 1 of 2",
        ),
        (b"}", "body 2 of 2"),
    ]
