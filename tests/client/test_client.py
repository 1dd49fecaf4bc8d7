"""What the client puts on the wire, and what it makes of what comes back."""

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Self

import pytest
from client_kit import Notebook, place

from tracer.client.play import Player, ServerGoneError
from tracer.client.script import (
    AnyStep,
    Close,
    Connect,
    ReadResponse,
    Send,
    Wait,
)

Got = tuple[str, str, int, int]
"""An answer: method and target asked for, status, bytes of body."""

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
LAST = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"
)
EARLY_HINTS = b"HTTP/1.1 103 Early Hints\r\n\r\n"


class Peer:
    """A server of one thread: it answers each request with the next reply.

    Attributes:
        heard: Each connection's requests, in order of connecting; a request
            is the list of what `recv` gave until its end.
    """

    def __init__(self, *connections: list[bytes]) -> None:
        self.heard: list[list[list[bytes]]] = []
        self._replies = connections
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._socket.getsockname()
        self.url = f"http://127.0.0.1:{self.address[1]}"
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(10)
        self._socket.close()
        assert not self._thread.is_alive()

    def _serve(self) -> None:
        for replies in self._replies:
            conn, _ = self._socket.accept()
            heard: list[list[bytes]] = []
            self.heard.append(heard)
            with conn:
                for reply in replies:
                    heard.append(list(self._request(conn)))
                    conn.sendall(reply)

    def _request(self, conn: socket.socket) -> Iterator[bytes]:
        text = b""
        while not text.endswith(b"!") and b"\r\n\r\n" not in text:
            text += (data := conn.recv(65536))
            yield data
        while b"POST" in text and not text.endswith((b"!", b"0\r\n\r\n")):
            text += (data := conn.recv(65536))
            yield data


def play(
    address: tuple[str, int],
    steps: list[AnyStep],
    *,
    unit: float = 0.0,
    patience: float = 5.0,
) -> list[Got]:
    watch = Notebook()
    Player(place(address), watch, unit=unit, patience=patience).play(steps)
    return watch.got


def get(conn: str = "a", target: str = "/") -> list[AnyStep]:
    return [Send(conn=conn, target=target), ReadResponse(conn=conn)]


def head(start: bytes, peer: Peer, *more: bytes) -> bytes:
    host = b"Host: 127.0.0.1:%d" % peer.address[1]
    agent = b"User-Agent: asgi-trace-client"
    return b"\r\n".join([start, host, agent, *more, b"", b""])


def test_a_connection_is_kept_for_the_next_request() -> None:
    with Peer([OK, LAST]) as peer:
        answers = play(peer.address, [*get(target="/a"), *get(target="/b")])

    assert peer.heard == [
        [
            [head(b"GET /a HTTP/1.1", peer)],
            [head(b"GET /b HTTP/1.1", peer)],
        ]
    ]
    assert answers == [
        ("GET", "/a", 200, 2),
        ("GET", "/b", 200, 0),
    ]


def test_after_connection_close_the_next_request_opens_another() -> None:
    with Peer([LAST], [LAST]) as peer:
        play(peer.address, [*get(), *get()])

    assert [len(requests) for requests in peer.heard] == [1, 1]


def test_a_server_that_hung_up_meanwhile_gets_a_new_connection() -> None:
    with Peer([OK], [OK]) as peer:
        answers = play(peer.address, [*get(), Wait(), *get()], unit=0.2)

    assert len(peer.heard) == 2
    assert [status for _, _, status, _ in answers] == [200, 200]


def test_a_body_in_two_parts_is_two_writes_and_one_length() -> None:
    step = Send(
        conn="a", target="/", method="POST", body=("tea ", "pot!"), gap=0.2
    )
    with Peer([OK]) as peer:
        play(peer.address, [step, ReadResponse(conn="a")], unit=1)

    length = b"Content-Length: 8"
    assert peer.heard == [
        [[head(b"POST / HTTP/1.1", peer, length) + b"tea ", b"pot!"]]
    ]


def test_a_script_may_choose_chunks() -> None:
    step = Send(
        conn="a",
        target="/",
        method="POST",
        headers={"Transfer-Encoding": "chunked"},
        body=("tea!",),
    )
    with Peer([OK]) as peer:
        play(peer.address, [step, ReadResponse(conn="a")])

    framing = b"Transfer-Encoding: chunked"
    text = head(b"POST / HTTP/1.1", peer, framing) + b"4\r\ntea!\r\n0\r\n\r\n"
    assert [b"".join(r) for r in peer.heard[0]] == [text]


def test_chunks_are_read_to_the_last_and_1xx_is_no_answer() -> None:
    with Peer([EARLY_HINTS + CHUNKED]) as peer:
        assert play(peer.address, get()) == [("GET", "/", 200, 7)]


