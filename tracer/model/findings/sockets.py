"""WebSockets: a code that reached nobody, and messages that did not either."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from tracer.events import (
    ClientDisconnected,
    MiddlewareEnter,
    ReceiveReturn,
    RouterDefault,
    RunAsgiEnd,
    SendCall,
    WsClose,
    WsHandshake,
    WsMessage,
)
from tracer.events.log import Record
from tracer.model.findings.finding import Finding, Rule, Severity, finding
from tracer.model.findings.watch import NOTHING, Memory, Sees, Watch


@dataclass(slots=True)
class _Talk:
    """One request that may become a WebSocket.

    Attributes:
        nobody: Whether no route took it: then Starlette itself closes.
        close: The app's first close.
        left: What told that its client will hear no more.
        untaken: The newest message that the app has not received.
        waiting: How many it has not received.
        told: Whether it was found that it speaks to nobody.
    """

    nobody: bool = False
    close: SendCall | None = None
    left: Record | None = None
    untaken: WsMessage | None = None
    waiting: int = 0
    told: bool = False


@dataclass(slots=True)
class SocketWatch(Watch):
    """What an app said that its client never got, and the other way round."""

    lost: ClassVar = Rule("close-code-lost", Severity.WARNING, "ws.handshake")
    late: ClassVar = Rule("sent-to-nobody", Severity.WARNING, "ws.close")
    unread: ClassVar = Rule("message-unread", Severity.INFO, "ws.message")
    through: ClassVar = Rule(
        "middleware-http-only", Severity.INFO, "middleware.enter"
    )
    rules: ClassVar[tuple[Rule, ...]] = (lost, late, unread, through)

    talks: Memory[int, _Talk] = field(default_factory=Memory)
    known: Memory[str, bool] = field(default_factory=Memory)
    """Middlewares that were told of: once each is enough."""

    def sees(self) -> Mapping[str, Sees]:
        return {
            "router.default": self._defaulted,
            "middleware.enter": self._entered,
            "send.call": self._sent,
            "receive.return": self._received,
            "client.disconnected": self._left,
            "ws.handshake": self._answered,
            "ws.message": self._came,
            "ws.close": self._closed,
            "run_asgi.end": self._ended,
        }

    def _of(self, record: Record) -> _Talk:
        number = record.req or 0
        talk = self.talks.get(number)
        return self.talks.keep(number, _Talk()) if talk is None else talk

    def _defaulted(
        self, record: RouterDefault, req: int | None
    ) -> Iterable[Finding]:
        self._of(record).nobody = True
        return NOTHING

    def _entered(
        self, record: MiddlewareEnter, req: int | None
    ) -> Iterable[Finding]:
        if not record.through or record.name in self.known:
            return NOTHING
        self.known.keep(record.name, True)
        return (finding(self.through, record, facts={"name": record.name}),)

    def _sent(self, record: SendCall, req: int | None) -> Iterable[Finding]:
        if record.type == "websocket.close":
            talk = self._of(record)
            talk.close = talk.close or record
            return NOTHING
        if record.type != "websocket.send":
            return NOTHING
        talk = self._of(record)
        if talk.left is None or talk.told:
            return NOTHING
        talk.told = True
        facts = {"ns": record.t - talk.left.t}
        return (finding(self.late, talk.left, record, facts=facts),)

    def _received(
        self, record: ReceiveReturn, req: int | None
    ) -> Iterable[Finding]:
        talk = self.talks.get(record.req or 0)
        if talk is not None and record.type == "websocket.receive":
            talk.waiting = max(talk.waiting - 1, 0)
        return NOTHING

    def _left(
        self, record: ClientDisconnected, req: int | None
    ) -> Iterable[Finding]:
        talk = self.talks.get(record.req or 0)
        if talk is not None:
            talk.left = talk.left or record
        return NOTHING

    def _answered(
        self, record: WsHandshake, req: int | None
    ) -> Iterable[Finding]:
        talk = self._of(record)
        close = talk.close
        if record.outcome != "refused" or close is None or talk.nobody:
            return NOTHING
        facts = {"code": close.code or 0, "status": record.status}
        return (finding(self.lost, close, record, facts=facts),)

    def _came(self, record: WsMessage, req: int | None) -> Iterable[Finding]:
        if record.direction == "in":
            talk = self._of(record)
            talk.waiting += 1
            talk.untaken = record
        return NOTHING

    def _closed(self, record: WsClose, req: int | None) -> Iterable[Finding]:
        if record.by == "client" and record.first:
            talk = self._of(record)
            talk.left = talk.left or record
        return NOTHING

    def _ended(self, record: RunAsgiEnd, req: int | None) -> Iterable[Finding]:
        talk = self.talks.pop(record.req or 0, None)
        if talk is None or not talk.waiting or talk.untaken is None:
            return NOTHING
        facts = {"n": talk.waiting}
        return (finding(self.unread, talk.untaken, record, facts=facts),)
