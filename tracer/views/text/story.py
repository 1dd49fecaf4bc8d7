"""Blocks become lines on a page: headings, rows, results, and the end."""

from collections.abc import Iterable, Iterator, Sequence

from tracer.events import Header
from tracer.events.log import Record
from tracer.model.depth import Depth, depth_of
from tracer.model.filter import Filter
from tracer.model.findings import Finding
from tracer.model.placing import Placed
from tracer.model.requests import OVER, Request
from tracer.model.safe import safe
from tracer.model.trace import Trace
from tracer.views.explain import Explanations
from tracer.views.explain.findings import load_findings
from tracer.views.text.blocks import (
    SERVER,
    Block,
    Judge,
    LiveBlocks,
    ReplayBlocks,
)
from tracer.views.text.ending import Tally, findings, footer
from tracer.views.text.loop import culprit, idle_turns, loop_lines
from tracer.views.text.page import STYLES, Page
from tracer.views.text.row import (
    Row,
    Walk,
    label_of,
    place_of,
    row_of,
    sentence,
)
from tracer.views.text.turns import IdleTurns, Turns, WhoWaited
from tracer.views.text.words import Words

WALKS = 1_000
"""Requests whose way is remembered, those under way aside."""

ALWAYS = frozenset({"dropped"})
"""Kinds that no filter hides."""


