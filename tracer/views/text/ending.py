"""What is said of a request at its end, and of all of them at the end."""

import heapq
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from tracer.model.findings import Finding, Severity
from tracer.model.requests import Outcome, Request
from tracer.model.safe import safe
from tracer.model.sockets import Socket
from tracer.model.trace import Trace
from tracer.views.explain.findings import FindingTexts
from tracer.views.text.page import STYLES, Page
from tracer.views.text.row import label_of, milliseconds
from tracer.views.text.words import SocketWords, Words

SLOWEST = 3
"""Requests that are named at the end."""
FINDINGS = 30
"""Rules that are named at the end, if they fired."""

GLYPHS = {
    Outcome.RUNNING: "…",
    Outcome.ANSWERED: "…",
    Outcome.DONE: "✓",
    Outcome.FAILED: "✗",
    Outcome.BROKEN: "✗",
    Outcome.LEFT: "✗",
    Outcome.REFUSED: "✗",
}


def took(request: Request) -> int | None:
    """Nanoseconds from the parsed head to the last byte; None: not both."""
    times = request.times
    if times.parsed is None or times.complete is None:
        return None
    return times.complete - times.parsed


def footer(request: Request, words: Words) -> str:
    """A request's result in one line: status, time, bytes, outcome."""
    parts = [words.outcomes[request.outcome.value]]
    if request.status is not None:
        parts.insert(0, str(request.status))
    if request.error:
        parts.append(request.error)
    lasted = took(request)
    if lasted is not None:
        parts.append(words.head_to_last.format(milliseconds(lasted)))
        parts.append(words.bytes_out.format(request.bytes_out))
    if request.socket is not None:
        parts += _talk(request.socket, words.socket)
    times = request.times
    if times.ended is not None and times.complete is not None:
        more = times.ended - times.complete
        if more > WORTH_SAYING:
            parts.append(words.app_went_on.format(milliseconds(more)))
    return f"{GLYPHS[request.outcome]} {' · '.join(parts)}"


def _talk(socket: Socket, words: SocketWords) -> Iterator[str]:
    """What was said on a WebSocket, for how long, and who ended it."""
    if not socket.was_open:
        if socket.handshake:
            yield words.unopened
        return
    yield words.messages.format(socket.messages_in, socket.messages_out)
    if socket.since is not None and socket.until is not None:
        lasted = milliseconds(socket.until - socket.since)
        yield words.open_for.format(lasted)
    if socket.code is not None:
        who = words.who[socket.by]
        why = f"{words.colon}{socket.reason}" if socket.reason else ""
        yield words.closed.format(who, socket.code) + why
    elif not socket.is_open:
        yield words.lost


WORTH_SAYING = 5_000_000
"""Nanoseconds that an app may go on after its answer without a word of it."""


@dataclass(slots=True)
class Tally:
    """The requests that were shown, counted."""

    outcomes: Counter[Outcome] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    slowest: list[tuple[int, int, str]] = field(default_factory=list)

    def add(self, request: Request) -> None:
        """Count a request, once, at its end."""
        self.outcomes[request.outcome] += 1
        if request.status is not None:
            self.statuses[f"{request.status // 100}xx"] += 1
        lasted = took(request)
        if lasted is not None:
            name = f"{request.label:<4} {request.verb} {request.target}"
            entry = (lasted, -request.number, name)
            heapq.heappush(self.slowest, entry)
            if len(self.slowest) > SLOWEST:
                heapq.heappop(self.slowest)

    def lines(self, page: Page, words: Words) -> Iterator[str]:
        """The counts, and the slowest requests."""
        total = sum(self.outcomes.values())
        parts = [
            f"{words.outcomes[each.value]} {self.outcomes[each]}"
            for each in Outcome
            if self.outcomes[each]
        ]
        parts += [f"{name} {n}" for name, n in sorted(self.statuses.items())]
        yield page.heading(f"{words.requests} {total}", "", 0)
        if parts:
            for line in page.wrapped(" · ".join(parts), used=2):
                yield f"  {line}"
        if total > 1 and self.slowest:
            yield f"  {words.slowest}{words.colon.rstrip()}"
            for lasted, _, name in sorted(self.slowest, reverse=True):
                yield page.fit(f"  {milliseconds(lasted):>10} ms  {name}")


def findings(
    found: list[Finding],
    trace: Trace,
    page: Page,
    texts: FindingTexts,
    w: Words,
) -> Iterator[str]:
    """What should be looked at: a line for each rule that fired.

    Args:
        found: Those that are wanted, in order of their proofs.
        trace: Where the losses are counted.
        page: What they are laid out for.
        texts: Who makes the sentences.
        w: The view's own words.
    """
    if found:
        yield page.heading(f"{w.findings} {len(found)}", "", 0)
    rules: dict[str, list[Finding]] = {}
    for each in found:
        rules.setdefault(each.rule, []).append(each)
    by_weight = sorted(rules.values(), key=lambda all_: -all_[0].severity.rank)
    for all_ in by_weight[:FINDINGS]:
        yield from _rule(all_, page, texts, w)
    if len(by_weight) > FINDINGS:
        yield "  " + w.more.format(len(by_weight) - FINDINGS)
    if trace.server.dropped:
        said = w.dropped.format(trace.server.dropped)
        for line in page.wrapped(f"✗ {said}"):
            yield page.paint(line, STYLES["bad"])


def _rule(
    found: list[Finding], page: Page, texts: FindingTexts, w: Words
) -> Iterator[str]:
    """A rule's first case, and how many more there are."""
    first = found[0]
    key = first.req or -(first.conn or 0)
    more = f" {w.more.format(len(found) - 1)}" if len(found) > 1 else ""
    error = first.severity is Severity.ERROR
    glyph = SEVERITIES[first.severity]
    title = texts.title(first.rule)
    said = f"{title}{w.colon}{texts.now(first, safe)}{more}"
    left = f"  {glyph} {label_of(key):<4} "
    for line in page.wrapped(said, used=len(left)):
        yield page.paint(f"{left}{line}", STYLES["bad" if error else "plain"])
        left = " " * len(left)


SEVERITIES = {Severity.ERROR: "✗", Severity.WARNING: "!", Severity.INFO: "·"}
