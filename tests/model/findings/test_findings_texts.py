"""Each rule has its texts in every language, and they tell the facts."""

import pytest
from findings_cases import of_case

from tracer.model.findings import RULES
from tracer.model.safe import safe
from tracer.views.explain import LANGUAGES
from tracer.views.explain.findings import load_findings
from tracer.views.explain.sentence import Choice, Sentence, Slot


@pytest.mark.parametrize("lang", LANGUAGES)
def test_each_rule_is_told_of_and_nothing_else(lang: str) -> None:
    assert load_findings(lang).rules.keys() == RULES.keys()


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("rule", RULES)
def test_a_sentence_says_facts_that_there_are(rule: str, lang: str) -> None:
    say = load_findings(lang)
    one = of_case(rule)
    about = say.rules[rule]
    assert {slot.field for slot in slots(about.now)} <= one.facts.keys()
    assert say.now(one, safe)
    assert say.what_to_do(rule).endswith((".", "。"))
    assert "  " not in say.what_to_do(rule)
    assert say.title(rule)


def slots(said: Sentence | Choice[Sentence]) -> list[Slot]:
    if isinstance(said, Choice):
        return [each for case in said.cases.values() for each in slots(case)]
    return [part for part in said if isinstance(part, Slot)]


def test_a_sentence_is_harmless_whatever_the_app_said() -> None:
    one = of_case("app-exception")
    hostile = {**one.facts, "message": "a\x1b[31m\nb{type}"}
    said = load_findings("en").now(
        type(one)(one.rule, one.severity, 1, 1, one.proofs, hostile), safe
    )
    assert "\x1b" not in said
    assert "\n" not in said
    assert "{type}" in said


def test_another_language_falls_back_to_english() -> None:
    assert load_findings("xx") == load_findings("en")


def test_a_block_that_nobody_saw_blames_nobody() -> None:
    one = of_case("loop-blocked")
    facts = {**one.facts, "culprit": "", "many": False}
    said = load_findings("en").now(
        type(one)(one.rule, one.severity, 1, 1, one.proofs, facts), safe
    )
    assert said.startswith("One turn held the loop for ")
    assert said.endswith("over before anybody could look by whom")
