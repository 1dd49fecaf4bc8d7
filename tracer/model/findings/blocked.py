"""A blocked loop, and who waited for it meanwhile.

Who waited is known only afterwards: their bytes lay in the kernel, or their
tasks among those that are ready, and both are seen in the turns that follow.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from tracer.events import (
    Accept,
    LoopBlocked,
    LoopSelect,
    RunAsgiEnd,
    ScopeBuilt,
    TaskResumed,
    TaskStarted,
    Tick,
)
from tracer.events.log import Record
from tracer.model.findings.finding import (
    Facts,
    Finding,
    Rule,
    Severity,
    finding,
)
from tracer.model.findings.watch import (
    MS,
    NOTHING,
    Memory,
    Sees,
    Watch,
    named,
)

TURNS = 5
"""Turns in which those who waited come to be known: one to accept, one to
make the protocol, one to read, one to run the app, and one to be sure."""

PATIENCE = 500 * MS
"""The same, where turns can't be counted."""

TICK = 100 * MS
"""The server's tick comes so often.

Source: uvicorn, `Server.main_loop`
"""

LATE = 50 * MS
"""A tick that is so late has waited."""

LATE_WORD = frozenset({"timer", "thread"})
"""Who wakes a task by a word to the loop, which hears it between turns."""

OPEN = 20
"""Blocks that may wait to be judged at a time."""


@dataclass(slots=True)
class _Block:
    """One block, from its end until it is known who waited.

    Attributes:
        record: The last that was said of it.
        over: Whether it has ended.
        waited: Requests that waited.
        conns: Connections that had sent bytes, or had come, by its end.
        read: Whether the first `select` after it was seen.
        tick: Nanoseconds that the server's tick was late.
        many: Whether the culprit is one of many short steps that have filled
            the turn together.
    """

    record: LoopBlocked
    over: bool
    waited: set[int] = field(default_factory=set)
    conns: set[int] = field(default_factory=set)
    read: bool = False
    tick: int = 0
    many: bool = False

    @property
    def end(self) -> int:
        return self.record.since + self.record.ns

    def is_settled(self, record: Record) -> bool:
        """Whether nobody who waited is still to come by this record."""
        if not self.over:
            return False
        turn = self.record.turn
        if record.turn is not None and turn is not None:
            return record.turn > turn + TURNS
        return record.t > self.end + PATIENCE


@dataclass(slots=True)
class BlockedWatch(Watch):
    """Who held the loop, and who waited meanwhile."""

    blocked: ClassVar = Rule("loop-blocked", Severity.WARNING, "loop.blocked")
    rules: ClassVar[tuple[Rule, ...]] = (blocked,)

    open: list[_Block] = field(default_factory=list)
    ticked: int | None = None
    running: Memory[int, int] = field(default_factory=Memory)
    """By connection, its request."""

    def sees(self) -> Mapping[str, Sees]:
        return {
            "loop.blocked": self._blocked,
            "loop.select": self._selected,
            "accept": self._accepted,
            "scope.built": self._came,
            "run_asgi.end": self._went,
            "task.started": self._ran,
            "task.resumed": self._ran,
            "tick": self._ticked,
        }

    def _blocked(
        self, record: LoopBlocked, req: int | None
    ) -> Iterable[Finding]:
        found = self._settle(record)
        last = self.open[-1] if self.open else None
        if last is not None and not last.over:
            if last.record.since == record.since:
                last.record, last.over = record, record.over
                return found
            last.over = True  # its end was lost
        # `ran` is of the moment in which it was first seen, and so is `ns`.
        many = record.ran is not None and record.ran < record.ns // 2
        self.open.append(_Block(record, record.over, many=many))
        if len(self.open) > OPEN:
            found = [*found, self._judge(self.open.pop(0))]
        return found

    def _selected(
        self, record: LoopSelect, req: int | None
    ) -> Iterable[Finding]:
        if not self.open:
            return NOTHING
        for block in self.open:
            if block.over and not block.read:
                block.read = True
                ready = {n for _, _, n in record.ready if n is not None}
                block.conns |= ready
                block.waited |= {
                    self.running[conn] for conn in ready & self.running.keys()
                }
        return self._settle(record)

    def _accepted(self, record: Accept, req: int | None) -> Iterable[Finding]:
        if self.open and record.conn is not None:
            for block in self.open:
                # Who is accepted by the first look had knocked before it.
                if block.over and _turns(block, record) == 1:
                    block.conns.add(record.conn)
        return NOTHING

    def _came(self, record: ScopeBuilt, req: int | None) -> Iterable[Finding]:
        if record.req is None or record.conn is None:
            return NOTHING
        self.running.keep(record.conn, record.req)
        for block in self.open:
            if record.conn in block.conns:
                block.waited.add(record.req)
        return NOTHING

    def _went(self, record: RunAsgiEnd, req: int | None) -> Iterable[Finding]:
        if self.running.get(record.conn or 0) == record.req:
            self.running.pop(record.conn or 0, None)
        return NOTHING

    def _ran(
        self, record: TaskStarted | TaskResumed, req: int | None
    ) -> Iterable[Finding]:
        if not self.open:
            return NOTHING
        whose = record.req if req is None else req
        if whose is not None:
            for block in self.open:
                if _has_waited(block, record):
                    block.waited.add(whose)
        return NOTHING

    def _ticked(self, record: Tick, req: int | None) -> Iterable[Finding]:
        before, self.ticked = self.ticked, record.t
        if not self.open:
            return NOTHING
        for block in self.open:
            if before is not None and before <= block.end <= record.t:
                late = record.t - before - TICK
                block.tick = late if late >= LATE else 0
        return self._settle(record)

    def end(self, t: int) -> Iterable[Finding]:
        found = [self._judge(block) for block in self.open]
        self.open.clear()
        return found

    def _settle(self, record: Record) -> Iterable[Finding]:
        if not self.open or not self.open[0].is_settled(record):
            return NOTHING
        ready = [each for each in self.open if each.is_settled(record)]
        self.open = [each for each in self.open if not each.is_settled(record)]
        return [self._judge(block) for block in ready]

    def _judge(self, block: _Block) -> Finding:
        record = block.record
        waited = sorted(block.waited - {record.req})
        facts: Facts = {
            "ns": record.ns,
            "culprit": record.culprit,
            "requests": len(waited),
            "who": named(f"#{each}" for each in waited),
            "tick": block.tick,
            "many": block.many,
            "held_gil": record.held_gil,
            "over": record.over,
        }
        return finding(self.blocked, record, facts=facts)


def _has_waited(block: _Block, record: TaskStarted | TaskResumed) -> bool:
    if record.ready >= MS:
        # It could have run before the end, and ran after it.
        return record.t - record.ready < block.end <= record.t
    # Its timer came due meanwhile, or its thread was done: that is noticed in
    # the first turn after it, and the task runs in the one after that.
    due = isinstance(record, TaskResumed) and record.woken_by in LATE_WORD
    return due and block.over and _turns(block, record) in {1, 2}


def _turns(block: _Block, record: Record) -> int | None:
    """How many turns after the block's end a record came."""
    if record.turn is None or block.record.turn is None:
        return None
    return record.turn - block.record.turn
