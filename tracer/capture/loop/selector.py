"""A selector that sees each turn of the loop: how long it waits, for whom."""

import asyncio
import selectors
from selectors import EVENT_READ, EVENT_WRITE, SelectorKey
from time import monotonic_ns
from typing import TYPE_CHECKING, Any, Literal

from tracer.capture.loop.accept import connection_at, settle
from tracer.capture.loop.wakers import DESCRIPTORS
from tracer.capture.probe import Note, Probe
from tracer.capture.rows import code_of
from tracer.capture.sources import place
from tracer.events import LoopSelect, SelectorRegister, SelectorUnregister
from tracer.events.loop import Ready, Role

if TYPE_CHECKING:
    from _typeshed import FileDescriptorLike

Answer = list[tuple[SelectorKey, int]]

_WATCHES: dict[int, Literal["read", "write", "both"]] = {
    EVENT_READ: "read",
    EVENT_WRITE: "write",
    EVENT_READ | EVENT_WRITE: "both",
}


class Turns(selectors.DefaultSelector):
    """A selector that counts the loop's turns: one `select()` is one turn.

    Source: asyncio, `BaseEventLoop._run_once`
    """

    def __init__(self, probe: Probe) -> None:
        super().__init__()
        self._probe = probe
        probe.turn = 0

    def select(self, timeout: float | None = None) -> Answer:
        watch = self._probe.watch
        if watch is not None:
            now = monotonic_ns()
            left, watch.left_at = watch.left_at, 0
            if left and now - left > watch.limit:
                watch.ended(left, now)
        ready = super().select(timeout)
        if watch is not None:
            watch.left_at = monotonic_ns()
        # Counted here and not before the wait: what a worker thread says
        # meanwhile belongs to the turn that has ended.
        self._probe.turn += 1  # type: ignore[operator]  # set to 0 above
        return ready

    def close(self) -> None:
        if (watch := self._probe.watch) is not None:
            watch.stop()
        super().close()


class Lens(Turns):
    """Says each turn, and which descriptors the loop watches.

    Idle turns are said as well: a server that does nothing has ten a second,
    since its tick is a timer.

    Attributes:
        begun: When the loop asked last, on the monotonic clock.
    """

    def __init__(self, probe: Probe) -> None:
        super().__init__(probe)
        self.begun = 0
        self._note = Note(probe)
        self._owners: dict[int, Ready] = {}  # by descriptor
        self._modifying = False

    def select(self, timeout: float | None = None) -> Answer:
        probe = self._probe
        watch = probe.watch
        self.begun = begun = monotonic_ns()
        if watch is not None:
            left, watch.left_at = watch.left_at, 0
            if left and begun - left > watch.limit:
                watch.ended(left, begun)
        settle()
        ready = selectors.DefaultSelector.select(self, timeout)
        now = monotonic_ns()
        if watch is not None:
            watch.left_at = now
        probe.turn += 1  # type: ignore[operator]  # as above
        owners = self._owners
        found: tuple[Ready, ...] = ()
        if ready:
            found = tuple(
                [
                    owners.get(key.fd) or ("other", key.fd, None)
                    for key, _ in ready
                ]
            )
        # Written out, since the clock is read anyway: see `rows`.
        probe.say(
            (
                _SELECT, now, probe.turn, None, _RUN_ONCE, "loop", None, None,
                now - begun, found, timeout,
            )
        )  # fmt: skip
        return ready

    def register(
        self,
        fileobj: "FileDescriptorLike",
        events: int,
        data: Any = None,  # noqa: ANN401  # asyncio's own, see `_role`
    ) -> SelectorKey:
        key = super().register(fileobj, events, data)
        if not self._modifying:
            self._say(key)
        return key

    def modify(
        self,
        fileobj: "FileDescriptorLike",
        events: int,
        data: Any = None,  # noqa: ANN401
    ) -> SelectorKey:
        # On some systems it is made of the two others, and said once too.
        self._modifying = True
        try:
            key = super().modify(fileobj, events, data)
        finally:
            self._modifying = False
        self._say(key)
        return key

    def unregister(self, fileobj: "FileDescriptorLike") -> SelectorKey:
        key = super().unregister(fileobj)
        if not self._modifying:
            owner = self._owners.pop(key.fd, None)
            role, _, conn = owner or ("other", key.fd, None)
            note = self._note if conn is None else self._note.about(conn=conn)
            note(SelectorUnregister, None, key.fd, role)
        return key

    def _say(self, key: SelectorKey) -> None:
        handles = key.data if isinstance(key.data, tuple) else ()
        for handle in handles:
            if isinstance(handle, asyncio.Handle):
                DESCRIPTORS.add(handle)
        conn = connection_at(key.fd)
        callback = _callback_of(handles)
        role = "other" if conn is None else "connection"
        role = _ROLES.get(callback.rpartition(".")[2], role)
        self._owners[key.fd] = role, key.fd, conn
        note = self._note if conn is None else self._note.about(conn=conn)
        watches = _WATCHES[key.events]
        note(SelectorRegister, None, key.fd, role, watches, callback)


_ROLES: dict[str, Role] = {
    "_accept_connection": "listener",
    "_sock_accept": "listener",
    "_read_from_self": "self-pipe",
}
"""Told by the names of asyncio's own callbacks: for the label only."""

_SELECT = code_of(LoopSelect, 3)
_RUN_ONCE = place(getattr(asyncio.BaseEventLoop, "_run_once", None))


def _callback_of(handles: tuple[object, ...]) -> str:
    """Name what the loop calls when the descriptor is ready: who reads first.

    Of a transport that only writes there is no reader.
    """
    for handle in handles:
        callback = getattr(handle, "_callback", None)
        name = getattr(callback, "__qualname__", None)
        if isinstance(name, str):
            return name
    return ""
