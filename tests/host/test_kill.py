"""kill -9 under load: nothing is lost, nothing is left."""

import contextlib
import fcntl
import gzip
import http.client
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import pytest
from live import APP, PATIENCE, assert_free, gone, serving, wait_gone

from tracer.events import Header
from tracer.events.log import Decoder, Record, open_trace, read_chunks

OLD = 0.1
"""Seconds after which an event must be in the file, whatever happens."""


class Load:
    """Requests one after the other, until the server is gone."""

    def __init__(self, port: int) -> None:
        self.answered: list[float] = []
        self._port = port
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._enough.wait(PATIENCE)
        return self

    def __exit__(self, *failure: object) -> None:
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port)
        with contextlib.suppress(OSError, http.client.HTTPException):
            while True:
                connection.request("GET", "/")
                connection.getresponse().read()
                self.answered.append(time.monotonic())
                if self.answered[-1] - self.answered[0] > 4 * OLD:
                    self._enough.set()
        connection.close()

    def before(self, moment: float) -> int:
        return sum(each < moment for each in self.answered)


def recorded(path: Path) -> tuple[Header, list[Record]]:
    decoder = Decoder()
    with open_trace(path) as file:
        found = [each for some in read_chunks(file, decoder) for each in some]
    found += decoder.finish()[0]
    assert decoder.header is not None
    return decoder.header, found


def assert_all_there(path: Path, load: Load, killed: float) -> None:
    header, records = recorded(path)
    done = sum(each.kind == "response.complete" for each in records)
    assert done >= load.before(killed - OLD) > 0
    assert [each.seq for each in records] == [*range(1, len(records) + 1)]
    newest = max(each.t for each in records) + header.clock0
    assert newest / 1e9 > killed - OLD


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz"])
def test_kill_of_the_child(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with serving(tmp_path, record=str(path), access_log=False) as live:
        port = live.port
        with Load(port) as load:
            killed = time.monotonic()
            os.kill(live.feed.pid, signal.SIGKILL)
            live.drain()

        assert live.feed.returncode == -signal.SIGKILL
        assert (live.feed.problem or "").startswith(
            "the server was killed by SIGKILL"
        )
    assert_all_there(path, load, killed)
    assert_free(port)
    if name.endswith(".gz"):
        assert gzip.decompress(path.read_bytes())  # its end is there


needs_proc = pytest.mark.skipif(
    not Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").exists(),
    reason="needs /proc to find the processes",
)


@needs_proc
@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz"])
def test_kill_of_the_recorder(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with serving(tmp_path, record=str(path), access_log=False) as live:
        port = live.port
        (recorder,) = children(live.feed.pid)
        with Load(port) as load:
            killed = time.monotonic()
            os.kill(recorder, signal.SIGKILL)
            said = live.until_text("the recorder was killed by SIGKILL")
            so_far = len(load.answered)
            live.until(lambda: len(load.answered) > so_far + 10)
            live.feed.signal(signal.SIGTERM)
            live.drain()

        assert live.feed.returncode == 143
        assert said == live.seen[-1]
    assert_all_there(path, load, killed)
    assert_free(port)


@contextmanager
def command(folder: Path, path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`asgi-trace serve` with a text view that nobody looks at."""
    (folder / "served.py").write_text(APP)
    line = ["-m", "tracer", "serve", "served:app", "--port", "0"]
    line += ["--app-dir", str(folder), "--record", str(path)]
    parent = subprocess.Popen(
        [sys.executable, *line, "--view", "text"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield parent
    finally:
        if parent.poll() is None:
            parent.kill()
        parent.wait()


def started(path: Path) -> tuple[int, int]:
    """Wait until the recording says so; give the child's pid and port."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        text = path.read_text() if path.exists() else ""
        url = re.search(r'"server.started".*"url":"http://[\d.]+:(\d+)"', text)
        if url is not None:
            pid = re.search(r'"pid":(\d+)', text)
            assert pid is not None
            return int(pid[1]), int(url[1])
        time.sleep(0.02)
    raise AssertionError("the server did not start")


def test_kill_of_the_parent(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with command(tmp_path, path) as parent:
        child, port = started(path)
        with Load(port) as load:
            killed = time.monotonic()
            parent.kill()
        wait_gone(child)

    assert_all_there(path, load, killed)
    assert "server.stopped" in {each.kind for each in recorded(path)[1]}
    assert_free(port)


def test_kill_of_the_parent_of_a_blocked_loop(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with command(tmp_path, path) as parent:
        child, port = started(path)
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("GET", "/block")
        while '"run_asgi.start"' not in path.read_text():
            time.sleep(0.02)
        parent.kill()
        parent.wait()
        assert not gone(child)
        wait_gone(child)
        connection.close()

    assert_free(port)


def children(pid: int) -> list[int]:
    found = ""
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += (task / "children").read_text()
    return [int(each) for each in found.split()]


@needs_proc
def test_kill_of_the_demo_leaves_no_process_behind() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-m", "tracer", "demo", "--view", "text"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    with parent:
        assert parent.stdout is not None
        for line in parent.stdout:
            if b"response.complete" in line:
                break
        both = children(parent.pid)
        recorders = [one for each in both for one in children(each)]
        parent.kill()

    assert (len(both), len(recorders)) == (2, 1)
    for each in both + recorders:
        wait_gone(each)


class Screen:
    """A terminal that somebody draws on; what was drawn is kept."""

    def __init__(self, *line: str) -> None:
        self.told = b""
        self.fd, child = pty.openpty()
        size = struct.pack("HHHH", 30, 100, 0, 0)
        fcntl.ioctl(child, termios.TIOCSWINSZ, size)
        self.before = termios.tcgetattr(child)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tracer", *line],
            stdin=child,
            stdout=child,
            stderr=child,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm-256color"},
        )
        self._child = child  # kept open: the terminal outlives the program
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while b"the test is over" not in self.told:
            self.told += os.read(self.fd, 1 << 16)

    def modes(self) -> list[object]:
        return list(termios.tcgetattr(self._child))

    def close(self) -> None:
        os.write(self._child, b"the test is over")
        self._thread.join(PATIENCE)
        os.close(self._child)
        os.close(self.fd)


def test_kill_of_the_screen_leaves_a_terminal_that_can_be_used(
    tmp_path: Path,
) -> None:
    path = tmp_path / "out.jsonl"
    (tmp_path / "served.py").write_text(APP)
    screen = Screen(
        "serve", "served:app", "--view=tui", "--port=0", "--no-access-log",
        f"--app-dir={tmp_path}", f"--record={path}",
    )  # fmt: skip
    child, port = started(path)
    while b"\x1b[?1049h" not in screen.told:
        time.sleep(0.02)
    assert screen.modes() != screen.before
    with Load(port) as load:
        killed = time.monotonic()
        screen.process.kill()
        screen.process.wait()
    wait_gone(child)

    assert screen.modes() == screen.before
    screen.close()
    assert b"\x1b[?1049l" in screen.told
    assert b"\x1b[?1003l" in screen.told
    assert_all_there(path, load, killed)
    assert_free(port)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)]
)
def test_a_signal_to_the_parent_ends_both_in_order(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    path = tmp_path / "out.jsonl"
    with command(tmp_path, path) as parent:
        child, port = started(path)
        parent.send_signal(number)

        assert parent.wait(PATIENCE) == code
        assert gone(child)
    kinds = [each.kind for each in recorded(path)[1]]
    assert kinds.count("signal") == 1
    assert "server.stopped" in kinds
    assert_free(port)
