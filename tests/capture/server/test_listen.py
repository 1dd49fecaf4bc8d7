"""Where the server listens: addresses, names, and none."""

# ruff: noqa: ANN401  (scopes and messages pass through here)

import contextlib
import logging
import socket
import stat
from pathlib import Path
from typing import Any

import pytest
from server_running import Client, UnixClient, running

START = {"type": "http.response.start", "status": 200}
PLAIN = {**START, "headers": [(b"content-length", b"2")]}
OK = {"type": "http.response.body", "body": b"ok"}


async def index(scope: Any, receive: Any, send: Any) -> None:
    assert scope["type"] == "http"
    await send(PLAIN)
    await send(OK)


def test_an_unknown_host_is_one_sentence(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with running(index, host="no host") as run:
        pass
    assert run.exit_code == 3
    assert len(run.of("listen.failed")) == 1
    (said,) = [each for each in caplog.records if each.levelno >= logging.ERROR]
    assert said.exc_info is None


def _has_ipv6() -> bool:
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as sock:
        sock.bind(("::1", 0))
        return True
    return False


@pytest.mark.skipif(not _has_ipv6(), reason="no IPv6 here")
def test_it_listens_on_ipv6() -> None:
    with running(index, host="::1") as run:
        client = Client(run.port, "::1")
        run.clients.append(client)
        client.get()
        assert run.of("listen.bound")[0].address == f"[::1]:{run.port}"
        assert run.of("server.started")[0].url == f"http://[::1]:{run.port}"
        port = client.sock.getsockname()[1]
        assert run.of("accept")[0].client == f"[::1]:{port}"


@pytest.mark.parametrize("traced", [True, False])
def test_it_listens_on_a_name(traced: bool) -> None:
    with running(index, host="localhost", traced=traced) as run:
        assert run.client().get().endswith(b"ok")


BOTH = pytest.mark.parametrize("traced", [True, False])


async def ends(scope: Any, receive: Any, send: Any) -> None:
    """Answer with the two ends of the connection, as the app sees them."""
    assert scope["type"] == "http"
    said = repr((scope["client"], scope["server"])).encode() + b"ok"
    length = (b"content-length", b"%d" % len(said))
    await send({**START, "headers": [length]})
    await send({"type": "http.response.body", "body": said})


def body(answer: bytes) -> bytes:
    return answer.partition(b"\r\n\r\n")[2].removesuffix(b"ok")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.skipif(not _has_ipv6(), reason="no IPv6 here")
def test_a_host_with_several_addresses_is_listened_on_at_each() -> None:
    with running(ends, host="") as run:
        ports = {
            each.family: int(each.address.rpartition(":")[2])
            for each in run.of("listen.bound")
        }
        hosts = {"AF_INET": "127.0.0.1", "AF_INET6": "::1"}
        assert {*ports} == {*hosts}
        for family, host in hosts.items():
            run.clients.append(Client(ports[family], host))
            assert f"'{host}'".encode() in body(run.clients[-1].get())


@BOTH
def test_f12_a_unix_socket_is_open_to_all_and_its_clients_have_no_name(
    tmp_path: Path, traced: bool
) -> None:
    path = tmp_path / "it.sock"
    with running(ends, uds=str(path), traced=traced) as run:
        run.clients.append(UnixClient(str(path)))
        answer = run.clients[0].get()
        assert mode(path) == 0o666
    assert body(answer) == repr((None, (str(path), None))).encode()
    assert not path.exists()
    if traced:
        (bound,) = run.of("listen.bound")
        assert (bound.origin, bound.family) == ("unix", "AF_UNIX")
        assert (bound.address, bound.mode) == (str(path), "0666")
        assert bound.fd is None
        assert run.of("server.started")[0].url == f"unix:{path}"
        assert [each.client for each in run.of("accept")] == [""]
        assert [each.conn for each in run.of("connection_made")] == [1]


@BOTH
def test_f12_a_socket_that_was_left_behind_gives_its_mode(
    tmp_path: Path, traced: bool
) -> None:
    path = tmp_path / "it.sock"
    with socket.socket(socket.AF_UNIX) as old:
        old.bind(str(path))
    path.chmod(0o600)
    with running(index, uds=str(path), traced=traced) as run:
        run.clients.append(UnixClient(str(path)))
        assert run.clients[0].get().endswith(b"ok")
        assert mode(path) == 0o600
    assert not path.exists()


def test_a_socket_that_another_server_has_made_since_is_left_to_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "it.sock"
    with running(index, uds=str(path)), running(index, uds=str(path)) as run:
        pass
    assert run.exit_code is None
    with running(index, uds=str(path)), socket.socket(socket.AF_UNIX) as new:
        path.unlink()
        new.bind(str(path))
    assert path.exists()


@pytest.mark.parametrize("name", ["file", "nowhere/it.sock", "a" * 120])
def test_a_path_where_nobody_can_listen_is_one_sentence(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("mine")
    path = str(tmp_path / name)
    with running(index, uds=path) as run:
        pass
    assert run.exit_code == 3
    assert (tmp_path / "file").read_text() == "mine"
    assert [each.address for each in run.of("listen.failed")] == [path]
    (said,) = [each for each in caplog.records if each.levelno >= logging.ERROR]
    assert said.exc_info is None


@BOTH
def test_f11_a_descriptor_is_taken_for_a_unix_socket_whatever_it_is(
    traced: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with socket.create_server(("127.0.0.1", 0)) as given:
        name = given.getsockname()
        with running(ends, fd=given.fileno(), traced=traced) as run:
            run.clients.append(Client(name[1]))
            answer = run.clients[0].get()
            mine = run.clients[0].sock.getsockname()
        assert given.fileno() > 0  # it is its owner's to close
    assert body(answer) == repr((mine, name)).encode()
    assert f"running on socket {name}" in caplog.text
    if traced:
        (bound,) = run.of("listen.bound")
        assert (bound.origin, bound.family) == ("fd", "AF_UNIX")
        assert bound.address == f"127.0.0.1:{name[1]}"
        assert bound.fd == run.server.config.fd
        (url,) = run.of("server.started")
        assert url.url == f"http://127.0.0.1:{name[1]}"
        (accepted,) = run.of("accept")
        assert accepted.client == f"127.0.0.1:{mine[1]}"


def test_a_descriptor_that_is_no_socket_is_one_sentence(
    tmp_path: Path,
) -> None:
    with (tmp_path / "file").open("w") as file:
        with running(index, fd=file.fileno()) as run:
            pass
        (failed,) = run.of("listen.failed")
        assert failed.address == f"file descriptor {file.fileno()}"
    with running(index, fd=999) as second:
        pass
    assert (run.exit_code, second.exit_code) == (3, 3)


@BOTH
def test_f9_each_socket_that_is_passed_in_is_listened_on(
    tmp_path: Path, traced: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    path = tmp_path / "it.sock"
    unix = socket.socket(socket.AF_UNIX)
    unix.bind(str(path))
    given = [socket.create_server(("127.0.0.1", 0)), unix]
    port = given[0].getsockname()[1]
    fds = [each.fileno() for each in given]
    with running(index, sockets=given, traced=traced) as run:
        run.clients += [Client(port), UnixClient(str(path))]
        assert [each.get()[-2:] for each in run.clients] == [b"ok", b"ok"]
    assert "running on" not in caplog.text
    assert [each.fileno() for each in given] == [-1, -1]
    assert path.exists()  # its maker's to remove
    if traced:
        said = [
            (each.origin, each.family, each.address, each.fd)
            for each in run.of("listen.bound")
        ]
        assert said == [
            ("inherited", "AF_INET", f"127.0.0.1:{port}", fds[0]),
            ("inherited", "AF_UNIX", str(path), fds[1]),
        ]
