"""Is the client still there? A ping asks, and a missing pong tells.

TCP alone doesn't: a client that has vanished looks like one that is silent.
"""

import asyncio
import random
import struct
from collections.abc import Callable

from wsproto.events import Pong

from tracer.capture.server.flow import FlowControl
from tracer.capture.server.socket_writer import SocketWriter
from tracer.capture.sources import Places
from tracer.events import WsPong, WsTimeout


class Pings:
    """Asks one client every `interval` seconds.

    Attributes:
        ping_timer: Until the next ping; None: none is to come, or the last
            one's pong is awaited.
        ping_sent_at: When the latest ping was sent, on the loop's clock.

    Source: uvicorn, `WSProtocol.schedule_ping`
    """

    def __init__(  # noqa: PLR0913, PLR0917
        self,
        loop: asyncio.AbstractEventLoop,
        writer: SocketWriter,
        flow: FlowControl,
        interval: float | None,
        timeout: float | None,
        on_timeout: Callable[[], None],
    ) -> None:
        self.loop = loop
        self.writer = writer
        self.flow = flow
        self.interval = interval
        self.timeout = timeout
        self.on_timeout = on_timeout
        self.ping_timer: asyncio.TimerHandle | None = None
        self.pong_timer: asyncio.TimerHandle | None = None
        self.pending: bytes | None = None
        self.ping_sent_at = 0.0
        self.last_ping_rtt = 0.0
        self.unanswered: Pong | None = None

    def start(self) -> None:
        """Begin to ask, if that is wanted."""
        if self.interval is not None and self.interval > 0:
            self._schedule(self.interval)

    def stop(self) -> None:
        """Ask no more, and wait for nothing."""
        for timer in (self.ping_timer, self.pong_timer):
            if timer is not None:
                timer.cancel()
        self.ping_timer = self.pong_timer = None
        self.pending = None

    def _schedule(self, interval: float) -> None:
        delay = max(0.0, interval - self.last_ping_rtt)
        self.ping_timer = self.loop.call_later(delay, self.send_keepalive_ping)

    def send_keepalive_ping(self) -> None:
        """Ask, and wait for the answer."""
        self.ping_timer = None
        if self.writer.transport.is_closing():
            return
        # Its answer repeats it, and so is told from late and unasked ones.
        self.pending = struct.pack("!I", random.getrandbits(32))
        self.ping_sent_at = self.loop.time()
        self.writer.ping(self.pending, AT.send_keepalive_ping)
        if self.timeout is not None:
            self.pong_timer = self.loop.call_later(
                self.timeout, self.keepalive_timeout
            )
        elif self.interval is not None:
            self._schedule(self.interval)

    def handle_ping(self, pong: Pong) -> None:
        """Answer a ping, but not into a buffer that is full already.

        Source: RFC 6455, section 5.5.3: of several pings, only the latest
            must be answered
        """
        if self.flow.write_paused:
            self.unanswered = pong
        else:
            self.writer.pong(pong, AT.handle_ping)

    def resume_writing(self) -> None:
        """Answer the ping that had to wait."""
        if self.unanswered is not None:
            self.writer.pong(self.unanswered, AT.handle_ping)
            self.unanswered = None

    def handle_pong(self, payload: bytes) -> None:
        """See whether this answers our ping; if so, ask again later."""
        answers = self.pending is not None and payload == self.pending
        rtt = None
        if answers:
            self.last_ping_rtt = self.loop.time() - self.ping_sent_at
            rtt = int(self.last_ping_rtt * 1e9)
            self.pending = None
        if (note := self.writer.note) is not None:
            note.three(WsPong, AT.handle_pong, "in", len(payload), rtt)
        if answers and self.pong_timer is not None:
            self.pong_timer.cancel()
            self.pong_timer = None
            assert self.interval is not None  # else nobody had asked
            self._schedule(self.interval)

    def keepalive_timeout(self) -> None:
        """Nobody has answered: give the client up."""
        self.pong_timer = None
        self.pending = None
        if self.writer.transport.is_closing():
            return
        if (note := self.writer.note) is not None:
            note.two(WsTimeout, AT.keepalive_timeout, "pong", self.timeout)
        self.on_timeout()


AT = Places(Pings)
