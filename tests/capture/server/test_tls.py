"""TLS: what was agreed, why it wasn't, and files that can't be used."""

# ruff: noqa: ANN401  (scopes and messages pass through here)

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives import serialization as pem
from server_running import PATIENCE, Running, UnixClient, running, wait_until
from server_tls import TLSClient, certificate

from tracer.capture.loop import ListenSocket
from tracer.capture.probe import Note, Probe
from tracer.capture.server.tls import TLS, TLSError
from tracer.capture.server.tls_server import TLSServer
from tracer.capture.sources import code_at

SECRET = "hunter2-of-the-key"  # noqa: S105  # to be looked for


async def app(scope: Any, receive: Any, send: Any) -> None:
    assert scope["type"] == "http"
    said = f"{scope['scheme']} {'tls' in scope.get('extensions', ())} ok"
    length = (b"content-length", b"%d" % len(said))
    start = {"type": "http.response.start", "status": 200, "headers": [length]}
    await send(start)
    await send({"type": "http.response.body", "body": said.encode()})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def made(folder: Path) -> tuple[trustme.CA, TLS]:
    return certificate(folder)


@pytest.fixture(scope="module")
def strict(
    folder: Path, made: tuple[trustme.CA, TLS]
) -> Iterator[tuple[trustme.CA, Running]]:
    """A server that asks its clients for a certificate, and for haste."""
    authority, tls = made
    tls = replace(tls, cert_reqs=2, ca_certs=str(folder / "ca.pem"))
    with running(app, tls=tls, ssl_handshake_timeout=0.5) as run:
        yield authority, run


@pytest.mark.parametrize("traced", [True, False])
def test_who_speaks_tls_is_served_as_https(
    made: tuple[trustme.CA, TLS], traced: bool
) -> None:
    authority, tls = made
    with running(app, tls=tls, traced=traced, lens="on") as run:
        client = TLSClient(run.port, authority)
        run.clients.append(client)
        assert client.get().endswith(b"https False ok")
        assert client.get().endswith(b"https False ok")
        version, cipher = client.sock.version(), client.sock.cipher()
        port = client.sock.getsockname()[1]
    assert cipher is not None
    if traced:
        (url,) = run.of("server.started")
        assert url.url == f"https://127.0.0.1:{run.port}"
        of_one = [
            each.kind
            for each in run.events
            if each.conn == 1 or each.kind == "protocol.created"
            if each.layer == "connection"
        ]
        assert of_one[:5] == [
            "accept",
            "protocol.created",
            "tls.handshake",
            "connection_made",
            "data_received",
        ]
        (said,) = run.of("tls.handshake")
        assert (said.version, said.cipher) == (version, cipher[0])
        assert (said.alpn, said.subject) == ("", "")
        assert where(said) == "SSLProtocol._on_handshake_complete"
        assert where(run.of("accept")[0]) == "TLSServer.accept"
        assert [each.client for each in run.of("accept")] == [
            f"127.0.0.1:{port}"
        ]
        assert run.of("scope.built")[0].scheme == "https"
        roles = [(each.role) for each in run.of("selector.register")]
        assert "listener" in roles
        assert sum(each.n for each in run.of("loop.accept")) == 1


def test_who_shows_a_certificate_is_named(
    strict: tuple[trustme.CA, Running],
) -> None:
    authority, run = strict
    shown = authority.issue_cert(
        "tea@example.org", common_name="tea", organization_name="House"
    )
    client = TLSClient(run.port, authority, shown)
    run.clients.append(client)
    client.get()
    said = run.of("tls.handshake")[-1]
    assert said.subject.startswith("O=House, ")
    assert said.subject.endswith(", CN=tea")


def where(event: Any) -> str:
    return code_at(event.where).co_qualname


def plain_http(run: Running, authority: trustme.CA) -> None:
    run.client().get()


def garbage(run: Running, authority: trustme.CA) -> None:
    client = run.client()
    client.send(b"\x80" * 40)
    client.read_all()


