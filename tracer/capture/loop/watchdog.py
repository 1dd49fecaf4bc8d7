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
from typing import NamedTuple

from tracer.capture.fault import fault
from tracer.capture.loop.culprit import (
    Frames,
    culprit_of,
    describe,
    frames_of,
    is_on_purpose,
    stack_of,
)
from tracer.capture.probe import Note, Probe
from tracer.capture.sources import place
from tracer.events import LoopBlocked

LATE = 50_000_000
"""Nanoseconds after which the thread didn't merely oversleep.

A thread that only computes lets go of the interpreter within 5 ms.

Source: Python, `sys.getswitchinterval`
"""

BASE = "_run_once"
"""The function of asyncio's that makes one turn."""


class Glimpse(NamedTuple):
    """What is taken from the loop's thread at once; the rest has time."""

    left_at: int
    """By this stamp of the selector's the turn is known."""
    now: int
    frames: Frames
    note: Note | None
    task: int | None
    turn: int | None
    step_began: int


class Sight(NamedTuple):
    """What the thread saw of a turn that lasts too long, in words."""

    left_at: int
    culprit: str
    stack: tuple[str, ...]
    line: int | None
    held_gil: bool
    ran: int | None
    where: int | None
    glimpse: Glimpse | None


UNSEEN = Sight(0, "", (), None, False, None, None, None)
"""The turn was over before anybody could look."""


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
        # When to look again, and what the loop's thread had used of the
        # processor at the last look.
        self._due = 0
        self._used = 0
        # The process was away until then.
        self._back = 0
        # C code held the interpreter until then.
        self._let_go = 0
        self._glimpse: Glimpse | None = None
        self._sight = UNSEEN
        # Stamps of the turns that were told of, and that are nobody's fault.
        self._told = 0
        self._excused = 0
        # By stamp, until somebody says so: when a turn began and ended.
        self._ended: dict[int, tuple[int, int]] = {}

    def start(self) -> None:
        """Begin to watch; called by the thread that will run the loop."""
        self._watched = threading.get_ident()
        self._clock = _processor_clock(self._watched)
        self._used = time.clock_gettime_ns(self._clock)
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
        while not stopped(max(self._due - monotonic_ns(), 0) / 1e9):
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
        since = max(left, self._back)
        # Who kept the interpreter to itself was looked at as it let go: what
        # comes after it in the same turn has a limit of its own.
        counts = max(since, self._let_go)
        seen = (
            self._take(left, now)
            if left != 0
            and now - counts >= limit
            and left not in (self._told, self._excused)
            else None
        )
        used = self._used_by_now()
        late = now - self._due > LATE
        held_gil = late and self._computed(now, used)
        self._used = used
        self._due = (counts if left and now - counts < limit else now) + limit
        if held_gil:
            self._let_go = now
        if late and not held_gil:
            # Nobody ran: the process was stopped, or the machine slept. From
            # what happened meanwhile nobody can be accused.
            self._back = now
            self._glimpse = None
        elif seen is not None:
            self._accuse(seen, since, held_gil=held_gil)

    def _take(self, left: int, now: int) -> Glimpse | None:
        """Look at the loop's thread; None if the turn is over.

        At once, and kept at once: the next bytecode may belong to another
        thread, which ends the turn.
        """
        frame = sys._current_frames().get(self._watched)  # noqa: SLF001  # documented
        frames = frames_of(frame, BASE)
        probe = self._probe
        step = probe.step
        seen = Glimpse(
            left,
            now,
            frames,
            getattr(step, "note", None),
            probe.task,
            probe.turn,
            getattr(step, "since", 0),
        )
        # Without frames the loop doesn't run: it was stopped.
        if not frames or self.left_at != left:
            return None
        self._glimpse = seen
        return seen

    def _computed(self, now: int, used: int) -> bool:
        """Whether the loop's thread was at work while we overslept.

        For a quarter of the time at least: it isn't alone on the machine.
        """
        return used - self._used >= (now - self._due) // 4

    def _used_by_now(self) -> int:
        """Give the processor time that the loop's thread has used."""
        try:
            return time.clock_gettime_ns(self._clock)
        except OSError:
            self.stop()  # the thread has ended, and left its loop open
            return self._used

    def _accuse(self, seen: Glimpse, since: int, *, held_gil: bool) -> None:
        """Say who holds the loop, while it lasts."""
        left = seen.left_at
        if is_on_purpose(seen.frames):
            self._excused = left
            self._ended.pop(left, None)
            return
        code, line = culprit_of(seen.frames)
        again = self._sight.left_at == left
        sight = self._sight = Sight(
            left,
            describe(code, line, text=self._text),
            stack_of(seen.frames),
            line,
            held_gil,
            seen.now - seen.step_began if seen.step_began else None,
            place(code),
            seen,
        )
        # A call that kept the interpreter to itself is over by now: wait
        # whether the turn goes on.
        if self.left_at == left and (again or not held_gil):
            self._told = left
            self._say(sight, since, seen.now, over=False)
        self._say_end(sight)

    def ended(self, left: int, now: int) -> None:
        """Say that a turn is over which lasted longer than the limit.

        Called by the selector, in the loop's thread, as it is asked to wait.

        Args:
            left: The turn's stamp.
            now: On the same clock.
        """
        if not self._watched or left == self._excused:
            return
        since = max(left, self._back)
        used = self._used_by_now()
        if now - self._due > LATE and not self._computed(now, used):
            return  # the process itself was away, and we are not back yet
        if now - since < self.limit:
            return
        self._ended.clear()
        self._ended[left] = since, now
        if self._sight.left_at == left:
            self._say_end(self._sight)
        elif self._glimpse is None or self._glimpse.left_at != left:
            self._say_end(UNSEEN._replace(left_at=left))
        # Else it was seen, and is being put into words by who saw it.

    def _say_end(self, sight: Sight) -> None:
        """Say that a turn has ended, unless somebody else does."""
        ended = self._ended.pop(sight.left_at, None)
        if ended is not None:
            self._say(sight, *ended, over=True)

    def _say(self, sight: Sight, since: int, now: int, *, over: bool) -> None:
        zero, seen = self._probe.zero, sight.glimpse
        note = None if seen is None else seen.note
        in_loop = threading.get_ident() == self._watched
        turn = self._probe.turn if in_loop else None
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
                turn=turn if seen is None else seen.turn,
                thread="loop" if in_loop else "watchdog",
                conn=None if note is None else note.conn,
                req=None if note is None else note.req,
                task=None if seen is None else seen.task,
                where=sight.where,
            )
        )


def _processor_clock(ident: int) -> int:
    """Give the clock of a living thread's processor time.

    Where there is none (macOS) it is that of the whole process.
    """
    clock = getattr(time, "pthread_getcpuclockid", None)
    return time.CLOCK_PROCESS_CPUTIME_ID if clock is None else clock(ident)
