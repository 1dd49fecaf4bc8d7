"""A served app, and what has been found in it so far."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from live import PATIENCE, Live, serving

from tracer.model.trace import Trace

HERE = Path(__file__).parent
BLOCKS = "/blocks"


class Watched:
    """A served app, with what has been found in it so far."""

    def __init__(self, live: Live) -> None:
        self.live = live
        self.trace = Trace()
        self.fed = 0

    def look(self) -> Trace:
        """The trace as it stands."""
        new = self.live.seen[self.fed :]
        self.fed += len(new)
        self.trace.feed(new)
        return self.trace

    def until(self, happened: Callable[[Trace], object]) -> None:
        self.live.until(lambda: happened(self.look()))

    def until_kind(self, path: str, kind: str, times: int = 1) -> None:
        """Wait until so many requests for a path have come to an event."""

        def come(_: Trace) -> bool:
            seen = (e for e in self.live.seen if e.kind == kind)
            return sum(self.path(each.req) == path for each in seen) >= times

        self.until(come)

    def path(self, req: int | None) -> str:
        request = self.trace.requests.get(req or 0)
        return "" if request is None else request.path

    def rules(self, path: str = "", kept: str = "") -> set[str]:
        """What was found about requests for a path; empty: about none.

        A busy machine may hold up any turn of the loop: that is left out but
        where it is meant.
        """
        found = self.look().findings
        rules = {f.rule for f in found if self.path(f.req) == path}
        return rules - {kept} - (set() if path == BLOCKS else {"loop-blocked"})

    def get(self, path: str, headers: str = "") -> None:
        """Send a request, read its answer, and wait for the app's end."""
        before = self.ended(path)
        self.answered(path, headers)
        self.until(lambda _: self.ended(path) > before)

    def answered(
        self, path: str, headers: str = "", method: str = "GET", body: str = ""
    ) -> None:
        """Send a request and read its answer."""
        with self.ask(path, headers, method, body) as sock:
            while sock.recv(1 << 16):
                pass

    def ended(self, path: str) -> int:
        self.look()
        ends = (e for e in self.live.seen if e.kind == "run_asgi.end")
        return sum(self.path(each.req) == path for each in ends)

    def ask(
        self, path: str, headers: str = "", method: str = "GET", body: str = ""
    ) -> socket.socket:
        """Send a request and don't wait."""
        sock = socket.create_connection(("127.0.0.1", self.live.port), PATIENCE)
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        close = "" if "onnection:" in headers else "Connection: close\r\n"
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: h\r\n{length}{close}{headers}"
        )
        sock.sendall(f"{head}\r\n{body}".encode())
        return sock

    def leave(self, path: str, stage: str) -> None:
        """Send a request, and leave as it comes to a stage."""
        with self.ask(path):
            self.until_kind(path, stage)
        self.until_kind(path, "run_asgi.end")


@contextmanager
def watching(
    folder: Path,
    name: str,
    **options: Any,  # noqa: ANN401
) -> Iterator[Watched]:
    source = (HERE / f"{name}.py").read_text()
    with serving(folder, source, **options) as live:
        yield Watched(live)
