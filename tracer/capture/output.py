"""What the app prints and logs becomes events, tied to its request.

`sys.stdout` and `sys.stderr` are streams that know which request is being
served. Whatever writes to file descriptor 1 or 2 without them (C code, child
processes) ends in a pipe that a thread reads; its request is unknown.
"""

import contextlib
import fcntl
import io
import logging
import os
import select
import sys
import sysconfig
import threading
from codecs import getincrementaldecoder
from collections import deque
from collections.abc import Callable
from pathlib import Path
from time import monotonic_ns
from typing import Literal

from tracer.capture import redact
from tracer.capture.probe import CURRENT, Probe
from tracer.capture.traces import trimmed
from tracer.events import AppLog, AppOutput, Event

Stream = Literal["stdout", "stderr"]

LONGEST = 16 << 10
"""Characters in one event; more goes on in the next."""

OTHER = "other"
"""What `thread` says for threads that serve no request."""

OUTPUT = "output"
"""What it says for what came by a pipe: it was read there, not written."""

SERVER = "asgi_trace.error"
"""The server's logger; its errors say why it could not start."""

ACCESS = "asgi_trace.access"

_PIPE = 1 << 20  # bytes; C code that prints waits while a pipe is full
_SET_PIPE_SIZE = 1031  # F_SETPIPE_SZ, Linux only
_QUIET = 0.1  # seconds after which a line without its end is told as it is


