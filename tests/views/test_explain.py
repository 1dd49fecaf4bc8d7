"""The explanations: whole in every language, true to the events, harmless."""

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any

import pytest
from msgspec import inspect

from tracer.events import KINDS
from tracer.views.explain import LANGUAGES, load, pick_language
from tracer.views.explain.sentence import Choice, Sentence, Slot, Words

RESERVED = {"words", "units", "items", "unknown"}
PARTS = {"title", "now", "why", "source"}
MAY_BE = {"also", "article", "facts"}

DIFFERING = {
    1, 3, 4, 6, 8, 9, 10, 11, 14, 15, 17, 18, 20, 22, 24, 25, 28, 29, 30, 31,
    32, 33, 35, 36, 37, 38, 44, 46, 47, 50, 52, 53, 54, 56, 59, 68, 81, 83,
    84, 85, 87, 88, 89, 92, 94, 97, 98, 99, 100,
}  # fmt: skip
"""Facts of the article that are half true, old, wrong or an open question."""


def raw(lang: str) -> dict[str, Any]:
    file = resources.files("tracer.views.explain") / f"{lang}.toml"
    return tomllib.loads(file.read_text("utf-8"))


def told(lang: str) -> dict[str, dict[str, Any]]:
    return {k: v for k, v in raw(lang).items() if k not in RESERVED}


def fields(kind: str) -> dict[str, inspect.Type]:
    info = inspect.type_info(KINDS[kind])
    assert isinstance(info, inspect.StructType)
    return {field.name: field.type for field in info.fields}


