"""Each kind of the server's layers comes from a real socket.

One pass through the scenarios; then one test for each kind. A kind that is
added to the vocabulary and said by nobody fails here.
"""

# ruff: noqa: ANN401  (scopes and messages pass through here)

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any, Self

import pytest
import trustme
from server_running import PATIENCE, Running, running
from server_tls import TLSClient, certificate
from socket_wire import App as SocketApp
from socket_wire import echoes, frame

from tracer.capture.server import WSProtocol
from tracer.capture.server.proxy import TrustedProxies
from tracer.events import KINDS
from tracer.events.log import Decoder, Record

WANTED = [
    kind
    for kind, cls in KINDS.items()
    if (
        cls.layer in {"server", "connection", "h11", "cycle", "websocket"}
        and kind != "scope.changed"  # said by the frameworks' stages
    )
    or kind.startswith(("task.", "loop.select", "loop.accept", "selector."))
]

START = {"type": "http.response.start", "status": 200}
BODY = {"type": "http.response.body", "body": b"ok"}


class App:
    """Does what its path says; may look at what the server has said."""

    def __init__(self) -> None:
        self.run: Running | None = None
        self.met: set[int] = set()

    async def next(self, kind: str, **fields: str) -> None:
        """Wait for an event that this app has not waited for before."""
        run = self.run
        assert run is not None
        async with asyncio.timeout(PATIENCE):
            while True:
                for each in run.of(kind):
                    said = {name: getattr(each, name) for name in fields}
                    if said == fields and each.t not in self.met:
                        self.met.add(each.t)
                        return
                await asyncio.sleep(0.002)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for _ in range(2):
                kind = (await receive())["type"]
                await send({"type": f"{kind}.complete"})
            return
        act = getattr(self, scope["path"][1:] or "index")
        await act(receive, send)

    async def index(self, receive: Any, send: Any) -> None:
        length = [(b"content-length", b"2")]
        await send({**START, "headers": length})
        await send(BODY)

    async def read(self, receive: Any, send: Any) -> None:
        while (await receive())["more_body"]:
            pass
        await self.index(receive, send)

    async def hesitate(self, receive: Any, send: Any) -> None:
        # One that was sent too early has paused the reading as well.
        await self.next("read.paused", reason="body")
        await self.read(receive, send)

    async def flood(self, receive: Any, send: Any) -> None:
        await send(START)
        while self.run is None or not self.run.of("write.paused"):
            await send({**BODY, "body": bytes(1 << 18), "more_body": True})
        await send(BODY)

    async def left(self, receive: Any, send: Any) -> None:
        await self.next("client.disconnected")
        await self.index(receive, send)

    async def raises(self, receive: Any, send: Any) -> None:
        raise ValueError("no")

    async def loses(self, receive: Any, send: Any) -> None:
        task = asyncio.create_task(self.raises(receive, send))
        await asyncio.wait([task])
        await self.index(receive, send)

    async def twice(self, receive: Any, send: Any) -> None:
        await send(START)
        await send(START)


async def bare(scope: Any, receive: Any, send: Any) -> None:
    assert scope["type"] == "http"
    await App().index(receive, send)


def failing(when: str) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        for _ in range(2):
            kind = (await receive())["type"]
            outcome = "failed" if kind.endswith(when) else "complete"
            await send({"type": f"{kind}.{outcome}", "message": "no"})

    return app


def busy(run: Running) -> None:
    """What clients do, on one server."""
    client = run.client()
    client.get()
    client.get(b"/loses")
    client.get(b"/", b"connection: upgrade", b"upgrade: websocket")
    client.send(
        b"POST /read HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n"
        b"expect: 100-continue\r\n\r\n"
    )
    client.read_until(b"100 Continue\r\n\r\n")
    client.send(b"ab")
    client.read_until(b"ok")
    client.send(
        b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n"
        b"expect: 100-continue\r\n\r\n"
    )
    client.read_until(b"ok")
    client.send(b"ab")
    client.get()
    client.send(b"garbage\r\n\r\n")
    assert b" 400 " in client.read_all()
    for path in (b"/raises", b"/twice"):
        client = run.client()
        client.send(b"GET %s HTTP/1.1\r\nhost: a\r\n\r\n" % path)
        client.read_all()
    leaving(run)


def leaving(run: Running) -> None:
    """Clients that send and read at their own pace, or leave."""
    client = run.client()
    client.send(b"POST /hesitate HTTP/1.1\r\nhost: a\r\n")
    client.send(b"content-length: 3000000\r\n\r\n" + bytes(3000000))
    client.read_until(b"ok")
    client = run.client()
    client.send(b"GET /flood HTTP/1.1\r\nhost: a\r\n\r\n")
    run.wait_for("write.paused")
    client.read_until(b"ok\r\n0\r\n\r\n")
    client.sock.shutdown(socket.SHUT_WR)
    assert client.read_all() == b""
    client = run.client()
    client.send(b"GET /left HTTP/1.1\r\nhost: a\r\n\r\n")
    run.wait_for("run_asgi.start", len(run.of("run_asgi.end")) + 1)
    client.close()
    run.wait_for("send.dropped", 2)


def behind_tls(run: Running, authority: trustme.CA) -> None:
    """One who speaks TLS, by way of a proxy, and one who doesn't."""
    client = run.client()
    client.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
    run.wait_for("tls.failed")
    client = TLSClient(run.port, authority)
    run.clients.append(client)
    client.get(b"/", b"x-forwarded-for: 192.0.2.1")


def small(run: Running) -> None:
    """A server that does little: refuses, and closes who is idle."""
    client = run.client()
    client.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
    assert b" 503 " in client.read_all()


