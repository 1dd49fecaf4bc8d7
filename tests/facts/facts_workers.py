"""Two servers on one socket, and one of them ended in a hurry."""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from facts_kit import Client, Story, guests
from live import Live

from tracer.capture.options import Options
from tracer.events import EndpointEnter, ShutdownStep
from tracer.events.log import Record
from tracer.host.child import LiveFeed


@contextmanager
def worker(folder: Path, given: socket.socket) -> Iterator[Live]:
    """Serve the tea house on a socket that somebody else has bound."""
    fd = given.fileno()
    told = Options(app="served:app", app_dir=str(folder), fd=fd)
    with LiveFeed("served:app", told.line(), inherits=(fd,)) as feed:
        yield Live(feed)


def workers(folder: Path) -> Story:
    """Give what the one told who hurried; in `got`, what the other did."""
    source = (Path(__file__).parent / "facts_app.py").read_text()
    (folder / "served.py").write_text(source)
    with socket.create_server(("127.0.0.1", 0)) as given:
        fd, (_, port) = given.fileno(), given.getsockname()
        with (
            worker(folder, given) as one,
            worker(folder, given) as two,
            guests(port) as visit,
        ):
            for each in (one, two):
                wait(each, "tick")
            client = visit()
            client.ask("/block")
            one.until((folder / "blocked").exists)
            # Who is blocked accepts nobody, so the other one does.
            answer = visit().get("/tea")
            (folder / "unblock").touch()
            client.answer()
            for each in (one, two):
                wait(each, "run_asgi.end")
            hurried, other = one, two
            if any(_blocks(each) for each in two.seen):
                hurried, other = two, one
            cut = hurry(hurried, client)
            other.feed.stop()
            other.drain()
            pids = [each.feed.pid for each in (hurried, other)]
    return Story(
        hurried.seen,
        {"port": port, "fd": fd, "pids": pids, "answer": answer, "cut": cut,
         "other": other.seen},
    )  # fmt: skip


def wait(live: Live, kind: str) -> None:
    live.until(lambda: kind in live.kinds)


def hurry(live: Live, client: Client) -> bytes:
    """Two Ctrl+C, while a client waits that would wait for ever."""
    client.ask("/wait?for=nobody")
    live.until(lambda: live.kinds.count("endpoint.enter") > 1)
    os.kill(live.feed.pid, signal.SIGINT)
    live.until(lambda: _at(live, "wait_connections"))
    os.kill(live.feed.pid, signal.SIGINT)
    live.drain()
    return client.rest()


def _blocks(each: Record) -> bool:
    return isinstance(each, EndpointEnter) and each.name == "block"


def _at(live: Live, step: str) -> bool:
    return any(
        isinstance(each, ShutdownStep) and each.step == step
        for each in live.seen
    )
