"""The same words on the command line give the same bytes as uvicorn's."""

# ruff: noqa: ANN401  (scopes and messages pass through here)

import contextlib
import importlib
import inspect
import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from server_running import PATIENCE, Client, Running, wait_until

from tracer.capture.configure import configure
from tracer.capture.options import Options
from tracer.cli.parser import make_parser

SHOWN = ("path", "raw_path", "root_path", "client", "server", "scheme")


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer with what the scope holds."""
    if scope["type"] == "lifespan":
        scope["state"]["started"] = True
        for _ in range(2):
            kind = (await receive())["type"]
            await send({"type": f"{kind}.complete"})
        return
    found = {name: scope[name] for name in SHOWN}
    said = repr((found, scope["state"])).encode()
    length = (b"content-length", b"%d" % len(said))
    start = {"type": "http.response.start", "status": 200, "headers": [length]}
    await send(start)
    await send({"type": "http.response.body", "body": said})


def ours(words: list[str]) -> Running:
    """Our server, told by these words."""
    said = make_parser("").parse_args(["serve", "a:b", "--port=0", *words])
    told = vars(said)
    names = {*Options.__struct_fields__} & {*told} - {"app", "breaks"}
    given: dict[str, Any] = {name: told[name] for name in names}
    given["headers"] = tuple(given["headers"])
    config = configure(Options(app="a:b", **given), app, None, None)
    return Running(app, False, {"config": config})


class Theirs(uvicorn.Server):
    """uvicorn, told by the same words."""

    def __init__(self, words: list[str]) -> None:
        main: Any = importlib.import_module("uvicorn.main").main
        told = main.make_context("uvicorn", ["a:b", "--port=0", *words]).params
        told["headers"] = [each.split(":", 1) for each in told["headers"]]
        told |= {"app": app, "http": "h11", "loop": "asyncio", "ws": "none"}
        wanted = inspect.signature(uvicorn.Config).parameters
        options = {name: told[name] for name in wanted if name in told}
        super().__init__(uvicorn.Config(**{**options, "log_config": None}))
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()


@contextlib.contextmanager
def both(words: list[str]) -> Iterator[list[int]]:
    """Serve by both, and give the ports."""
    theirs, mine = Theirs(words), ours(words)
    servers: list[Any] = [theirs, mine.server]
    try:
        for each in servers:
            wait_until(lambda each=each: each.started)  # type: ignore[misc]
        yield [each.servers[0].sockets[0].getsockname()[1] for each in servers]
    finally:
        for each in servers:
            each.should_exit = True
        for thread in (theirs.thread, mine.thread):
            thread.join(PATIENCE)
            assert not thread.is_alive()


def ask(port: int, head: bytes) -> bytes:
    """Send a request, and give the answer less what differs by nature."""
    client = Client(port)
    try:
        own = client.sock.getsockname()[1]
        client.send(head)
        got = client.read_all()
    finally:
        client.close()
    got = re.sub(rb"date: [^\r]+", b"date: ?", got)
    got = re.sub(rb"server: (uvicorn|asgi-trace)", b"server: ?", got)
    got = got.replace(b"%d)" % own, b"own)")
    return re.sub(rb"%d(?=\))" % port, b"port", got)


HALF = b"GET /a%20b?c HTTP/1.1\r\nhost: a\r\nconnection: close\r\n"
GET = HALF + b"\r\n"
BY_PROXY = (
    HALF + b"x-forwarded-for: 192.0.2.1, 127.0.0.1\r\n"
    b"x-forwarded-proto: https\r\n\r\n"
)


@pytest.mark.parametrize(
    ("words", "head", "wanted"),
    [
        ([], GET, b"date: ?\r\nserver: ?\r\n"),
        (["--no-date-header", "--no-server-header"], GET, b" 200 "),
        (["--header", "x-a:1", "--header", "X-B:2"], GET, b"x-b: 2\r\n"),
        (["--header", "server:mine"], GET, b"server: mine\r\n"),
        (["--root-path", "/api"], GET, b"'path': '/api/a b'"),
        (["--limit-concurrency", "1"], GET, b" 503 "),
        (["--h11-max-incomplete-event-size", "20"], HALF, b" 400 "),
        ([], BY_PROXY, b"('192.0.2.1', 0)"),
        (["--no-proxy-headers"], BY_PROXY, b"'scheme': 'http'"),
        (["--forwarded-allow-ips", "10.0.0.0/8"], BY_PROXY, b"own)"),
        (["--forwarded-allow-ips", "*"], BY_PROXY, b"'scheme': 'https'"),
        (["--lifespan", "off"], GET, b"{})"),
        (["--lifespan=on", "--reset-contextvars"], GET, b"{'started': True})"),
        (["--backlog", "1", "--host", "localhost"], GET, b" 200 "),
    ],
)
def test_the_same_words_give_the_same_bytes(
    words: list[str], head: bytes, wanted: bytes
) -> None:
    with both(words) as ports:
        theirs, mine = (ask(port, head) for port in ports)
    assert mine == theirs
    assert wanted in mine


def test_it_ends_after_as_many_requests_as_it_was_told() -> None:
    words = ["--limit-max-requests", "2", "--limit-max-requests-jitter", "0"]
    theirs, mine = Theirs(words), ours(words)
    servers: list[Any] = [theirs, mine.server]
    for each in servers:
        wait_until(lambda each=each: each.started)  # type: ignore[misc]
        port = each.servers[0].sockets[0].getsockname()[1]
        for _ in range(2):
            assert b" 200 " in ask(port, GET)
    for thread in (theirs.thread, mine.thread):
        thread.join(PATIENCE)
        assert not thread.is_alive()
