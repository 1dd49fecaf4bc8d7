"""The same bytes over real sockets to our server and to uvicorn."""

# ruff: noqa: ANN401  (scopes and messages pass through here)

import contextlib
import re
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from server_running import PATIENCE, Client, running, wait_until

START = {"type": "http.response.start", "status": 200}
HEADERS = [("server", "same"), ("x-config", "yes")]


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer with what came; `/late` raises after it."""
    assert scope["type"] == "http"
    if scope["path"] == "/raise":
        raise ValueError("no")
    body = b"%s %s " % (scope["method"].encode(), scope["path"].encode())
    while scope["path"] != "/unread":
        message = await receive()
        body += message["body"]
        if not message["more_body"]:
            break
    await send(START)
    more = {"type": "http.response.body", "body": body, "more_body": True}
    await send(more)
    await send({"type": "http.response.body"})
    if scope["path"] == "/late":
        raise ValueError("late")


Step = bytes | re.Pattern[bytes] | None
"""Bytes to send, an end to wait for, or None: no more will be sent."""

LAST = re.compile(rb"0\r\n\r\n$")
CONTINUE = re.compile(rb"Continue\r\n\r\n$")
CLOSE = b"GET /end HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
POST = b"POST /p HTTP/1.1\r\nhost: a\r\ncontent-length: 6\r\n"
BIG = b"POST /big HTTP/1.1\r\nhost: a\r\ncontent-length: 1500000\r\n\r\n"

TALKS: dict[str, list[Step]] = {
    "one after the other": [
        b"GET /a HTTP/1.1\r\nhost: a\r\n\r\n", LAST,
        b"HEAD /b HTTP/1.1\r\nhost: a\r\n\r\n" + CLOSE,
    ],
    "all at once": [
        *(b"GET /%d HTTP/1.1\r\nhost: a\r\n\r\n" % n for n in range(9)), CLOSE,
    ],
    "a body": [POST + b"\r\nabcdef" + CLOSE],
    "a body that waits": [
        POST + b"expect: 100-continue\r\n\r\n", CONTINUE, b"abc", b"def", LAST,
        CLOSE,
    ],
    "a body in chunks": [
        b"POST /c HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n",
        b"3\r\nabc\r\n", b"0\r\n\r\n", LAST, CLOSE,
    ],
    "a big body": [BIG, bytes(1_500_000), LAST, CLOSE],
    "a body unread": [
        POST.replace(b"/p", b"/unread") + b"\r\n", LAST, b"abcdef", CLOSE,
    ],
    "an old client": [b"GET /old HTTP/1.0\r\n\r\n"],
    "garbage": [b"garbage\r\n\r\n"],
    "garbage, after a request": [
        b"GET /a HTTP/1.1\r\nhost: a\r\n\r\n", LAST, b"\x00\r\n\r\n",
    ],
    "an app that raises": [b"GET /raise HTTP/1.1\r\nhost: a\r\n\r\n"],
    "an app that raises late": [b"GET /late HTTP/1.1\r\nhost: a\r\n\r\n"],
    "half a request": [b"GET /a HTTP/1.1\r\nho", None],
    "half a body": [POST + b"\r\nabc", None],
    "an idle client": [b"GET /a HTTP/1.1\r\nhost: a\r\n\r\n", LAST],
}  # fmt: skip


def talk(port: int, steps: list[Step]) -> bytes:
    client = Client(port)
    client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    got = b""
    with contextlib.closing(client.sock):
        for step in steps:
            if isinstance(step, bytes):
                client.send(step)
            elif step is None:
                client.sock.shutdown(socket.SHUT_WR)
            else:
                while not step.search(got):
                    data = client.sock.recv(1 << 20)
                    assert data, f"closed after {got!r}"
                    got += data
        got += client.read_all()
    return re.sub(rb"date: [^\r]+", b"date: ?", got)


@contextlib.contextmanager
def running_uvicorn(**options: Any) -> Iterator[int]:
    config = uvicorn.Config(
        app,
        port=0,
        http="h11",
        loop="asyncio",
        ws="none",
        proxy_headers=False,
        log_config=None,
        headers=HEADERS,
        **options,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
        assert not thread.is_alive()


@pytest.fixture(scope="module")
def ports() -> Iterator[tuple[int, int, int]]:
    """Of uvicorn, ours, and ours traced."""
    options: Any = {"timeout_keep_alive": 1}
    ours = {**options, "headers": HEADERS}
    with (
        running_uvicorn(**options) as theirs,
        running(app, traced=False, **ours) as plain,
        running(app, **ours) as traced,
    ):
        yield theirs, plain.port, traced.port


@pytest.mark.parametrize("name", TALKS)
def test_the_same_talk(name: str, ports: tuple[int, int, int]) -> None:
    theirs, *ours = (talk(port, TALKS[name]) for port in ports)
    assert ours == [theirs, theirs]
    assert theirs or None in TALKS[name]
