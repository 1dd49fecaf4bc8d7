"""Holds a request before it goes to a worker thread, and as it comes back.

Nobody is held in a thread: it would keep one of a few. What the function in
there says of itself when it begins, it says after the first of these holds.
"""

import functools
from types import MethodType
from typing import Any

from tracer.capture.fault import fault
from tracer.capture.frameworks.look import is_a
from tracer.capture.frameworks.patch import Stage
from tracer.capture.frameworks.wrap import SYNC
from tracer.capture.probe import Note

Call = Any
"""Whatever is called: partials and methods are looked through."""


async def hold_before(note: Note, call: Call, args: tuple[Any, ...]) -> None:
    """Hold a request whose function is about to ask for a thread."""
    found = _stage_of(call, args)
    gate = note.probe.gate
    if gate is not None and found is not None:
        await gate.wait(note, *found[0].entered(found[1]))


async def hold_after(note: Note, call: Call, args: tuple[Any, ...]) -> None:
    """Hold a request whose function has ended in its thread."""
    found = _stage_of(call, args)
    gate = note.probe.gate
    if gate is not None and found is not None:
        await gate.wait(note, *found[0].left(found[1]))


def _stage_of(call: Call, args: tuple[Any, ...]) -> tuple[Stage, Any] | None:
    """Give the stage that the thread will enter, and its token."""
    named: dict[str, Any] = {}
    while is_a(call, functools.partial):
        call, args, named = call.func, (*call.args, *args), call.keywords
    if is_a(call, MethodType):
        call, args = call.__func__, (call.__self__, *args)
    # FastAPI has a function of its own run there, and gives the endpoint so.
    stage = SYNC.get(call) or SYNC.get(named.get("function"))
    if stage is None:
        return None
    try:
        return stage, stage.token_for(args)
    except Exception:  # noqa: BLE001 - the app must not have it
        fault()
        return None
