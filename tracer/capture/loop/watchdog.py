"""A thread that sees when one turn holds the loop too long, and who does it.

The selector stamps when it gave the turn to the callbacks; the thread wakes
when that is too long ago and looks at the frames of the loop's thread. It
knows nothing of requests but the note of the task whose step it finds.
"""

import sys
import threading
import time
from collections.abc import Callable
from time import monotonic_ns
from types import CodeType, FrameType
from typing import NamedTuple

from tracer.capture.fault import fault
from tracer.capture.probe import Probe
from tracer.capture.sources import file_of, owner_of, place, snapshot_of
from tracer.capture.sources import snapshot as read
from tracer.events import LoopBlocked

LATE = 50_000_000
"""Nanoseconds after which the thread didn't merely oversleep.

A thread that only computes lets go of the interpreter within 5 ms.

Source: Python, `sys.getswitchinterval`
"""

LONGEST = 80
"""Characters of a source line that are kept."""

DEEPEST = 40
"""Frames of a stack that are kept, the innermost."""

DEBUGGERS = frozenset({"bdb", "pdb", "pydevd", "_pydevd_frame"})
"""Files of debuggers: who stands in one holds the loop on purpose."""

Frames = tuple[tuple[CodeType, int], ...]
"""Code and line of each frame, the innermost first."""


class Sight(NamedTuple):
    """What the thread saw of a turn that lasts too long."""

    left_at: int
    """By this stamp of the selector's the turn is known."""
    culprit: str
    stack: tuple[str, ...]
    line: int | None
    held_gil: bool
    conn: int | None
    req: int | None
    task: int | None
    where: int | None
    turn: int | None
    ran: int | None


class Watchdog:
    """Watches one loop from beside it; says `loop.blocked`.

    Attributes:
        left_at: When the last `select` returned; 0 while the loop is in it.
            To be stamped by the selector: a turn is known by its stamp.
        limit: Nanoseconds after which a turn holds the loop too long.
    """

    def __init__(self, probe: Probe, seconds: float, *, text: bool) -> None:
        self.left_at = 0
        self.limit = int(seconds * 1e9)
        self._probe = probe
        self._text = text
        self._stopped = threading.Event()
        self._looking = threading.Lock()
        self._watched = 0
        self._clock: int = time.CLOCK_MONOTONIC
        # When the thread meant to wake, and what the loop's thread had used
        # of the processor when it went to sleep.
        self._due = 0
        self._used = 0
        self._fresh = 0
        self._sight: Sight | None = None
        self._told = 0
        self._excused = 0

    def start(self) -> None:
        """Begin to watch; called by the thread that will run the loop."""
        self._watched = threading.get_ident()
        self._clock = _processor_clock(self._watched)
        self._due = monotonic_ns() + self.limit
        self._stopped = threading.Event()
        threading.Thread(
            target=self._run,
            args=(self._stopped.wait,),
            name="asgi-trace watchdog",
            daemon=True,
        ).start()

    def stop(self) -> None:
        """Watch no more. Returns at once."""
        self.left_at = 0
        self._stopped.set()

    def _run(self, stopped: Callable[[float], bool]) -> None:
        while True:
            self._used = time.clock_gettime_ns(self._clock)
            if stopped(max(self._due - monotonic_ns(), 0) / 1e9):
                return
            self.look()

    def look(self) -> None:
        """Judge the turn that runs. Never raises, never waits.

        Any thread of ours that wakes may call it: when C code lets go of the
        interpreter, whoever waited for it longest sees where that was.
        """
        if not self._looking.acquire(blocking=False):
            return
        try:
            self._look()
        except Exception:  # noqa: BLE001 - it may go better next time
            fault()
        finally:
            self._looking.release()

    def _look(self) -> None:
        left, now, limit = self.left_at, monotonic_ns(), self.limit
        since = max(left, self._fresh)
        blocked = (
            left != 0
            and now - since >= limit
            and left not in (self._told, self._excused)
        )
        # At once: the next bytecode may belong to another thread.
        frames = self._frames(left) if blocked else None
        late = now - self._due > LATE
        held_gil = late and self._computed(now)
        self._due = (since if left and now - since < limit else now) + limit
        if late and not held_gil:
            # Nobody ran: the process was stopped, or the machine slept. From
            # what happened meanwhile nobody can be accused.
            self._fresh = now
        elif frames is not None:
            self._accuse(left, since, now, frames, held_gil=held_gil)

    def _computed(self, now: int) -> bool:
        """Whether the loop's thread ran, for the most, while we overslept."""
        used = time.clock_gettime_ns(self._clock) - self._used
        return used >= (now - self._due) // 2

    def _frames(self, left: int) -> Frames | None:
        """Give what the loop's thread runs; None if the turn is over."""
        frame: FrameType | None = sys._current_frames().get(self._watched)  # noqa: SLF001  # documented
        found = []
        while frame is not None:
            found.append((frame.f_code, frame.f_lineno))
            if frame.f_code.co_name == "_run_once":
                break
            frame = frame.f_back
        # Without that frame the loop doesn't run: it was stopped.
        if frame is None or self.left_at != left:
            return None
        if any(_on_purpose(code) for code, _ in found):
            self._excused = left
            return None
        return tuple(found)

    def _accuse(
        self, left: int, since: int, now: int, frames: Frames, *, held_gil: bool
    ) -> None:
        """Remember who holds the loop; say so while it lasts."""
        code, line = culprit_of(frames)
        step = self._probe.step
        note = getattr(step, "note", None)
        began = getattr(step, "since", None)
        before = self._sight
        sight = self._sight = Sight(
            left,
            describe(code, line, text=self._text),
            tuple(_frame(each) for each in reversed(_shown(frames))),
            line,
            held_gil,
            getattr(note, "conn", None),
            getattr(note, "req", None),
            self._probe.task,
            place(code),
            self._probe.turn,
            None if began is None else now - began,
        )
        # A call that kept the interpreter to itself is over by now: wait
        # whether the turn goes on.
        again = before is not None and before.left_at == left
        if self.left_at == left and (again or not held_gil):
            self._told = left
            self._say(sight, since, now, over=False)

    def ended(self, left: int, now: int) -> None:
        """Say that a turn is over which lasted longer than the limit.

        Called by the selector, in the loop's thread, as it is asked to wait.

        Args:
            left: The turn's stamp.
            now: On the same clock.
        """
        if not self._watched or left == self._excused:
            return
        since = max(left, self._fresh)
        if now - self._due > LATE and not self._computed(now):
            return  # the process itself was away, and we are not back yet
        if now - since < self.limit:
            return
        sight = self._sight
        if sight is None or sight.left_at != left:
            sight = _UNSEEN._replace(turn=self._probe.turn)
        self._say(sight, since, now, over=True)

    def _say(self, sight: Sight, since: int, now: int, *, over: bool) -> None:
        zero = self._probe.zero
        self._probe.emit(
            LoopBlocked(
                since - zero,
                now - since,
                sight.culprit,
                over,
                sight.stack,
                sight.line,
                sight.held_gil,
                sight.ran,
                t=now - zero,
                turn=sight.turn,
                thread="loop" if over else "watchdog",
                conn=sight.conn,
                req=sight.req,
                task=sight.task,
                where=sight.where,
            )
        )


