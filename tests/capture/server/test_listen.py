"""Where the server listens: addresses, names, and none."""

# ruff: noqa: ANN401  (scopes and messages pass through here)

import contextlib
import logging
import socket
from typing import Any

import pytest
from server_running import Client, running

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
