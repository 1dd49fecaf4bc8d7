"""What is said of the event loop: its idle turns, its culprits, its figures."""

from collections.abc import Iterator, Sequence

from tracer.model.lanes import Card
from tracer.model.loopstats import LoopStats, Most
from tracer.model.trace import Trace
from tracer.views.explain.sentence import duration
from tracer.views.text.page import STYLES, Page
from tracer.views.text.row import label_of
from tracer.views.text.turns import IdleTurns
from tracer.views.text.words import LoopWords, Words

NAMED = 5
"""Requests that are named; of more, the number is given."""

REASONS = 5
"""Reasons for waiting that are named at the end, the most frequent ones."""

WORTH_SAYING = 1_000_000
"""Nanoseconds for which somebody may wait without a word of it at the end."""


def idle_turns(idle: IdleTurns, words: Words) -> str:
    """Turns in which nothing but the tick ran, in one line."""
    return words.loop.idle_turns.format(idle.n, duration(idle.ns), idle.events)


def culprit(card: Card, words: Words) -> str:
    """Who held the loop, for how long, where, and who waited meanwhile."""
    w = words.loop
    who = w.nobody if card.req is None else label_of(card.req)
    if card.many:
        who = w.many
    block = card.block
    lasted = duration(block.ns)
    held = w.culprit.format(who, lasted, block.culprit)
    if not block.culprit:
        held = w.unseen.format(lasted)
    waited = [label_of(each) for each in card.requests[:NAMED]]
    if (more := len(card.requests) - NAMED) > 0:
        waited.append(w.requests_more.format(more))
    if card.newcomers:
        waited.append(w.newcomers.format(card.newcomers))
    if card.tasks:
        waited.append(w.tasks_more.format(len(card.tasks)))
    if card.tick:
        waited.append(w.tick)
    if not waited:
        return w.alone.format(held)
    return w.waited.format(held, _joined(waited, w))


def _joined(parts: Sequence[str], words: LoopWords) -> str:
    *first, last = parts
    return words.last.join([words.comma.join(first), last] if first else [last])


def loop_lines(trace: Trace, page: Page, words: Words) -> Iterator[str]:
    """The figures of the loop, where any were seen.

    Args:
        trace: What was seen.
        page: What they are laid out for.
        words: The view's own words.
    """
    stats = trace.loop
    if not stats.turns:
        return
    yield page.heading(words.loop.title, "", 0)
    for text in _figures(stats, words):
        for line in page.wrapped(text, used=2):
            yield f"  {line}"
    if stats.blocked:
        text = words.loop.blocked.format(stats.blocked, duration(stats.held_up))
        yield page.paint(page.fit(f"  ✗ {text}"), STYLES["bad"])


def _figures(stats: LoopStats, words: Words) -> Iterator[str]:
    w = words.loop
    turns = w.turns.format(
        stats.turns, duration(stats.busy), duration(stats.idle)
    )
    most = stats.longest
    longest = w.longest.format(duration(most.ns), most.what, _of(most, w))
    yield f"{turns} · {longest}" if most.ns else turns
    suspended = sum(stats.waits.values())
    reasons = " · ".join(
        f"{w.waits.get(reason, reason)} {n:,}"
        for reason, n in stats.waits.most_common(REASONS)
    )
    tasks = w.tasks.format(stats.tasks, suspended)
    yield f"{tasks}{words.colon}{reasons}" if reasons else tasks
    if (most := stats.late).ns >= WORTH_SAYING:
        yield w.late.format(duration(most.ns), most.what, _of(most, w))
    if stats.jobs:
        yield " · ".join(_threads(stats, w))


def _threads(stats: LoopStats, w: LoopWords) -> Iterator[str]:
    yield w.jobs.format(stats.jobs)
    if stats.total:
        yield w.threads.format(stats.threads, stats.total)
    if (most := stats.queued).ns >= WORTH_SAYING:
        yield w.queued.format(duration(most.ns), most.what, _of(most, w))


def _of(most: Most, w: LoopWords) -> str:
    return "" if most.req is None else w.of.format(label_of(most.req))