def talking(run: Running) -> None:
    """A WebSocket's client: in two frames, and then too much."""
    client = run.client()
    client.send(HANDSHAKE)
    client.read_until(b"\r\n\r\n")
    client.send(frame(1, b"a", fin=False) + frame(10, b"") + frame(0, b"b"))
    client.read_until(b"\x81\x02ab")
    client.send(frame(2, bytes(11)))
    client.read_all()


def silent(run: Running) -> None:
    """One that answers no ping."""
    client = run.client()
    client.send(HANDSHAKE)
    client.read_all()


HANDSHAKE = (
    b"GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\n"
    b"upgrade: websocket\r\nsec-websocket-version: 13\r\n"
    b"sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)

SIGNALLED = textwrap.dedent("""
    import sys
    from tracer.capture.probe import Note, Probe
    from tracer.capture.server import Config, Server
    from tracer.events.log import encode

    async def app(scope, receive, send):
        assert scope["type"] == "http"
        await receive()
        await receive()

    def emit(event):
        sys.stdout.buffer.write(encode([event]))
        sys.stdout.buffer.flush()

    Server(Config(app, port=0, note=Note(Probe(emit)))).run()
""")

HEADER = (
    b'{"kind":"trace","format":"asgi-trace/1","started":"","clock":"",'
    b'"clock0":0,"pid":1,"app":"","versions":{},"redacted":[]}\n'
)


class Child:
    """A server in a process of its own, for what signals do."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SIGNALLED],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=Path(__file__).parents[3],
        )
        self.decoder = Decoder()
        self.decoder.feed(HEADER)
        self.records: list[Record] = []

    def wait_for(self, kind: str) -> Any:
        out = self.process.stdout
        assert out is not None
        while line := out.readline():
            self.records += self.decoder.feed(line)
            if self.records[-1].kind == kind:
                return self.records[-1]
        raise AssertionError(f"ended without {kind}")

    def signal(self, number: int) -> None:
        os.kill(self.process.pid, number)

    def end(self) -> int:
        with contextlib.suppress(AssertionError):
            self.wait_for("nothing")
        return self.process.wait(PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """How often each kind was said, in all the scenarios together."""
    records: list[Record] = []

    async def notify() -> None:
        pass

    app = App()
    with running(
        app, callback_notify=notify, timeout_notify=0, lens="on"
    ) as run:
        app.run = run
        busy(run)
        run.client().get()
        run.stop()  # while that client is still there
    records += run.events
    with running(App(), limit_concurrency=1, join_head=True) as run:
        small(run)
    records += run.events
    authority, served = certificate(tmp_path_factory.mktemp("tls"))
    proxies = TrustedProxies("127.0.0.1")
    with running(bare, tls=served, trusted_proxies=proxies) as run:
        behind_tls(run, authority)
    records += run.events
    with running(bare, timeout_keep_alive=0.01, timeout_head=0.3) as run:
        client = run.client()
        client.get()
        assert client.read_all() == b""
        late = run.client()
        late.send(b"GET / HT")
        assert late.read_all().startswith(b"HTTP/1.1 408 ")
        with running(bare, port=run.port) as second:
            pass
    records += [*run.events, *second.events]
    pings: list[dict[str, Any]] = [
        {"ws_ping_interval": None},
        {"ws_ping_interval": 0.02, "ws_ping_timeout": 0.02},
    ]
    for act, options in zip((talking, silent), pings, strict=True):
        with running(
            SocketApp(echoes),
            ws_protocol_class=WSProtocol,
            ws_max_size=10,
            **options,
        ) as run:
            act(run)
        records += run.events
    for when in ("startup", "shutdown"):
        with running(failing(when)) as run:
            pass
        records += run.events
    with Child() as child:
        child.wait_for("tick")
        child.signal(signal.SIGINT)
        child.end()
    records += child.records
    counts = dict.fromkeys(WANTED, 0)
    for each in records:
        counts[each.kind] = counts.get(each.kind, 0) + 1
    return counts


@pytest.mark.parametrize("kind", WANTED)
def test_a_real_socket_produces(kind: str, said: dict[str, int]) -> None:
    assert said[kind] > 0


def test_f26_one_signal_ends_in_order() -> None:
    with Child() as child:
        child.wait_for("server.started")
        child.signal(signal.SIGTERM)
        assert child.wait_for("signal").name == "SIGTERM"
        assert child.end() == -signal.SIGTERM
    kinds = [each.kind for each in child.records]
    assert "server.stopping" in kinds
    assert "server.stopped" in kinds


@pytest.mark.parametrize(
    ("second", "forces"), [(signal.SIGINT, True), (signal.SIGTERM, False)]
)
def test_f26_only_a_second_sigint_forces(second: int, forces: bool) -> None:
    with Child() as child:
        url = child.wait_for("server.started").url
        port = int(url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as sock:
            sock.sendall(b"POST / HTTP/1.1\r\nhost: a\r\n")
            sock.sendall(b"content-length: 2\r\n\r\n")
            child.wait_for("run_asgi.start")
            child.signal(signal.SIGINT)
            # The client never sends its body, so this would last.
            while child.wait_for("shutdown.step").step != "wait_connections":
                pass
            child.signal(second)
            assert child.wait_for("signal").forces is forces
            if forces:
                child.end()
        child.end()
        steps = [
            each.step  # type: ignore[union-attr]  # of this kind
            for each in child.records
            if each.kind == "shutdown.step"
        ]
    assert ("wait_closed" in steps) is not forces
    assert child.records[-1].kind in {"task.done", "server.stopped"}
