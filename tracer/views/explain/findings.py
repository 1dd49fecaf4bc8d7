"""A finding becomes one plain sentence; its rule, what to do about it.

The texts stand in `findings.en.toml` and its sisters. They are filled as the
sentences of the events are.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType, SimpleNamespace

from tracer.model.findings import RULES, Finding
from tracer.views.explain import LANGUAGES, load, sentences_of
from tracer.views.explain.sentence import (
    Choice,
    Safe,
    Sentence,
    Words,
    fill,
    parse,
    pick,
)


@dataclass(frozen=True, slots=True)
class Advice:
    """What there is to say about one rule.

    Source: ours.
    """

    title: str
    """Two to five words."""
    now: Sentence | Choice[Sentence]
    """What was found, with slots for the finding's facts."""
    do: str
    """What to do about it."""


@dataclass(frozen=True, slots=True)
class FindingTexts:
    """Everything that can be said of findings in one language.

    Source: ours.
    """

    lang: str
    words: Words
    rules: Mapping[str, Advice]

    def title(self, rule: str) -> str:
        """Two to five words for a rule."""
        return self.rules[rule].title

    def now(self, finding: Finding, safe: Safe = str) -> str:
        """One sentence for this very case, on one line.

        Args:
            finding: Its facts need not be safe.
            safe: Makes each text among them harmless before it is put in.
        """
        about = self.rules[finding.rule]
        facts = SimpleNamespace(**finding.facts)
        sentence = pick(about.now, facts)
        if sentence is None:
            return about.title
        return fill(sentence, facts, self.words, safe)

    def what_to_do(self, rule: str) -> str:
        """One paragraph."""
        return self.rules[rule].do

    def explains(self, rule: str) -> str:
        """The kind whose explanation says more."""
        return RULES[rule].explains


@cache
def load_findings(lang: str) -> FindingTexts:
    """Read a language's file, once; English for any other language."""
    if lang not in LANGUAGES:
        return load_findings(LANGUAGES[0])
    told = load(lang)
    file = resources.files(__package__) / f"findings.{lang}.toml"
    data = tomllib.loads(file.read_text("utf-8"))
    rules = {
        rule: Advice(
            title=each["title"],
            now=sentences_of(each["now"], parse),
            do=told.between.join(each["do"].split("\n")).strip(),
        )
        for rule, each in data.items()
    }
    return FindingTexts(lang, told.words, MappingProxyType(rules))
