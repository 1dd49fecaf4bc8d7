"""Who is held, where, and who is to be: a task, a connection's bytes."""

import asyncio
from collections.abc import Callable
from time import monotonic_ns
from typing import Literal, Protocol

from tracer.capture.fault import fault
from tracer.capture.probe import Note
from tracer.events import Released
from tracer.events.breaks import kinds_of
from tracer.events.commands import Break, Go, Hold, Step

How = Literal["step", "go", "all", "cancelled", "shutdown"]

Stop = tuple[str, str, int | None]
"""A stage at which a request can stand: kind, name and place."""


class Flow(Protocol):
    """Whether reading is paused for a reason of the server's own."""

    read_paused: bool


class Reading(Protocol):
    """What a gate must know of a connection to keep its bytes."""

    transport: asyncio.Transport
    flow: Flow
    kept: "Kept | None"

    def feed(self, data: bytes) -> None:
        """Take bytes as if they came only now."""


class Standing:
    """Somebody who is held.

    Attributes:
        note: Speaks for the request, or for the connection.
        stage: The kind of the event at which it stands.
        how: How it was let go; None while it stands.
    """

    def __init__(self, note: Note, stage: str, where: int | None) -> None:
        self.note = note
        self.stage = stage
        self.where = where
        self.how: How | None = None
        self._since = monotonic_ns()

    def say_released(self) -> None:
        """Say that it goes on."""
        ns = monotonic_ns() - self._since
        how = self.how or "cancelled"
        self.note(Released, self.where, self.stage, how, ns)

    def let_go(self, how: How) -> None:
        """Make it go on."""
        raise NotImplementedError

    def is_meant(self, wish: Hold | Step | Go) -> bool:
        """Whether a wish is about this one."""
        return wish.req is not None and self.note.req == wish.req


class Waiting(Standing):
    """A task of the request, which waits for a future."""

    def __init__(
        self, note: Note, stop: Stop, future: asyncio.Future[None]
    ) -> None:
        super().__init__(note, stop[0], stop[2])
        self.future = future

    def let_go(self, how: How) -> None:
        if not self.future.done():
            self.how = how
            self.future.set_result(None)


class Kept(Standing):
    """Bytes that came and that nobody has looked at; no more are read."""

    def __init__(
        self, note: Note, stop: Stop, by: Reading, left: Callable[..., object]
    ) -> None:
        super().__init__(note, stop[0], stop[2])
        self.by = by
        self.left = left
        self.data = b""

    def add(self, data: bytes) -> None:
        """Keep these too, and read no more."""
        self.data += data
        self.by.transport.pause_reading()

    def let_go(self, how: How) -> None:
        self.how = how
        self.drop()
        try:
            self.by.feed(self.data)
        except Exception:  # noqa: BLE001 - others are to be let go too
            fault()
            self.by.transport.abort()  # as asyncio, if data_received raises
            return
        if not (self.by.flow.read_paused or self.by.transport.is_closing()):
            self.by.transport.resume_reading()

    def is_meant(self, wish: Hold | Step | Go) -> bool:
        # Bytes of a body have a request too.
        here = wish.conn is not None and self.note.conn == wish.conn
        return here or super().is_meant(wish)

    def drop(self) -> None:
        """Forget them: there is nobody any more to answer to."""
        self.by.kept = None
        self.left(self)
        self.say_released()


class Breakpoint:
    """Terms that hold for whom a breakpoint holds."""

    def __init__(self, told: Break) -> None:
        self.kinds = kinds_of(told.terms)
        self.terms = [each for each in told.terms if each.key != "kind"]

    def fits(self, note: Note, stops: tuple[Stop, ...]) -> bool:
        """Whether somebody is to be held who stands at these stages."""
        return any(
            kind in self.kinds
            and all(term.holds(_value(term.key, note, name))
                    for term in self.terms)
            for kind, name, _ in stops
        )  # fmt: skip


def _value(key: str, note: Note, name: str) -> object:
    match key:
        case "req":
            return note.req
        case "conn":
            return note.conn
        case "name":
            return name
        case "method" | "path":
            if note.asked is None:
                return None
            return note.asked[key == "path"]
        case _:
            return None  # no breakpoint has it, see `parse_break`
