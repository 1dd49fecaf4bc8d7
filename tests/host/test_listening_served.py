"""Where a served app listens: a path, a descriptor, TLS, behind a proxy."""

import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from live import PATIENCE, Live

from tracer.capture.options import Options
from tracer.cli import main
from tracer.events import Accept, ListenBound, ServerRun
from tracer.host.child import LiveFeed

APP = """
import os, time

async def app(scope, receive, send):
    assert scope["type"] == "http"
    if scope["path"] == "/hold":
        while not os.path.exists("go"):
            time.sleep(0.01)
    said = repr((os.getpid(), scope["client"], scope["scheme"])).encode()
    length = (b"content-length", b"%d" % len(said))
    await send({"type": "http.response.start", "status": 200,
                "headers": [length]})
    await send({"type": "http.response.body", "body": said})
"""
GET = b"GET %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n%s\r\n"
PASSWORD = "hunter2-of-the-key"  # noqa: S105  # to be looked for


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "served.py").write_text(APP)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@contextmanager
def serving(*inherits: int, **options: Any) -> Iterator[Live]:  # noqa: ANN401
    told = Options(app="served:app", **options)
    with LiveFeed("served:app", told.line(), inherits=inherits) as feed:
        live = Live(feed)
        live.until(lambda: feed.url)
        yield live


def read(sock: socket.socket) -> Any:  # noqa: ANN401  # what the app said
    """Read an answer to its end, and what the app put into it."""
    got = b""
    while data := sock.recv(1 << 16):
        got += data
    sock.close()
    return eval(got.partition(b"\r\n\r\n")[2])  # noqa: S307  # of our own app


def ask(
    sock: socket.socket, path: bytes = b"/", more: bytes = b""
) -> socket.socket:
    sock.settimeout(PATIENCE)
    sock.sendall(GET % (path, more))
    return sock


def test_f10_two_processes_accept_from_the_one_socket_that_both_inherit(
    folder: Path,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as given, ExitStack() as stack:
        fd, address = given.fileno(), given.getsockname()
        both = [
            stack.enter_context(serving(fd, fd=fd, app_dir=str(folder)))
            for _ in range(2)
        ]
        # Who takes this one is busy, so that the other takes the next.
        held = ask(socket.create_connection(address), b"/hold")
        deadline = time.monotonic() + PATIENCE
        while not any("run_asgi.start" in live.kinds for live in both):
            assert time.monotonic() < deadline
            for live in both:
                live.feed.wait(0.02)
                live.seen += live.feed.take()
        second = read(ask(socket.create_connection(address)))
        (folder / "go").touch()
        first = read(held)
        pids = []
        for live in both:
            live.feed.stop()
            live.drain()
            (bound,) = (x for x in live.seen if isinstance(x, ListenBound))
            assert (bound.origin, bound.fd) == ("fd", fd)
            assert bound.address == f"127.0.0.1:{address[1]}"
            (taken,) = (x for x in live.seen if isinstance(x, Accept))
            assert taken.conn == 1
            pids += [x.pid for x in live.seen if isinstance(x, ServerRun)]
    assert {first[0], second[0]} == {*pids}
    assert len({*pids}) == 2


def test_a_socket_on_standard_input_is_listened_on(folder: Path) -> None:
    """As inetd and supervisor hand it over."""
    with socket.create_server(("127.0.0.1", 0)) as given:
        process = subprocess.Popen(
            [
                *(sys.executable, "-P", "-m", "tracer", "serve", "served:app"),
                *("--view", "text", "--fd", "0"),
            ],
            stdin=given.fileno(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            said = read(ask(socket.create_connection(given.getsockname())))
        finally:
            process.terminate()
            told, complaint = process.communicate(timeout=60)
    assert said[2] == "http"
    assert b"Listening on descriptor" in told
    assert complaint == b""


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def encrypted(authority: trustme.CA, folder: Path) -> dict[str, str]:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415

    made = authority.issue_cert("localhost")
    made.cert_chain_pems[0].write_to_path(folder / "server.pem")
    key = serialization.load_pem_private_key(made.private_key_pem.bytes(), None)
    lock = serialization.BestAvailableEncryption(PASSWORD.encode())
    pem, pkcs8 = (
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
    )
    (folder / "server.key").write_bytes(key.private_bytes(pem, pkcs8, lock))
    return {
        "ssl_certfile": "server.pem",
        "ssl_keyfile": "server.key",
        "ssl_keyfile_password": PASSWORD,
    }


def test_the_keys_password_is_in_no_recording(
    folder: Path, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And who comes by TLS over a path, through a proxy, is who it says."""
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    options = encrypted(authority, folder)
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with serving(
        uds="it.sock", record="out.jsonl", app_dir=str(folder), **options
    ) as live:
        plain = socket.socket(socket.AF_UNIX)
        plain.connect("it.sock")
        sock = context.wrap_socket(plain, server_hostname="localhost")
        more = b"X-Forwarded-For: 192.0.2.7\r\n"
        _, client, scheme = read(ask(sock, more=more))
        live.feed.stop()
        live.drain()
    assert (client, scheme) == (("192.0.2.7", 0), "https")
    assert not Path("it.sock").exists()
    kinds = {*live.kinds}
    assert {"tls.handshake", "proxy.headers", "listen.bound"} <= kinds
    recorded = Path("out.jsonl").read_text()
    assert '"ssl_keyfile":"server.key"' in recorded
    assert PASSWORD not in recorded
    assert PASSWORD not in repr(live.seen)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--fd", "777"], "--fd 777: no such descriptor is open here"),
        (["--fd", "-1"], "--fd -1: no such descriptor is open here"),
        (["--uds", ""], "--uds: a Unix socket needs a path"),
        (["--uds", "a", "--fd", "1"], "--uds and --fd are two places"),
        (["--ssl-keyfile", "a"], "--ssl-keyfile needs the certificate too"),
        (["--ssl-ca-certs", "a"], "--ssl-ca-certs means nothing without TLS"),
        (["--ssl-cert-reqs", "2"], "--ssl-cert-reqs means nothing without TLS"),
        (["--ssl-cert-reqs", "3"], "invalid choice: 3"),
        (["--ssl-version", "x"], "invalid int value: 'x'"),
    ],
)
def test_wrong_words_about_listening_are_one_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", "a:b", "--view", "text", *arguments]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "code", "sentence"),
    [
        ({"ssl_certfile": "served.py"}, 2, "there is no certificate in it"),
        ({"uds": "served.py"}, 3, "served.py exists and is no socket"),
    ],
)
def test_what_only_the_server_can_find_out_is_one_sentence_too(
    folder: Path, options: dict[str, Any], code: int, sentence: str
) -> None:
    told = Options(app="served:app", app_dir=str(folder), **options)
    with LiveFeed("served:app", told.line()) as feed:
        live = Live(feed)
        live.drain()
        assert feed.returncode == code
        assert feed.problem is not None
        assert sentence in feed.problem
    assert (folder / "served.py").read_text() == APP


def test_a_datagram_socket_is_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fd = str(sock.fileno())
        assert main(["serve", "a:b", "--view", "text", "--fd", fd]) == 2
    assert "none that clients can connect to" in capsys.readouterr().err
