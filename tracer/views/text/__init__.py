"""The text view: a request's story as lines, live or from a recording.

Read `row` (a record becomes values in columns), `page` (columns become a
line), `blocks` (what stands together, and when it can be shown), `ending`
(what is said when it is over), and `story`, which joins them.
"""

import sys
from collections.abc import Callable
from typing import TextIO

from tracer.model.depth import Depth
from tracer.model.filter import parse_filter
from tracer.model.lanes import Lanes
from tracer.model.lanes.tasks import Tasks
from tracer.model.trace import Trace
from tracer.views.explain import load
from tracer.views.feed import Feed
from tracer.views.text.meter import Meter
from tracer.views.text.page import Page
from tracer.views.text.story import Story
from tracer.views.text.words import WORDS

DEPTHS = {depth.name.lower(): depth for depth in Depth}
"""The values of `--depth`."""

ROWS = 20_000
"""Requests that keep their row; each costs more than a kilobyte."""
SEGMENTS = 30_000
"""Segments of tasks' lanes that are kept, to say who waited a moment ago."""

OUR_FAULT = 4
PAUSE = 0.1
"""Seconds to wait for records before looking whether all is over."""

__all__ = ["DEPTHS", "run"]


def run(  # noqa: PLR0913  # one keyword an option of the command line
    feed: Feed,
    *,
    depth: str = "stages",
    filter: str = "",  # noqa: A002  # the option's own name
    lang: str = "en",
    stream: TextIO | None = None,
    color: bool | None = None,
    width: int | None = None,
) -> int:
    """Write a feed's story as text until it ends.

    In a terminal a sentence that is too long goes on in the next line, below
    itself. In a pipe each event is one line, however long, with its kind, so
    that `grep` can find it.

    Args:
        feed: Where the records come from.
        depth: `story`, `stages` or `events`.
        filter: Which requests and events are shown, see `model.filter`.
        lang: Language of the sentences.
        stream: Where to write; stdout if None.
        color: True or False forces it; None: where it is seen and wanted.
        width: Columns; None: the terminal's, in a pipe as many as needed.

    Returns:
        0, or 4 if the feed had a problem, which was said on stderr.

    Raises:
        FilterError: The filter makes no sense.
        KeyError: There is no such depth.
        BrokenPipeError: Nobody reads any more.
    """
    page = Page(stream or sys.stdout, color=color, width=width)
    words = WORDS.get(lang, WORDS["en"])
    shown = DEPTHS[depth], parse_filter(filter)
    say = load(lang)

    def story() -> Story:
        # What is shown already needs not be kept.
        lanes = Lanes(tasks=Tasks(most=SEGMENTS))
        trace = Trace(keep=0, rows=ROWS, lanes=lanes)
        depth, chosen = shown
        return Story(
            trace,
            page,
            depth=depth,
            chosen=chosen,
            say=say,
            words=words,
            live=feed.live,
        )

    _follow(feed, story, Meter(words.reading))
    if feed.problem is None:
        return 0
    sys.stderr.write(f"{feed.problem}\n")
    return OUR_FAULT


def _follow(feed: Feed, begin: Callable[[], Story], meter: Meter) -> None:
    """Tell run after run, as far as there is another."""
    changed: str | None = ""
    while changed is not None:
        story = begin()
        if changed:
            story.again(changed)
        try:
            changed = _tell(feed, story, meter)
        finally:
            meter.hide()
        if changed is None or story.has_requests:
            story.end()


def _tell(feed: Feed, story: Story, meter: Meter) -> str | None:
    """Tell one run; give what changed when the next one begins."""
    ended = waiting = False
    while not ended:
        feed.wait(PAUSE)
        # Asked first: what comes between the two is taken by neither.
        ended = feed.ended
        changed = None if ended else feed.renewed()
        if changed is not None:
            story.take((), ended=True)
            return changed
        story.take(feed.take(), ended=ended)
        if feed.header is not None:
            story.begin(feed.title, feed.header)
        if story.has_lines:
            meter.hide()
            story.write()
        if not ended and feed.progress is not None:
            meter.show(feed.progress)
        if feed.waiting and not waiting:
            waiting = True
            sys.stderr.write(f"{feed.problem}\n")
            sys.stderr.flush()
    return None
