"""A connection that is closed for idleness just as somebody uses it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from tracer.events import (
    ClientConnected,
    ClientSent,
    ConnectionMade,
    DataReceived,
    KeepaliveArmed,
    KeepaliveCancelled,
    KeepaliveFired,
)
from tracer.model.findings.finding import (
    Facts,
    Finding,
    Rule,
    Severity,
    finding,
)
from tracer.model.findings.watch import MS, NOTHING, Memory, Sees, Watch

NEAR = 50 * MS
"""A request that comes so shortly before the end might have come after it."""

SHORT = 4 * NEAR
"""Of a time-out no longer than this, all is near the end."""


@dataclass(slots=True)
class IdleWatch(Watch):
    """Races between the keep-alive timer and the next request.

    Seen from the server, a request that comes too late doesn't come at all.
    So a near miss is told; and a loss, where our own client was the one.
    """

    race: ClassVar = Rule("keepalive-race", Severity.WARNING, "keepalive.armed")
    rules: ClassVar[tuple[Rule, ...]] = (race,)

    armed: Memory[int, KeepaliveArmed] = field(default_factory=Memory)
    read: Memory[int, DataReceived] = field(default_factory=Memory)
    fired: Memory[int, KeepaliveFired] = field(default_factory=Memory)
    addresses: Memory[str, int] = field(default_factory=Memory)
    """Connections, by their clients' addresses."""
    clients: Memory[str, str] = field(default_factory=Memory)
    """Addresses of our own clients, by their threads."""
    sent: Memory[str, ClientSent] = field(default_factory=Memory)
    """The last that was sent from each of these addresses."""

    def sees(self) -> Mapping[str, Sees]:
        return {
            "connection_made": self._made,
            "data_received": self._read,
            "keepalive.armed": self._armed,
            "keepalive.cancelled": self._cancelled,
            "keepalive.fired": self._fired,
            "client.connected": self._connected,
            "client.sent": self._sent,
        }

    def _made(
        self, record: ConnectionMade, req: int | None
    ) -> Iterable[Finding]:
        # Only for clients of ours, whose own words are in the trace.
        if record.conn is not None:
            self.addresses.pop(record.client, None)
            self.addresses.keep(record.client, record.conn)
        return NOTHING

    def _read(self, record: DataReceived, req: int | None) -> Iterable[Finding]:
        if record.conn is not None:
            self.read.pop(record.conn, None)
            self.read.keep(record.conn, record)
        return NOTHING

    def _armed(
        self, record: KeepaliveArmed, req: int | None
    ) -> Iterable[Finding]:
        if record.conn is not None:
            self.armed.pop(record.conn, None)
            self.armed.keep(record.conn, record)
        return NOTHING

    def _cancelled(
        self, record: KeepaliveCancelled, req: int | None
    ) -> Iterable[Finding]:
        armed = self.armed.pop(record.conn or 0, None)
        read = self.read.get(record.conn or 0)
        # Without bytes it was cancelled by the connection's end.
        if armed is None or read is None or read.t < armed.t:
            return NOTHING
        timeout = int(armed.seconds * 1e9)
        left = armed.t + timeout - read.t
        if timeout < SHORT or left >= NEAR:
            return NOTHING
        ns = max(left, 0)
        facts: Facts = {"how": "near", "ns": ns, "seconds": armed.seconds}
        return (finding(self.race, armed, read, facts=facts),)

    def _fired(
        self, record: KeepaliveFired, req: int | None
    ) -> Iterable[Finding]:
        if record.conn is not None:
            self.fired.pop(record.conn, None)
            self.fired.keep(record.conn, record)
            for address, sent in self.sent.items():
                if self.addresses.get(address) == record.conn:
                    return self._raced(record, sent)
        return NOTHING

    def _connected(
        self, record: ClientConnected, req: int | None
    ) -> Iterable[Finding]:
        self.clients.pop(record.thread, None)
        self.clients.keep(record.thread, record.address)
        return NOTHING

    def _sent(self, record: ClientSent, req: int | None) -> Iterable[Finding]:
        address = self.clients.get(record.thread, "")
        fired = self.fired.get(self.addresses.get(address, 0))
        if fired is not None:
            return self._raced(fired, record)
        if address:
            self.sent.pop(address, None)
            self.sent.keep(address, record)
        return NOTHING

    def _raced(
        self, fired: KeepaliveFired, sent: ClientSent
    ) -> Iterable[Finding]:
        """What was sent about when the timer fired was never read."""
        apart = sent.t - fired.t
        read = self.read.get(fired.conn or 0)
        was_read = read is not None and read.t >= sent.t
        if was_read or not -NEAR < apart < NEAR:
            return NOTHING
        armed = self.armed.get(fired.conn or 0)
        proofs = (fired, sent) if apart >= 0 else (sent, fired)
        facts: dict[str, str | int | float] = {"how": "lost", "ns": abs(apart)}
        if armed is not None:
            facts["seconds"] = armed.seconds
        return (finding(self.race, *proofs, facts=facts),)
