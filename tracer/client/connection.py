"""One connection of a client: requests become bytes, bytes become answers.

Plain blocking sockets, since a script does one thing after the other; h11
frames what goes out and tells where an answer ends.
"""

import contextlib
import socket
import time
from dataclasses import dataclass

import h11

from tracer.client.script import Send

AGENT = "asgi-trace-client"
READ = 64 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for one request: the status and the body's length."""

    method: str
    target: str
    status: int
    n: int


class Connection:
    """A connection that stays open for as many requests as both sides allow.

    Source: RFC 9112, section 9.3 (persistence).
    """

    def __init__(self, address: tuple[str, int]) -> None:
        self._socket = socket.create_connection(address)
        # A later part of a body leaves at once, not when the server has
        # acknowledged the part before (Nagle's algorithm).
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._host = _host_header(address)
        self._http = h11.Connection(h11.CLIENT)
        self._asked: Send | None = None

    @property
    def usable(self) -> bool:
        """Whether one more request may be sent.

        Not after `Connection: close`, and not when the server has hung up
        meanwhile, as it does when its keep-alive time is over.
        """
        if self._http.our_state is not h11.IDLE:
            return False
        with contextlib.suppress(BlockingIOError):
            return self._peek() != b""
        return True

    def _peek(self) -> bytes:
        self._socket.setblocking(False)
        try:
            return self._socket.recv(1, socket.MSG_PEEK)
        except ConnectionError:
            return b""
        finally:
            self._socket.setblocking(True)

    def send(self, step: Send, unit: float) -> None:
        """Send a request, its body in parts with time between them.

        Raises:
            OSError: The server has hung up.
            h11.LocalProtocolError: The step is no request that may be sent.
        """
        self._asked = step
        head, *rest = self._frame(step)
        self._socket.sendall(head)
        for part in rest:
            time.sleep(step.gap * unit)
            self._socket.sendall(part)

    def _frame(self, step: Send) -> list[bytes]:
        """Give the request as it is written: one item for each write."""
        parts = [part.encode() for part in step.body]
        headers = [("Host", self._host), ("User-Agent", AGENT)]
        headers += step.headers.items()
        framed = {"content-length", "transfer-encoding"}
        if parts and not framed & {name.lower() for name in step.headers}:
            headers.append(("Content-Length", str(sum(map(len, parts)))))
        request = h11.Request(
            method=step.method, target=step.target, headers=headers
        )
        writes = [self._write(request)]
        writes += [self._write(h11.Data(part)) for part in parts]
        writes[-1] += self._write(h11.EndOfMessage())
        return [b"".join(writes[:2]), *writes[2:]]

    def _write(self, event: h11.Event) -> bytes:
        # h11 says None only for ConnectionClosed, which we never send.
        return self._http.send(event) or b""

    def read_response(self) -> Answer | None:
        """Wait for the answer; None when no request is waiting for one.

        Raises:
            OSError: The server has hung up in the middle.
            h11.RemoteProtocolError: The answer is no HTTP.
        """
        if (asked := self._asked) is None:
            return None
        status = n = 0
        while True:
            match self._next_event():
                case h11.Response(status_code=status):
                    pass
                case h11.Data(data=data):
                    n += len(data)
                case h11.EndOfMessage():
                    break
                case h11.ConnectionClosed():
                    raise ConnectionResetError("closed before an answer")
                case _:
                    pass  # 1xx: the answer proper is still to come
        self._asked = None
        if self._http.our_state is h11.DONE is self._http.their_state:
            self._http.start_next_cycle()
        return Answer(asked.method, asked.target, status, n)

    def _next_event(self) -> h11.Event:
        while True:
            event = self._http.next_event()
            if isinstance(event, h11.Event):
                return event
            if event is h11.PAUSED:  # 101, to something that is no HTTP
                raise h11.RemoteProtocolError("the server switched protocols")
            self._http.receive_data(self._socket.recv(READ))

    def close(self) -> None:
        self._socket.close()


def _host_header(address: tuple[str, int]) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
