"""Whatever clients do, in whatever order: nothing breaks, nobody is stuck."""

import contextlib

import pytest
from fuzzing import Crowd, Transport
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    rule,
)
from smuggling import SHAPES
from socket_wire import frame

PATHS = ["/", "/early", "/raises", "/half", "/large", "/wait"]
HANDSHAKE = (
    b"connection: upgrade\r\nupgrade: websocket\r\n"
    b"sec-websocket-version: 13\r\n"
    b"sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)
PACKED = b"sec-websocket-extensions: permessage-deflate\r\n"
HEADERS = [
    b"", b"connection: close\r\n", b"expect: 100-continue\r\n",
    HANDSHAKE, HANDSHAKE + PACKED, b"upgrade: h2c\r\nconnection: upgrade\r\n",
]  # fmt: skip
BODIES = {
    "none": b"\r\n",
    "whole": b"content-length: 5\r\n\r\nabcde",
    "half": b"content-length: 9\r\n\r\nab",
    "large": b"content-length: 99999\r\n\r\n" + bytes(99999),
    "chunks": b"transfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
    "half a chunk": b"transfer-encoding: chunked\r\n\r\n5\r\nab",
}


def request(method: str, path: str, header: bytes, body: str) -> bytes:
    line = f"{method} {path} HTTP/1.1\r\nhost: a\r\n".encode()
    return line + header + BODIES[body]


REQUESTS = st.builds(
    request,
    st.sampled_from(["GET", "POST", "HEAD"]),
    st.sampled_from(PATHS),
    st.sampled_from(HEADERS),
    st.sampled_from(sorted(BODIES)),
)
SOCKETS = st.builds(
    request,
    st.just("GET"),
    st.sampled_from(PATHS),
    st.sampled_from([HANDSHAKE, HANDSHAKE + PACKED]),
    st.just("none"),
)
FRAMES = st.builds(
    frame,
    st.sampled_from([0, 1, 2, 8, 9, 10, 3]),
    st.binary(max_size=130),
    fin=st.booleans(),
    rsv1=st.booleans(),
)
PIECES = st.one_of(
    REQUESTS,
    SOCKETS,
    FRAMES,
    st.integers(0, len(SHAPES) - 1).map(lambda n: SHAPES[n].data),
    st.binary(min_size=1, max_size=20),
)


class Clients(RuleBasedStateMachine):
    """Some clients of one server."""

    clients = Bundle("clients")

    def __init__(self) -> None:
        super().__init__()
        self.crowd = Crowd()

    @rule(target=clients)
    def comes(self) -> int:
        self.crowd.open()
        return len(self.crowd.clients) - 1

    @rule(target=clients, what=SOCKETS)
    def opens_a_websocket(self, what: bytes) -> int:
        self.crowd.open().comes(what)
        self.crowd.settle()
        return len(self.crowd.clients) - 1

    @rule(target=clients, what=REQUESTS)
    def comes_and_asks(self, what: bytes) -> int:
        self.crowd.open().comes(what)
        self.crowd.settle()
        return len(self.crowd.clients) - 1

    @rule(who=clients, what=REQUESTS)
    def asks(self, who: int, what: bytes) -> None:
        self.crowd.clients[who].comes(what)
        self.crowd.settle()

    @rule(who=clients, what=st.lists(PIECES, min_size=1, max_size=3))
    def sends(self, who: int, what: list[bytes]) -> None:
        self.crowd.clients[who].comes(b"".join(what))
        self.crowd.settle()

    @rule(who=clients, what=PIECES, at=st.integers(1, 200))
    def sends_in_two(self, who: int, what: bytes, at: int) -> None:
        for each in (what[:at], what[at:]):
            if each:
                self.crowd.clients[who].comes(each)
                self.crowd.settle()

    @rule(who=clients, what=PIECES, at=st.integers(1, 200))
    def sends_only_the_beginning(self, who: int, what: bytes, at: int) -> None:
        self.crowd.clients[who].comes(what[:at])
        self.crowd.settle()

    @rule(who=clients)
    def does_not_read(self, who: int) -> None:
        self.crowd.clients[who].client_reads = False

    @rule(who=clients)
    def reads_again(self, who: int) -> None:
        self.crowd.loop.call_soon(self.crowd.clients[who].reads)
        self.crowd.settle()

    @rule(who=clients)
    def sends_no_more(self, who: int) -> None:
        self.crowd.loop.call_soon(self.crowd.clients[who].ends)
        self.crowd.settle()

    @rule(who=clients, how=st.sampled_from([None, ConnectionResetError()]))
    def is_gone(self, who: int, how: Exception | None) -> None:
        self.crowd.clients[who].loses(how)
        self.crowd.settle()

    @rule(seconds=st.sampled_from([0.1, 4.9, 5.1, 20.5, 61.0]))
    def time_passes(self, seconds: float) -> None:
        self.crowd.wait(seconds)

    @invariant()
    def nothing_is_raised(self) -> None:
        self.crowd.nothing_is_raised()

    def teardown(self) -> None:
        try:
            self.crowd.nobody_is_waited_for()
            self.crowd.end()
        finally:
            self.crowd.close()


def plays(*reads: bytes) -> Transport:
    """One client that sends this; all that must hold is looked at."""
    with contextlib.closing(Crowd()) as crowd:
        client = crowd.open()
        for each in reads:
            client.comes(each)
            crowd.settle()
        crowd.nobody_is_waited_for()
        crowd.end()
        return client


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_broken_body_is_refused_and_a_head_is_told_so_without_one(
    method: str,
) -> None:
    head = request(method, "/", b"", "half a chunk")
    client = plays(head, b"no chunk at all")
    assert client.written.startswith(b"HTTP/1.1 400 ")
    assert (b"Invalid HTTP" in client.written) == (method == "GET")


@pytest.mark.parametrize("path", ["/raises", "/early"])
def test_an_app_that_answers_after_a_400_breaks_nothing(path: str) -> None:
    head = request("POST", path, b"", "half a chunk")
    client = plays(head + b"no chunk at all")
    assert client.written.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nhost: a b\r\n\r\n",
        request("POST", "/", HANDSHAKE, "none"),
    ],
)
def test_what_is_refused_after_its_head_is_over(data: bytes) -> None:
    assert plays(data).written.startswith(b"HTTP/1.1 400 ")


TestClients = Clients.TestCase
TestClients.settings = settings(max_examples=60, stateful_step_count=20)
