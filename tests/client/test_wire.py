"""What a client tells when the other end makes trouble."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from client_kit import Notebook, place
from hypothesis import given, settings
from hypothesis import strategies as st

from tracer.client.frame import frame
from tracer.client.play import Player, ServerGoneError
from tracer.client.script import (
    AnyStep,
    Close,
    Connect,
    HalfClose,
    Raw,
    Read,
    ReadEnd,
    ReadFirstByte,
    ReadResponse,
    Send,
    Wait,
)
from tracer.client.waiting import TookTooLongError
from tracer.events.client import ClientChunk, ClientFirstByte, ClientSent

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
GET: list[AnyStep] = [Send("a", "/"), ReadResponse("a")]
UPLOAD: list[AnyStep] = [
    Send("a", "/", "POST", size=1 << 24),
    ReadResponse("a"),
]


@contextmanager
def server(
    serve: Callable[[socket.socket], object],
) -> Iterator[tuple[str, int]]:
    """A server for one connection, which is closed when `serve` returns."""

    def run() -> None:
        conn, _ = listening.accept()
        with conn:
            serve(conn)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=run)
        thread.start()
        yield listening.getsockname()
        thread.join(20)
        assert not thread.is_alive()


def play(
    address: tuple[str, int], steps: list[AnyStep], timeout: float = 20
) -> Notebook:
    watch = Notebook()
    Player(place(address), watch, unit=0.1, timeout=timeout).play(steps)
    return watch


def reset(conn: socket.socket) -> None:
    conn.setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
    )


def until_end(conn: socket.socket) -> None:
    while conn.recv(1 << 16):
        pass


def test_an_answer_in_the_middle_of_an_upload_is_heard() -> None:
    def refuse(conn: socket.socket) -> None:
        conn.recv(1000)
        conn.sendall(OK.replace(b"200 OK", b"413 Too Much"))
        until_end(conn)

    with server(refuse) as address:
        told = play(address, UPLOAD).told

    kinds = [each.split()[0] for each in told]
    assert kinds[0] == "connected"
    assert told.count("response 413") == 1
    assert told[-1] == "closed client"


def test_a_reset_in_the_middle_of_an_upload_ends_only_that() -> None:
    def break_off(conn: socket.socket) -> None:
        conn.recv(1000)
        reset(conn)

    with server(break_off) as address:
        told = play(address, [*UPLOAD, Read("a", 1), Wait(0.1)]).told

    assert told == [
        "connected",
        "sent head and body",
        "closed reset by server before it answered",
    ]


def test_a_reset_in_the_middle_of_an_answer_is_named() -> None:
    def break_off(conn: socket.socket) -> None:
        conn.recv(1000)
        conn.sendall(OK[:-1])
        assert conn.recv(1) == b"!"
        reset(conn)

    steps = [GET[0], ReadFirstByte("a"), Raw("a", "!", "a mark"), ReadEnd("a")]
    with server(break_off) as address:
        told = play(address, steps).told

    assert told == [
        "connected", "sent head", "first_byte", "chunk", "sent a mark",
        "closed reset by server in the middle of an answer",
    ]  # fmt: skip


def test_who_has_said_all_still_listens() -> None:
    def answer_late(conn: socket.socket) -> None:
        until_end(conn)
        conn.sendall(OK)

    steps = [GET[0], HalfClose("a"), HalfClose("a"), GET[1], ReadEnd("a")]
    with server(answer_late) as address:
        told = play(address, steps).told

    assert told == [
        "connected", "sent head", "closed client, half",
        "first_byte", "chunk", "response 200", "closed server",
    ]  # fmt: skip


def test_a_reset_throws_away_and_a_close_says_goodbye() -> None:
    ends: list[str] = []

    def listen(conn: socket.socket) -> None:
        try:
            until_end(conn)
        except ConnectionResetError:
            ends.append("reset")
        else:
            ends.append("end")

    told = []
    for step in (Close("a", reset=True), Close("a")):
        with server(listen) as address:
            told += play(address, [Connect("a"), step]).told

    assert ends == ["reset", "end"]
    assert told == [
        "connected", "closed reset by client", "connected", "closed client",
    ]  # fmt: skip


def test_a_body_waits_for_the_100_and_is_spared_after_a_refusal() -> None:
    heard: list[bytes] = []

    def go_on(conn: socket.socket) -> None:
        heard.append(conn.recv(1000))
        conn.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        heard.append(conn.recv(1000))
        conn.sendall(OK)
        until_end(conn)

    def refuse(conn: socket.socket) -> None:
        heard.append(conn.recv(1000))
        conn.sendall(OK.replace(b"200 OK", b"417 No"))
        heard.append(conn.recv(1000))

    send = Send("a", "/", "PUT", body=("tea",), awaits_continue=True)
    told = []
    for serve in (go_on, refuse):
        with server(serve) as address:
            told.append(play(address, [send, ReadResponse("a")]).told)

    assert heard[0].endswith(b"\r\n\r\n")
    assert [heard[1], heard[3]] == [b"tea", b""]
    assert told == [
        ["connected", "sent head", "first_byte", "chunk", "response 100",
         "sent body", "chunk", "response 200", "closed client"],
        ["connected", "sent head", "first_byte", "chunk", "response 417",
         "closed client"],
    ]  # fmt: skip


def test_who_reads_only_when_told_reads_no_more_than_that() -> None:
    body = bytes(1 << 22)
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
    steps: list[AnyStep] = [
        Connect("a", window=4096, reads="when told"),
        GET[0],
        Read("a", 1000, times=3, gap=0.1),
        GET[1],
    ]

    def serve(conn: socket.socket) -> None:
        conn.recv(1000)
        conn.sendall(answer + body)
        until_end(conn)

    with server(serve) as address:
        watch = play(address, steps)

    chunks = [e.n for e in watch.events if isinstance(e, ClientChunk)]
    assert chunks[:3] == [1000] * 3
    assert sum(chunks) == len(answer + body)
    assert watch.got == [("GET", "/", 200, len(body))]


def test_times_are_those_of_the_first_byte_and_the_last_one_sent() -> None:
    def answer(conn: socket.socket) -> None:
        conn.recv(1000)
        conn.sendall(OK)
        until_end(conn)

    with server(answer) as address:
        watch = play(address, GET)

    (sent,) = [e for e in watch.events if isinstance(e, ClientSent)]
    (first,) = [e for e in watch.events if isinstance(e, ClientFirstByte)]
    assert first.ns == first.t - sent.t > 0
    assert [e.t for e in watch.events] == sorted(e.t for e in watch.events)
    assert watch.settled > 0


def test_a_refusal_is_told_once_and_each_address_is_tried() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = taken.getsockname()
    watch = Notebook()
    with pytest.raises(ServerGoneError):
        Player(place(address), watch, unit=0).play(GET)

    assert watch.told == ["refused Connection refused"]


@pytest.mark.parametrize(
    "steps",
    [GET, [Connect("a"), ReadEnd("a")], [*GET[:1], ReadFirstByte("a")],
     UPLOAD, [Wait(1000)], [Connect("a"), Raw("a", "x" * 3, pieces=3, gap=99)],
     [Connect("a", reads="when told"), GET[0], Read("a", 1)]],
)  # fmt: skip
def test_nothing_is_waited_for_longer_than_agreed(
    steps: list[AnyStep],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        watch = Notebook()
        player = Player(place(silent.getsockname()), watch, unit=1, timeout=0.2)
        with pytest.raises(TookTooLongError, match="not over after"):
            player.play(steps)

    if watch.told:
        assert watch.told[-1] == "closed client"


CONNS = st.sampled_from("ab")
STEPS = st.one_of(
    st.builds(Connect, CONNS, reads=st.sampled_from(["always", "when told"])),
    st.builds(Send, CONNS, st.just("/"), size=st.integers(0, 9)),
    st.builds(Raw, CONNS, st.text("G\r\n", max_size=4)),
    st.builds(HalfClose, CONNS),
    st.builds(Close, CONNS, reset=st.booleans()),
    st.builds(Read, CONNS, st.integers(1, 50)),
    st.builds(ReadResponse, CONNS),
)


class Echo:
    """A server that answers OK to whatever it reads, and never hangs up."""

    def __init__(self) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                conn, _ = self.listening.accept()
            except OSError:
                return
            threading.Thread(
                target=self._serve, args=[conn], daemon=True
            ).start()

    def _serve(self, conn: socket.socket) -> None:
        with conn:
            try:
                while conn.recv(1 << 16):
                    conn.sendall(OK)
            except OSError:
                return


@pytest.fixture(scope="module")
def echo() -> Iterator[tuple[str, int]]:
    server = Echo()
    yield server.listening.getsockname()
    server.listening.shutdown(socket.SHUT_RDWR)
    server.listening.close()


@settings(max_examples=40)
@given(steps=st.lists(STEPS, max_size=8))
def test_any_steps_come_to_an_end_and_each_connection_too(
    echo: tuple[str, int], steps: list[AnyStep]
) -> None:
    watch = Notebook()
    player = Player(place(echo), watch, unit=0, timeout=0.3)
    try:
        player.play(steps)
    except TookTooLongError:
        assert any(isinstance(each, Read | ReadResponse) for each in steps)

    ended = [e for e in watch.told if e.startswith("closed")]
    whole = [e for e in ended if e != "closed client, half"]
    assert len(whole) == watch.told.count("connected")


def test_what_a_step_sends_is_told_in_few_words() -> None:
    step = Send("a", "/", "POST", size=7, pieces=3)

    assert [each.what for each in frame(step, "h")] == [
        "head and body 1 of 3",
        "body 2 of 3",
        "body 3 of 3",
    ]
