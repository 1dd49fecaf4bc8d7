"""A process of ours: started apart from the terminal, ended for certain."""

import contextlib
import os
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Sequence
from typing import IO

from tracer.boot import command
from tracer.host.input import Input

LAST = 200
"""Lines of standard error that are kept."""


class Process:
    """A Python module run in a session of its own, with three pipes.

    Its standard input is ours to write to, its standard output ours to read;
    the end of what it says on standard error is kept.
    """

    def __init__(
        self,
        module: str,
        *arguments: str,
        python: str | None = None,
        inherits: Sequence[int] = (),
    ) -> None:
        """Start it.

        Args:
            module: Its `main` is called.
            arguments: For it.
            python: In which interpreter; None: in this one.
            inherits: Descriptors that stay open in it.

        Raises:
            OSError: It can't be started.
        """
        self._popen = subprocess.Popen(  # noqa: S603
            command(module, *arguments, python=python),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=inherits,
            start_new_session=True,
        )
        self._said: deque[str] = deque(maxlen=LAST)
        assert self._popen.stdin is not None
        self._input = Input(self._popen.stdin)
        self._listener = threading.Thread(
            target=self._listen, name="asgi-trace last words", daemon=True
        )
        self._listener.start()

    @property
    def pid(self) -> int:
        """Its process id, and that of its group."""
        return self._popen.pid

    @property
    def out(self) -> IO[bytes]:
        """What it writes to its standard output."""
        assert self._popen.stdout is not None
        return self._popen.stdout

    @property
    def returncode(self) -> int | None:
        """Its exit code, minus the signal that killed it, None: it runs."""
        return self._popen.poll()

    @property
    def last_words(self) -> str:
        """The end of what it said on standard error."""
        return "".join(tuple(self._said))

    def tell(self, line: bytes) -> None:
        """Write to its standard input, some time; when it's gone, never."""
        self._input.tell(line)

    def tell_patiently(self, line: bytes) -> None:
        """The same, but wait while it doesn't listen, unless it's gone."""
        self._input.tell_patiently(line)

    def hang_up(self) -> None:
        """Close its standard input, which tells it to stop."""
        self._input.hang_up()

    def signal(self, number: int) -> None:
        """Send it a signal, if it still runs."""
        self._popen.send_signal(number)

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait for its end; None if it still runs then."""
        try:
            return self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            return None

    def end(self, patience: Sequence[float]) -> None:
        """See to it that it ends: ask, then SIGTERM, then kill its group.

        Args:
            patience: Seconds to wait after each of the first two.
        """
        self.hang_up()
        asked, terminated = patience
        if self.wait(asked) is None:
            self.signal(signal.SIGTERM)
            if self.wait(terminated) is None:
                self.kill()

    def kill(self) -> None:
        """Kill it and what it has started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self.wait()

    def close(self) -> None:
        """Let go of its pipes, once it has ended."""
        self._input.close(0.5)
        self._listener.join(0.5)
        self.out.close()
        if not self._listener.is_alive():
            assert self._popen.stderr is not None
            self._popen.stderr.close()

    def _listen(self) -> None:
        assert self._popen.stderr is not None
        for line in self._popen.stderr:
            self._said.append(line.decode("utf-8", "backslashreplace"))
