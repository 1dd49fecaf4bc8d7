"""One connection of a client: a socket that says what happens to it.

It never waits: what would wait gives control back to `play`, which looks
after all connections at once, so that each moment is told when it comes.
"""

import contextlib
import socket
import struct
from collections.abc import Callable
from time import monotonic_ns
from typing import Protocol

from tracer.client.answers import Answer, Answers, Asked
from tracer.client.waiting import Waiting
from tracer.events.client import (
    ClientChunk,
    ClientClosed,
    ClientEvent,
    ClientFirstByte,
    ClientResponse,
    ClientSent,
)

READ = 64 * 1024

_AT_ONCE = struct.pack("ii", 1, 0)
"""`SO_LINGER` for no seconds: close throws away what isn't sent yet."""


class Watcher(Protocol):
    """Who is told what a client does.

    Source: ours.
    """

    def event(self, event: ClientEvent) -> object:
        """Something happened; called while the client is busy."""

    def answer(self, answer: Answer) -> object:
        """An answer is whole; its event comes right before."""

    def nonsense(self, data: bytes) -> object:
        """What came in answer is no HTTP; the connection is closed next."""

    def settle(self) -> object:
        """The client is about to wait: now there is time to write."""


class Connection:
    """A connection that stays open for as many requests as both sides allow.

    Attributes:
        sock: Non-blocking, connected.
        answers: What is to come, and how it is understood.
        closed: Whether it is over, whoever ended it.
        eager: Whether what comes is read at once.
        begun: How many answers have begun.
        heard: How many are whole, those on the way (1xx) included.

    Source: RFC 9112, section 9.3 (persistence).
    """

    def __init__(
        self,
        sock: socket.socket,
        thread: str,
        watch: Watcher,
        waiting: Waiting,
    ) -> None:
        self.sock = sock
        self.answers = Answers()
        self.closed = False
        self.eager = False
        self.begun = 0
        self.heard = 0
        self._thread = thread
        self._watch = watch
        self._waiting = waiting
        self._asks = 0  # requests so far
        self._sent = 0  # when we last sent something, monotonic ns
        self._ended = False  # whether we have said that we send no more

    @property
    def usable(self) -> bool:
        """Whether one more request may be sent."""
        return not (self.closed or self._ended or self.answers.last)

    def _say(
        self,
        cls: Callable[..., ClientEvent],
        t: int,
        *payload: object,
        nth: int = 0,
    ) -> None:
        self._watch.event(cls(*payload, t=t, thread=self._thread, nth=nth))

    # It sends

    def ask(self, method: str, target: str, *, upgrade: bool = False) -> int:
        """Await an answer to what is sent next; the number of the request."""
        self._asks += 1
        asked = Asked(method, target, monotonic_ns(), self._asks, upgrade)
        self.answers.asked.append(asked)
        return self._asks

    def write(self, data: memoryview, what: str, nth: int) -> int:
        """Give bytes of a request to the kernel; how many it took.

        0 when it is full, or when the connection broke.
        """
        # Stamped before: the server may have read them before we go on.
        t = monotonic_ns()
        try:
            n = self.sock.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            self._hung_up()
            return 0
        self._sent = t
        self._say(ClientSent, t, n, what, nth=nth)
        return n

    def half_close(self) -> None:
        """Say that we send no more; the server may still answer."""
        if self.closed or self._ended:
            return
        self._ended = True
        t = monotonic_ns()
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._hung_up()
            return
        self._say(ClientClosed, t, "client, half")

    # It is answered

    def receive(self, n: int = READ) -> None:
        """Read once, if there is something to read."""
        if self.closed:
            return
        try:
            data = self.sock.recv(n)
        except BlockingIOError:
            return
        except OSError:
            self._end("reset by server", self.answers.cut_off())
            return
        t = monotonic_ns()
        if not data:
            self._understand(b"", t)
            self._end("server", self.answers.problem, t)
            return
        self._understand(data, t)

    def _understand(self, data: bytes, t: int) -> None:
        told = not data
        asked = self.answers.asked
        for answer in self.answers.feed(data):
            if answer is None:
                self.begun += 1
                nth = asked[0].nth
                self._say(ClientFirstByte, t, t - self._sent, nth=nth)
                if not told:
                    told = True
                    self._say(ClientChunk, t, len(data), nth=nth)
                continue
            if not told:
                told = True
                self._say(ClientChunk, t, len(data), nth=answer.nth)
            self._answered(answer, t)
        if not told:
            nth = asked[0].nth if asked else self._asks
            self._say(ClientChunk, t, len(data), nth=nth)
        if data and self.answers.problem:
            self._watch.nonsense(data)
            self.close(why=self.answers.problem)

    def _answered(self, answer: Answer, t: int) -> None:
        self.heard += 1
        said = answer.status, answer.n, t - answer.asked
        self._say(ClientResponse, t, *said, nth=answer.nth)
        self._watch.answer(answer)

    def _hung_up(self) -> None:
        """The kernel refuses to send; what the server said before is read."""
        while self._more():
            self.receive()
        if not self.closed:
            self._end("reset by server", self.answers.cut_off())

    def _more(self) -> bool:
        if not self.closed:
            with contextlib.suppress(OSError):
                self.sock.recv(1, socket.MSG_PEEK)
                return True
        return False

    # It ends

    def close(self, *, reset: bool = False, why: str = "") -> None:
        """Close it, whatever it is doing."""
        if self.closed:
            return
        t = monotonic_ns()
        if reset:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        self._end("reset by client" if reset else "client", why, t)

    def _end(self, by: str, why: str, t: int | None = None) -> None:
        self.closed = True
        self._waiting.forget(self.sock)
        self.sock.close()
        t = monotonic_ns() if t is None else t
        self._say(ClientClosed, t, by, why)
