"""The traced process's end of the recorder: a process, and the pipe to it.

Whoever puts something in never waits. What doesn't go into the pipe at once
is kept up to a bound; whether the recorder lives is its own affair.
"""

import contextlib
import fcntl
import os
import select
import signal
import subprocess
import sys
from collections import deque
from time import monotonic

from tracer.boot import command
from tracer.capture.frames import Keep, Start, framed
from tracer.capture.outlet import open_record
from tracer.events import Header

MODULE = "tracer.capture.recorder"

LIMIT = 64 << 20
"""Bytes that wait for the recorder before events are lost."""

_PIPE = 1 << 20  # bytes; a hundredth of a second of heavy load
_SET_PIPE_SIZE = 1031  # F_SETPIPE_SZ, Linux only


class Link:
    """Frames on their way to a recorder, in order.

    Used by one thread at a time.

    Attributes:
        failed: Whether nobody takes frames any more.
    """

    def __init__(
        self, fd: int, process: "subprocess.Popen[bytes] | None" = None
    ) -> None:
        """Take over a pipe.

        Args:
            fd: Its end to write to; closed here.
            process: Who reads at its other end, if it is ours to wait for.
        """
        self.failed = False
        self._fd = fd
        self._process = process
        self._frames: deque[memoryview] = deque()
        self._waiting = 0  # bytes
        os.set_blocking(fd, False)

    @property
    def full(self) -> bool:
        """Whether more would be too much."""
        return self._waiting >= LIMIT

    def put(self, data: bytes) -> None:
        """Queue one frame."""
        if not self.failed:
            frame = memoryview(framed(data))
            self._frames.append(frame)
            self._waiting += len(frame)

    def pump(self) -> bool:
        """Write what the pipe takes now; True: that was all.

        A pipe that nobody reads any more takes everything, for nothing.
        """
        frames = self._frames
        try:
            while frames:
                written = os.write(self._fd, frames[0])
                self._waiting -= written
                if written == len(frames[0]):
                    frames.popleft()
                else:
                    frames[0] = frames[0][written:]
        except BlockingIOError:
            return False
        except OSError:
            self.failed = True
            frames.clear()
            self._waiting = 0
        return True

    def close(self, timeout: float) -> None:
        """Write all and wait for the recorder's end, for so many seconds."""
        until = monotonic() + timeout
        if self._fd < 0:
            return
        poll = select.poll()
        poll.register(self._fd, select.POLLOUT)
        while not self.pump() and (left := until - monotonic()) > 0:
            poll.poll(left * 1000)
        os.close(self._fd)
        self._fd = -1
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(max(0, until - monotonic()))

    def leave(self) -> None:
        """In a forked process: let go of the pipe, so that it can end."""
        self.failed = True
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        if self._process is not None:
            self._process.returncode = 0  # nobody's child here

    @property
    def ending(self) -> str:
        """How the recorder has ended, after it failed."""
        code = None
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = self._process.wait(1)
        if code is not None and code < 0:
            return f"was killed by {_named(-code)}"
        return "has ended" if code is None else f"has ended with code {code}"


def _named(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a realtime signal
        return f"signal {number}"


def start_recorder(
    header: Header,
    *,
    record: str | None = None,
    keep: Keep | None = None,
    viewer: int | None = None,
    words: int | None = None,
) -> Link:
    """Start a recorder, which lives until it is told that this process ends.

    It is in a session of its own, so that no Ctrl+C ends it before us.

    Args:
        header: Line 1 of the trace.
        record: Where to record.
        keep: How much of that is kept.
        viewer: Descriptor that gets the trace live.
        words: Where it complains; None: on our own standard error.

    Raises:
        OSError: The recording can't be opened, or no process be started.
    """
    fd = None if record is None else open_record(record)
    start = Start(header, viewer is not None, fd, record or "", keep)
    theirs, ours = os.pipe()
    try:
        process = subprocess.Popen(  # noqa: S603
            command(MODULE),
            stdin=theirs,
            stdout=subprocess.DEVNULL if viewer is None else viewer,
            stderr=words,
            pass_fds=() if fd is None else (fd,),
            start_new_session=True,
        )
    except OSError:
        os.close(ours)
        raise
    finally:
        os.close(theirs)
        if fd is not None:
            os.close(fd)
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # then it stays at 64 KiB
            fcntl.fcntl(ours, _SET_PIPE_SIZE, _PIPE)
    link = Link(ours, process)
    link.put(start.pack())
    return link
