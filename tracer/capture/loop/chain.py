"""What a suspended coroutine stands in: one await inside the other.

The objects are followed by the attributes that Python gives them, and where
it gives none by what the garbage collector sees. No frame is made but for
the one whose line is wanted, and what is found out about a piece of code is
kept.
"""

import asyncio
import gc
import sys
from types import (
    AsyncGeneratorType,
    CodeType,
    CoroutineType,
    FrameType,
    GeneratorType,
)
from typing import Any
from weakref import WeakSet

from tracer.capture.loop.steps import StepCoro
from tracer.capture.loop.waits import (
    RULES,
    Rule,
    name_of,
)
from tracer.capture.sources import owner_of, place
from tracer.events.tasks import WaitsFor

DEEPEST = 500
"""Awaits that are followed; a chain that bites its own tail ends there."""

MANY = 5000
"""Pieces of code that are remembered: an app may make them by `exec`."""

Chain = list[Any]
"""Each coroutine or generator that waits, the outermost first."""

Wait = tuple[WaitsFor, str, int | None]
"""What is waited for, the function that waits, the task waited for."""


class Link:
    """One piece of code that may stand in a chain, and what is known of it.

    Attributes:
        code: Kept, so that its `id()` stays its own.
        rule: What it means when it waits, or None.
        by: Its name, as `TaskSuspended.by` has it.
        owner: `app`, `server`, or whose else it is.
    """

    __slots__ = ("_lines", "_told", "by", "code", "owner", "rule")

    def __init__(self, code: CodeType, module: str) -> None:
        self.code = code
        self.rule: Rule | None = RULES.get((module, code.co_qualname))
        self.by = name_of(code, module, self.rule)
        served = "/capture/server/" in code.co_filename
        owner = owner_of(code)
        self.owner = "server" if owner == "ours" and served else owner
        self._lines: dict[int, int] = {}
        self._told: dict[int | None, str] = {}

    def line(self, frame: FrameType | None) -> int | None:
        """Give the line at which its frame stands."""
        if frame is None:
            return None
        at = frame.f_lasti
        found = self._lines.get(at)
        if found is None:
            found = self._lines[at] = frame.f_lineno
        return found

    def told(self, frame: FrameType | None) -> str:
        """Write down where its frame stands: `file:line function`."""
        line = self.line(frame)
        found = self._told.get(line)
        if found is None:
            code = self.code
            found = f"{_file(code.co_filename)}:{line} {code.co_qualname}"
            self._told[line] = found
        return found


_links: dict[int, Link] = {}


def awaits(coro: object) -> Chain:
    """Follow what a suspended coroutine awaits, down to the future.

    Source: Python, `cr_await`, `gi_yieldfrom`, `ag_await`
    """
    found: Chain = []
    thing: Any = coro
    for _ in range(DEEPEST):
        kind = type(thing)
        if kind is CoroutineType:
            found.append(thing)
            thing = thing.cr_await
        elif kind is GeneratorType:
            found.append(thing)
            thing = thing.gi_yieldfrom
        elif kind is AsyncGeneratorType:
            found.append(thing)
            thing = thing.ag_await
        elif kind.__name__ in _HIDDEN:
            inside = gc.get_referents(thing)
            thing = next((x for x in inside if not isinstance(x, type)), None)
        else:
            break
    return found


_HIDDEN = frozenset(
    {
        "coroutine_wrapper",
        "async_generator_asend",
        "async_generator_athrow",
        "anext_awaitable",
    }
)
"""Types of Python's own that don't tell what they stand around; it is the
first thing that they refer to, but for their type."""


def _frame(thing: Any) -> FrameType | None:  # noqa: ANN401  # see Chain
    kind = type(thing)
    frame: FrameType | None
    if kind is CoroutineType:
        frame = thing.cr_frame
    elif kind is GeneratorType:
        frame = thing.gi_frame
    else:
        frame = thing.ag_frame
    return frame