def test_two_requests_are_under_way_at_once() -> None:
    steps: list[AnyStep] = [
        Connect(conn="a"),
        Connect(conn="b"),
        Send(conn="a", target="/slow"),
        Send(conn="b", target="/quick"),
        ReadResponse(conn="b"),
        ReadResponse(conn="a"),
        Close(conn="a"),
    ]
    with socket.create_server(("127.0.0.1", 0)) as listening:
        watch = Notebook()
        player = Player(place(listening.getsockname()), watch, unit=0)
        playing = threading.Thread(target=player.play, args=[steps])
        playing.start()
        slow, quick = (listening.accept()[0] for _ in "ab")
        with closing(slow), closing(quick):
            assert b"/slow" in slow.recv(4096)
            assert b"/quick" in quick.recv(4096)
            quick.sendall(OK)
            while not watch.got:
                assert playing.is_alive()
            slow.sendall(OK)
            playing.join(10)

    assert [target for _, target, _, _ in watch.got] == ["/quick", "/slow"]


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"no HTTP at all\r\n\r\n",
        OK[:-1],
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    ],
)
def test_a_broken_answer_ends_its_connection_and_not_the_script(
    reply: bytes,
) -> None:
    with Peer([reply], [OK]) as peer:
        answers = play(peer.address, [*get(target="/1"), *get(target="/2")])

    assert answers == [("GET", "/2", 200, 2)]


def test_reading_where_nothing_was_asked_gives_nothing() -> None:
    with Peer([]) as peer:
        steps: list[AnyStep] = [ReadResponse(conn="a"), Connect(conn="a")]
        assert play(peer.address, [*steps, ReadResponse(conn="a")]) == []


def test_it_waits_until_the_server_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = taken.getsockname()
    answers: list[Got] = []
    playing = threading.Thread(
        target=lambda: answers.extend(play(address, get()))
    )
    playing.start()
    time.sleep(0.1)
    with socket.create_server(address) as listening:
        conn, _ = listening.accept()
        with conn:
            conn.recv(4096)
            conn.sendall(OK)
            playing.join(10)

    assert answers == [("GET", "/", 200, 2)]


def test_its_patience_ends() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        host, port = taken.getsockname()

    with pytest.raises(ServerGoneError) as caught:
        play((host, port), get(), patience=0.1)

    assert str(caught.value) == (
        f"no server answers on 127.0.0.1:{port} (Connection refused)"
    )


def test_a_server_that_stopped_is_not_waited_for_again() -> None:
    with Peer([LAST]) as peer:
        pass_on = get()
        begun = time.monotonic()
        player = Player(place(peer.address), Notebook(), unit=0, patience=60)
        player.play(pass_on)

    with pytest.raises(ServerGoneError):
        player.play(pass_on)
    assert time.monotonic() - begun < 30


@contextmanager
def client(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tracer.client", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


SCRIPT = """
[script]
twice = [
  { do = "send", conn = "a", target = "/1" },
  { do = "read_response", conn = "a" },
]
long = [
  { do = "send", conn = "a", target = "/1" },
  { do = "read_response", conn = "a" },
  { do = "wait" },
]
[lesson]
ours = false
"""


def test_as_a_process_it_plays_a_file_in_rounds(tmp_path: Path) -> None:
    script = tmp_path / "script.toml"
    script.write_text(SCRIPT)
    with Peer([LAST], [LAST]) as peer:
        arguments = ["--url", peer.url, "--pace", "0", "--rounds", "2", "-v"]
        arguments += ["--script", str(script), "--name", "twice"]
        with client(*arguments) as process:
            out, err = process.communicate(timeout=20)

    assert (process.returncode, err) == (0, "")
    assert out == "GET /1 200 0 bytes\n" * 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_at_once_and_quietly(
    number: signal.Signals, tmp_path: Path
) -> None:
    script = tmp_path / "script.toml"
    script.write_text(SCRIPT)
    with Peer([OK]) as peer:
        arguments = ["--url", peer.url, "--pace", "600", "-v"]
        arguments += ["--script", str(script), "--name", "long"]
        with client(*arguments) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "GET /1 200 2 bytes\n"
            process.send_signal(number)
            out, err = process.communicate(timeout=10)

    assert (process.returncode, out, err) == (-number, "", "")


def test_it_ends_with_the_one_who_holds_its_standard_input(
    tmp_path: Path,
) -> None:
    script = tmp_path / "script.toml"
    script.write_text(SCRIPT)
    with Peer([OK]) as peer:
        arguments = ["--url", peer.url, "--pace", "600", "-v", "--until-eof"]
        arguments += ["--script", str(script), "--name", "long"]
        with client(*arguments) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "GET /1 200 2 bytes\n"
            out, err = process.communicate(timeout=10)  # closes its input

    assert (process.returncode, out, err) == (0, "", "")


def test_a_server_that_is_gone_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with client("--url", url, "--patience", "0") as process:
        out, err = process.communicate(timeout=20)

    assert (process.returncode, out) == (1, "")
    assert err == (
        "asgi-trace client: no server answers on"
        f" 127.0.0.1:{port} (Connection refused)\n"
    )


def test_it_starts_quickly_since_it_loads_little() -> None:
    code = "import sys, tracer.client.__main__; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()

    heavy = {"asyncio", "textual", "rich", "starlette", "anyio", "fastapi"}
    assert heavy & set(loaded) == set()
