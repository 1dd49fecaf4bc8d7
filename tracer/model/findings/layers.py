"""A request that nobody answered, and the middleware that kept the answer."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from tracer.events import (
    AppEnter,
    AppExit,
    EndpointEnter,
    ExceptionRaised,
    MiddlewareEnter,
    ResponseCall,
    RouterEnter,
    RunAsgiEnd,
    RunAsgiStart,
    SendCall,
)
from tracer.events.log import Record
from tracer.model.findings.finding import Finding, Rule, Severity, finding
from tracer.model.findings.single import INCOMPLETE
from tracer.model.findings.watch import NOTHING, Memory, Sees, Watch, named

STARLETTES = frozenset({"ServerErrorMiddleware", "ExceptionMiddleware"})
"""They stand in every app, and pass on what they get."""


@dataclass(slots=True)
class _Way:
    """How far into its app one request came.

    Attributes:
        layers: By depth, the middleware that it was in.
        last: The innermost of them, until something further in was seen.
        made: A response that somebody made.
        raised: An exception that somebody raised.
        sent: Whether the server got the beginning of a response.
        apps: Apps that it is in; by the outermost's end it is over, where
            the server is not ours.
        ours: Whether our server called the app.
        outside: Whether it isn't ours, and something stood around the app
            that may answer yet when the app is over; or it is no HTTP.
    """

    layers: dict[int, MiddlewareEnter] = field(default_factory=dict)
    last: MiddlewareEnter | None = None
    made: ResponseCall | None = None
    raised: ExceptionRaised | None = None
    sent: bool = False
    apps: int = 0
    ours: bool = False
    outside: bool = False


@dataclass(slots=True)
class LayerWatch(Watch):
    """Who kept the response, where there was none.

    A middleware may well answer by itself: only where no answer at all came
    out is it asked who called whom.
    """

    swallowed: ClassVar = Rule(
        "middleware-swallowed",
        Severity.ERROR,
        "middleware.enter",
        inferred=True,
    )
    rules: ClassVar[tuple[Rule, ...]] = (swallowed,)

    ways: Memory[int, _Way] = field(default_factory=Memory)

    def sees(self) -> Mapping[str, Sees]:
        return {
            "run_asgi.start": self._began,
            "app.enter": self._app,
            "middleware.enter": self._entered,
            "router.enter": self._further,
            "endpoint.enter": self._further,
            "response.call": self._made,
            "exception.raised": self._raised,
            "send.call": self._sent,
            "app.exit": self._left,
            "run_asgi.end": self._ended,
        }

    def _of(self, record: Record) -> _Way:
        req = record.req or 0
        known = self.ways.get(req)
        return self.ways.keep(req, _Way()) if known is None else known

    def _began(
        self, record: RunAsgiStart, req: int | None
    ) -> Iterable[Finding]:
        self._of(record).ours = True
        return NOTHING

    def _app(self, record: AppEnter, req: int | None) -> Iterable[Finding]:
        if record.type == "http":
            way = self._of(record)
            way.apps += 1
            way.last = None
        return NOTHING

    def _entered(
        self, record: MiddlewareEnter, req: int | None
    ) -> Iterable[Finding]:
        if record.req is not None:  # and no lifespan
            way = self.ways.get(record.req)
            if way is None:
                way = self.ways.keep(record.req, _Way(outside=True))
            way.layers[record.depth] = way.last = record
        return NOTHING

    def _further(
        self, record: RouterEnter | EndpointEnter, req: int | None
    ) -> Iterable[Finding]:
        if (way := self.ways.get(record.req or 0)) is not None:
            way.last = None
        return NOTHING

    def _made(self, record: ResponseCall, req: int | None) -> Iterable[Finding]:
        if (way := self.ways.get(record.req or 0)) is not None:
            way.made = record
        return NOTHING

    def _raised(
        self, record: ExceptionRaised, req: int | None
    ) -> Iterable[Finding]:
        if (way := self.ways.get(record.req or 0)) is not None:
            way.raised = record
        return NOTHING

    def _sent(self, record: SendCall, req: int | None) -> Iterable[Finding]:
        if (way := self.ways.get(record.req or 0)) is not None:
            way.sent = True
        return NOTHING

    def _left(self, record: AppExit, req: int | None) -> Iterable[Finding]:
        way = self.ways.get(record.req or 0)
        if way is None or way.ours:
            return NOTHING
        way.apps -= 1
        if way.apps > 0:
            return NOTHING
        del self.ways[record.req or 0]
        if way.sent or way.outside or record.raised is not None:
            return NOTHING
        # What another server makes of it, it doesn't tell us.
        none = finding(INCOMPLETE, record, facts={"branch": "nothing"})
        return (none, *self._judge(way, record))

    def _ended(self, record: RunAsgiEnd, req: int | None) -> Iterable[Finding]:
        way = self.ways.pop(record.req or 0, None)
        if way is None or record.branch != "no response":
            return NOTHING
        return self._judge(way, record)

    def _judge(self, way: _Way, end: Record) -> Iterable[Finding]:
        users = [e for e in way.layers.values() if e.name not in STARLETTES]
        if not users:
            return NOTHING
        proofs: tuple[Record, ...]
        if way.made is not None:
            how, proofs = "response", (*users, way.made, end)
        elif way.raised is not None:
            how, proofs = "exception", (*users, way.raised, end)
        elif way.last is users[-1]:
            users = users[-1:]
            how, proofs = "call", (*users, end)
        else:
            return NOTHING  # the endpoint itself sent nothing
        facts = {"how": how, "who": named(each.name for each in users)}
        return (finding(self.swallowed, *proofs, facts=facts),)
