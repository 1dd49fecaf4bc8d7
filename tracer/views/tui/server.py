"""The server as a whole: its gauges, this connection, and its own story."""

from collections import deque
from collections.abc import Hashable, Iterable
from typing import ClassVar

from tracer.events import ServerConfig
from tracer.events.log import Record
from tracer.model.connections import ConnectionState
from tracer.model.safe import door
from tracer.views.explain import Explanations
from tracer.views.tui.moment import Moment
from tracer.views.tui.pieces import Line, fit, many, millis, pad
from tracer.views.tui.rows import Rows

KEPT = 200
"""Server events that are kept for the list."""
PULSE = frozenset({"tick", "tick.headers", "tick.notify"})
"""What happens all the time: it moves the gauges and needs no line."""
ALSO = frozenset({"tls.failed", "head.timeout"})
"""What ends a connection that has no request: nowhere else has it a line."""


class Server(Rows):
    """Gauges of the whole server, which all connections share.

    Attributes:
        changed: Which files made it start again; None: it is the first run.
    """

    HELP: ClassVar[str] = """
### Server

What all connections share: `ServerState` has the set of connections, the set
of tasks and the number of requests. They are looked at ten times a second, by
the `tick` on the **same** loop that runs the endpoints: while one blocks, the
ticks stand still.
"""

    def __init__(
        self,
        explained: Explanations,
        *,
        id: str | None = None,  # noqa: A002
    ) -> None:
        super().__init__(id=id)
        self._explained = explained
        self._story: deque[Record] = deque(maxlen=KEPT)
        self._told = 0
        self._config: ServerConfig | None = None
        self.changed: str | None = None

    def hear(self, records: Iterable[Record]) -> None:
        """Keep what the server says of itself."""
        for record in records:
            own = record.layer == "server" and record.kind not in PULSE
            if own or record.kind in ALSO:
                known = door(record)
                self._story.append(known)
                self._told += 1
                if isinstance(known, ServerConfig):
                    self._config = known

    def key(self, moment: Moment) -> Hashable:
        number = moment.request.conn if moment.request else None
        conn = moment.trace.connections.get(number or 0)
        return (moment.trace.server, conn, self._told)

    def rows(self, moment: Moment, width: int) -> Iterable[Line]:
        yield (
            ("as it is now", "strong"),
            (", wherever the playhead is", "muted"),
        )
        yield from self._gauges(moment)
        yield from _connection(moment)
        yield ()
        yield (("the server's own story", "strong"),)
        for record in reversed(self._story):
            ended = record.kind in ALSO
            whose = f"c{record.conn} " if ended else ""
            said = fit(whose + self._explained.now(record), width - 12)
            look = "warn" if ended else ""
            yield ((millis(record.t, 10) + "  ", "muted"), (said, look))

    def _gauges(self, moment: Moment) -> Iterable[Line]:
        server, connections = moment.trace.server, moment.trace.connections
        closed = ConnectionState.CLOSED
        alive = sum(c.state is not closed for c in connections.values())
        open_ = f"{alive} open, {server.connections} at the last tick"
        reason = f" ({server.reason})" if server.reason else ""
        shown = [
            ("phase", server.phase + reason),
            ("listens", server.url or "nowhere"),
            ("connections", open_),
            ("tasks", f"{server.tasks} at the last tick"),
            ("requests", f"{server.total_requests} completed"),
            ("ticks", str(server.ticks)),
            ("Date", server.date or "not set"),
        ]
        if self.changed is not None:
            shown.insert(0, ("reloaded", self.changed))
        if (config := self._config) is not None:
            versions = " ".join(f"{k} {v}" for k, v in config.versions.items())
            shown += [
                ("runs", f"{config.app} on {config.loop}, {config.http}"),
                ("versions", versions),
            ]
        for name, value in shown:
            yield ((pad(name, 12), "server"), (value, ""))
        if server.agreed or server.failed:
            look = "warn" if server.failed else ""
            said = f"{server.agreed} agreed, {server.failed} failed"
            yield ((pad("TLS", 12), "server"), (said, look))
        if server.dropped:
            yield (
                (pad("dropped", 12), "server"),
                (many(server.dropped, "event"), "loud"),
            )


def _connection(moment: Moment) -> Iterable[Line]:
    number = moment.request.conn if moment.request else None
    conn = moment.trace.connections.get(number or 0)
    if conn is None:
        return
    yield ()
    yield ((f"connection {conn.number} ", "strong"), (conn.client, "muted"))
    reason = f" ({conn.reason})" if conn.reason else ""
    flow = [] if conn.reading else ["reading paused"]
    flow += [] if conn.writing else ["writing paused"]
    inside = "WebSocket frames" if conn.frames else "HTTP/1.1"
    peer = f", client {conn.peer}" if conn.peer else ""
    shown = (
        ("state", conn.state.value + reason),
        ("speaks", f"{inside} in {conn.tls}{peer}" if conn.tls else inside),
        ("requests", str(conn.requests)),
        ("bytes", f"{conn.bytes_in} in, {conn.bytes_out} out"),
        ("flow", ", ".join(flow) or "both ways open"),
    )
    for name, value in shown:
        yield ((pad(name, 12), "connection"), (value, ""))