def columns(text: str) -> int:
    return sum(
        2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def sentences(said: Sentence | Choice[Sentence]) -> Iterator[Sentence]:
    if isinstance(said, Choice):
        for case in said.cases.values():
            yield from sentences(case)
    else:
        yield said


def choices(said: object) -> Iterator[Choice[Any]]:
    if isinstance(said, Choice):
        yield said
        for case in said.cases.values():
            yield from choices(case)


def shape(value: object) -> object:
    """What a translation must not change: keys, `by`, numbers, slots."""
    match value:
        case Mapping():
            return {
                key: each if key == "by" else shape(each)
                for key, each in value.items()
            }
        case str():
            return set(re.findall(r"\{[^}]*\}", value))
        case _:
            return value


# --- whole -------------------------------------------------------------------


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_kind_is_explained_and_nothing_else_is(lang: str) -> None:
    assert set(told(lang)) == set(KINDS)
    assert not RESERVED & set(KINDS)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_kind_lacks_a_part_and_none_has_a_strange_one(lang: str) -> None:
    wrong = {
        kind: set(parts) ^ PARTS - MAY_BE
        for kind, parts in told(lang).items()
        if not PARTS <= set(parts) <= PARTS | MAY_BE
    }

    assert wrong == {}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_part_is_empty_and_none_has_a_line_break(lang: str) -> None:
    explanations = load(lang)
    said = [
        text
        for kind in KINDS
        for text in (
            explanations.title(kind),
            explanations.why(kind),
            explanations.source(kind),
            explanations.article(kind),
        )
        if text is not None
    ]

    assert len(said) >= 3 * len(KINDS)
    assert [each for each in said if not each.strip() or "\n" in each] == []


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_paragraph_has_two_to_six_sentences(lang: str) -> None:
    ends = re.compile(r"[.?!]\)?(?: |$)" if lang == "en" else r"[。？！]")

    counted = {kind: len(ends.findall(load(lang).why(kind))) for kind in KINDS}

    assert {k: n for k, n in counted.items() if not 2 <= n <= 6} == {}


def test_titles_are_short() -> None:
    english = {kind: load("en").title(kind) for kind in KINDS}

    assert {t for t in english.values() if len(t.split()) > 4} == set()
    assert {
        title
        for lang in LANGUAGES
        for title in map(load(lang).title, KINDS)
        if columns(title) > 24
    } == set()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_a_sentence_says_by_itself_leaves_room_for_values(
    lang: str,
) -> None:
    fixed = {
        "".join(part if isinstance(part, str) else "  " for part in sentence)
        for each in load(lang).kinds.values()
        for sentence in sentences(each.now)
    }

    assert {text for text in fixed if columns(text) > 75} == set()


def test_the_languages_say_the_same_things() -> None:
    english, *others = map(told, LANGUAGES)

    for other in others:
        assert {
            kind for kind in KINDS if shape(english[kind]) != shape(other[kind])
        } == set()


def test_the_languages_know_the_same_words() -> None:
    english, *others = map(raw, LANGUAGES)

    for other in others:
        assert set(english["units"]) == set(other["units"])
        assert set(english["words"]) == set(other["words"])
        assert shape(english["items"]) == shape(other["items"])


# --- true to the events ------------------------------------------------------


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_slot_is_a_field_written_in_a_way_that_fits_it(
    lang: str,
) -> None:
    explanations = load(lang)
    wrong = [
        (kind, slot)
        for kind, each in explanations.kinds.items()
        for sentence in sentences(each.now)
        for slot in sentence
        if isinstance(slot, Slot)
        and not _fits(
            fields(kind).get(slot.field), slot.how, explanations.words
        )
    ]

    assert wrong == []


def _fits(field: inspect.Type | None, how: str, words: Words) -> bool:
    match field:
        case inspect.UnionType():
            real = [
                t for t in field.types if not isinstance(t, inspect.NoneType)
            ]
            return len(real) == 1 and _fits(real[0], how, words)
        case inspect.IntType():
            return how in {"", "number", "duration", *words.units}
        case inspect.FloatType():
            return how in {"", *words.units}
        case inspect.StrType() | inspect.LiteralType():
            return how == ""
        case inspect.VarTupleType() | inspect.DictType():
            return how in {"list", *words.units, *words.items}
        case _:
            return False


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_choice_has_a_case_for_every_value(lang: str) -> None:
    wrong = [
        (kind, choice.by, set(choice.cases))
        for kind, each in load(lang).kinds.items()
        for choice in choices(each.now)
        if not _covers(fields(kind).get(choice.by), set(choice.cases))
    ]

    assert wrong == []


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_is_said_of_some_values_is_said_of_real_ones(lang: str) -> None:
    wrong = [
        (kind, choice.by, case)
        for kind, each in load(lang).kinds.items()
        for said in (each.also, each.article)
        for choice in choices(said)
        for case in choice.cases
        if not {case, "else"} & _values(fields(kind)[choice.by])
    ]

    assert wrong == []


def _covers(field: inspect.Type | None, cases: set[str]) -> bool:
    values = _values(field) if field is not None else set()
    if "else" in values:
        return "else" in cases
    return cases == values


def _values(field: inspect.Type) -> set[str]:
    """All cases that a field's value can be; `else` stands for any other."""
    match field:
        case inspect.LiteralType():
            return {str(value) for value in field.values}
        case inspect.BoolType():
            return {"true", "false"}
        case inspect.NoneType():
            return {"none"}
        case inspect.UnionType():
            return set().union(*map(_values, field.types))
        case inspect.VarTupleType() | inspect.DictType():
            return {"empty", "else"}
        case _:
            return {"else"}


def test_the_article_is_corrected_wherever_it_differs_from_today() -> None:
    by_fact = {
        fact
        for kind in KINDS
        if load("en").article(kind)
        for fact in load("en").facts(kind)
    }

    assert by_fact == DIFFERING


@pytest.mark.parametrize("lang", LANGUAGES)
def test_an_article_and_its_facts_come_together(lang: str) -> None:
    explanations = load(lang)

    assert {
        kind
        for kind in KINDS
        if (explanations.article(kind) is None)
        == bool(explanations.facts(kind))
    } == set()
    assert all(
        1 <= fact <= 100 for kind in KINDS for fact in explanations.facts(kind)
    )


# --- which language ----------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "environ", "lang"),
    [
        (None, {}, "en"),
        (None, {"LANG": "zh_CN.UTF-8"}, "zh"),
        (None, {"LANG": "zh"}, "zh"),
        (None, {"LANG": "fr_FR.UTF-8"}, "en"),
        (None, {"LANG": "C.UTF-8"}, "en"),
        (None, {"LC_MESSAGES": "zh_CN", "LANG": "en_US.UTF-8"}, "zh"),
        (None, {"LC_ALL": "C", "LC_MESSAGES": "zh_CN"}, "en"),
        (None, {"LC_ALL": "", "LANG": "zh_CN"}, "zh"),
        ("zh", {"LC_ALL": "en_US.UTF-8"}, "zh"),
        ("zh-Hans", {}, "zh"),
        ("ZH", {}, "zh"),
        ("en", {"LANG": "zh_CN.UTF-8"}, "en"),
        ("tlh", {"LANG": "zh_CN.UTF-8"}, "en"),
    ],
)
def test_the_option_wins_then_the_locale(
    option: str | None, environ: dict[str, str], lang: str
) -> None:
    assert pick_language(option, environ) == lang


def test_a_file_is_read_once_and_other_languages_are_english() -> None:
    assert load("zh") is load("zh")
    assert load("../secret") is load("en")
    assert [load(lang).lang for lang in LANGUAGES] == list(LANGUAGES)


def test_nobody_can_change_what_was_loaded() -> None:
    explanations = load("en")

    with pytest.raises(TypeError):
        explanations.kinds["tick"] = explanations.unknown  # type: ignore[index] # that it can't be is the test
    with pytest.raises(AttributeError):
        explanations.lang = "zh"  # type: ignore[misc] # that it can't be is the test
