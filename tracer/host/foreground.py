"""A server that has the terminal, in a process of its own: `--view none`.

That is needed where it starts again by itself, or runs in another
interpreter. It stays in our group, so that Ctrl+C reaches it, and `fg` and
`bg` mean both of us.
"""

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from types import FrameType

from tracer.boot import command
from tracer.host.reload import ENDED, USAGE, Run, named
from tracer.host.watching import Watched

MODULE = "tracer.capture.here"

GRACE, FORCED = 2.0, 1.0
"""Seconds that requests have to end, and the server when it is forced to."""

TERMINATED = 128 + signal.SIGTERM
IN_ORDER = (0, -signal.SIGTERM, TERMINATED)
"""Ends of a server that was asked to end, and did."""

ESCALATION = (signal.SIGTERM, signal.SIGINT, signal.SIGKILL)
"""What it is told at the first Ctrl+C, the second, and the third.

From a terminal it gets each of them as SIGINT too. To a server, SIGTERM asks
for what the first SIGINT has asked for; only a second SIGINT means more.
"""


ENDING = tuple(zip(ESCALATION, (GRACE, FORCED, None), strict=True))

_Popen = subprocess.Popen[bytes]


class Foreground:
    """The server's process, and the one that may follow it."""

    def __init__(
        self,
        line: Callable[[Run], bytes],
        say: Callable[[str], None],
        *,
        python: str | None = None,
        watched: Watched | None = None,
        inherits: Sequence[int] = (),
    ) -> None:
        """Start nothing yet.

        Args:
            line: Gives the options of a run.
            say: Tells the user a sentence.
            python: The app's own interpreter; None: ours.
            watched: Which changes start it again; None: none do.
            inherits: Descriptors that it listens on.
        """
        self._line = line
        self._say = say
        self._python = python
        self._watched = watched
        self._inherits = inherits
        self._over = threading.Event()
        self._interrupts = 0
        self._runs = 0
        self._told = False
        self._process: _Popen | None = None

    def run(self) -> int:
        """Serve until stopped, and give the exit code.

        Raises:
            OSError: The process can't be started.
        """
        handled = (signal.SIGINT, signal.SIGTERM)
        before = {each: signal.signal(each, self._pass_on) for each in handled}
        try:
            process = self._start()
            if self._watched is not None:
                process = self._watch(self._watched, process)
            return self._code(process.wait())
        finally:
            self._end()
            for each, handler in before.items():
                signal.signal(each, handler)

    def _start(self) -> _Popen:
        self._runs += 1
        reads, self._pipe = os.pipe()
        line = self._line(Run(self._runs, None, ()))
        try:
            self._process = process = subprocess.Popen(  # noqa: S603
                command(MODULE, str(reads), python=self._python),
                pass_fds=(reads, *self._inherits),
            )
        finally:
            os.close(reads)
        os.write(self._pipe, line)
        if self._over.is_set():  # asked to end before there was anybody
            process.send_signal(signal.SIGTERM)
        return process

    def _watch(self, watched: Watched, process: _Popen) -> _Popen:
        """Start it again at each change, until it is to end."""
        for changed in watched.changes(self._over):
            code = process.poll()
            if changed:
                self._say(f"reloaded: {named(changed)}")
                self._end()
                self._told = False
                process = self._start()
            elif code == USAGE:
                break
            elif code is not None and not self._told:
                self._told = True
                self._say(f"{ENDED}; it starts again when a file changes")
        return process

    def _end(self) -> None:
        """See to it that it ends, in order or by force."""
        if self._process is None:
            return
        for number, patience in ENDING:
            if self._process.poll() is None:
                self._process.send_signal(number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(patience)
        os.close(self._pipe)

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        self._over.set()
        if number == signal.SIGINT:
            self._interrupts += 1
            number = ESCALATION[min(self._interrupts, len(ESCALATION)) - 1]
        if self._process is not None:
            self._process.send_signal(number)

    def _code(self, code: int) -> int:
        if self._told or (self._interrupts and code in IN_ORDER):
            return 0
        return code if code >= 0 else 128 - code
