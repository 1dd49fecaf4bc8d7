"""A recording of a process that another server runs: we are guests there.

`tracer.trace` uses it for any server, and our protocol classes inside
uvicorn. Each process that serves writes a file of its own: the first one the
file that was asked for, any other one beside it (`out.2.jsonl`).
"""

import atexit
import contextlib
import fcntl
import logging
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable
from errno import EISDIR, ENOENT
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import msgspec

from tracer.capture import redact, serve, sources
from tracer.capture.fault import fault
from tracer.capture.frameworks import watch
from tracer.capture.frameworks.look import layer_name
from tracer.capture.link import start_recorder
from tracer.capture.probe import Probe
from tracer.capture.writer import Writer, header_of

SERVERS = ("uvicorn", "hypercorn", "daphne", "granian", "gunicorn")
"""Whose versions the header says too, if they are there."""

MOST = 1000
"""Files that are tried before we give up."""

log = logging.getLogger("asgi_trace")


class Guest:
    """The recording of one process, from the first call of its app.

    In a process that never serves nothing is written, and no file made.

    Attributes:
        probe: To be spoken to by whoever is traced.
    """

    def __init__(self, path: Path) -> None:
        self.probe = Probe(_nothing)
        # How much of scope and contexts is compared, too.
        self.probe.lens = "on"
        self._path = path
        self._root = Path.cwd()
        self._app_name = ""
        self._header = header_of("", {}, redact.hidden(), os.getpid())
        self.probe.zero = self._header.clock0
        self._before: list[Any] = []
        self._writer: Writer | None = None
        self._begun = False
        self._lock = threading.Lock()
        self._claim = -1
        sources.set_root(self._root)
        os.register_at_fork(after_in_child=self._after_fork)

    def name(self, app_name: str) -> None:
        """Say what the app is called; who comes later doesn't count."""
        self._app_name = self._app_name or app_name

    def listen(self) -> None:
        """From now on keep what is said; it is written once we begin."""
        if not self._begun:
            self.probe.emit = self._before.append
            self.probe.say = self._before.extend

    def watch(self, app: Any) -> Any:  # noqa: ANN401  # any ASGI app
        """Make an app visible to this recording; give the app to serve."""
        sources.snapshot(sources.own_files(self._root))
        self.name(layer_name(app))
        said = self.probe.emit, self.probe.say
        self.listen()
        try:
            return watch(app, self.probe, self)
        finally:
            # Others may run their apps in this process, untraced.
            self.probe.emit, self.probe.say = said

    def begins(self) -> None:
        """A server calls the app, so this process serves: record it."""
        if self._begun:
            return
        with self._lock:
            if not self._begun:
                self._begun = True
                try:
                    self._begin()
                except OSError as error:
                    self._let_go()
                    log.error(  # noqa: TRY400  # a sentence says it
                        "can't record to %s: %s; the app goes on",
                        self._path, error.strerror,
                    )  # fmt: skip
                except Exception:  # noqa: BLE001  # the app must not have it
                    self._let_go()
                    fault()

    def _let_go(self) -> None:
        """Keep nothing any more, since nobody will write it."""
        self.probe.be_silent()
        self._before.clear()

    def ends(self) -> None:
        """The app's lifespan is over: some servers exit without a word."""
        if self._writer is not None:
            self._writer.flush()

    def stop(self) -> None:
        """Write everything, and say no more; called again, it does nothing."""
        if self._writer is not None:
            self._writer.stop()
            self.probe.be_silent()

    def _begin(self) -> None:
        path, self._claim = claim(self._path)
        header = msgspec.structs.replace(
            self._header,
            app=self._app_name,
            pid=os.getpid(),
            versions=_versions(),
        )
        link = start_recorder(header, record=str(path))
        writer = self._writer = Writer(
            link, header.clock0, root=self._root, complain=log.error
        )
        writer.probe.say(tuple(self._before))
        self.probe.say, self.probe.emit = writer.probe.say, writer.probe.emit
        if self.probe.watch is not None:
            writer.each_time(self.probe.watch.look, first=True)
        writer.start()
        _at_exit(self.stop)

    def _after_fork(self) -> None:
        # It may serve too; then it has a file of its own.
        self.probe.be_silent()
        self._begun, self._writer = False, None
        self._lock = threading.Lock()
        if self._claim >= 0:
            os.close(self._claim)
            self._claim = -1


def _nothing(said: object) -> None:
    """Take what nobody hears."""


def _at_exit(stop: Callable[[], None]) -> None:
    """Have everything written when this process ends in order."""
    atexit.register(stop)
    if multiprocessing.parent_process() is not None:
        # Such a process ends by os._exit(), and calls these only.
        from multiprocessing.util import Finalize  # noqa: PLC0415

        Finalize(None, stop, exitpriority=0)


def _versions() -> dict[str, str]:
    found = serve.versions()
    for name in SERVERS:
        if name in sys.modules:
            with contextlib.suppress(PackageNotFoundError):
                found[name] = version(name)
    return found


def claim(path: Path) -> tuple[Path, int]:
    """Find the file that this process may write: one that nobody writes now.

    It begins with the number that multiprocessing has given to the process,
    so that one which follows another (`uvicorn --reload`) doesn't overwrite
    what that one has written.

    Returns:
        The file, which is there now, and the descriptor that holds it for us
        until we end.

    Raises:
        OSError: It can't be opened.
    """
    first = _number()
    for number in range(first, first + MOST):
        found = path if number == 1 else numbered(path, number)
        fd = os.open(found, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
        else:
            return found, fd
    raise FileExistsError(0, f"{MOST} processes write there", str(path))


def numbered(path: Path, number: int) -> Path:
    """Put a number before what the name ends with: `out.2.jsonl.gz`."""
    name, dot, ending = path.name.partition(".")
    return path.with_name(f"{name}.{number}{dot}{ending}")


def _number() -> int:
    _, _, last = multiprocessing.current_process().name.rpartition("-")
    child = multiprocessing.parent_process() is not None
    return int(last) if child and last.isdecimal() else 1


_guests: dict[Path, Guest] = {}


def guest_for(path: str | os.PathLike[str]) -> Guest:
    """Give the recording of this process to a file; made when first asked.

    Raises:
        OSError: The file can't stand there.
    """
    found = Path(path).absolute()
    if found.is_dir():
        raise IsADirectoryError(EISDIR, "it is a folder", str(found))
    if not found.parent.is_dir():
        said = "there is no such folder"
        raise FileNotFoundError(ENOENT, said, str(found.parent))
    if found not in _guests:
        _guests[found] = Guest(found)
    return _guests[found]


def trace(app: Any, record: str | os.PathLike[str]) -> Any:  # noqa: ANN401
    """Record an app under whatever server; see `tracer.trace`."""
    return guest_for(record).watch(app)
