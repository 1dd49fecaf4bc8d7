"""A client that left, and an app that did not hear of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from tracer.events import (
    ClientDisconnected,
    EndpointEnter,
    EndpointExit,
    Held,
    ReceiveReturn,
    RunAsgiEnd,
    RunAsgiStart,
    SendDropped,
    TaskCreated,
)
from tracer.events.log import Record
from tracer.model.findings.finding import (
    Facts,
    Finding,
    Rule,
    Severity,
    finding,
)
from tracer.model.findings.watch import MS, NOTHING, Memory, Sees, Watch

LONG = 50 * MS
"""An app that goes on for so long hasn't heard, or doesn't care."""

ASKS = "BaseHTTPMiddleware.__call__.<locals>.call_next.<locals>.receive_or"
"""Begins a task each time that somebody below a BaseHTTPMiddleware asks for a
message.

Source: Starlette, `BaseHTTPMiddleware.__call__`
"""


@dataclass(slots=True)
class _Way:
    """How far one request is.

    Attributes:
        endpoint: Its endpoint, while that runs.
        seen: Whether it has come to an endpoint.
        dropped: The last that it sent to nobody.
        held: Whether we held it: then its times are ours.
        left: When its client left.
        heard: The `http.disconnect` that came back to somebody below a
            BaseHTTPMiddleware.
        asks: Tasks that ask by way of a BaseHTTPMiddleware.
        told: Whether it was found that it went on.
    """

    endpoint: EndpointEnter | None = None
    seen: bool = False
    dropped: SendDropped | None = None
    held: bool = False
    left: ClientDisconnected | None = None
    heard: ReceiveReturn | None = None
    asks: set[int | None] = field(default_factory=set)
    told: bool = False


@dataclass(slots=True)
class LeavingWatch(Watch):
    """Who went on after the client had left, and who could not know."""

    went_on: ClassVar = Rule(
        "went-on-alone", Severity.WARNING, "client.disconnected"
    )
    hidden: ClassVar = Rule(
        "disconnect-hidden", Severity.WARNING, "receive.return", inferred=True
    )
    rules: ClassVar[tuple[Rule, ...]] = (went_on, hidden)

    ways: Memory[int, _Way] = field(default_factory=Memory)

    def sees(self) -> Mapping[str, Sees]:
        return {
            "run_asgi.start": self._began,
            "endpoint.enter": self._entered,
            "endpoint.exit": self._exited,
            "client.disconnected": self._left,
            "task.created": self._asked,
            "receive.return": self._heard,
            "send.dropped": self._dropped,
            "held": self._held,
            "run_asgi.end": self._ended,
        }

    def _began(
        self, record: RunAsgiStart, req: int | None
    ) -> Iterable[Finding]:
        if record.req is not None:
            self.ways.keep(record.req, _Way())
        return NOTHING

    def _entered(
        self, record: EndpointEnter, req: int | None
    ) -> Iterable[Finding]:
        if (way := self.ways.get(record.req or 0)) is not None:
            way.endpoint, way.seen = record, True
        return NOTHING

    def _exited(
        self, record: EndpointExit, req: int | None
    ) -> Iterable[Finding]:
        way = self.ways.get(record.req or 0)
        if way is None or way.endpoint is None:
            return NOTHING
        way.endpoint = None
        return self._late(way, record, record.name)

    def _left(
        self, record: ClientDisconnected, req: int | None
    ) -> Iterable[Finding]:
        if (way := self.ways.get(record.req or 0)) is not None:
            way.left = record
        return NOTHING

    def _asked(self, record: TaskCreated, req: int | None) -> Iterable[Finding]:
        way = self.ways.get(record.req or 0)
        if way is None or ASKS not in record.name + record.coro:
            return NOTHING
        way.asks.add(record.parent)
        heard, left = way.heard, way.left
        if heard is None or left is None or heard.task != record.parent:
            return NOTHING
        # Who has been told doesn't ask again.
        way.heard = None
        way.asks.clear()
        return (finding(self.hidden, left, heard, record),)

    def _heard(
        self, record: ReceiveReturn, req: int | None
    ) -> Iterable[Finding]:
        way = self.ways.get(record.req or 0)
        gone = record.type == "http.disconnect"
        if gone and way is not None and record.task in way.asks:
            way.heard = record
        return NOTHING

    def _dropped(
        self, record: SendDropped, req: int | None
    ) -> Iterable[Finding]:
        if (way := self.ways.get(record.req or 0)) is not None:
            way.dropped = record
        return NOTHING

    def _held(self, record: Held, req: int | None) -> Iterable[Finding]:
        if (way := self.ways.get(record.req or 0)) is not None:
            way.held = True
        return NOTHING

    def _ended(self, record: RunAsgiEnd, req: int | None) -> Iterable[Finding]:
        way = self.ways.pop(record.req or 0, None)
        if way is None:
            return NOTHING
        # After its endpoint only what it still sent was for nobody: it may
        # have had background tasks.
        last = way.dropped if way.seen else record
        return NOTHING if last is None else self._late(way, last, "")

    def _late(self, way: _Way, record: Record, name: str) -> Iterable[Finding]:
        left = way.left
        told = way.told or way.held
        if left is None or told or record.t - left.t < LONG:
            return NOTHING
        way.told = True
        facts: Facts = {"name": name, "ns": record.t - left.t}
        return (finding(self.went_on, left, record, facts=facts),)
