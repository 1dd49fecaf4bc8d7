"""An event becomes one plain sentence; its kind, the paragraph behind it.

What is said is data, one file a language: `en.toml` explains its own form.
`sentence` fills in the values. Here the files are read and asked. Nothing
here knows a screen, a model or a single kind.
"""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any, Final

from tracer.events.log import Record
from tracer.views.explain.sentence import (
    Choice,
    Safe,
    Sentence,
    T,
    Words,
    fill,
    parse,
    pick,
)

LANGUAGES: Final = ("en", "zh")
"""Languages that there is a file for; the first is everyone's fallback."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What there is to say about one kind.

    Source: ours.
    """

    title: str
    """Two to four words."""
    now: Sentence | Choice[Sentence]
    """What happened just now, with slots for the event's values."""
    why: str
    """Why it is so, and what people get wrong."""
    also: str | Choice[str] | None
    """More of that, for some values of a field."""
    source: str
    """Who says so: a section of a specification, a name in a program."""
    article: str | Choice[str] | None
    """Where the article that this tool follows differs from today."""
    facts: tuple[int, ...]
    """Numbers of the facts that `article` is about."""


@dataclass(frozen=True, slots=True)
class Explanations:
    """Everything that can be said in one language.

    Source: ours.
    """

    lang: str
    words: Words
    between: str
    """What stands between two paragraphs that are shown as one."""
    kinds: Mapping[str, Explanation]
    unknown: Explanation
    """For kinds that this version doesn't know."""

    def title(self, kind: str) -> str:
        """Two to four words for a kind."""
        return self._about(kind).title

    def now(self, event: Record, safe: Safe = str) -> str:
        """One sentence for what happened just now, on one line.

        Args:
            event: An event; its texts need not be safe.
            safe: Makes each text of the event harmless before it is put in.
        """
        about = self._about(event.kind)
        sentence = pick(about.now, event)
        if sentence is None:
            # A value that no version of the file knew: the title is true.
            return about.title
        return fill(sentence, event, self.words, safe)

    def why(self, kind: str, event: Record | None = None) -> str:
        """Why it is so, and what people get wrong: one paragraph.

        Args:
            kind: The kind to explain.
            event: One event of it: what is true of its values only is added.
        """
        about = self._about(kind)
        if event is None or about.also is None:
            return about.why
        also = pick(about.also, event)
        return self.between.join((about.why, also)) if also else about.why

    def source(self, kind: str) -> str:
        """Who says so: a section of a specification, a name in a program."""
        return self._about(kind).source

    def article(self, kind: str, event: Record | None = None) -> str | None:
        """Where the article differs from today; None: it doesn't.

        Args:
            kind: The kind to explain.
            event: One event of it: only what concerns its values is given.
                Without one, all there is.
        """
        said = self._about(kind).article
        if event is not None and said is not None:
            return pick(said, event)
        if isinstance(said, Choice):
            return self.between.join(_all(said))
        return said

    def facts(self, kind: str) -> tuple[int, ...]:
        """Numbers of the facts that `article` is about."""
        return self._about(kind).facts

    def _about(self, kind: str) -> Explanation:
        return self.kinds.get(kind, self.unknown)


def pick_language(option: str | None, environ: Mapping[str, str]) -> str:
    """Choose a language by `--lang`, or else by the locale.

    Returns:
        One of `LANGUAGES`; English where neither names one of them.

    Source: POSIX, "Environment Variables", for which variable wins.
    """
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        option = option or environ.get(name)
    code = (option or "").replace("-", "_").partition("_")[0]
    code = code.partition(".")[0].lower()
    return code if code in LANGUAGES else LANGUAGES[0]


@cache
def load(lang: str) -> Explanations:
    """Read a language's file, once; English for any other language."""
    if lang not in LANGUAGES:
        return load(LANGUAGES[0])
    file = resources.files(__name__) / f"{lang}.toml"
    data = tomllib.loads(file.read_text("utf-8"))
    words, units = data.pop("words"), data.pop("units")
    items: dict[str, dict[str, str]] = data.pop("items")
    between = words["between"]
    unknown = _explanation(data.pop("unknown"), between)
    return Explanations(
        lang=lang,
        words=Words(
            comma=words["comma"],
            nothing=words["nothing"],
            units=MappingProxyType({k: tuple(v) for k, v in units.items()}),
            items=MappingProxyType(
                {
                    how: MappingProxyType(
                        {case: parse(form) for case, form in forms.items()}
                    )
                    for how, forms in items.items()
                }
            ),
        ),
        between=between,
        kinds=MappingProxyType(
            {kind: _explanation(told, between) for kind, told in data.items()}
        ),
        unknown=unknown,
    )


def _explanation(told: dict[str, Any], between: str) -> Explanation:
    def paragraph(text: str) -> str:
        return between.join(text.split("\n")).strip()

    return Explanation(
        title=told["title"],
        now=sentences_of(told["now"], parse),
        why=paragraph(told["why"]),
        also=sentences_of(told["also"], paragraph) if "also" in told else None,
        source=told["source"],
        article=(
            sentences_of(told["article"], paragraph)
            if "article" in told
            else None
        ),
        facts=tuple(told.get("facts", ())),
    )


def sentences_of(told: Any, make: Callable[[str], T]) -> T | Choice[T]:  # noqa: ANN401
    """A text as `make` makes it, or the choice among several."""
    if isinstance(told, str):
        return make(told)
    cases = {
        case: sentences_of(one, make)
        for case, one in told.items()
        if case != "by"
    }
    return Choice(told["by"], MappingProxyType(cases))


def _all(said: str | Choice[str]) -> list[str]:
    """Every text of a choice, each once, in the order of the file."""
    if isinstance(said, str):
        return [said]
    texts = [text for one in said.cases.values() for text in _all(one)]
    return list(dict.fromkeys(texts))