class Speaker:
    """Says `app.output` and `app.log`, with the request where it is known."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self._loop_thread = threading.get_ident()
        self._lock = threading.Lock()  # `other` is many threads, one clock

    def say(self, make: Callable[..., Event], *payload: str) -> None:
        """Make the event and emit it.

        A thread that was given a copy of a request's context still says
        which request it works for, but not that it is the loop.
        """
        note = CURRENT.get()
        on_loop = threading.get_ident() == self._loop_thread
        if note is not None and (on_loop or note.thread != "loop"):
            note(make, None, *payload)
        elif on_loop:
            self._emit(make, payload, "loop", None, None)
        else:
            conn, req = (note.conn, note.req) if note else (None, None)
            with self._lock:
                self._emit(make, payload, OTHER, conn, req)

    def say_of(
        self,
        thread: str,
        of: tuple[int | None, int | None],
        make: Callable[..., Event],
        *payload: str,
    ) -> None:
        """Say it in the name of one of our own threads."""
        with self._lock:
            self._emit(make, payload, thread, *of)

    def _emit(
        self,
        make: Callable[..., Event],
        payload: tuple[str, ...],
        thread: str,
        conn: int | None,
        req: int | None,
    ) -> None:
        probe = self._probe
        t = monotonic_ns() - probe.zero
        turn = probe.turn if thread == "loop" else None
        event = make(
            *payload, t=t, turn=turn, thread=thread, conn=conn, req=req
        )
        probe.emit(event)


class Stdio(io.TextIOWrapper):
    """`sys.stdout` or `sys.stderr` of the traced program.

    A text stream on the file descriptor like Python's own; only, what is
    written as text becomes an event, line by line, and with `tee` goes on to
    the descriptor as well.
    """

    def __init__(
        self, stream: Stream, fd: int, speaker: Speaker, *, tee: bool = False
    ) -> None:
        super().__init__(
            open(fd, "wb", buffering=0, closefd=False),  # noqa: SIM115
            encoding="utf-8",
            errors="backslashreplace",
            line_buffering=True,
            write_through=True,
        )
        self._stream = stream
        self._speaker = speaker
        self._tee = tee
        self._mute = False
        self._begun: dict[tuple[int, int | None], str] = {}
        self._since: dict[tuple[int, int | None], int] = {}

    def write(self, text: str, /) -> int:
        if self._tee or type(text) is not str or self.closed:
            super().write(text)  # which knows how to complain
            text = str(text)
        note = CURRENT.get()
        key = threading.get_ident(), note.req if note is not None else None
        whole, end, rest = (self._begun.pop(key, "") + text).rpartition("\n")
        if rest:
            self._since.setdefault(key, monotonic_ns())
            self._begun[key] = rest
        else:
            self._since.pop(key, None)
        if end:
            self._say(whole + end)
        if len(rest) > LONGEST:
            self.flush()
        return len(text)

    def flush(self) -> None:
        if self._tee:
            super().flush()
        note = CURRENT.get()
        key = threading.get_ident(), note.req if note is not None else None
        self._since.pop(key, None)
        if rest := self._begun.pop(key, ""):
            self._say(rest)

    def settle(self) -> None:
        """Tell lines without an end that nobody has gone on with."""
        for key, since in tuple(self._since.items()):
            if monotonic_ns() - since < _QUIET * 1e9:
                continue
            self._since.pop(key, None)
            if rest := self._begun.pop(key, ""):
                self._speaker.say_of(
                    OTHER, (None, key[1]), AppOutput, self._stream,
                    redact.text(rest),
                )  # fmt: skip

    def passthrough(self) -> None:
        """In a forked process: nobody writes events there, so print."""
        self._tee, self._mute = True, True
        self._begun.clear()
        self._since.clear()

    def _say(self, text: str) -> None:
        if self._mute:
            return
        for at in range(0, len(text), LONGEST):
            piece = text[at : at + LONGEST]
            self._speaker.say(AppOutput, self._stream, redact.text(piece))


class Pipe:
    """What comes on a file descriptor, whoever wrote it, as events."""

    def __init__(self, stream: Stream, fd: int, speaker: Speaker) -> None:
        """Put a pipe in the place of `fd`.

        Raises:
            OSError: There are no file descriptors left.
        """
        self._stream = stream
        self._speaker = speaker
        self._from, into = os.pipe()
        os.set_blocking(self._from, False)
        os.dup2(into, fd)
        os.close(into)
        if sys.platform == "linux":
            with contextlib.suppress(OSError):  # then it stays at 64 KiB
                fcntl.fcntl(fd, _SET_PIPE_SIZE, _PIPE)
        self._decode = getincrementaldecoder("utf-8")("backslashreplace").decode
        self._rest = ""
        self._lock = threading.Lock()
        threading.Thread(
            target=self._run, name=f"asgi-trace {stream}", daemon=True
        ).start()

    def settle(self) -> None:
        """Tell all that was written until now; called before the end."""
        self._pump()
        with self._lock:
            self._tell_rest()

    def _run(self) -> None:
        going = True
        while going:
            wait = _QUIET if self._rest else None
            if select.select([self._from], [], [], wait)[0]:
                going = self._pump()
            else:
                with self._lock:
                    self._tell_rest()

    def _pump(self) -> bool:
        """Read what is there; False when nobody can write any more."""
        with self._lock:
            while True:
                try:
                    data = os.read(self._from, 1 << 16)
                except BlockingIOError:
                    return True
                if not data:
                    return False
                self._rest += self._decode(data)
                whole, end, self._rest = self._rest.rpartition("\n")
                self._tell(whole + end)
                if len(self._rest) > LONGEST:
                    self._tell_rest()

    def _tell_rest(self) -> None:
        rest, self._rest = self._rest, ""
        self._tell(rest)

    def _tell(self, text: str) -> None:
        for at in range(0, len(text), LONGEST):
            piece = redact.text(text[at : at + LONGEST])
            self._speaker.say_of(
                OUTPUT, (None, None), AppOutput, self._stream, piece
            )


class Logs:
    """Every record that a logger hands to its handlers, as an event.

    The root logger gets no handler: it would make `logging.basicConfig` of
    the app's own do nothing, and a `dictConfig` would throw it out.

    Attributes:
        problem: What the operating system refused the server: its last error.
        errors: The latest other errors that the server logged, as lines.
    """

    def __init__(self, speaker: Speaker, root: Path) -> None:
        self.problem: BaseException | None = None
        self.errors: deque[str] = deque(maxlen=4)
        self._speaker = speaker
        self._homes = (f"{root}{os.sep}", *_package_homes())
        self._format = logging.Formatter().formatException

    def install(self, *, quiet: bool = True) -> None:
        """Stand before `Logger.callHandlers` from now on.

        Args:
            quiet: The server's own lines go to the trace and nowhere else.
        """
        original = logging.Logger.callHandlers

        def callHandlers(  # noqa: N802  # logging's name
            logger: logging.Logger, record: logging.LogRecord
        ) -> None:
            self.tell(record)
            original(logger, record)

        if quiet:
            _keep_to_trace()
        logging.Logger.callHandlers = callHandlers  # type: ignore[assignment]  # a plain function is the method

    def tell(self, record: logging.LogRecord) -> None:
        """Emit one record as an event, with its traceback."""
        try:
            text = record.getMessage()
        except Exception as failure:  # noqa: BLE001  # its handlers will tell
            text = f"a message that can't be made: {type(failure).__name__}"
        error = record.exc_info[1] if record.exc_info else None
        if record.name == SERVER and record.levelno >= logging.ERROR:
            if isinstance(record.msg, OSError):
                self.problem = record.msg
            else:
                trace = "" if error is None else trimmed(error)
                self.errors.append(f"{text}\n{trace}")
        if record.exc_info and record.exc_info[0] is not None:
            text += f"\n{self._format(record.exc_info)}"
        for home in self._homes:
            text = text.replace(home, "")  # it says where its user lives
        self._speaker.say(
            AppLog, record.levelname, record.name,
            redact.text(text[:LONGEST]),
        )  # fmt: skip


def _package_homes() -> list[str]:
    """Folders that packages stand in, as they begin a path."""
    paths = sysconfig.get_paths()
    names = ("purelib", "platlib", "stdlib")
    # Ours is elsewhere where it was installed as `pip install -e` does.
    ours = str(Path(__file__).parents[2])
    homes = [*(paths[each] for each in names), ours]
    return [f"{each}{os.sep}" for each in homes]


def _keep_to_trace() -> None:
    for name, level in ((SERVER, logging.INFO), (ACCESS, logging.WARNING)):
        logger = logging.getLogger(name)
        logger.addHandler(logging.NullHandler())
        logger.propagate = False
        # Access lines are there already, as events, and cost their making.
        logger.setLevel(level)
