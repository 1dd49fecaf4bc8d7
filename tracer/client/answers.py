"""Bytes from a server become answers, told apart by h11. No socket here.

Each awaited answer has a parser of its own, which has been told of a request
like the one it answers: what was really sent may be no HTTP at all.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import h11

START = 512
"""Bytes of a body that are kept, to be shown."""

LONGEST_HEAD = 1 << 18
"""Bytes that the head of an answer may have."""

SWITCHED = 101


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for one request.

    Attributes:
        method: The request's.
        target: The request's.
        status: As the server said it; 1xx are answers on the way.
        n: Bytes of body.
        reason: What the server calls the status.
        start: The first bytes of the body.
        asked: When the request's first byte was sent, monotonic ns.
        nth: Which request of its connection it answers, from 1.
    """

    method: str
    target: str
    status: int
    n: int
    reason: str = ""
    start: bytes = b""
    asked: int = 0
    nth: int = 0

    @property
    def final(self) -> bool:
        """Whether nothing more comes for this request."""
        return self.status >= 200 or self.status == SWITCHED  # noqa: PLR2004


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that an answer is awaited for.

    Attributes:
        t: When its first byte was sent, monotonic nanoseconds.
        nth: Which request of its connection it is, from 1.
        upgrade: Whether it asks for another protocol.
    """

    method: str
    target: str
    t: int
    nth: int
    upgrade: bool = False


class Answers:
    """The answers of one connection, in order.

    Attributes:
        asked: Requests whose answers are still to come, the oldest first.
        problem: What is wrong with what came; empty: nothing yet.
        last: Whether the server has said that no further answer will come.
        switched: Whether it speaks another protocol from here on.

    Source: RFC 9112, sections 6.3 and 9.3.2
    """

    def __init__(self) -> None:
        self.asked: deque[Asked] = deque()
        self.problem = ""
        self.last = False
        self.switched = False
        self._http: h11.Connection | None = None
        self._got: h11.Response | None = None
        self._n = 0
        self._start = b""

    def feed(self, data: bytes) -> Iterator[Answer | None]:
        """Take what was read; nothing at all means: the server's end.

        Yields:
            None where an answer begins, and each answer when it is whole.
        """
        while self.asked and not self.problem and not self.last:
            if self._http is None:
                if not data:
                    self.problem = "before it answered"
                    return
                yield None
                self._http = _parser(self.asked[0])
            self._http.receive_data(data)
            rest = b""
            try:
                for answer in self._events(self._http):
                    yield answer
                    if answer.final:
                        rest = self._finish(self._http)
            except h11.RemoteProtocolError:
                self.problem = "in the middle of an answer"
                if data:
                    self.problem = "the answer is no HTTP"
            if not rest:
                return
            data = rest

    def cut_off(self) -> str:
        """What is missed now that the connection broke; empty: nothing."""
        if self.asked and not self.problem and not self.last:
            self.problem = "in the middle of an answer"
            if self._http is None:
                self.problem = "before it answered"
        return self.problem

    def _events(self, http: h11.Connection) -> Iterator[Answer]:
        asked = self.asked[0]
        while True:
            match http.next_event():
                case h11.InformationalResponse(status_code=status) as got:
                    yield _answer(asked, status, 0, got, b"")
                    if status == SWITCHED:
                        return
                case h11.Response() as got:
                    self._got, self._n, self._start = got, 0, b""
                case h11.Data(data=data):
                    self._n += len(data)
                    if len(self._start) < START:
                        self._start += bytes(data[: START - len(self._start)])
                case h11.EndOfMessage():
                    whole = self._got
                    assert whole is not None
                    yield _answer(
                        asked, whole.status_code, self._n, whole, self._start
                    )
                    return
                case _:
                    return

    def _finish(self, http: h11.Connection) -> bytes:
        """Forget a request that was answered; give what came after that."""
        self.asked.popleft()
        self._http = None
        rest, ended = http.trailing_data
        self.switched = http.their_state is h11.SWITCHED_PROTOCOL
        self.last = ended or http.their_state is not h11.DONE
        return bytes(rest)


def _parser(asked: Asked) -> h11.Connection:
    http = h11.Connection(h11.CLIENT, max_incomplete_event_size=LONGEST_HEAD)
    headers = [("host", "server")]
    if asked.upgrade:
        headers += [("connection", "upgrade"), ("upgrade", "any")]
    method = asked.method
    http.send(h11.Request(method=method, target="/", headers=headers))
    http.send(h11.EndOfMessage())
    return http


def _answer(
    asked: Asked,
    status: int,
    n: int,
    got: h11.Response | h11.InformationalResponse,
    start: bytes,
) -> Answer:
    return Answer(
        asked.method,
        asked.target,
        status,
        n,
        got.reason.decode("latin-1"),
        start,
        asked.t,
        asked.nth,
    )
