"""A pytest plugin: every app that a test suite makes is instrumented.

A Starlette app right after its `__init__`, so that all routes come later; any
other app when a client is given it. Every event loop of asyncio's is one
under the whole lens, with a watchdog, which looks at every turn of 10 ms.
What was seen is counted by kind, into the file that ASGI_TRACE_KINDS names.
"""

import asyncio
import functools
import json
import logging
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import starlette.testclient
from starlette.applications import Starlette
from starlette.testclient import TestClient

import tracer
from tracer.capture.loop import LensLoop, Watchdog
from tracer.capture.probe import Probe
from tracer.events import Event

kinds: Counter[str] = Counter()


def emit(event: Event) -> None:
    kinds[event.kind] += 1


def after(init: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(init)
    def made(app: Any, /, *args: Any, **kwargs: Any) -> None:
        init(app, *args, **kwargs)
        tracer.instrument(app, emit)

    return made


def given(init: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(init)
    def made(client: Any, /, app: Any, *args: Any, **kwargs: Any) -> None:
        if starlette.testclient._is_asgi3(app):
            app = tracer.instrument(app, emit)
        init(client, app, *args, **kwargs)

    return made


class Lensed(asyncio.DefaultEventLoopPolicy):
    """Makes a loop under the lens wherever asyncio makes one."""

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        probe = Probe(emit)
        probe.lens = "full"
        probe.watch = Watchdog(probe, 0.01, text=True)
        return LensLoop(probe)


def pytest_configure(config: pytest.Config) -> None:
    logging.getLogger("asgi_trace").addHandler(Faults())
    asyncio.set_event_loop_policy(Lensed())
    Starlette.__init__ = after(Starlette.__init__)  # type: ignore[method-assign]
    TestClient.__init__ = given(TestClient.__init__)  # type: ignore[method-assign]


class Faults(logging.Handler):
    """Counts what the tracer logs of its own failures, and keeps it."""

    def emit(self, record: logging.LogRecord) -> None:
        kinds["FAULT"] += 1
        if name := os.environ.get("ASGI_TRACE_KINDS"):
            with Path(name).with_suffix(".faults").open("a") as file:
                file.write(self.format(record) + "\n")


def pytest_unconfigure(config: pytest.Config) -> None:
    if name := os.environ.get("ASGI_TRACE_KINDS"):
        Path(name).write_text(json.dumps(dict(kinds.most_common())))
