"""Whose line it is that holds the loop, and how it is called."""

import asyncio
import linecache
import re
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import tracer
import tracer.capture.gate.gate
import tracer.capture.loop.steps
import tracer.capture.server.cycle
from tracer.capture import sources
from tracer.capture.loop.culprit import (
    Frames,
    culprit_of,
    describe,
    frames_of,
    is_on_purpose,
    stack_of,
)

HERE = Path(__file__)


def code_in(file: object) -> types.CodeType:
    return compile("1", str(file), "exec")


MINE = code_in(HERE)
PACKAGE = code_in(f"{HERE.parent}/site-packages/slow/__init__.py")
REGEX = code_in(re.__file__)
LENS = code_in(tracer.capture.loop.steps.__file__)
CYCLE = code_in(tracer.capture.server.cycle.__file__)
GATE = code_in(tracer.capture.gate.gate.__file__)
DEBUGGER = code_in(sys.modules["linecache"].__file__.replace(  # type: ignore[union-attr]  # it has one
    "linecache", "bdb"
))  # fmt: skip
LOOP = code_in("/lib/asyncio/base_events.py")


@pytest.fixture(autouse=True)
def root() -> Iterator[None]:
    sources.set_root(HERE.parent)
    yield
    sources.set_root(None)


@pytest.mark.parametrize(
    ("codes", "culprit"),
    [
        ((REGEX, PACKAGE, MINE, LENS, LOOP), MINE),
        ((REGEX, PACKAGE, LENS, CYCLE, LOOP), PACKAGE),
        ((REGEX, LENS, CYCLE, LOOP), CYCLE),
        ((REGEX, LOOP), REGEX),
    ],
)
def test_the_apps_own_line_comes_first_then_a_packages_then_the_servers(
    codes: tuple[types.CodeType, ...], culprit: types.CodeType
) -> None:
    frames: Frames = [(each, 7) for each in codes]
    assert culprit_of(frames) == (culprit, 7)


class Mine:
    """Middleware of the app's own, which hands on."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        await self.app(scope, receive, send)


SLOW = """
async def endpoint(request):
    look()
    return OK
"""


@pytest.mark.parametrize("slow", [PACKAGE, MINE])
def test_middleware_that_has_handed_on_is_not_to_blame(
    slow: types.CodeType,
) -> None:
    seen: list[tuple[types.CodeType, int]] = []

    def look() -> None:
        frames = frames_of(sys._getframe(1), "_run_once")
        seen.append(culprit_of(frames))

    found: dict[str, Any] = {"look": look, "OK": PlainTextResponse("ok")}
    exec(compile(SLOW, slow.co_filename, "exec"), found)  # noqa: S102
    app = Starlette(
        routes=[Route("/", found["endpoint"])],
        middleware=[Middleware(Mine), Middleware(Mine)],
    )
    traced = tracer.instrument(app, lambda event: None)

    async def ask() -> None:
        scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
        await traced(scope, receive, send)
        await traced({**scope}, receive, send)  # by the short way

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        assert message.get("status", 200) == 200

    asyncio.run(ask())

    code = found["endpoint"].__code__
    assert seen == [(code, 3), (code, 3)]


def test_the_stack_begins_outermost_and_leaves_the_loop_and_the_lens_out() -> (
    None
):
    frames: Frames = [(REGEX, 1), (MINE, 2), (LENS, 3), (CYCLE, 4), (LOOP, 5)]
    assert stack_of(frames) == (
        "tracer/capture/server/cycle.py:4 <module>",
        "test_culprit.py:2 <module>",
        f"re/{Path(re.__file__).name}:1 <module>",
    )


@pytest.mark.parametrize(
    ("innermost", "purpose"),
    [
        (DEBUGGER, True),
        (GATE, True),
        (MINE, False),
        (code_in(HERE.parent / "gate.py"), False),
        (code_in(HERE.parent / "pdb.py"), False),
    ],
)
def test_a_debugger_and_a_held_loop_are_no_fault(
    innermost: types.CodeType, purpose: bool
) -> None:
    frames: Frames = [(REGEX, 1), (innermost, 2), (MINE, 2), (LOOP, 5)]
    assert is_on_purpose(frames) is purpose


def test_a_line_is_named_with_its_text_or_by_its_function() -> None:
    def report() -> None: ...

    code = report.__code__
    line = code.co_firstlineno
    text = linecache.getline(str(HERE), line).strip()
    assert describe(code, line, text=True) == f"test_culprit.py:{line} {text}"
    function = f"test_culprit.py:{line} in {code.co_qualname}"
    assert describe(code, line, text=False) == function
    assert describe(code, 99999, text=True) == (
        f"test_culprit.py:99999 in {code.co_qualname}"
    )


def test_frames_are_those_within_a_turn_or_none() -> None:
    def inner() -> Frames:
        return frames_of(sys._getframe(), "outer")

    def outer() -> Frames:
        return inner()

    assert [code.co_name for code, _ in outer()] == ["inner", "outer"]
    assert inner() == []


def test_a_frame_that_stands_on_no_line_is_on_its_functions_first() -> None:
    def standing() -> Frames:
        return frames_of(sys._getframe(), "standing")

    code = standing.__code__.replace(co_linetable=b"\x80")
    lost = types.FunctionType(code, globals())

    assert lost() == [(code, code.co_firstlineno)]