def hangs_up(run: Running, authority: trustme.CA) -> None:
    run.client().close()


def says_nothing(run: Running, authority: trustme.CA) -> None:
    assert run.client().read_all() == b""


def trusts_another(run: Running, authority: trustme.CA) -> None:
    TLSClient(run.port, trustme.CA())


def shows_none(run: Running, authority: trustme.CA) -> None:
    with contextlib.closing(TLSClient(run.port, authority)) as client:
        client.get()


def shows_a_strangers(run: Running, authority: trustme.CA) -> None:
    shown = trustme.CA().issue_cert("tea@example.org")
    with contextlib.closing(TLSClient(run.port, authority, shown)) as client:
        client.get()


@pytest.mark.parametrize(
    ("client", "error", "reason"),
    [
        (
            plain_http,
            "SSLError HTTP_REQUEST",
            "plain HTTP came to a port that speaks TLS",
        ),
        (garbage, "SSLError ", "what came is no TLS"),
        (hangs_up, "ConnectionResetError", "the client hung up"),
        (
            says_nothing,
            "ConnectionAbortedError",
            "SSL handshake is taking longer than 0.5 seconds: aborting the"
            " connection",
        ),
        (
            trusts_another,
            "SSLError TLSV1_ALERT_UNKNOWN_CA",
            "the client broke it off: it doesn't trust who signed the"
            " server's certificate",
        ),
        (
            shows_none,
            "SSLError PEER_DID_NOT_RETURN_A_CERTIFICATE",
            "the client showed no certificate, and one is required",
        ),
        (
            shows_a_strangers,
            "SSLCertVerificationError CERTIFICATE_VERIFY_FAILED",
            "the client's certificate is not trusted: unable to get local"
            " issuer certificate",
        ),
    ],
)
def test_why_a_handshake_failed_is_said(
    strict: tuple[trustme.CA, Running],
    client: Callable[[Running, trustme.CA], None],
    error: str,
    reason: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    authority, run = strict
    before = len(run.of("tls.failed"))
    with contextlib.suppress(OSError, AssertionError):
        client(run, authority)
    run.wait_for("tls.failed", before + 1)
    failed = run.of("tls.failed")[before]
    assert failed.error.startswith(error)
    assert failed.reason == reason
    of_one = [each.kind for each in run.events if each.conn == failed.conn]
    assert [each for each in of_one if not each.startswith("task.")] == [
        "accept",
        "tls.failed",
    ]
    objs = [each.obj for each in run.of("protocol.created")]
    assert failed.obj in objs
    assert caplog.records == []
    run.clients.append(TLSClient(run.port, authority, issued(authority)))
    run.clients[-1].get()  # the others are served as ever


def issued(authority: trustme.CA) -> trustme.LeafCert:
    return authority.issue_cert("tea@example.org")


def test_who_hesitates_keeps_nobody_waiting_not_even_the_end(
    made: tuple[trustme.CA, TLS],
) -> None:
    authority, tls = made
    with running(app, tls=tls) as run:
        for _ in range(20):
            run.client()
        run.clients.append(TLSClient(run.port, authority))
        run.clients[-1].get()
        run.clients.pop().close()
        run.stop()  # while the others are still there
    failed = run.of("tls.failed")
    assert {each.reason for each in failed} == {"the server shut down"}
    assert len(failed) == 20
    with socket.create_server(("127.0.0.1", run.port)):
        pass  # nobody else listens there


def test_a_unix_socket_and_a_descriptor_speak_tls_too(
    made: tuple[trustme.CA, TLS], tmp_path: Path
) -> None:
    authority, tls = made
    path = str(tmp_path / "it.sock")
    with running(app, tls=tls, uds=path) as run:
        plain = socket.socket(socket.AF_UNIX)
        plain.connect(path)
        run.clients.append(TLSClient(0, authority, plain=plain))
        assert run.clients[-1].get().endswith(b"https False ok")
        assert run.of("server.started")[0].url == f"unix:{path}"
    assert not Path(path).exists()
    with (
        socket.create_server(("127.0.0.1", 0)) as given,
        running(app, tls=tls, fd=given.fileno()) as run,
    ):
        port = given.getsockname()[1]
        run.clients.append(TLSClient(port, authority))
        assert run.clients[-1].get().endswith(b"https False ok")
        (bound,) = run.of("listen.bound")
        assert (bound.origin, bound.address) == ("fd", f"127.0.0.1:{port}")


@pytest.fixture(scope="module")
def locked(folder: Path, made: tuple[trustme.CA, TLS]) -> TLS:
    """The same key, but encrypted."""
    _, tls = made
    assert tls.keyfile is not None
    key = pem.load_pem_private_key(Path(tls.keyfile).read_bytes(), None)
    path = folder / "locked.key"
    path.write_bytes(
        key.private_bytes(
            pem.Encoding.PEM,
            pem.PrivateFormat.PKCS8,
            pem.BestAvailableEncryption(SECRET.encode()),
        )
    )
    return replace(tls, keyfile=str(path), password=SECRET)


def test_the_keys_password_is_nowhere_in_a_trace(
    made: tuple[trustme.CA, TLS], locked: TLS, folder: Path
) -> None:
    with running(app, tls=locked) as run:
        run.clients.append(TLSClient(run.port, made[0]))
        run.clients[-1].get()
    (config,) = run.of("server.config")
    assert config.options["ssl_keyfile"] == "locked.key"
    assert SECRET not in repr((run.events, locked))
    assert str(folder) not in repr(run.events)


def test_it_may_all_stand_in_one_file(
    made: tuple[trustme.CA, TLS], folder: Path
) -> None:
    authority, tls = made
    both = folder / "both.pem"
    parts = tls.certfile, tls.keyfile or ""
    both.write_bytes(b"".join(Path(each).read_bytes() for each in parts))
    with running(app, tls=TLS(str(both))) as run:
        run.clients.append(TLSClient(run.port, authority))
        assert run.clients[-1].get().endswith(b"ok")


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        (
            {"certfile": "/nowhere/x"},
            "--ssl-certfile /nowhere/x can't be read: no such file or"
            " directory",
        ),
        (
            {"certfile": "{0}/server.key"},
            "--ssl-certfile {0}/server.key: there is no certificate in it (as"
            " PEM)",
        ),
        (
            {"keyfile": None},
            "--ssl-certfile {0}/server.pem: there is no private key in it (as"
            " PEM)",
        ),
        ({"keyfile": "{0}"}, "--ssl-keyfile {0} can't be read: is a directory"),
        (
            {"keyfile": "{0}/other.key"},
            "--ssl-keyfile {0}/other.key: it is not the key to the certificate",
        ),
        (
            {"keyfile": "{0}/locked.key"},
            "--ssl-keyfile {0}/locked.key: the key is encrypted; give its"
            " password with --ssl-keyfile-password",
        ),
        (
            {"keyfile": "{0}/locked.key", "password": "wrong"},
            "--ssl-keyfile {0}/locked.key: --ssl-keyfile-password doesn't"
            " open the key",
        ),
        (
            {"ca_certs": "{0}/server.key"},
            "--ssl-ca-certs {0}/server.key: there is no certificate in it (as"
            " PEM)",
        ),
        (
            {"ciphers": "ROT13"},
            "--ssl-ciphers: OpenSSL knows none of 'ROT13'",
        ),
        (
            {"version": 99},
            "--ssl-version 99: no server speaks that; it is 17 for what both"
            " sides know best",
        ),
        (
            {"version": int(ssl.PROTOCOL_TLS_CLIENT)},
            "--ssl-version 16: no server speaks that; it is 17 for what both"
            " sides know best",
        ),
        ({"cert_reqs": 3}, "--ssl-cert-reqs 3: it is 0, 1 or 2"),
    ],
)
def test_what_cannot_be_used_is_named_with_the_reason(
    made: tuple[trustme.CA, TLS],
    locked: TLS,
    folder: Path,
    changed: dict[str, Any],
    sentence: str,
) -> None:
    other = trustme.CA().issue_cert("localhost")
    other.private_key_pem.write_to_path(folder / "other.key")
    here: dict[str, Any] = {
        name: it.format(folder) if isinstance(it, str) else it
        for name, it in changed.items()
    }
    with pytest.raises(TLSError) as raised:
        replace(made[1], **here).context()
    assert str(raised.value) == sentence.format(folder)


