"""`asgi-trace facts`: the checklist that it prints, and its table.

Whether a trace shows what the table says is seen in `tests/facts`.
"""

import json
from pathlib import Path

import pytest

from tracer.cli import main
from tracer.events import KINDS
from tracer.views.explain import load
from tracer.views.facts import Fact, choose, facts

ROOT = Path(__file__).parent.parent
NUMBERS = [f"F{n}" for n in range(1, 101)] + [f"N{n}" for n in range(1, 13)]


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> pytest.CaptureFixture[str]:
    return capsys


def test_every_number_stands_in_the_table_in_every_language() -> None:
    for lang in ("en", "zh"):
        assert [each.number for each in facts(lang)] == NUMBERS


def test_every_kind_that_is_named_exists() -> None:
    named = {kind for each in facts("en") for kind in each.seen}

    assert named - set(KINDS) == set()


def test_only_what_is_history_is_seen_nowhere() -> None:
    unseen = [each.number for each in facts("en") if not each.seen]

    assert unseen == ["F85"]


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_today_is_told_where_the_article_differs_and_only_there(
    lang: str,
) -> None:
    def differs(fact: Fact) -> bool:
        return fact.verdict not in {"holds", "left out"}

    told = [each.number for each in facts(lang) if each.today is not None]

    assert told == [each.number for each in facts(lang) if differs(each)]


def test_what_explanations_say_of_the_article_is_about_such_a_fact() -> None:
    differs = {each.number for each in facts("en") if each.today is not None}

    named = {
        f"F{number}" for kind in KINDS for number in load("en").facts(kind)
    }
    assert named
    assert named - differs == set()


def test_as_many_are_right_half_right_and_wrong_as_was_found() -> None:
    verdicts = [each.verdict for each in facts("en")]

    assert {each: verdicts.count(each) for each in verdicts} == {
        "holds": 51,
        "half": 24,
        "changed": 14,
        "wrong": 10,
        "asked": 1,
        "left out": 12,
    }


def test_every_version_that_is_named_stands_in_the_changelog() -> None:
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")

    for version in {each.since for each in facts("en")}:
        # One that is not out yet stands under "Unreleased".
        released = f"## {version}" in changes
        assert released or f'version = "{version}"' in project


def test_one_fact_is_printed_with_what_is_true_today(
    printed: pytest.CaptureFixture[str],
) -> None:
    assert main(["facts", "F44", "--lang", "en"]) == 0

    assert printed.readouterr().out == (
        "F44   changed    path is the decoded target; root_path is a key"
        " beside it.\n"
        "      today      root_path stands in front of both path and"
        " raw_path.\n"
        "      seen in    bytes, scope.built\n"
        "      since      0.1.0\n"
    )


def test_columns_fit_in_chinese_too(
    printed: pytest.CaptureFixture[str],
) -> None:
    assert main(["facts", "F54", "--lang", "zh"]) == 0

    assert printed.readouterr().out == (
        "F54   错误       EndOfMessage 表示 ASGI 执行完成。\n"
        "      今天       它表示请求已到齐。对 GET 来说应用还没有开始。\n"
        "      见于       h11.event, run_asgi.start\n"
        "      始于       0.1.0\n"
    )


def test_history_says_so(printed: pytest.CaptureFixture[str]) -> None:
    assert main(["facts", "85", "--lang", "en"]) == 0

    assert "nothing: it is history" in printed.readouterr().out


def test_all_are_printed_in_order(printed: pytest.CaptureFixture[str]) -> None:
    assert main(["facts", "--lang", "en"]) == 0

    first, *lines = printed.readouterr().out.splitlines()
    assert first.startswith("112 facts ")
    assert [each.split()[0] for each in lines if each[:1] in {"F", "N"}] == (
        NUMBERS
    )


def test_numbers_are_taken_as_people_write_them() -> None:
    found = choose(["n3", "46", "f1"], "en")

    assert [each.number for each in found] == ["F1", "F46", "N3"]


def test_json_holds_the_same(printed: pytest.CaptureFixture[str]) -> None:
    assert main(["facts", "F17", "--json", "--lang", "zh"]) == 0

    told = json.loads(printed.readouterr().out)
    (fact,) = choose(["F17"], "zh")
    assert told == {
        "format": "asgi-trace-facts/1",
        "lang": "zh",
        "facts": [
            {
                "number": "F17",
                "verdict": "half",
                "says": fact.says,
                "today": fact.today,
                "seen": [
                    {"kind": "tick", "title": "心跳 tick"},
                    {"kind": "loop.blocked", "title": "循环被阻塞"},
                ],
                "since": "0.1.0",
            }
        ],
    }


@pytest.mark.parametrize("number", ["F101", "N0", "x", "-"])
def test_a_number_that_is_none_gets_a_sentence(
    number: str, printed: pytest.CaptureFixture[str]
) -> None:
    assert main(["facts", number]) == 2

    assert printed.readouterr().err == (
        f"asgi-trace: there is no fact {number.upper()}: they are F1 to F100"
        " and N1 to N12\n"
    )
