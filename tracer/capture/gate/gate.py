"""Who is to be held: wishes come in, and every stage asks.

Wishes come from any thread; all else happens on the loop. A stage asks only
where somebody is to be held (`probe.gate` is None otherwise), and waits only
if it is this one: a gate that holds nobody doesn't suspend.
"""

import asyncio
import contextlib
import threading
from queue import Empty, SimpleQueue
from typing import Literal, assert_never

from tracer.capture.gate.standing import (
    Breakpoint,
    How,
    Kept,
    Reading,
    Standing,
    Stop,
    Waiting,
)
from tracer.capture.gate.timers import timers_of
from tracer.capture.probe import Note, Probe
from tracer.events import BreakpointCleared, BreakpointSet, Held
from tracer.events.commands import (
    Break,
    Go,
    GoAll,
    Hold,
    HoldLoop,
    Step,
    Unbreak,
)

Wish = Hold | Step | Go | GoAll | Break | Unbreak | HoldLoop
By = Literal["hold", "step", "breakpoint"]
Why = tuple[By, int | None]
"""Who wants it, and the breakpoint's number where it is one."""

LONGEST = 60.0
"""Seconds that the loop may be held at most."""

LAST = "run_asgi.end"
"""The stage after which a request comes to no other."""


class Gate:
    """Knows who is to be held, and who is.

    Attributes:
        holding_loop: Whether the whole loop stands still, by our doing.
    """

    def __init__(self, probe: Probe) -> None:
        self.holding_loop = False
        self._probe = probe
        self._note = Note(probe)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()
        self._early: list[Wish] = []
        self._shut = False
        # Who is to be held
        self._new: int | None = None  # whoever has a greater number
        self._reqs: dict[int, By] = {}
        self._conns: dict[int, By] = {}
        self._breaks: dict[int, Breakpoint] = {}
        # Who is held, the longest first
        self._standing: list[Standing] = []
        # The loop itself
        self._loop_asked = False
        self._loop_freed: SimpleQueue[How] = SimpleQueue()

    # From any thread

    def tell(self, wish: Wish) -> None:
        """Take a wish; before the loop runs, it is kept until it does."""
        if type(wish) is HoldLoop:
            if self._loop_asked:
                return  # it can't stand more still
            self._loop_asked = True
        elif type(wish) is GoAll:
            self.free_loop("all")
        with self._lock:
            if (loop := self._loop) is None:
                self._early.append(wish)
                return
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(self._obey, wish)

    def free_loop(self, how: How = "shutdown") -> None:
        """Let the loop go on, if it is held; also from a signal handler."""
        if self._loop_asked:
            # The one queue whose put() may interrupt its own get().
            self._loop_freed.put(how)

    # On the loop

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """Take wishes from here on, and those that came before."""
        with self._lock:
            self._loop = loop
        for wish in self._early:
            self._obey(wish)
        self._early.clear()

    def end(self) -> None:
        """Let everybody go, and hold nobody any more."""
        self._shut = True
        self._new = None
        for each in (self._reqs, self._conns, self._breaks):
            each.clear()
        self._let_go("shutdown", list(self._standing))
        self._settle()

    async def wait(self, note: Note, *stops: Stop) -> None:
        """Wait here if this request is to be held.

        Args:
            note: The request's.
            stops: Where it stands; of several that were said at once, it is
                held at the last.
        """
        why = self._why(note, stops)
        loop = self._loop
        if why is None or loop is not asyncio.get_running_loop():
            return
        held = Waiting(note, stops[-1], loop.create_future())
        self._stand(held, why)
        try:
            await held.future
        except BaseException:
            held.how = "cancelled"
            raise
        finally:
            self._left(held)
            held.say_released()

    def keeps(
        self, by: Reading, note: Note, data: bytes, where: int | None
    ) -> bool:
        """Keep bytes that have come, if their connection is to be held."""
        if by.kept is not None:
            by.kept.add(data)
            return True
        stop = "data_received", "", where
        why = self._why_bytes(note, stop)
        if why is None:
            return False
        by.kept = Kept(note, stop, by, self._left)
        by.kept.add(data)
        self._stand(by.kept, why)
        return True

    def lost(self, by: Reading, note: Note) -> None:
        """Forget a connection that is lost, and the bytes that it left."""
        self._conns.pop(note.conn or 0, None)
        if by.kept is not None:
            by.kept.drop()
        self._settle()

    def _why(self, note: Note, stops: tuple[Stop, ...]) -> Why | None:
        req, conn = note.req, note.conn
        if req is None or not stops:
            return None
        if self._new is not None and req > self._new:
            self._new = None
            self._reqs[req] = "hold"
        elif conn is not None and self._conns.get(conn) == "step":
            del self._conns[conn]
            self._reqs[req] = "step"
        if (by := self._reqs.get(req)) is not None:
            return by, None
        return self._breakpoint(note, stops)

    def _why_bytes(self, note: Note, stop: Stop) -> Why | None:
        assert note.conn is not None
        if (by := self._conns.pop(note.conn, None)) is not None:
            return by, None
        return self._breakpoint(note, (stop,))

    def _breakpoint(self, note: Note, stops: tuple[Stop, ...]) -> Why | None:
        for number, each in self._breaks.items():
            if each.fits(note, stops):
                return "breakpoint", number
        return None

    def _stand(self, held: Standing, why: Why) -> None:
        assert self._loop is not None
        self._standing.append(held)
        self._settle()
        timers = timers_of(self._loop, held.note)
        held.note(Held, held.where, held.stage, *why, timers)

    def _left(self, held: Standing) -> None:
        self._standing.remove(held)
        if held.stage == LAST and held.note.req is not None:
            self._reqs.pop(held.note.req, None)
        self._settle()

    def _obey(self, wish: Wish) -> None:
        if self._shut:
            return
        match wish:
            case Hold(req=None, conn=None):
                self._new = self._probe.reqs
            case Hold() | Step():
                self._mark(wish)
            case Go():
                self._reqs.pop(wish.req or 0, None)
                self._conns.pop(wish.conn or 0, None)
                self._let_go("go", self._those(wish))
            case GoAll():
                self._new = None
                self._reqs.clear()
                self._conns.clear()
                self._let_go("all", list(self._standing))
            case Break():
                self._breaks[wish.id] = Breakpoint(wish)
                self._note(BreakpointSet, None, wish.id, wish.text)
            case Unbreak():
                if self._breaks.pop(wish.id, None) is not None:
                    self._note(BreakpointCleared, None, wish.id)
            case HoldLoop():
                self._hold_loop(wish.seconds)
            case _:
                assert_never(wish)
        self._settle()

    def _mark(self, wish: Hold | Step) -> None:
        by: By = "hold" if type(wish) is Hold else "step"
        if wish.req is not None:
            self._reqs[wish.req] = by
        if wish.conn is not None:
            self._conns[wish.conn] = by
        if by == "step":
            # Of several tasks of one request, the one that waits longest.
            self._let_go("step", self._those(wish)[:1])

    def _those(self, wish: Hold | Step | Go) -> list[Standing]:
        return [each for each in self._standing if each.is_meant(wish)]

    def _let_go(self, how: How, those: list[Standing]) -> None:
        for each in those:
            each.let_go(how)

    def _hold_loop(self, seconds: float) -> None:
        """Wait as a blocking call would: nothing else runs on the loop."""
        self.holding_loop = True
        self._settle()
        held = Standing(self._note, "loop", None)
        self._note(Held, None, "loop", "hold")
        held.how = "go"
        with contextlib.suppress(Empty):
            seconds = max(0.0, min(seconds, LONGEST))
            held.how = self._loop_freed.get(timeout=seconds)
        self.holding_loop = self._loop_asked = False
        with contextlib.suppress(Empty):
            while True:  # asked twice
                self._loop_freed.get_nowait()
        held.say_released()

    def _settle(self) -> None:
        """Let the stages ask us only while somebody is or may be held."""
        armed = (
            self._new is not None
            or self._reqs
            or self._conns
            or self._breaks
            or self._standing
            or self.holding_loop
        )
        self._probe.gate = self if armed else None
