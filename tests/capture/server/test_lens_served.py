"""The loop under the lens with a real server: turns, descriptors, waits."""

# ruff: noqa: ANN401  (scopes and messages pass through here)

import asyncio
import os
import socket
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import pytest
from server_running import PATIENCE, Client, Running, running, wait_until
from server_tls import TLSClient, certificate

from tracer.events.log import Decoder, Record

START = {"type": "http.response.start", "status": 200}
BODY = {"type": "http.response.body", "body": b"ok"}
LENGTH = [(b"content-length", b"2")]


class App:
    """Answers `ok`, at once or after what its path says."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.run: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        match scope["path"]:
            case "/block":
                self.go_on.wait(PATIENCE)
            case "/read":
                while (await receive())["more_body"]:
                    pass
            case "/late":
                while not self.run.of("read.paused"):
                    await asyncio.sleep(0.002)
                while (await receive())["more_body"]:
                    pass
            case "/leave":
                while (await receive())["type"] != "http.disconnect":
                    pass
            case "/flood":
                await self._flood(send)
                return
            case _:
                pass
        await send({**START, "headers": LENGTH})
        await send(BODY)

    async def _flood(self, send: Any) -> None:
        await send(START)
        while not self.run.of("write.paused"):
            big = bytes(1 << 18)
            await send({**BODY, "body": big, "more_body": True})
        await send(BODY)


def stops(run: Running) -> list[tuple[str, str]]:
    """What the requests' tasks waited for."""
    return [
        (each.waits_for, each.by)
        for each in run.of("task.suspended")
        if each.req is not None
    ]


def test_a_get_takes_two_turns_and_is_read_from_its_own_descriptor() -> None:
    with running(App(), lens="on") as run:
        client = run.client()
        client.get()
        client.get()
        run.wait_for("run_asgi.end", 2)
    read = run.of("data_received")[1]
    (done,) = (each for each in run.of("task.done") if each.req == 2)
    turns = {
        each.turn: (each.ready, each.timeout) for each in run.of("loop.select")
    }
    (accepted,) = run.of("accept")
    assert done.turn == read.turn + 1
    assert turns[read.turn][0] == (("connection", accepted.fd, 1),)
    assert turns[done.turn] == ((), 0)


def test_turns_are_said_in_order_and_none_is_left_out() -> None:
    with running(App(), lens="on") as run:
        run.client().get()
        run.wait_for("tick", 3)
    turns = [each.turn for each in run.of("loop.select")]
    assert turns == list(range(1, len(turns) + 1))
    waited = sum(each.waited for each in run.of("loop.select"))
    assert 0 < waited < run.events[-1].t
    timeouts = {each.timeout for each in run.of("loop.select")}
    assert 0 in timeouts
    assert any(each and 0 < each <= 0.1 for each in timeouts)  # the tick


def test_whose_descriptors_the_loop_watches() -> None:
    with running(App(), lens="on") as run:
        client = run.client()
        client.get()
        client.close()
        run.wait_for("connection_lost")
    watched = [
        (each.role, each.watches, each.conn)
        for each in run.of("selector.register")
    ]
    assert watched == [
        ("self-pipe", "read", None),
        ("listener", "read", None),
        ("connection", "read", 1),
    ]
    left = [(each.role, each.conn) for each in run.of("selector.unregister")]
    assert left == [
        ("connection", 1),
        ("listener", None),
        ("self-pipe", None),
    ]


def test_clients_that_have_waited_are_accepted_in_one_turn() -> None:
    app = App()
    with running(app, lens="on") as run:
        blocker = run.client()
        blocker.send(b"GET /block HTTP/1.1\r\nhost: a\r\n\r\n")
        run.wait_for("run_asgi.start")
        clients = [run.client() for _ in range(3)]
        app.go_on.set()
        for client in clients:
            client.get()
        bursts = [each.n for each in run.of("loop.accept")]
        listeners = {each.fd for each in run.of("loop.accept")}
        accepts = run.of("accept")
    assert bursts == [1, 3]
    assert len(listeners) == 1
    assert len({each.turn for each in accepts[1:]}) == 1


def test_as_many_as_the_backlog_is_long_are_a_burst_too() -> None:
    # asyncio stops there without asking for one more (until 3.13).
    app = App()
    with running(app, lens="on", backlog=2) as run:
        blocker = run.client()
        blocker.send(b"GET /block HTTP/1.1\r\nhost: a\r\n\r\n")
        run.wait_for("run_asgi.start")
        clients = [run.client() for _ in range(2)]
        app.go_on.set()
        for client in clients:
            client.get()
        assert [each.n for each in run.of("loop.accept")] == [1, 2]


def test_while_reading_is_paused_the_descriptor_is_not_watched() -> None:
    app = App()
    with running(app, lens="on") as run:
        app.run = run
        client = run.client()
        client.send(b"POST /late HTTP/1.1\r\nhost: a\r\n")
        client.send(b"content-length: 3000000\r\n\r\n" + bytes(3000000))
        client.read_until(b"ok")
        said = run.of(
            "read.paused",
            "read.resumed",
            "selector.register",
            "selector.unregister",
        )
    kinds = [each.kind for each in said if each.conn == 1]
    assert kinds[:5] == [
        "selector.register",
        "selector.unregister",
        "read.paused",
        "selector.register",
        "read.resumed",
    ]


def test_receive_waits_for_the_requests_body_and_a_socket_brings_it() -> None:
    with running(App(), lens="on") as run:
        client = run.client()
        client.send(b"POST /read HTTP/1.1\r\nhost: a\r\n")
        client.send(b"content-length: 2\r\n\r\n")
        run.wait_for("receive.call")
        wait_until(lambda: len(stops(run)) > 0)
        client.send(b"ab")
        client.read_until(b"ok")
        woken = [each.woken_by for each in run.of("task.resumed") if each.req]
    assert stops(run) == [("request body", "RequestResponseCycle.receive")]
    assert woken == ["socket"]


