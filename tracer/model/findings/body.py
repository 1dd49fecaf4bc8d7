"""The request's body: who took it, who didn't, and who waits for it in vain."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from tracer.events import (
    BodyBuffered,
    EndpointEnter,
    MiddlewareEnter,
    ReceiveCall,
    ReceiveReturn,
    ResponseCall,
    ResponseStart,
    RunAsgiEnd,
    RunAsgiStart,
    SendCall,
    TaskResumed,
    TaskSuspended,
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
    CLOCK,
    MS,
    NOTHING,
    Memory,
    Sees,
    Watch,
)

VAIN = 1_000 * MS
"""So long a wait for nothing is no passing look."""

CUT_SHORT = 10 * MS
"""So long a wait, ended by the client's leaving, was one."""

GOOD = range(200, 300)
"""Statuses that say that all is well: no reason to leave a body unread."""


@dataclass(slots=True)
class _Body:
    """What is known of one request's body.

    Attributes:
        buffered: Its first bytes that came.
        taken: Whether the app got any.
        end: The message that gave its last.
        taker: The stage that got it.
        stage: The stage that runs.
        tasks: Tasks in which stages run, not those that watch beside them.
        answering: Whether a response is on its way: who calls `receive` then
            waits for the client to leave.
        wait: A call of `receive` after the end, not answered yet.
        asleep: Whether its task really waits there.
        status: Of the response.
    """

    buffered: BodyBuffered | None = None
    n: int = 0
    taken: bool = False
    end: ReceiveReturn | None = None
    taker: str = ""
    stage: str = ""
    tasks: set[int | None] = field(default_factory=set)
    answering: bool = False
    wait: ReceiveCall | None = None
    asleep: bool = False
    status: int | None = None


@dataclass(slots=True)
class BodyWatch(Watch):
    """What becomes of the request's body."""

    unread: ClassVar = Rule("body-unread", Severity.WARNING, "body.buffered")
    vain: ClassVar = Rule(
        "body-waited-in-vain", Severity.ERROR, "receive.call", inferred=True
    )
    rules: ClassVar[tuple[Rule, ...]] = (unread, vain)

    bodies: Memory[int, _Body] = field(default_factory=Memory)
    waiting: dict[int, int] = field(default_factory=dict)
    """By task: the requests of whose bodies `wait` is set."""

    def sees(self) -> Mapping[str, Sees]:
        return {
            "run_asgi.start": self._entered,
            "middleware.enter": self._entered,
            "endpoint.enter": self._entered,
            "body.buffered": self._buffered,
            "receive.call": self._called,
            "receive.return": self._returned,
            "response.call": self._answers,
            "send.call": self._answers,
            "response.start": self._started,
            "task.suspended": self._suspended,
            "task.resumed": self._resumed,
            "run_asgi.end": self._ended,
            **dict.fromkeys(CLOCK, self._later),
        }

    def _body(self, record: Record) -> _Body:
        req = record.req or 0
        body = self.bodies.get(req)
        return self.bodies.keep(req, _Body()) if body is None else body

    def _entered(
        self,
        record: RunAsgiStart | MiddlewareEnter | EndpointEnter,
        req: int | None,
    ) -> Iterable[Finding]:
        body = self._body(record)
        body.tasks.add(record.task)
        if not isinstance(record, RunAsgiStart):
            body.stage = record.name
        return NOTHING

    def _buffered(
        self, record: BodyBuffered, req: int | None
    ) -> Iterable[Finding]:
        body = self._body(record)
        body.buffered = body.buffered or record
        body.n += record.n
        return NOTHING

    def _called(
        self, record: ReceiveCall, req: int | None
    ) -> Iterable[Finding]:
        body = self._body(record)
        self._forget(body)
        vain = body.end is not None and not body.answering
        if vain and record.ready is False and record.task in body.tasks:
            body.wait, body.asleep = record, False
            self.waiting[record.task or 0] = record.req or 0
        return NOTHING

    def _returned(
        self, record: ReceiveReturn, req: int | None
    ) -> Iterable[Finding]:
        body = self._body(record)
        if record.type == "http.request":
            body.taken = body.taken or record.n > 0
            if not record.more_body:
                body.end, body.taker = record, body.stage
            return NOTHING
        wait = body.wait
        if wait is None or wait.task != record.task:
            return NOTHING
        if body.answering or record.t - wait.t < CUT_SHORT:
            self._forget(body)
            return NOTHING
        return self._in_vain(body, record)

    def _answers(
        self, record: ResponseCall | SendCall, req: int | None
    ) -> Iterable[Finding]:
        self._body(record).answering = True
        return NOTHING

    def _started(
        self, record: ResponseStart, req: int | None
    ) -> Iterable[Finding]:
        self._body(record).status = record.status
        return NOTHING

    def _suspended(
        self, record: TaskSuspended, req: int | None
    ) -> Iterable[Finding]:
        body = self._waits(record.id) if self.waiting else None
        if body is not None:
            body.asleep = record.waits_for == "request body"
            if not body.asleep:
                self._forget(body)
        return NOTHING

    def _resumed(
        self, record: TaskResumed, req: int | None
    ) -> Iterable[Finding]:
        body = self._waits(record.id) if self.waiting else None
        if body is not None:
            body.asleep = False  # it is told why in the next event
        return NOTHING

    def _later(self, record: Record, req: int | None) -> Iterable[Finding]:
        return self.end(record.t) if self.waiting else NOTHING

    def end(self, t: int) -> Iterable[Finding]:
        found: list[Finding] = []
        for body in [self._waits(task) for task in self.waiting]:
            if body is None or body.answering or not body.asleep:
                continue
            if body.wait and t - body.wait.t >= VAIN:
                found += self._in_vain(body, None, t - body.wait.t)
        return found

    def _ended(self, record: RunAsgiEnd, req: int | None) -> Iterable[Finding]:
        body = self.bodies.pop(record.req or 0, None)
        if body is None:
            return NOTHING
        self._forget(body)
        well = body.status in GOOD and record.branch == "complete"
        if body.buffered is None or body.taken or not well:
            return NOTHING
        return (
            finding(self.unread, body.buffered, record, facts={"n": body.n}),
        )

    def _in_vain(
        self, body: _Body, last: Record | None, ns: int = 0
    ) -> Iterable[Finding]:
        wait, end = body.wait, body.end
        assert wait is not None
        assert end is not None
        self._forget(body)
        proofs = (end, wait) if last is None else (end, wait, last)
        waited = ns if last is None else last.t - wait.t
        facts: Facts = {
            "taker": body.taker,
            "waiter": body.stage,
            "ns": waited,
        }
        return (finding(self.vain, *proofs, facts=facts),)

    def _waits(self, task: int) -> _Body | None:
        return self.bodies.get(self.waiting.get(task, 0))

    def _forget(self, body: _Body) -> None:
        if body.wait is not None:
            self.waiting.pop(body.wait.task or 0, None)
            body.wait = None