def test_a_cipher_can_be_asked_for(made: tuple[trustme.CA, TLS]) -> None:
    authority, tls = made
    tls = replace(tls, ciphers="ECDHE+AESGCM")
    with running(app, tls=tls) as run:
        client = TLSClient(run.port, authority, newest=ssl.TLSVersion.TLSv1_2)
        run.clients.append(client)
        client.get()
    (said,) = run.of("tls.handshake")
    assert (said.version, "GCM" in said.cipher) == ("TLSv1.2", True)


def test_nobody_is_served_twice_by_a_number(
    made: tuple[trustme.CA, TLS], caplog: pytest.LogCaptureFixture
) -> None:
    """Who failed leaves its descriptor to the next, but not its number."""
    authority, tls = made
    caplog.set_level(logging.WARNING)
    with running(app, tls=tls) as run:
        for n in range(3):
            run.client().close()
            run.wait_for("tls.failed", n + 1)
            client = TLSClient(run.port, authority)
            client.get()
            client.close()
            run.wait_for("connection_lost", n + 1)
        wait_until(lambda: not run.server.server_state.connections)
    assert [each.conn for each in run.of("accept")] == [1, 2, 3, 4, 5, 6]
    assert [each.conn for each in run.of("connection_made")] == [2, 4, 6]
    assert [each.conn for each in run.of("tls.failed")] == [1, 3, 5]
    assert caplog.records == []


