"""A server on a real port, in a thread, and a client with a raw socket."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from tracer.capture.probe import Note, Probe
from tracer.capture.server import Config, Server
from tracer.events import Event

PATIENCE = 10.0
"""Seconds until a test that waits for something gives up."""


def wait_until(true: Callable[[], bool]) -> None:
    """Wait for what another thread does.

    Raises:
        TimeoutError: It did not happen.
    """
    deadline = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.002)


class Client:
    """A raw socket to the server."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self.sock = socket.create_connection((host, port), PATIENCE)

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def read_until(self, end: bytes) -> bytes:
        got = b""
        while not got.endswith(end):
            data = self.sock.recv(65536)
            assert data, f"closed after {got!r}"
            got += data
        return got

    def read_all(self) -> bytes:
        got = b""
        while data := self.sock.recv(1 << 20):
            got += data
        return got

    def get(self, path: bytes = b"/", *headers: bytes) -> bytes:
        """Send a GET whose answer ends with `ok`."""
        lines = [b"GET %s HTTP/1.1" % path, b"host: a", *headers, b"", b""]
        self.send(b"\r\n".join(lines))
        return self.read_until(b"ok")

    def close(self) -> None:
        self.sock.close()


class UnixClient(Client):
    """A raw socket to a path."""

    def __init__(self, path: str) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(path)


class Running:
    """A server that runs; what it said so far is in `events`."""

    def __init__(self, app: Any, traced: bool, options: Any) -> None:  # noqa: ANN401
        self.events: list[Event] = []
        probe = Probe(self.events.append)
        probe.lens = options.pop("lens", "off")
        note = Note(probe) if traced else None
        self.sockets = options.pop("sockets", None)
        options = {"port": 0, **options}
        config = options.pop("config", None)
        self.server = Server(config or Config(app, note=note, **options))
        self.exit_code: Any = None
        self.port = 0
        self.clients: list[Client] = []
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.server.run(self.sockets)
        except SystemExit as stop:
            self.exit_code = stop.code

    def client(self) -> Client:
        self.clients.append(Client(self.port))
        return self.clients[-1]

    def of(self, *kinds: str) -> list[Any]:
        return [each for each in list(self.events) if each.kind in kinds]

    def kinds(self, *layers: str) -> list[str]:
        found = list(self.events)
        return [each.kind for each in found if each.layer in layers]

    def wait_for(self, kind: str, times: int = 1) -> None:
        wait_until(lambda: len(self.of(kind)) >= times)

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive()


@contextlib.contextmanager
def running(
    app: Any,  # noqa: ANN401
    *,
    traced: bool = True,
    **options: Any,  # noqa: ANN401
) -> Iterator[Running]:
    """Serve an app until the block ends."""
    found = Running(app, traced, options)
    try:
        wait_until(lambda: found.server.started or not found.thread.is_alive())
        if found.server.started:
            listener = found.server.servers[0].sockets[0]
            name = listener.getsockname()
            found.port = name[1] if isinstance(name, tuple) else 0
        yield found
    finally:
        for client in found.clients:
            client.close()
        found.stop()
