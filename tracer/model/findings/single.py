"""Rules that one event proves alone: a kind, a condition, and its facts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from tracer.events import ExceptionRaised, SendRejected, UpgradeDecision
from tracer.model.findings.finding import Finding, Rule, Severity, finding
from tracer.model.findings.watch import NOTHING, Sees, Watch

_, WARNING, ERROR = Severity


def breaks_length(record: SendRejected) -> bool:
    """Whether h11 refused a body that isn't as long as was promised."""
    return "Content-Length" in record.got and record.raises != "RuntimeError"


def _always(_: object) -> bool:
    return True


def _out_of_order(record: SendRejected) -> bool:
    # To have been left by a WebSocket's client is no fault.
    left = record.raises == "ClientDisconnected"
    return not left and not breaks_length(record)


def _no_websocket(record: UpgradeDecision) -> bool:
    # Other protocols (h2c, as curl asks for) are offers that a server may
    # pass over; a WebSocket client has no use for a plain answer.
    return not record.accepted and "websocket" in record.wanted.lower()


def _stream_consumed(record: ExceptionRaised) -> bool:
    """Starlette's own words, in `Request.stream`."""
    return record.type == "RuntimeError" and record.message == "Stream consumed"


@dataclass(frozen=True, slots=True)
class Single:
    """A rule about one event of `kind` for which `holds` is true.

    `takes` names the fields of the event that are its facts.
    """

    rule: Rule
    kind: str
    takes: tuple[str, ...] = ()
    holds: Callable[[Any], bool] = _always

    def see(self, record: Any, req: int | None) -> tuple[Finding, ...]:  # noqa: ANN401  # of `kind`
        """The finding, if it is one."""
        if not self.holds(record):
            return NOTHING
        taken = {name: getattr(record, name) for name in self.takes}
        facts = {k: v for k, v in taken.items() if v is not None}
        return (finding(self.rule, record, facts=facts, req=req),)


def _single(
    name: str,
    kind: str,
    severity: Severity,
    takes: str = "",
    holds: Callable[[Any], bool] = _always,
) -> Single:
    return Single(Rule(name, severity, kind), kind, tuple(takes.split()), holds)


INCOMPLETE = Rule("response-incomplete", ERROR, "run_asgi.end")

TABLE = (
    _single(
        "app-exception",
        "app.exception",
        ERROR,
        "type message at response_started unheard",
    ),
    Single(
        INCOMPLETE,
        "run_asgi.end",
        ("branch",),
        lambda e: e.branch in {"no response", "incomplete", "returned a value"},
    ),
    _single(
        "send-rejected",
        "send.rejected",
        ERROR,
        "expected got raises",
        _out_of_order,
    ),
    _single("client-left", "client.disconnected", WARNING, "of"),
    _single("socket-silent", "ws.timeout", WARNING, "of seconds"),
    _single("message-too-big", "ws.limit", WARNING, "n limit"),
    _single("not-http", "h11.error", WARNING, "message status"),
    _single("limit-rejected", "limit.rejected", WARNING),
    _single("lifespan-failed", "lifespan.startup.failed", ERROR, "message"),
    _single("listen-failed", "listen.failed", ERROR, "address error"),
    _single("events-dropped", "dropped", WARNING, "n queue"),
    _single("accept-failed", "accept.failed", ERROR, "error times"),
    _single("task-lost", "task.lost", ERROR, "id error"),
    _single(
        "upgrade-refused",
        "upgrade.decision",
        WARNING,
        "wanted reason",
        _no_websocket,
    ),
    _single(
        "body-read-twice",
        "exception.raised",
        WARNING,
        "at",
        _stream_consumed,
    ),
)


@dataclass(slots=True)
class SingleWatch(Watch):
    """All of the table; it remembers nothing."""

    rules: ClassVar[tuple[Rule, ...]] = tuple(each.rule for each in TABLE)

    def sees(self) -> Mapping[str, Sees]:
        # One rule a kind: a second one needs a watch of its own.
        assert len({each.kind for each in TABLE}) == len(TABLE)
        return {each.kind: each.see for each in TABLE}
