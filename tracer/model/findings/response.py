"""The response: broken after its start, of a wrong length, or held back."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from tracer.events import (
    AppException,
    BackgroundStart,
    ExceptionRaised,
    Held,
    ResponseComplete,
    ResponseStart,
    RunAsgiEnd,
    SendCall,
    SendRejected,
)
from tracer.events.log import Record
from tracer.model.findings.finding import (
    Facts,
    Finding,
    Rule,
    Severity,
    finding,
)
from tracer.model.findings.single import breaks_length
from tracer.model.findings.watch import MS, NOTHING, Memory, Sees, Watch

LONG = 10 * MS
"""So long a background task is felt by a client that waits for it."""


@dataclass(slots=True)
class _Response:
    """How far one response has come.

    Attributes:
        start: Its head, once it is fixed.
        complete: Its end.
        sent: Bytes of body that the app has given so far.
        raised: Whether any exception was seen on its way.
        late: The last one that was raised after the head was fixed.
        whole: Whether the response was complete by then.
        background: A background task that began before its end.
        rejected: What `send()` raised, if it did: that is told already.
        held: Whether we held it: then its times are ours.
    """

    start: ResponseStart | None = None
    complete: ResponseComplete | None = None
    sent: int = 0
    raised: bool = False
    late: ExceptionRaised | None = None
    whole: bool = False
    background: BackgroundStart | None = None
    rejected: str = ""
    held: bool = False


@dataclass(slots=True)
class ResponseWatch(Watch):
    """What went wrong between a response's first byte and its last."""

    after_start: ClassVar = Rule(
        "exception-after-start", Severity.ERROR, "app.exception"
    )
    length: ClassVar = Rule("content-length", Severity.ERROR, "send.rejected")
    held: ClassVar = Rule(
        "background-held-response", Severity.WARNING, "background.start"
    )
    rules: ClassVar[tuple[Rule, ...]] = (after_start, length, held)

    responses: Memory[int, _Response] = field(default_factory=Memory)

    def sees(self) -> Mapping[str, Sees]:
        return {
            "response.start": self._started,
            "send.call": self._sent,
            "send.rejected": self._rejected,
            "response.complete": self._completed,
            "exception.raised": self._raised,
            "app.exception": self._failed,
            "background.start": self._background,
            "held": self._held,
            "run_asgi.end": self._ended,
        }

    def _of(self, record: Record) -> _Response:
        req = record.req or 0
        known = self.responses.get(req)
        return self.responses.keep(req, _Response()) if known is None else known

    def _started(
        self, record: ResponseStart, req: int | None
    ) -> Iterable[Finding]:
        self._of(record).start = record
        return NOTHING

    def _sent(self, record: SendCall, req: int | None) -> Iterable[Finding]:
        if record.n:
            self._of(record).sent += record.n
        return NOTHING

    def _rejected(
        self, record: SendRejected, req: int | None
    ) -> Iterable[Finding]:
        response = self._of(record)
        response.rejected = record.raises
        start = response.start
        if start is None or not breaks_length(record):
            return NOTHING
        promised = header(start, "content-length")
        how = "longer" if "much" in record.got else "shorter"
        facts: Facts = {
            "how": how,
            "promised": promised or "?",
            "sent": response.sent,
        }
        return (finding(self.length, start, record, facts=facts),)

    def _completed(
        self, record: ResponseComplete, req: int | None
    ) -> Iterable[Finding]:
        response = self._of(record)
        response.complete = record
        began = response.background
        if began is None or response.held or record.t - began.t < LONG:
            return NOTHING
        facts: Facts = {"name": began.name, "ns": record.t - began.t}
        return (finding(self.held, began, record, facts=facts),)

    def _raised(
        self, record: ExceptionRaised, req: int | None
    ) -> Iterable[Finding]:
        response = self._of(record)
        response.raised = True
        if response.start is not None:
            response.late = record
            response.whole = response.complete is not None
        return NOTHING

    def _failed(
        self, record: AppException, req: int | None
    ) -> Iterable[Finding]:
        response = self._of(record)
        start, late = response.start, response.late
        if start is None or not record.response_started:
            return NOTHING
        if record.type == response.rejected:
            return NOTHING
        if late is not None and late.type == record.type:
            proofs: tuple[Record, ...] = (start, late, record)
        elif not response.raised:  # an app whose inside isn't seen
            proofs = start, record
            response.whole = response.complete is not None
        else:
            return NOTHING  # the response is the error's own page
        facts: Facts = {
            "type": record.type,
            "message": record.message,
            "whole": response.whole,
        }
        return (finding(self.after_start, *proofs, facts=facts),)

    def _background(
        self, record: BackgroundStart, req: int | None
    ) -> Iterable[Finding]:
        response = self._of(record)
        if response.complete is None and response.background is None:
            response.background = record
        return NOTHING

    def _held(self, record: Held, req: int | None) -> Iterable[Finding]:
        self._of(record).held = True
        return NOTHING

    def _ended(self, record: RunAsgiEnd, req: int | None) -> Iterable[Finding]:
        self.responses.pop(record.req or 0, None)
        return NOTHING


def header(record: ResponseStart, wanted: str) -> str | None:
    """The first header of a name, of a response's."""
    found = (v for name, v, _ in record.headers if name.lower() == wanted)
    return next(found, None)
