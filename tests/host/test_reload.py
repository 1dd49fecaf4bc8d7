"""--reload: run after run of an app, each a trace of its own."""

import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from live import PATIENCE, assert_free, wait_gone

from tracer.capture.options import Options
from tracer.events import BreakpointSet, ServerStarted
from tracer.events.breaks import parse_break
from tracer.events.commands import Break
from tracer.events.log import Record
from tracer.host.child import LiveFeed
from tracer.host.reload import ReloadingFeed, Run, named
from tracer.host.watching import Watched

APP = """
async def app(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"%s"})
"""
BROKEN = "def app(:"


class Reloading:
    """A feed whose file changes, and the records of the run that is shown."""

    def __init__(self, folder: Path, **options: Any) -> None:  # noqa: ANN401
        self.file = folder / "served.py"
        self.runs: list[Run] = []
        self.feeds: list[LiveFeed] = []
        self.seen: list[Record] = []
        self._options = {"app_dir": str(folder), "lens": "off", **options}
        self.write("one")
        watched = Watched([str(folder)], delay=0)
        self.feed = ReloadingFeed("served:app", self._start, watched)

    def _start(self, run: Run) -> LiveFeed:
        self.runs.append(run)
        told = Options(
            app="served:app",
            port=run.port or 0,
            breaks=run.breaks,
            **self._options,
        )
        self.feeds.append(LiveFeed("served:app", told.line()))
        return self.feeds[-1]

    def write(self, word: str) -> None:
        self.file.write_text(APP % word if word != BROKEN else BROKEN)

    def until(self, happened: Callable[[], Any]) -> None:
        """Take records until something is so, or the test has failed."""
        deadline = time.monotonic() + PATIENCE
        while not happened():
            assert time.monotonic() < deadline
            self.feed.wait(0.02)
            self.seen += self.feed.take()

    def until_renewed(self) -> str:
        """Go over to the next run, and say what changed."""
        said: list[str] = []

        def renewed() -> bool:
            self.seen += self.feed.take()
            if (changed := self.feed.renewed()) is not None:
                said.append(changed)
                self.seen.clear()
            return bool(said)

        self.until(renewed)
        return said[0]

    def get(self) -> bytes:
        """What the app answers, once it is there."""
        self.until(lambda: any(isinstance(r, ServerStarted) for r in self.seen))
        with socket.create_connection(("127.0.0.1", self.port), 30) as sock:
            sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
            answer = b"".join(iter(lambda: sock.recv(4096), b""))
        return answer.rpartition(b"\r\n")[2]

    @property
    def port(self) -> int:
        started = [r for r in self.seen if isinstance(r, ServerStarted)]
        return int(started[0].url.rpartition(":")[2])


@contextmanager
def reloading(folder: Path, **options: Any) -> Iterator[Reloading]:  # noqa: ANN401
    it = Reloading(folder, **options)
    with it.feed:
        yield it
    for each in it.feeds:
        wait_gone(each.pid)


def test_a_changed_file_is_another_run_on_the_same_port(tmp_path: Path) -> None:
    with reloading(tmp_path) as it:
        assert it.get() == b"one"
        port, terms = it.port, parse_break("app.enter path=/never")
        assert it.feed.tell(Break(7, "app.enter path=/never", terms))

        it.write("second")
        assert it.until_renewed() == str(it.file)
        assert (it.get(), it.port) == (b"second", port)
        assert it.runs[1].port == port
        # What its user has set holds in the next run too.
        assert [r.id for r in it.seen if isinstance(r, BreakpointSet)] == [7]

        it.write(BROKEN)
        it.until_renewed()
        it.until(lambda: it.feed.waiting)
        assert not it.feed.ended
        problem = it.feed.problem or ""
        assert "SyntaxError: invalid syntax" in problem
        assert problem.endswith("It starts again when a file changes.")

        it.write("mended")
        it.until_renewed()
        assert (it.get(), it.feed.problem) == (b"mended", None)

        it.feed.signal(signal.SIGINT)
        it.until(lambda: it.feed.ended)
        assert (it.feed.returncode, it.feed.problem) == (0, None)
        it.write("never served")
    assert len(it.runs) == 4
    assert_free(port)


def test_who_looks_too_late_sees_the_newest_run_only(tmp_path: Path) -> None:
    with reloading(tmp_path) as it:
        it.get()
        for number, word in ((2, "unseen"), (3, "newest")):
            it.write(word)
            it.until(lambda: len(it.feeds) == number)  # noqa: B023  # called here
            it.until(lambda: it.feeds[-1].url)

        it.until_renewed()

        assert it.get() == b"newest"
        wait_gone(it.feeds[1].pid)


def test_who_stops_while_it_waits_has_done_nothing_wrong(
    tmp_path: Path,
) -> None:
    with reloading(tmp_path) as it:
        it.get()
        it.write(BROKEN)
        it.until_renewed()
        it.until(lambda: it.feed.waiting)

        it.feed.stop()

        assert it.feed.ended
        assert (it.feed.returncode, it.feed.problem) == (0, None)
        assert it.feed.last_words == ""


def test_what_no_file_can_mend_ends_it(tmp_path: Path) -> None:
    with reloading(tmp_path, app_dir=str(tmp_path / "nowhere")) as it:
        it.until(lambda: it.feed.ended)

        assert not it.feed.waiting
        assert it.feed.returncode == 2
        assert "is no folder" in (it.feed.problem or "")


def test_a_few_files_are_named() -> None:
    assert named(["a.py", "b.py"]) == "a.py, b.py"
    assert named([*"abcde"]) == "a, b, c and 2 more"
