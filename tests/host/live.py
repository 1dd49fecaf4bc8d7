"""A traced server for tests: started on a free port, its records kept."""

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tracer.capture.options import Options
from tracer.events.log import Record
from tracer.host.child import LiveFeed

PATIENCE = 30.0

APP = """
import asyncio, logging, os, sys, threading, time

async def app(scope, receive, send):
    if scope["type"] != "http":
        raise RuntimeError("no lifespan")
    what = scope["path"].strip("/")
    if what == "block":
        time.sleep(120)
    elif what == "wait":
        await asyncio.sleep(120)
    elif what:
        exec(DO[what])
    await send({"type": "http.response.start", "status": 200,
                "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})

DO = {
    "print": "print('one', 2); print('no end', end='', flush=True)",
    "unended": "print('lonely', end='')",
    "stderr": "sys.stderr.write('careful\\\\n')",
    "raw": "os.write(1, b'raw \\\\xff\\\\n')",
    "shell": "os.system('echo from a shell')",
    "log": "logging.getLogger('mine').warning('to %s', 'whom')",
    "secret": "print(dict(scope['headers'])[b'authorization'].decode())",
    "break": "breakpoint()",
    "input": "print(repr(sys.stdin.read()))",
    "thread": "t = threading.Thread(target=print, args=['a thread']);"
              "t.start(); t.join()",
    "fork": "pid = os.fork()\\nif not pid:\\n"
            " print('forked', flush=True); os._exit(0)\\nos.waitpid(pid, 0)",
    "orphan": "print(os.spawnlp(os.P_NOWAIT, 'sleep', 'sleep', '300'))",
    "exit": "os._exit(9)",
    "dump": "import faulthandler; faulthandler._sigsegv()",
}
"""


class Live:
    """A feed, and everything that came out of it."""

    def __init__(self, feed: LiveFeed) -> None:
        self.feed = feed
        self.seen: list[Record] = []

    def until(self, happened: Callable[[], Any]) -> None:
        """Take records until something is so, or the test has failed."""
        deadline = time.monotonic() + PATIENCE
        while not happened():
            assert time.monotonic() < deadline, self.kinds
            assert not self.feed.ended, self.feed.last_words
            self.feed.wait(0.05)
            self.seen += self.feed.take()

    def until_text(self, text: str) -> Record:
        """Take records until one of them says the text."""
        self.until(lambda: self.saying(text))
        return self.saying(text)[0]

    def saying(self, text: str) -> list[Record]:
        return [each for each in self.seen if text in getattr(each, "text", "")
                and each.kind.startswith("app.")]  # fmt: skip

    def drain(self) -> None:
        """Take all records to the end of the server."""
        deadline = time.monotonic() + PATIENCE
        while not self.feed.ended:
            assert time.monotonic() < deadline, self.kinds
            self.feed.wait(0.05)
            self.seen += self.feed.take()

    @property
    def kinds(self) -> list[str]:
        return [each.kind for each in self.seen]

    @property
    def port(self) -> int:
        self.until(lambda: self.feed.url)
        assert self.feed.url is not None
        return int(self.feed.url.rpartition(":")[2])

    def send(self, path: str, headers: str = "") -> socket.socket:
        """Send a request and give the socket its answer will come on."""
        sock = socket.create_connection(("127.0.0.1", self.port), 30)
        request = f"GET {path} HTTP/1.1\r\nHost: h\r\n{headers}\r\n"
        sock.sendall(request.encode())
        return sock

    def get(self, path: str, headers: str = "") -> bytes:
        """Send a request on a connection of its own, give the answer."""
        with self.send(path, f"Connection: close\r\n{headers}") as sock:
            parts = []
            while data := sock.recv(1 << 16):
                parts.append(data)
        return b"".join(parts)


@contextmanager
def serving(
    folder: Path, source: str = APP, client: tuple[str, ...] | None = None,
    **options: Any,  # noqa: ANN401  # as Options
) -> Iterator[Live]:  # fmt: skip
    """Serve a module's text until the end of the block."""
    (folder / "served.py").write_text(source)
    told = {"app": "served:app", "port": 0, "app_dir": str(folder), **options}
    feed = LiveFeed("served:app", Options(**told).line(), client=client)
    with feed:
        yield Live(feed)
    assert gone(feed.pid)


def gone(pid: int) -> bool:
    """Whether there is no such process, or only its name is left."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return not Path("/proc/self").exists()
    return status.rpartition(")")[2].split()[0] == "Z"


def wait_gone(pid: int) -> None:
    """Wait until there is no such process."""
    deadline = time.monotonic() + PATIENCE
    while not gone(pid):
        assert time.monotonic() < deadline, f"process {pid} lives on"
        time.sleep(0.02)


def assert_free(port: int) -> None:
    """Somebody else can listen there, at once or a moment later.

    A process that was killed is a zombie before its last thread has let go
    of its files.
    """
    deadline = time.monotonic() + 2
    while True:
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                sock.bind(("127.0.0.1", port))
                sock.listen()
            except OSError:
                assert time.monotonic() < deadline, f"port {port} is taken"
                time.sleep(0.02)
            else:
                return
