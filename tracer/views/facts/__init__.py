"""The facts that a trace must show become a checklist, in two languages.

Which events show a fact stands in `table.toml`, what is said of it in
`en.toml` and its sisters. `lines` writes it for people, `as_json` for
programs. What the events really show is for the tests to see.
"""

import json
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any, Final

from rich.cells import cell_len

from tracer.views.explain import LANGUAGES, load
from tracer.views.text.page import STYLES, Page

FIRST: Final = "0.1.0"
"""The version that shows a fact, where the table names none."""

_NUMBER: Final = 6  # columns
_LABEL: Final = 11
_TONES: Final = {
    "holds": "good",
    "half": "bold",
    "changed": "bold",
    "wrong": "bad",
    "asked": "bold",
    "left out": "bold",
}


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact, in one language.

    Source: ours; the article, and what uvicorn and Starlette do today.
    """

    number: str
    """`F1` to `F100`, `N1` to `N12`."""
    verdict: str
    """What has become of it, see `table.toml`."""
    says: str
    """What the article says or, where it is left out there, what is so."""
    today: str | None
    """What is true today, where that is not the same."""
    seen: tuple[str, ...]
    """Kinds of the events that show it; none: it is history."""
    since: str
    """The version of asgi-trace that shows it."""


@cache
def facts(lang: str) -> tuple[Fact, ...]:
    """All facts in a language, by number; English for an unknown one."""
    if lang not in LANGUAGES:
        return facts(LANGUAGES[0])
    told = _read(lang)
    return tuple(
        Fact(
            number=number,
            verdict=row["verdict"],
            says=told[number]["says"],
            today=told[number].get("today"),
            seen=tuple(row["seen"]),
            since=row.get("since", FIRST),
        )
        for number, row in _read("table").items()
    )


def choose(numbers: Sequence[str], lang: str) -> list[Fact]:
    """Give the facts of these numbers, in their own order; all for none.

    Args:
        numbers: As people write them: `F46`, `f46` or `46`.
        lang: The language.

    Raises:
        KeyError: There is no such number.
    """
    known = facts(lang)
    if not numbers:
        return list(known)
    wanted = {_number(each) for each in numbers}
    if missing := wanted - {each.number for each in known}:
        raise KeyError(min(missing))
    return [each for each in known if each.number in wanted]


def as_json(found: Sequence[Fact], lang: str) -> str:
    """Write facts as one JSON object."""
    titles = load(lang)
    told = [
        {
            "number": each.number,
            "verdict": each.verdict,
            "says": each.says,
            "today": each.today,
            "seen": [
                {"kind": kind, "title": titles.title(kind)}
                for kind in each.seen
            ],
            "since": each.since,
        }
        for each in found
    ]
    whole = {"format": "asgi-trace-facts/1", "lang": lang, "facts": told}
    return json.dumps(whole, ensure_ascii=False, indent=2)


def lines(found: Sequence[Fact], page: Page, lang: str) -> Iterator[str]:
    """Write facts as lines of text, as wide as the page is."""
    words = _words(lang)
    if len(found) > 1:
        yield from page.wrapped(words["about"].format(n=len(found)))
    for each in found:
        if len(found) > 1:
            yield ""
        yield from _fact(each, page, words)


def _fact(fact: Fact, page: Page, words: Any) -> Iterator[str]:  # noqa: ANN401  # the file's own table
    number = page.paint(f"{fact.number:<{_NUMBER}}", STYLES["bold"])
    verdict = words["verdicts"][fact.verdict]
    seen = ", ".join(fact.seen) if fact.seen else words["nothing"]
    rows = [(verdict, STYLES[_TONES[fact.verdict]], fact.says)]
    if fact.today is not None:
        rows.append((words["today"], STYLES["bold"], fact.today))
    rows.append((words["seen"], STYLES["dim"], seen))
    rows.append((words["since"], STYLES["dim"], fact.since))
    blank = " " * _NUMBER
    for at, (label, style, text) in enumerate(rows):
        space = " " * (_LABEL - cell_len(label))
        first, *rest = page.wrapped(text, _NUMBER + _LABEL)
        before = blank if at else number
        yield f"{before}{page.paint(label, style)}{space}{first}"
        for more in rest:
            yield f"{blank}{' ' * _LABEL}{more}"


def _number(text: str) -> str:
    text = text.upper()
    return f"F{text}" if text.isdecimal() else text


def _read(name: str) -> dict[str, Any]:
    file = resources.files(__name__) / f"{name}.toml"
    return tomllib.loads(file.read_text("utf-8"))


@cache
def _words(lang: str) -> Any:  # noqa: ANN401  # the file's own table
    known = lang if lang in LANGUAGES else LANGUAGES[0]
    return MappingProxyType(_read(known)["words"])
