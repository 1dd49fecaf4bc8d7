"""The loop's turns, put where they are read: each one before what ran in it.

A turn belongs to nobody, but its beginning explains what comes next. So it
stands with the request that ran first in it. Turns in which nothing but the
server's tick ran would be ten lines a second: they are counted, and told as
one line when something happens again.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from tracer.events import (
    LoopBlocked,
    LoopSelect,
    TaskResumed,
    TaskSuspended,
    Tick,
    TickHeaders,
    TickNotify,
    Unknown,
)
from tracer.events.log import Record
from tracer.model.lanes.blocked import SOON
from tracer.model.placing import Placed

PLUMBING = frozenset(
    {
        "loop.accept",
        "selector.register",
        "selector.unregister",
        "task.created",
        "task.done",
        "task.resumed",
        "task.started",
        "task.suspended",
        "tick",
        "tick.headers",
        "tick.notify",
    }
)
"""Kinds that, said of nobody, are only the server's own keeping house."""

MOST = 1_000
"""Records of one turn, or turns in a row, that wait for who they belong to."""


class IdleTurns(Unknown, frozen=True):
    """Turns in a row in which nothing but the server's tick ran.

    It stands among the records, and was never one: it is in no trace.

    Source: ours.
    """

    n: int
    """Turns."""
    events: int
    """Events of theirs that are not told."""
    ns: int
    """From where the loop began to wait for the first, to the last one."""


class WhoWaited(Unknown, frozen=True):
    """A blocked loop is over, and those who waited meanwhile are known.

    Like `IdleTurns` it is in no trace.

    Source: ours.
    """

    block: LoopBlocked


@dataclass(slots=True)
class Turns:
    """Sorts what a trace tells by turns; `sort_out` is its only door.

    Attributes:
        heads: Beginnings of turns that nobody's event has followed yet.
        late: Beginnings of turns, by their number, of which it isn't known
            yet whose events followed.
        busy: Turns in which something happened that isn't told yet.
        own: What the server itself did in the newest turn.
        ticker: Number of the task that says the ticks.
        idle: The idle turns that are not told yet.
        blocks: Blocked turns of which it isn't known yet who waited, each
            with the number of turns since.
    """

    heads: list[Record] = field(default_factory=list)
    late: dict[int, Record] = field(default_factory=dict)
    busy: set[int] = field(default_factory=set)
    own: list[Record] = field(default_factory=list)
    ticker: int | None = None
    idle: IdleTurns | None = None
    blocks: dict[LoopBlocked, int] = field(default_factory=dict)

    def look(self, records: Iterable[Record]) -> None:
        """See what has come, whether or not it is told by now.

        Args:
            records: As they come, before `sort_out` has what is told of them.
        """
        for record in records:
            turn = record.turn
            if record.conn is not None and record.thread == "loop" and turn:
                self.busy.add(turn)

    def sort_out(self, told: Iterable[Placed]) -> Iterator[Placed]:
        """Give everything on, in order, with idle turns as one `IdleTurns`.

        Args:
            told: As `Trace.tell` gives it.
        """
        for req, records in told:
            first = records[0]
            if isinstance(first, Tick):
                self.ticker = first.task
            elif isinstance(first, LoopBlocked) and first.over:
                self.blocks[first] = 0
            if req is None and isinstance(first, LoopSelect):
                yield from self._end_turn()
                yield from self._waited()
                self.busy.discard((first.turn or 0) - 1)
                self.heads.append(first)
            elif self.heads and req is None and all(map(_is_plumbing, records)):
                self.own += records
                if len(self.own) > MOST:
                    yield from self._nobodys()
            elif first.thread == "loop":
                yield from self._claimed(req, records)
            else:
                yield from self._told_idle()
                yield req, records

    def rest(self) -> Iterator[Placed]:
        """Give what is still kept back: nothing will follow it."""
        yield from self._end_turn()
        yield from self._told_idle()
        yield from self._nobodys()
        yield from self._waited(SOON)
        for head in self.late.values():
            yield None, (head,)
        self.late.clear()

    def _claimed(
        self, req: int | None, records: Sequence[Record]
    ) -> Iterator[Placed]:
        """Somebody's records: the turns that have begun begin with them."""
        yield from self._told_idle()
        heads, self.heads = self.heads, []
        if self.late:
            turns = {record.turn or 0 for record in records}
            heads += [self.late.pop(each) for each in turns & set(self.late)]
        yield req, [*heads, *records]
        yield from self._nobodys()

    def _end_turn(self) -> Iterator[Placed]:
        """A turn is over: was it idle, nobody's, or does it wait for more?"""
        if not self.heads:
            return
        head = self.heads[-1]
        turn = head.turn or 0
        if turn in self.busy and not self.own and len(self.late) < MOST:
            self.late[turn] = self.heads.pop()
        elif not self._was_idle(head):
            if self.own or len(self.heads) > MOST:
                yield from self._told_idle()
                yield from self._nobodys()
        elif self.own or not _runs_on(head):
            for each in self.heads:
                self.idle = _longer(self.idle, each, self.own)
                self.own = []
            self.heads = []

    def _was_idle(self, head: Record) -> bool:
        """Whether nobody was ready, and only the tick has said anything."""
        if any(isinstance(e, LoopSelect) and e.ready for e in self.heads):
            return False
        seen = head.turn in self.busy
        return not seen and all(map(self._is_idle, self.own))

    def _is_idle(self, record: Record) -> bool:
        match record:
            case TaskResumed() | TaskSuspended():
                return record.id == self.ticker
            case _:
                return isinstance(record, Tick | TickHeaders | TickNotify)

    def _nobodys(self) -> Iterator[Placed]:
        records = [*self.heads, *self.own]
        self.heads, self.own = [], []
        for record in records:
            yield None, (record,)

    def _waited(self, turns: int = 1) -> Iterator[Placed]:
        """So many turns on, who waited for a blocked one may be known."""
        for block in list(self.blocks):
            self.blocks[block] += turns
            if self.blocks[block] >= SOON:
                del self.blocks[block]
                yield None, (_who_waited(block),)

    def _told_idle(self) -> Iterator[Placed]:
        if self.idle is not None:
            yield None, (self.idle,)
            self.idle = None


def _is_plumbing(record: Record) -> bool:
    return (
        record.kind in PLUMBING
        and record.conn is None
        and record.thread == "loop"
    )


def _who_waited(block: LoopBlocked) -> WhoWaited:
    fields = {"t": block.t, "seq": block.seq, "thread": "loop"}
    return WhoWaited(kind=block.kind, fields=fields, block=block)


def _runs_on(head: Record) -> bool:
    """Whether callbacks were ready already, though they said nothing.

    They belong to what ran before: a task's end, say, wakes who awaits it.
    """
    return isinstance(head, LoopSelect) and head.timeout == 0


def _longer(
    idle: IdleTurns | None, head: Record, own: Sequence[Record]
) -> IdleTurns:
    """The idle turns with one more; they stand where the last one began."""
    waited = head.waited if isinstance(head, LoopSelect) else 0
    since = head.t - waited if idle is None else idle.t - idle.ns
    return IdleTurns(
        kind="loop.select",
        fields={"t": head.t, "seq": head.seq, "thread": "loop"},
        n=1 if idle is None else idle.n + 1,
        events=1 + len(own) + (0 if idle is None else idle.events),
        ns=head.t - since,
    )
