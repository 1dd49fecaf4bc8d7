"""Placed records become blocks: what one request said in one go.

Live, a block is what has come since the last look: a quick request is one
block, a slow one goes on in others, where it really waited. Replayed, a block
is a whole request, and they stand in order of arrival.
"""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tracer.events.log import Record
from tracer.model.filter import Filter
from tracer.model.requests import OVER, Request
from tracer.model.trace import Trace

HELD = 200_000
"""Records that wait for their request's end; then the oldest are shown."""

PATIENCE = 0.15
"""Seconds for which a request under way is held, live."""

LAG = 0.15
"""Seconds by which a client's words may come later than the server's."""

SERVER = 0
"""The key of what belongs to no request and no connection."""


@dataclass(slots=True)
class Block:
    """Records of one request, oldest first.

    Attributes:
        key: The request's number; negative for a connection without one;
            `SERVER` for all else.
        records: They are in order of `t`, then `seq`.
    """

    key: int
    records: list[Record] = field(default_factory=list)

    def sort(self) -> None:
        """Put what was told late where it happened."""
        self.records.sort(key=lambda each: (each.t, each.seq))


def key_of(req: int | None, record: Record) -> int:
    """The key of the block that a record belongs to."""
    if req is not None:
        return req
    return SERVER if record.conn is None else -record.conn


class Judge:
    """Says which requests are shown, as soon as that can be known."""

    def __init__(self, trace: Trace, chosen: Filter) -> None:
        self._trace = trace
        self._chosen = chosen

    def __call__(self, key: int, *, ended: bool) -> bool | None:
        """Whether a block is wanted; None: not known yet.

        Args:
            key: The block's.
            ended: Nothing more will come, so it must be known now.
        """
        if key == SERVER:
            return True  # which of its lines, is asked of each of them
        request = self._trace.requests.get(key)
        if request is None:  # a connection that never asked anything
            return not self._chosen.requests
        if ended:
            return self._chosen.wants_request(request)
        return self._chosen.judge(request) if has_name(request) else None


def has_name(request: Request) -> bool:
    """Whether a heading can say which request it is, or never will."""
    known = request.method or request.times.app is not None
    return bool(known) or request.outcome in OVER or request.apps > 0


class LiveBlocks:
    """Blocks as they come; what can't be judged yet is held back.

    A request under way is held for a moment, too: most end within it, and
    are one block then.
    """

    def __init__(self, trace: Trace, judge: Judge) -> None:
        self._trace = trace
        self._judge = judge
        self._held: dict[int, Block] = {}
        self._since: dict[int, float] = {}
        self._newest: dict[int, float] = {}

    def add(self, req: int | None, records: Sequence[Record]) -> None:
        """Take records that belong to a request, or to none."""
        now = time.monotonic()
        for record in records:
            key = key_of(req, record)
            self._held.setdefault(key, Block(key)).records.append(record)
            self._since.setdefault(key, now)
            self._newest[key] = now

    def ready(self, *, ended: bool) -> Iterator[Block]:
        """Give the blocks that can be shown."""
        for key in list(self._held):
            wanted = self._judge(key, ended=ended)
            if wanted is None or not (ended or self._is_ripe(key)):
                continue
            block = self._held.pop(key)
            del self._since[key], self._newest[key]
            if wanted:
                block.sort()
                yield block

    def _is_ripe(self, key: int) -> bool:
        request = self._trace.requests.get(key)
        if request is None:
            return True
        if request.outcome in OVER:
            heard = bool(self._trace.clients.lines)
            return not heard or time.monotonic() - self._newest[key] >= LAG
        return time.monotonic() - self._since[key] >= PATIENCE


class ReplayBlocks:
    """Whole requests, in order of arrival."""

    def __init__(self, trace: Trace, judge: Judge) -> None:
        self._trace = trace
        self._judge = judge
        self._queue: deque[Block] = deque()
        self._open: dict[int, Block] = {}
        self._count = 0

    def add(self, req: int | None, records: Sequence[Record]) -> None:
        """Take records that belong to a request, or to none."""
        for record in records:
            key = key_of(req, record)
            block = self._open.get(key)
            if block is None or (
                # The server's lines stand between the requests.
                key == SERVER and self._queue[-1] is not block
            ):
                block = self._open[key] = Block(key)
                self._queue.append(block)
            block.records.append(record)
            self._count += 1

    def ready(self, *, ended: bool) -> Iterator[Block]:
        """Give the blocks that are whole, up to the first that isn't."""
        while self._queue:
            block = self._queue[0]
            full = ended or self._count > HELD
            if not (full or self._is_whole(block)):
                return
            self._queue.popleft()
            self._count -= len(block.records)
            if self._open.get(block.key) is block:
                del self._open[block.key]
            if self._judge(block.key, ended=True):
                block.sort()
                yield block

    def _is_whole(self, block: Block) -> bool:
        request = self._trace.requests.get(block.key)
        if request is not None:
            lag = LAG * 1_000_000_000 if self._trace.clients.lines else 0
            over = self._trace.last - request.last >= lag
            return over and self._trace.is_finished(block.key)
        return block.key != SERVER or self._open.get(SERVER) is not block