def test_a_disconnect_comes_from_the_socket_too() -> None:
    with running(App(), lens="on") as run:
        client = run.client()
        client.send(b"GET /leave HTTP/1.1\r\nhost: a\r\n\r\n")
        wait_until(lambda: len(stops(run)) > 0)
        client.close()
        run.wait_for("run_asgi.end")
        woken = [each.woken_by for each in run.of("task.resumed") if each.req]
    assert woken == ["socket"]


def test_send_waits_for_the_client_to_read() -> None:
    app = App()
    with running(app, lens="on") as run:
        app.run = run
        client = run.client()
        client.send(b"GET /flood HTTP/1.1\r\nhost: a\r\n\r\n")
        wait_until(lambda: ("client to read", DRAIN) in stops(run))
        client.read_until(b"ok\r\n0\r\n\r\n")
        watched = {each.watches for each in run.of("selector.register")}
        woken = [each.woken_by for each in run.of("task.resumed") if each.req]
    assert watched == {"read", "both"}
    assert set(woken) == {"socket"}


DRAIN = "FlowControl.drain"


def test_without_the_lens_the_loop_says_what_it_said_before() -> None:
    with running(App(), lens="off") as run:
        run.client().get()
    loop = {kind for kind in run.kinds("loop") if "accept" not in kind}
    assert loop == {"task.created", "task.started", "task.done"}


def test_a_descriptor_that_is_somebody_elses_now_is_no_connection() -> None:
    fds: list[int] = []
    ours, theirs = socket.socketpair()

    class Reuses(App):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            if scope["path"] == "/reuse":
                fds.append(run.of("accept")[0].fd)  # closed by now
                os.dup2(ours.fileno(), fds[0])
                loop = asyncio.get_running_loop()
                loop.add_reader(fds[0], print)
                loop.remove_reader(fds[0])
                os.close(fds[0])
            await super().__call__(scope, receive, send)

    with running(Reuses(), lens="on") as run:
        first = run.client()
        first.get()
        second = run.client()
        second.get()
        first.close()
        run.wait_for("connection_lost")
        second.get(b"/reuse")
        roles = [
            (each.role, each.conn)
            for each in run.of("selector.register")
            if each.fd == fds[0]
        ]
    ours.close()
    theirs.close()
    assert roles == [("connection", 1), ("other", None)]


FEW_FILES = textwrap.dedent("""
    import os, resource, sys
    from tracer.capture.probe import Note, Probe
    from tracer.capture.server import Config, Server
    from tracer.capture.server.tls import TLS
    from tracer.events.log import encode

    few, most = resource.getrlimit(resource.RLIMIT_NOFILE)

    async def app(scope, receive, send):
        assert scope["type"] == "http"
        number = few
        if scope["path"] == "/few":
            number = os.dup(0)
            os.close(number)
        resource.setrlimit(resource.RLIMIT_NOFILE, (number, most))
        await send({"type": "http.response.start", "status": 200,
                    "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    def emit(event):
        sys.stdout.buffer.write(encode([event]))
        sys.stdout.buffer.flush()

    probe = Probe(emit)
    probe.lens = "on"
    tls = TLS(*sys.argv[1:]) if sys.argv[1:] else None
    config = Config(app, port=0, backlog=5, note=Note(probe), tls=tls)
    Server(config).run()
""")


@pytest.mark.skipif(sys.platform == "win32", reason="it has no such limit")
@pytest.mark.parametrize("encrypted", [False, True])
def test_too_many_open_files_are_said_once_for_all_tries_until_some_are_free(
    encrypted: bool, tmp_path: Path
) -> None:
    authority, tls = certificate(tmp_path)
    files = (tls.certfile, str(tls.keyfile)) if encrypted else ()

    def connect(port: int) -> Client:
        return TLSClient(port, authority) if encrypted else Client(port)

    with subprocess.Popen(
        [sys.executable, "-c", FEW_FILES, *files],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            seen = records_of(process)
            url: Any = until("server.started", seen)[-1]
            client = connect(int(url.url.rpartition(":")[2]))
            client.get(b"/few")
            other = Client(client.sock.getpeername()[1])
            said: list[Any] = until("accept.failed", seen)
            client.get(b"/many")
            freed: list[Any] = until("accept", seen)
            client.close()
            other.close()
        finally:
            process.kill()
    assert [each.kind for each in said if "accept" in each.kind] == [
        "accept",
        "loop.accept",
        "accept.failed",
    ]
    failed = said[-1]
    # asyncio tries as often as the backlog is long; ours, once.
    tries = 1 if encrypted else 5
    assert (failed.error, failed.times) == ("Too many open files", tries)
    if not encrypted:
        left = [each for each in said if each.kind == "selector.unregister"]
        assert [each.role for each in left] == ["listener"]
        assert left[0].turn == failed.turn
    waited = (freed[-1].t - failed.t) / 1e9
    assert waited > (0.05 if encrypted else 0.9)


def records_of(process: "subprocess.Popen[bytes]") -> Any:
    decoder = Decoder()
    decoder.feed(
        b'{"kind":"trace","format":"asgi-trace/1","started":"","clock":"",'
        b'"clock0":0,"pid":1,"app":"","versions":{},"redacted":[]}\n'
    )
    assert process.stdout is not None
    for line in process.stdout:
        yield from decoder.feed(line)


def until(kind: str, records: Any) -> list[Record]:
    found = []
    for each in records:
        found.append(each)
        if each.kind == kind:
            return found
    raise AssertionError(f"ended without {kind}")