def _link(thing: Any) -> Link:  # noqa: ANN401  # see Chain
    if type(thing) is CoroutineType:  # as nearly all are
        code = thing.cr_code
    elif type(thing) is GeneratorType:
        code = thing.gi_code
    else:
        code = thing.ag_code
    return _links.get(id(code)) or _learn(code, thing)


def _learn(code: CodeType, thing: object) -> Link:
    frame = _frame(thing)
    module = frame.f_globals.get("__name__") if frame is not None else None
    if len(_links) >= MANY:
        _links.clear()
    found = Link(code, module if isinstance(module, str) else "")
    _links[id(code)] = found
    return found


def stop_of(
    chain: Chain, awaited: object
) -> tuple[Wait, int | None, int | None]:
    """Tell what a chain waits for, and at which line of whose code.

    Args:
        chain: From `awaits`.
        awaited: What the coroutine gave to its task: a future, or None.

    Returns:
        The wait; the place and the line of the innermost code of the app's
        own, or else of the server's, or else of the task's.
    """
    wait = _wait(chain, awaited, *_named(chain))
    spot = server = None
    for thing in reversed(chain):
        owner = _link(thing).owner
        if owner == "app":
            spot = thing
            break
        if owner == "server" and server is None:
            server = thing
    spot = spot or server or (chain[0] if chain else None)
    if spot is None:
        return wait, None, None
    link = _link(spot)
    # Asked for here: each place that was asked for stands in the trace.
    return wait, place(link.code), link.line(_frame(spot))


def _named(chain: Chain) -> tuple[WaitsFor | None, str]:
    """Tell it by the functions at the chain's end, as far as we know them."""
    said: WaitsFor | None = None
    by = ""
    for thing in reversed(chain):
        link = _link(thing)
        rule = link.rule
        if rule is None:
            return said, by or link.by
        if said is None:
            said, by = rule.own, link.by
        elif said in rule.instead:
            said, by = rule.instead[said], link.by
    return said, by


def _wait(
    chain: Chain, awaited: object, said: WaitsFor | None, by: str
) -> Wait:
    if awaited is None:
        return "gave way", by, None
    if said is not None:
        return said, by, None
    if by == "asyncio.wait_for":
        # In 3.11 it waits for a future of its own until this one is done.
        frame = _frame(chain[-1])
        if frame is not None:
            awaited = frame.f_locals.get("fut", awaited)
    return _by_type(awaited, by)


def _by_type(awaited: object, by: str) -> Wait:
    """Tell it by the future, since the function says nothing."""
    if isinstance(awaited, asyncio.Task):
        return "child task", by, number_of(awaited)
    if type(awaited).__name__ == "_GatheringFuture":
        return "child tasks", "asyncio.gather", None
    if isinstance(awaited, asyncio.Future):
        if awaited in IN_THREADS:
            return "worker thread", "loop.run_in_executor", None
        callbacks: Any = getattr(awaited, "_callbacks", None)
        for callback, *_ in callbacks or ():
            if getattr(callback, "__qualname__", "") == _SHIELD:
                return "child task", "asyncio.shield", None
    return "future", by, None


IN_THREADS: "WeakSet[asyncio.Future[Any]]" = WeakSet()
"""What the loop has given out for functions that worker threads run.

Another process, or whatever else a `concurrent.futures.Future` stands for,
looks the same from outside.
"""

_SHIELD = "shield.<locals>._outer_done_callback"
"""Who is called when such a future is cancelled, and so who made it."""


def number_of(task: asyncio.Task[Any]) -> int | None:
    """Give the number of a task, if it is one of those that we see."""
    coro = task.get_coro()
    return coro.number if isinstance(coro, StepCoro) else None


def told(chain: Chain) -> tuple[str, ...]:
    """Write a chain down: `file:line function` for each await."""
    both = [(_link(thing), thing) for thing in chain]
    # Our own wrappers would not be there untraced.
    return tuple(
        [link.told(_frame(at)) for link, at in both if link.owner != "ours"]
    )


def _file(file: str) -> str:
    # By the import path alone, since asking the disk would block the loop.
    roots = [root for root in sys.path if root and file.startswith(root + "/")]
    return file[max(map(len, roots), default=file.rfind("/")) + 1 :]
