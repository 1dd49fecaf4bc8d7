"""Finds the user's function behind a route, and puts a stage around it."""

import functools
import inspect
from collections.abc import Callable, Generator
from types import FunctionType
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.endpoints import HTTPEndpoint, WebSocketEndpoint
from starlette.routing import BaseRoute

from tracer.capture.frameworks.calls import watch_call
from tracer.capture.frameworks.fastapi import watch_websocket
from tracer.capture.frameworks.look import (
    Slot,
    Step,
    attributes,
    find,
    is_a,
    unpartial,
)
from tracer.capture.frameworks.patch import patch
from tracer.capture.frameworks.stack import is_router, watch_layers
from tracer.capture.frameworks.stages import (
    EndpointMethodStage,
    EndpointStage,
    Mode,
)
from tracer.capture.frameworks.trail import leaving
from tracer.capture.frameworks.wrap import enter, failed, is_ours, leave, wrap
from tracer.capture.probe import CURRENT, Note
from tracer.events import EndpointExit

VERBS = (
    "get", "head", "post", "put", "patch", "delete", "options", "query",
    "method_not_allowed",
)  # fmt: skip


def watch_endpoint(route: BaseRoute, app: Any) -> None:
    """Make a route's middleware and its endpoint visible.

    Args:
        route: The route, which keeps its `endpoint` and all else.
        app: What it calls: the endpoint in its wrappings.
    """
    slot = Slot(functools.partial(setattr, route, "app"))
    way = find(app, _is_endpoint_app)
    if way is None:
        _watch_raw_endpoint(route, slot, app)
    else:
        way[0] = slot, app
        watch_layers(way[:-1])
        _watch_function(way[-1][1])


def _is_endpoint_app(thing: object) -> bool:
    return is_a(thing, FunctionType) and thing.__qualname__ in (
        "request_response.<locals>.app",
        "websocket_session.<locals>.app",
    )


def _watch_function(app: FunctionType) -> None:
    """Put a stage around the user's function in its closure cell.

    `route.endpoint` and `scope["endpoint"]` stay what they are.
    """
    free = dict(
        zip(app.__code__.co_freevars, app.__closure__ or (), strict=True)
    )
    cell = free.get("f") or free.get("func")
    if cell is None:
        return
    held = cell.cell_contents
    if is_ours(held) or _is_fastapis(held):
        watch_websocket(held)
        return
    if is_a(held, functools.partial) and held.func is run_in_threadpool:
        call = held.args[0]
        if is_ours(call):
            return
        inside = wrap(call, EndpointStage(call, "threadpool"))
        cell.cell_contents = functools.partial(held.func, inside)
    else:
        cell.cell_contents = wrap_async(held)


def wrap_async(call: Any) -> Any:
    """Put a stage around an async endpoint, whatever sort of callable."""
    stage = EndpointStage(call, "async")

    async def awaited(*args: Any, **kwargs: Any) -> Any:
        return await call(*args, **kwargs)

    plain = is_a(call, FunctionType)
    return wrap(call if plain else awaited, stage)


def _is_fastapis(held: object) -> bool:
    """Say whether it is FastAPI's own function around the user's."""
    return is_a(held, FunctionType) and held.__qualname__ in (
        "get_request_handler.<locals>.app",
        "get_websocket_app.<locals>.app",
    )


def _watch_raw_endpoint(route: BaseRoute, slot: Slot, app: Any) -> None:
    """Make a class or an instance visible that serves as an ASGI app."""
    base = attributes(route).get("endpoint")
    base = unpartial(base)
    way: list[Step] = find(app, lambda thing: thing is base) or []
    if way:
        way[0] = slot, app
        watch_layers(way[:-1])
    if is_a(base, type):
        _watch_class(base)
    elif base is not None and not is_router(base):
        watch_call(base, "endpoint")


def _watch_class(cls: type) -> None:
    if issubclass(cls, HTTPEndpoint):
        for verb in VERBS:
            patch(cls, verb, _verb)
    elif issubclass(cls, WebSocketEndpoint):
        for method in ("dispatch", "on_connect", "on_receive", "on_disconnect"):
            patch(cls, method, _verb)
    else:
        patch(cls, "__await__", AwaitStage)


class AwaitStage(EndpointMethodStage):
    """A class of the user's that is made with the three, and then awaited."""

    def __init__(self, call: FunctionType, owner: type, method: str) -> None:
        super().__init__(call, owner, method, "raw")

    def make(self, call: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(call)
        def traced(this: Any) -> Any:
            note = CURRENT.get()
            if note is None or (token := enter(self, note, (this,))) is None:
                return call(this)
            return self._await(note, token, call, this)

        return traced

    def _await(
        self, note: Note, token: Any, call: Callable[..., Any], this: Any
    ) -> Generator[Any, Any, Any]:
        try:
            if (gate := note.probe.gate) is not None:
                yield from gate.wait(note, *self.entered(token)).__await__()
            result = yield from call(this)
        except BaseException as error:
            yield from failed(self, note, token, error).__await__()
            raise
        leave(self, note, token, result)
        if (gate := note.probe.gate) is not None:
            yield from gate.wait(note, *self.left(token)).__await__()
        return result

    def leave(self, note: Note, token: Any, result: object) -> None:
        leaving(note, token)
        note.one(EndpointExit, self.where, token)


def _verb(call: FunctionType, owner: type, method: str) -> EndpointMethodStage:
    mode: Mode = "async" if inspect.iscoroutinefunction(call) else "threadpool"
    return EndpointMethodStage(call, owner, method, mode)