_UNSEEN = Sight(0, "", (), None, False, None, None, None, None, None, None)
"""The turn was over before anybody could look."""


def _processor_clock(ident: int) -> int:
    """Give the clock of a living thread's processor time.

    Where there is none (macOS) it is that of the whole process.
    """
    clock = getattr(time, "pthread_getcpuclockid", None)
    return time.CLOCK_PROCESS_CPUTIME_ID if clock is None else clock(ident)


def culprit_of(frames: Frames) -> tuple[CodeType, int]:
    """Choose whose line it is: the app's, or a package's, or the server's."""
    for owner in ("app", "package", "ours"):
        for code, line in frames:
            if owner_of(code) == owner and not _is_lens(code):
                return code, line
    return frames[0]


def describe(code: CodeType, line: int, *, text: bool) -> str:
    """Name a line: `app.py:14 time.sleep(1)`, or its function without text."""
    said = f"{file_of(code)}:{line}"
    lines = None
    if text:
        # The first look at a file that was not read at the start; never in
        # the loop's thread.
        read([code.co_filename])
        lines = snapshot_of(code.co_filename)
    if lines is None or line > len(lines):
        return f"{said} in {code.co_qualname}"
    return f"{said} {lines[line - 1].strip()[:LONGEST]}"


def _shown(frames: Frames) -> Frames:
    """Leave out asyncio's own frames, and those that are there to see."""
    kept = [
        each
        for each in frames[:-1]
        if not _is_lens(each[0]) and "/asyncio/" not in each[0].co_filename
    ]
    return tuple(kept[:DEEPEST])


def _frame(each: tuple[CodeType, int]) -> str:
    code, line = each
    return f"{file_of(code)}:{line} {code.co_qualname}"


def _is_lens(code: CodeType) -> bool:
    return owner_of(code) == "ours" and (
        "/capture/loop/" in code.co_filename
        or "/capture/frameworks/" in code.co_filename
    )


def _on_purpose(code: CodeType) -> bool:
    """Say whether this is a debugger, or our gate that holds the whole loop."""
    stem = code.co_filename.rpartition("/")[2].removesuffix(".py")
    if stem == "gate":
        return owner_of(code) == "ours"
    return stem in DEBUGGERS and owner_of(code) != "app"