class Story:
    """Takes records, and writes what they tell."""

    def __init__(  # noqa: PLR0913  # what one run of the view is made of
        self,
        trace: Trace,
        page: Page,
        *,
        depth: Depth,
        chosen: Filter,
        say: Explanations,
        words: Words,
        live: bool,
    ) -> None:
        self._trace = trace
        self._page = page
        self._depth = depth
        self._chosen = chosen
        self._say = say
        self._words = words
        self._live = live
        self._judge = Judge(trace, chosen)
        self._blocks: LiveBlocks | ReplayBlocks = (
            LiveBlocks(trace, self._judge)
            if live
            else ReplayBlocks(trace, self._judge)
        )
        # Who asks for kinds by name gets every one of them, where it came.
        self._turns = None if chosen.names_events else Turns()
        self._tally = Tally()
        self._walks: dict[int, Walk] = {}
        self._shown: int | None = None
        self._turn = ""
        self._lines: list[str] = []
        self._follows = False

    def again(self, changed: str) -> None:
        """Say that this run follows another, since files have changed."""
        said = safe(self._words.again.format(changed))
        self._follows = True  # the columns are what they were
        page = self._page
        for line in ("", *page.wrapped(said)):
            self._lines.append(page.paint(line, STYLES["bold"]))

    @property
    def has_lines(self) -> bool:
        """Whether `write` would write something."""
        return bool(self._lines)

    @property
    def has_requests(self) -> bool:
        """Whether there was any, so that there is something to sum up."""
        return bool(self._trace.requests)

    def begin(self, title: str, header: Header) -> None:
        """Say what is shown, and what the columns are; once."""
        known, self._trace.header = self._trace.header, header
        if known is not None or self._follows:
            return
        words = self._words
        kind = words.live
        if not self._live:
            kind = words.recorded.format(header.started)
        line = f"asgi-trace · {safe(title)} · {safe(kind)}"
        page = self._page
        self._lines[:0] = [
            *(page.paint(each, STYLES["bold"]) for each in page.wrapped(line)),
            *(
                page.paint(each, STYLES["dim"])
                for each in page.wrapped(words.columns)
            ),
        ]

    def take(self, records: Sequence[Record], *, ended: bool) -> None:
        """Take more records, and lay out what can be shown now.

        Args:
            records: In the order of the log; their texts need not be safe.
            ended: These are the last ones.
        """
        told: Iterable[Placed] = self._trace.tell(records)
        if self._turns is not None:
            self._turns.look(records)
            told = self._turns.sort_out(told)
        for req, own in told:
            self._blocks.add(req, own)
        if ended:
            for req, own in () if self._turns is None else self._turns.rest():
                self._blocks.add(req, own)
            self._trace.end()
            self._blocks.add(None, self._trace.leftover())
        blocks = list(self._blocks.ready(ended=ended))
        if self._live:
            blocks.sort(key=self._first_shown)
        for block in blocks:
            self._lines += self._laid_out(block)

    def write(self) -> None:
        """Write what was laid out.

        Raises:
            BrokenPipeError: Nobody reads any more.
        """
        lines, self._lines = self._lines, []
        self._page.write(iter(lines))

    def end(self) -> None:
        """Write what is said when all is over."""
        self._trace.end()
        for request in self._trace.requests.values():
            wanted = self._judge(request.number, ended=True)
            if wanted and request.outcome not in OVER:
                self._tally.add(request)
                if not self._chosen.events:
                    self._lines += self._footer(request)
        found = [each for each in self._trace.findings if self._wants(each)]
        page, words = self._page, self._words
        self._lines += ["", *self._tally.lines(page, words)]
        self._lines += loop_lines(self._trace, page, words)
        texts = load_findings(self._say.lang)
        self._lines += findings(found, self._trace, page, texts, words)
        self.write()

    def _wants(self, finding: Finding) -> bool:
        if finding.req is None:
            return not self._chosen.requests
        return bool(self._judge(finding.req, ended=True))

    # One block

    def _first_shown(self, block: Block) -> int:
        shown = (r.t for r in block.records if self._shows(r, block.key))
        return next(shown, block.records[-1].t)

    def _laid_out(self, block: Block) -> Iterator[str]:
        request = self._trace.requests.get(block.key)
        walk = self._walk(block, request)
        rows = list(self._rows(block, request, walk))
        if rows:
            yield from self._heading(block.key, request, new=not walk.headed)
            walk.headed = True
        for row in rows:
            begins, self._turn = row.turn != self._turn, row.turn
            yield from self._page.lines(row, begins=begins)
        if request is not None and request.outcome in OVER and not walk.over:
            walk.over = True
            self._tally.add(request)
            if walk.headed and not self._chosen.events:
                yield from self._footer(request)
        if len(self._walks) > WALKS:
            self._walks = {
                key: each
                for key, each in self._walks.items()
                if key == SERVER or not self._trace.is_finished(key)
            }

    def _walk(self, block: Block, request: Request | None) -> Walk:
        walk = self._walks.get(block.key)
        if walk is None:
            walk = self._walks[block.key] = Walk()
            if request is not None:
                # An echo of a request that was told to its end already.
                echo = block.records[0].t > request.times.arrived
                walk.over = walk.headed = echo
        return walk

    def _rows(
        self, block: Block, request: Request | None, walk: Walk
    ) -> Iterator[Row]:
        start = 0
        if request is not None:
            start = request.times.arrived
        elif block.key != SERVER:
            start = block.records[0].t
        for record in block.records:
            level = walk.step(record)
            if self._shows(record, block.key):
                said = self._said(record)
                yield row_of(record, block.key, level, start, said)

    def _said(self, record: Record) -> str:
        match record:
            case IdleTurns():
                return idle_turns(record, self._words)
            case WhoWaited():
                card = self._trace.lanes.card(record.block)
                return culprit(card, self._words)
            case _:
                place = place_of(record, self._trace.sources)
                said = sentence(record, self._say)
                return f"{said} · {place}" if place else said

    def _shows(self, record: Record, key: int) -> bool:
        if record.kind in ALWAYS:
            return True
        chosen = self._chosen
        if key == SERVER and chosen.requests:
            return False
        if not chosen.wants_event(record):
            return False
        if isinstance(record, IdleTurns):
            return self._depth is Depth.EVENTS
        return chosen.names_events or depth_of(record) <= self._depth

    def _heading(
        self, key: int, request: Request | None, *, new: bool
    ) -> Iterator[str]:
        if self._live and key == self._shown and (not new or key == SERVER):
            return
        new = new or key == SERVER
        self._shown, self._turn = key, ""
        words = self._words
        text, aside = words.server, ""
        if request is not None:
            text = f"{request.verb} {request.target}"
            if key < 0:
                text = words.outcomes[request.outcome.value]
            if request.conn is not None:
                aside = words.connection.format(request.conn)
        elif key != SERVER:
            text = words.no_request.format(-key)
        if new:
            yield ""
        else:
            aside = words.goes_on
        label = "" if key == SERVER else f"{label_of(key)} "
        yield self._page.heading(f"{label}{text}".strip(), aside, key)

    def _footer(self, request: Request) -> Iterator[str]:
        label = f"{request.label:<4} "
        for line in self._page.wrapped(
            footer(request, self._words), used=len(label)
        ):
            yield self._page.label(f"{label}{line}", request.number)
            label = " " * len(label)
