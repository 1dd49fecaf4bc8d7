"""The servers that are compared: started, warmed, and stopped in between.

A server that isn't being timed is halted (SIGSTOP), so that it takes nothing
from the one that is. Only processes that were started here get a signal.
"""

import contextlib
import fcntl
import os
import pty
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path

HERE = Path(__file__).parent
CPU = 0
"""The core of the traced server; all else has the load's core."""


class Server:
    """One server process, or a view or a recorder with a server among them.

    Attributes:
        name: What stands in the table.
        port: Where it listens.
        pid: The process that listens there; 0 before the start.
    """

    def __init__(
        self,
        name: str,
        command: list[str],
        *,
        terminal: bool = False,
        patient: bool = True,
    ) -> None:
        """Prepare one.

        Args:
            name: What stands in the table.
            command: What starts it; `{port}` in it becomes its port.
            terminal: Whether it draws.
            patient: Whether it is asked to end, and not just killed: some
                write for minutes what they have gathered.
        """
        self.name = name
        self.port = free_port()
        self.pid = 0
        port = str(self.port)
        self._command = [each.replace("{port}", port) for each in command]
        self._terminal = terminal
        self._patient = patient
        self._master: int | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, wait until it answers, and put it on its core."""
        stdio: int | None = subprocess.DEVNULL
        if self._terminal:
            self._master, stdio = open_terminal()
        self._process = subprocess.Popen(
            self._command,
            cwd=HERE,
            stdin=stdio,
            stdout=stdio,
            stderr=stdio,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm-256color"},
        )
        if self._master is not None:
            assert stdio is not None
            os.close(stdio)
            drain(self._master)
        wait_for(self.port, self._process)
        self.pid = listener(self._pids, self.port)
        pin(self.pid, CPU)

    @property
    def _pids(self) -> list[int]:
        """The process, its children, and theirs."""
        assert self._process is not None
        return family(self._process.pid)

    def halt(self) -> None:
        for pid in self._pids:
            os.kill(pid, signal.SIGSTOP)

    def go_on(self) -> None:
        for pid in self._pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def cpu(self) -> tuple[int, int]:
        """Nanoseconds computed so far: by the server, and by all beside it."""
        others = (each for each in self._pids if each != self.pid)
        return computed(self.pid), sum(map(computed, others))

    def stop(self) -> None:
        """End it as a user would, and by force if that takes too long."""
        if self._process is None:
            return
        family_ = self._pids
        self.go_on()
        end = signal.SIGTERM if self._patient else signal.SIGKILL
        self._process.send_signal(end)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            for pid in family_:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._process.wait()
        if self._master is not None:
            os.close(self._master)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


def open_terminal(columns: int = 120, rows: int = 40) -> tuple[int, int]:
    """Open a pseudo terminal; give our end and the program's end."""
    master, slave = pty.openpty()
    size = struct.pack("HHHH", rows, columns, 0, 0)
    fcntl.ioctl(slave, termios.TIOCSWINSZ, size)
    return master, slave


def drain(master: int) -> None:
    """Read what is drawn, as a terminal does, and forget it."""

    def read() -> None:
        with contextlib.suppress(OSError):
            while os.read(master, 65536):
                pass

    threading.Thread(target=read, daemon=True).start()


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until the port answers.

    Raises:
        SystemExit: The process ended, or took too long.
    """
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port)).close()
            return
        time.sleep(0.05)
    process.kill()
    sys.exit(f"no answer from {process.args!r}")


def computed(pid: int) -> int:
    """Give the nanoseconds that a process's threads have computed so far.

    A thread that ends takes its own with it.
    """
    total = 0
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[0])
    return total


def listener(pids: list[int], port: int) -> int:
    """Give the one among some processes that listens on a port.

    Raises:
        SystemExit: None does.
    """
    table = Path("/proc/net/tcp").read_text().splitlines()[1:]
    lines = [line.split() for line in table]
    sockets = {
        f"socket:[{line[9]}]"
        for line in lines
        if line[1].endswith(f":{port:04X}") and line[3] == "0A"
    }
    for pid in pids:
        for fd in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                if str(fd.readlink()) in sockets:
                    return pid
    sys.exit(f"nobody of ours listens on port {port}")


def family(pid: int) -> list[int]:
    """Give a process and all its descendants, the youngest last."""
    pids = [pid]
    for each in pids:
        for task in Path(f"/proc/{each}/task").glob("*/children"):
            pids += map(int, task.read_text().split())
    return pids


def pin(pid: int, cpu: int) -> None:
    """Keep all threads of a process on one core, where that can be said."""
    if not hasattr(os, "sched_setaffinity"):
        return
    for task in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), {cpu})