def test_uvloop_shakes_hands_by_the_same_server(
    made: tuple[trustme.CA, TLS], tmp_path: Path
) -> None:
    authority, tls = made
    with running(app, tls=tls, loop="uvloop", lens="on") as run:
        with contextlib.suppress(OSError, AssertionError):
            run.client().get()
        run.wait_for("tls.failed")
        run.clients.append(TLSClient(run.port, authority))
        assert run.clients[-1].get().endswith(b"https False ok")
    (failed,) = run.of("tls.failed")
    assert failed.reason == "plain HTTP came to a port that speaks TLS"
    assert [each.conn for each in run.of("accept")] == [1, 2]
    assert [each.conn for each in run.of("connection_made")] == [2]
    path = str(tmp_path / "it.sock")
    with running(app, loop="uvloop", uds=path) as run:
        run.clients.append(UnixClient(path))
        assert run.clients[-1].get().endswith(b"http False ok")
    assert not Path(path).exists()


def test_a_handshake_that_had_no_time_to_begin_is_told_of_and_closed(
    made: tuple[trustme.CA, TLS],
) -> None:
    events: list[Any] = []
    note = Note(Probe(events.append))

    class AtOnce(set[Any]):
        """The server is closed in the turn in which it has accepted."""

        def add(self, task: Any) -> None:
            super().add(task)
            server[0].close()

    server: list[TLSServer] = []

    async def serve() -> None:
        sock = ListenSocket()
        sock.note = note
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        sock.setblocking(False)
        with socket.create_connection(sock.getsockname()) as client:
            context = made[1].context()
            server.append(TLSServer(sock, asyncio.Protocol, context, 5, note))
            server[0].handshakes = AtOnce()
            while not server[0].handshakes:
                await asyncio.sleep(0)
            await server[0].wait_closed()
            client.settimeout(PATIENCE)
            assert client.recv(1) == b""

    asyncio.run(serve())
    assert [each.kind for each in events] == ["accept", "tls.failed"]
    assert events[1].reason == "the server shut down"
