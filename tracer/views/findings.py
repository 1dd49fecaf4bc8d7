"""Findings become paragraphs to read, or one JSON object for programs."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tracer.events.log import Record
from tracer.model.findings import RULES, Finding, Severity
from tracer.model.safe import safe
from tracer.model.trace import Trace
from tracer.views.explain.findings import FindingTexts, load_findings
from tracer.views.text.page import STYLES, Page
from tracer.views.text.row import label_of, milliseconds

FORMAT = "asgi-trace-findings/1"
"""Fields may be added to it; none is renamed or changes its meaning."""

SHOWN = 3
"""Findings of one rule that are shown, unless all are wanted."""

STYLE = {
    Severity.ERROR: ("✗", "bad"),
    Severity.WARNING: ("!", "bold"),
    Severity.INFO: ("·", "bold"),
}


@dataclass(frozen=True, slots=True)
class Words:
    """What the report says besides the findings' own texts."""

    severities: Mapping[Severity, str]
    times: str
    inferred: str
    more: str
    none: str
    milder: str
    about: str


WORDS = {
    "en": Words(
        severities={each: each.value for each in Severity},
        times="{} times",
        inferred="concluded, not seen",
        more="… more like it: {} (--all shows them)",
        none="No findings of severity {} or worse. Events read: {}.",
        milder="Milder ones, not shown: {}. --severity info shows them.",
        about="see {}",
    ),
    "zh": Words(
        severities={
            Severity.INFO: "提示",
            Severity.WARNING: "警告",
            Severity.ERROR: "错误",
        },
        times="{} 次",
        inferred="推断，未直接看到",
        more="… 还有 {} 条同类：--all 显示它们",
        none="没有 {} 或更严重的发现，共 {} 个事件。",
        milder="还有 {} 条较轻的没有显示：--severity info 显示它们。",
        about="见 {}",
    ),
}


@dataclass(frozen=True, slots=True)
class Report:
    """What was found in one recording, and where it is looked up.

    Attributes:
        trace: All its records have been fed to it.
        found: The findings that are wanted, in order of their proofs.
        milder: How many others there are.
        least: The mildest severity that was asked for.
        cut_off: Whether the recording's last line was not whole.
    """

    trace: Trace
    found: Sequence[Finding]
    milder: int
    least: Severity
    cut_off: bool

    def by_rule(self) -> list[list[Finding]]:
        """The findings of each rule, the worst rules first."""
        rules: dict[str, list[Finding]] = {}
        for each in self.found:
            rules.setdefault(each.rule, []).append(each)
        return sorted(rules.values(), key=lambda found: -found[0].severity.rank)


def lines(
    report: Report, page: Page, lang: str, *, everything: bool
) -> Iterator[str]:
    """Lay a report out for reading.

    Args:
        report: What was found.
        page: What it is laid out for.
        lang: Language of the sentences.
        everything: Show all findings of a rule, not the first few.
    """
    words = WORDS.get(lang, WORDS["en"])
    if not report.found:
        least = words.severities[report.least]
        yield words.none.format(least, f"{report.trace.count:,}")
    for found in report.by_rule():
        yield from _rule(found, report, page, lang, everything=everything)
        yield ""
    if report.milder:
        yield words.milder.format(report.milder)


def _rule(
    found: list[Finding],
    report: Report,
    page: Page,
    lang: str,
    *,
    everything: bool,
) -> Iterator[str]:
    words, say = WORDS.get(lang, WORDS["en"]), load_findings(lang)
    rule = found[0].rule
    glyph, style = STYLE[found[0].severity]
    aside = [rule]
    if len(found) > 1:
        aside.append(words.times.format(len(found)))
    if RULES[rule].inferred:
        aside.append(words.inferred)
    severity = words.severities[found[0].severity]
    title = f"{glyph} {severity}: {say.title(rule)} ({', '.join(aside)})"
    for line in page.wrapped(title):
        yield page.paint(line, STYLES[style])
    shown = found if everything else found[:SHOWN]
    for each in shown:
        yield from _finding(each, report, page, say)
    if len(found) > len(shown):
        yield f"  {words.more.format(len(found) - len(shown))}"
    about = words.about.format(say.explains(rule))
    for line in page.wrapped(f"→ {say.what_to_do(rule)} ({about})", used=2):
        yield f"  {line}"


def _finding(
    found: Finding, report: Report, page: Page, say: FindingTexts
) -> Iterator[str]:
    sentence = say.now(found, safe)
    request = report.trace.requests.get(found.req or 0)
    if request is not None and request.number > 0:
        named = f"{request.method} {request.target}".strip()
        sentence = f"{request.label} {named}: {sentence}"
    elif found.req is not None:
        sentence = f"{label_of(found.req)}: {sentence}"
    for line in page.wrapped(sentence, used=2):
        yield f"  {line}"
    for proof in found.proofs:
        file, at = _place(proof, report.trace)
        place = f"  {file}:{at}" if file else ""
        text = (
            f"    seq {proof.seq:<6} {milliseconds(proof.t):>9} ms"
            f"  {proof.kind}{place}"
        )
        yield page.paint(page.fit(text), STYLES["dim"])


def _place(record: Record, trace: Trace) -> tuple[str, int]:
    """File and line where an event spoke; the file is empty if unknown."""
    source = trace.sources.get(record.where or 0)
    if source is None:
        return "", 0
    line = getattr(record, "line", None)
    return source.file, line if isinstance(line, int) else source.line


def as_json(report: Report, file: str, lang: str) -> str:
    """Write a report as one JSON object.

    Its keys: `format`, `file`, `app`, `started`, `events`, `cut_off` and
    `dropped` about the recording; `counts`, how many findings each rule has;
    `findings`, each with `rule`, `severity`, `inferred`, `req`, `conn`,
    `request` (method, path and status, or null), `title`, `sentence`, `do`,
    `explains`, `facts` and `proofs`: `seq`, `t`, `kind` and `where` (file
    and line, or null) of each event.

    Source: ours.
    """
    trace, say = report.trace, load_findings(lang)
    header = trace.header
    counts = {each[0].rule: len(each) for each in report.by_rule()}
    whole = {
        "format": FORMAT,
        "file": file,
        "app": header and header.app,
        "started": header and header.started,
        "events": trace.count,
        "cut_off": report.cut_off,
        "dropped": trace.server.dropped,
        "counts": counts,
        "findings": [_object(each, trace, say) for each in report.found],
    }
    return json.dumps(whole, indent=2)


def _object(found: Finding, trace: Trace, say: FindingTexts) -> dict[str, Any]:
    request = trace.requests.get(found.req or 0)
    return {
        "rule": found.rule,
        "severity": found.severity.value,
        "inferred": RULES[found.rule].inferred,
        "req": found.req,
        "conn": found.conn,
        "request": request
        and {
            "method": request.method,
            "path": request.path,
            "status": request.status,
        },
        "title": say.title(found.rule),
        "sentence": say.now(found, safe),
        "do": say.what_to_do(found.rule),
        "explains": say.explains(found.rule),
        "facts": dict(found.facts),
        "proofs": [_proof(each, trace) for each in found.proofs],
    }


def _proof(record: Record, trace: Trace) -> dict[str, Any]:
    file, line = _place(record, trace)
    where = {"file": file, "line": line} if file else None
    return {
        "seq": record.seq,
        "t": record.t,
        "kind": record.kind,
        "where": where,
    }
