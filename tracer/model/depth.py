"""How much is told: from a handful of milestones to every last event.

One table says from which depth on a kind is shown. Views ask it, so that the
same key or option means the same everywhere.
"""

from enum import IntEnum

from tracer.events import (
    AppLog,
    H11Event,
    H11Send,
    TaskCreated,
    TaskDone,
    TaskResumed,
    TaskStarted,
    TaskSuspended,
    TransportWrite,
)
from tracer.events.log import Record


class Depth(IntEnum):
    """How deep a view looks; each one shows all that those before it show.

    STORY: the milestones, a handful a request. STAGES: each stage that a
    request passes. EVENTS: everything, with ticks, tasks and bytes.
    """

    STORY = 0
    STAGES = 1
    EVENTS = 2


MILESTONES = frozenset(
    {
        "accept",
        "accept.failed",
        "app.exception",
        "app.output",
        "background.end",
        "background.start",
        "body.ignored",
        "breakpoint.cleared",
        "breakpoint.set",
        "client.disconnected",
        "client.refused",
        "client.response",
        "dropped",
        "endpoint.enter",
        "exception.handled",
        "exception.raised",
        "h11.error",
        "head.timeout",
        "held",
        "keepalive.fired",
        "lifespan.shutdown.failed",
        "lifespan.startup.failed",
        "limit.rejected",
        "listen.failed",
        "loop.blocked",
        "released",
        "response.complete",
        "response.start",
        "router.default",
        "router.redirect",
        "scope.built",
        "send.rejected",
        "server.started",
        "server.stopped",
        "server.stopping",
        "signal",
        "task.lost",
        "tls.failed",
        "write.paused",
        "ws.close",
        "ws.handshake",
        "ws.limit",
        "ws.message",
        "ws.timeout",
    }
)
"""Kinds that are shown at every depth."""

DETAILS = frozenset(
    {
        "app.snapshot",
        "bytes",
        "client.chunk",
        "context.changed",
        "cycle.released",
        "line",
        "loop.accept",
        "loop.select",
        "protocol.created",
        "selector.register",
        "selector.unregister",
        "send.return",
        "source",
        "tick",
        "tick.headers",
        "tick.notify",
    }
)
"""Kinds that are shown at the deepest only. All others are stages."""


LONG = 5_000_000
"""Nanoseconds for which a task that could run may wait without a word."""


def depth_of(record: Record) -> Depth:
    """The least depth at which a record is shown."""
    if record.kind in MILESTONES:
        return Depth.STORY
    if record.kind in DETAILS:
        return Depth.EVENTS
    match record:
        # These move nothing: h11 wants more bytes; there are none to write.
        case H11Event(name="NEED_DATA") | H11Send(n=0) | TransportWrite(n=0):
            return Depth.EVENTS
        # The server's own tasks, the tick above all, come and go for ever.
        case TaskCreated() | TaskSuspended() | TaskResumed() | TaskDone() if (
            record.req is None
        ):
            return Depth.EVENTS
        case TaskDone(outcome="returned"):
            return Depth.EVENTS
        # It waited for nobody but the others that were ready.
        case TaskSuspended(waits_for="gave way"):
            return Depth.EVENTS
        case TaskStarted() | TaskResumed(woken_by="turn"):
            late = record.req is not None and record.ready >= LONG
            return Depth.STAGES if late else Depth.EVENTS
        # The server's own log: other events say the same, and more exactly.
        case AppLog() if record.logger.startswith("asgi_trace."):
            return Depth.EVENTS if record.level == "INFO" else Depth.STAGES
        case AppLog():
            return Depth.STORY
        case _:
            return Depth.STAGES
