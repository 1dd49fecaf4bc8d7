"""Each line of the app's own functions, said as it is about to run.

Only the functions that the frameworks' hooks have met pay for it, with the
functions inside them. From Python 3.12 on they are watched by
`sys.monitoring`; on 3.11 by `sys.settrace`, which is on within the steps of
traced tasks only.
"""

import sys
from collections.abc import Callable
from types import CodeType, FrameType, TracebackType
from typing import Any

from tracer.capture.fault import fault
from tracer.capture.loop.steps import StepCoro
from tracer.capture.probe import CURRENT
from tracer.capture.sources import code_of, is_apps, place
from tracer.events import Line

MOST = 1000
"""Lines of one function that are said in one request."""

REQUESTS = 100
"""Requests whose lines are counted at a time; older ones count anew."""

TOOLS = (3, 4)
"""Numbers that `sys.monitoring` leaves to whoever comes first."""

_monitoring: Any = getattr(sys, "monitoring", None)  # as of Python 3.12


class LinesError(Exception):
    """Lines can't be watched here: one sentence for the user."""


class Lines:
    """Watches the lines of functions that `want` was told of.

    Source: Python, `sys.monitoring`, `sys.settrace`
    """

    def __init__(self) -> None:
        self._codes: dict[int, CodeType] = {}  # by id, and so kept alive
        self._counts: dict[int, dict[int, int]] = {}  # by request and code
        self._tool = 0

    def start(self) -> None:
        """Begin to watch.

        Raises:
            LinesError: Another tool has the place that is needed for it.
        """
        if _monitoring is None:
            if sys.gettrace() is not None:
                raise LinesError(
                    "--lines needs sys.settrace, which a debugger or a"
                    " coverage tool has taken; run it without that"
                )
        else:
            self._tool = _free_tool()
            line = _monitoring.events.LINE
            _monitoring.register_callback(self._tool, line, self._line)
        _watching.append(self)

    def stop(self) -> None:
        """Watch no more."""
        _watching.remove(self)
        if _monitoring is not None:
            for code in self._codes.values():
                _monitoring.set_local_events(self._tool, code, 0)
            _monitoring.free_tool_id(self._tool)

    def add(self, code: CodeType) -> None:
        """Watch a function, and those that are made within it."""
        if id(code) in self._codes:
            return
        self._codes[id(code)] = code
        if _monitoring is not None:
            line = _monitoring.events.LINE
            _monitoring.set_local_events(self._tool, code, line)
        for each in code.co_consts:
            if type(each) is CodeType:
                self.add(each)

    def _line(self, code: CodeType, line: int) -> None:
        """Say a line. Nothing may be raised: it would be into the app."""
        try:
            self.say(code, line)
        except Exception:  # noqa: BLE001 - the app must not have it
            fault()

    def say(self, code: CodeType, line: int) -> bool:
        """Say a line of a traced request.

        Returns:
            Whether more lines of this function are to be said.
        """
        note = CURRENT.get()
        if note is None or note.req is None:
            return True
        counts = self._counts.get(note.req)
        if counts is None:
            if len(self._counts) >= REQUESTS:
                self._counts.pop(next(iter(self._counts)), None)
            counts = self._counts[note.req] = {}
        n = counts[id(code)] = counts.get(id(code), 0) + 1
        if n <= MOST:
            note.two(Line, place(code), line, n == MOST)
        return n < MOST

    # Python 3.11: a trace function is called for each call, and gives the
    # one that is called for each line.

    def trace(self, frame: FrameType, event: str, arg: object) -> Any:  # noqa: ANN401  # as Python wants it
        """Choose the calls whose lines are said: `sys.settrace`."""
        return self._local if id(frame.f_code) in self._codes else None

    def _local(self, frame: FrameType, event: str, arg: object) -> Any:  # noqa: ANN401
        if event == "line":
            try:
                if not self.say(frame.f_code, frame.f_lineno):
                    frame.f_trace_lines = False
            except Exception:  # noqa: BLE001 - the app must not have it
                fault()
        return self._local


_watching: list[Lines] = []


def want(thing: object) -> None:
    """Ask for the lines of a function; only the app's own are given."""
    if _watching:
        code = code_of(thing)
        if code is not None and is_apps(code):
            for each in _watching:
                each.add(code)


def traced() -> Callable[..., Any] | None:
    """Give what is to be traced on Python 3.11, in a step or a worker.

    None where nobody watches, and where somebody else's trace function has
    come since.
    """
    if _monitoring is None and _watching and sys.gettrace() is None:
        return _watching[-1].trace
    return None


def with_lines(base: type[StepCoro]) -> type[StepCoro]:
    """Make the class of steps that are run under a trace function.

    Only Python 3.11 needs it, and only while lines are watched.
    """
    if _monitoring is not None or not _watching:
        return base

    class LinedCoro(base):  # type: ignore[misc, valid-type]  # as it comes
        """A task's coroutine, whose lines are traced while a step runs."""

        __slots__ = ()

        def send(self, value: object) -> object:
            if (trace := traced()) is None or self.note.req is None:
                return super().send(value)
            sys.settrace(trace)
            try:
                return super().send(value)
            finally:
                _untrace(trace)

        def throw(
            self,
            typ: Any,  # noqa: ANN401  # three old forms of one argument
            val: BaseException | object = None,
            tb: TracebackType | None = None,
        ) -> object:
            trace = None if self.note.req is None else traced()
            if trace is not None:
                sys.settrace(trace)
            try:
                return super().throw(typ, val, tb)
            finally:
                if trace is not None:
                    _untrace(trace)
                del typ, val, tb  # as in the other classes' `throw`

    return LinedCoro


def run_traced(func: Callable[..., Any], *args: Any) -> Any:  # noqa: ANN401
    """Call a function in a worker thread, its lines said if they are wanted."""
    if (trace := traced()) is None:
        return func(*args)
    sys.settrace(trace)
    try:
        return func(*args)
    finally:
        _untrace(trace)


def _untrace(trace: object) -> None:
    # A debugger that was started meanwhile stays.
    if sys.gettrace() == trace:
        sys.settrace(None)


def _free_tool() -> int:
    for tool in TOOLS:
        if _monitoring.get_tool(tool) is None:
            _monitoring.use_tool_id(tool, "asgi-trace")
            return tool
    raise LinesError(
        "--lines needs one of the tools 3 and 4 of sys.monitoring, and both"
        " are taken; run it without the other tools"
    )
