"""A real terminal, opened and given back: echo, screen, mouse, cursor."""

import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from fcntl import ioctl
from pathlib import Path
from typing import Any

import pyte
import pytest

TEAHOUSE = Path(__file__).parent / "model" / "teahouse.jsonl"
SHOW = """
import sys
from pathlib import Path
from tracer.host.replay import FileFeed
from tracer.views.tui import run

with FileFeed(Path(sys.argv[1])) as feed:
    code = run(feed)
sys.exit(code)
"""
PATIENCE = 30.0
COLUMNS, LINES = 120, 40
RESTORED = (
    b"\x1b[?1049l",  # the normal screen is back
    b"\x1b[?1003l",  # the mouse is the terminal's own again
    b"\x1b[?25h",  # the cursor can be seen
)


UNWANTED = {"NO_COLOR", "COLUMNS", "LINES"}
"""Of our surroundings; Textual believes a size there more than the terminal,
and whoever runs tests side by side sets one."""


class Terminal:
    """A pseudo terminal with a screen of our own, and a program in it."""

    def __init__(self, *arguments: str) -> None:
        self.ours, self.theirs = pty.openpty()
        size = struct.pack("HHHH", LINES, COLUMNS, 0, 0)
        ioctl(self.theirs, termios.TIOCSWINSZ, size)
        self.before = self.settings()
        self.bytes = b""
        self.screen = pyte.Screen(COLUMNS, LINES)
        self._stream = pyte.ByteStream(self.screen)
        environ = {
            key: value
            for key, value in os.environ.items()
            if key not in UNWANTED and not key.startswith("TEXTUAL")
        }
        self.process = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=self.theirs,
            stdout=self.theirs,
            stderr=self.theirs,
            start_new_session=True,
            env={**environ, "TERM": "xterm-256color"},
        )

    def settings(self) -> list[Any]:
        """Echo, line mode and all the rest."""
        return termios.tcgetattr(self.theirs)

    def read(self, timeout: float = 0.05) -> None:
        """Draw what the program has written."""
        while select.select([self.ours], [], [], timeout)[0]:
            data = os.read(self.ours, 65536)
            self.bytes += data
            # pyte takes `CSI > 4 m` for a colour; no terminal does.
            self._stream.feed(data.replace(b"\x1b[>", b"\x1b[?"))
            timeout = 0.0

    def until(self, text: str) -> None:
        """Wait until a text is on the screen."""
        end = time.monotonic() + PATIENCE
        while not any(text in line for line in self.screen.display):
            assert time.monotonic() < end, "\n".join(self.screen.display)
            assert self.process.poll() is None, "\n".join(self.screen.display)
            self.read()

    def press(self, keys: bytes) -> None:
        """Type."""
        os.write(self.ours, keys)

    def wait(self) -> int:
        """Read until the program has ended; give its exit code."""
        end = time.monotonic() + PATIENCE
        while self.process.poll() is None:
            assert time.monotonic() < end
            self.read()
        self.read()
        return self.process.returncode

    def close(self) -> None:
        """Leave nothing behind."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.ours)
        os.close(self.theirs)

    def is_restored(self) -> bool:
        """Whether the terminal is as it was."""
        return self.settings() == self.before and all(
            self.bytes.rfind(code) > self.bytes.rfind(b"\x1b[?1049h")
            for code in RESTORED
        )


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    made = Terminal("-c", SHOW, str(TEAHOUSE))
    yield made
    made.close()


def test_a_key_works_and_quitting_gives_the_terminal_back(
    terminal: Terminal,
) -> None:
    terminal.until("1 Requests")
    terminal.until("►  #1 GET")
    assert not terminal.is_restored()
    terminal.press(b" ")
    terminal.until("FROZEN")
    terminal.press(b"\x11")
    assert terminal.wait() == 0
    assert terminal.is_restored()


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)],
)
def test_a_signal_gives_the_terminal_back_and_is_named_by_the_exit_code(
    terminal: Terminal, number: signal.Signals, code: int
) -> None:
    terminal.until("►  #1 GET")
    terminal.process.send_signal(number)
    assert terminal.wait() == code
    assert terminal.is_restored()


CRASH = SHOW.replace(
    "    code = run(feed)",
    """
    import threading, time
    def fail():
        time.sleep(1)
        raise RuntimeError("a thread of ours broke")
    threading.Thread(target=fail).start()
    code = run(feed)
""",
)


def test_a_failure_in_a_thread_is_not_swallowed() -> None:
    terminal = Terminal("-c", CRASH, str(TEAHOUSE))
    try:
        assert terminal.wait() == 4
        assert terminal.is_restored()
        assert b"a thread of ours broke" in terminal.bytes
    finally:
        terminal.close()
