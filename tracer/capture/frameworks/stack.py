"""The rings around the router, found by looking and made visible."""

import inspect
from collections.abc import Iterable
from functools import partial
from types import FunctionType, MethodType
from typing import Any

from starlette.applications import Starlette
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.routing import Router

from tracer.capture.frameworks.calls import watch_call
from tracer.capture.frameworks.look import (
    Step,
    attributes,
    find,
    is_a,
    layer_name,
    name_of,
)
from tracer.capture.frameworks.stages import (
    HandlerStage,
    LayerFunctionStage,
    describe_layer,
)
from tracer.capture.frameworks.wrap import is_ours, wrap

FUNCTIONS: tuple[type[Any], ...] = (FunctionType, MethodType, partial)


def watch_stack(app: Starlette, stack: object) -> tuple[str, ...]:
    """Make an app's middleware visible.

    Returns:
        Their names, outermost first.
    """
    return watch_layers(way_to_router(app, stack))


def way_to_router(app: Starlette, stack: object) -> list[Step]:
    """Give the layers between an app and its router, outermost first."""
    router = attributes(app).get("router")
    way = find(stack, lambda thing: thing is router, excluded=app)
    return [(None, stack)] if way is None else way[:-1]


def watch_layers(way: Iterable[Step]) -> tuple[str, ...]:
    """Make layers visible: classes by their `__call__`, functions in place.

    Args:
        way: The layers, outermost first, with the slots that hold them.

    Returns:
        Their names.
    """
    names: list[str] = []
    inside_partial = False
    for slot, layer in way:
        if is_a(layer, FUNCTIONS):
            # What a partial or a bound method stands for is called by it.
            if inside_partial and slot is None:
                continue
            names.append(layer_name(layer))
            if slot is not None and not is_ours(layer):
                slot.write(wrap(layer, LayerFunctionStage(layer)))
            inside_partial = not is_a(layer, FunctionType)
            continue
        if callable_class(layer):
            inside_partial = False
            names.append(describe_layer(layer, None)[0])
            watch_call(layer, "middleware")
            watch_handlers(layer)
    return tuple(names)


def callable_class(layer: object) -> bool:
    """Say whether a layer's class has a `__call__` written in Python."""
    return any(
        type(cls.__dict__.get("__call__")) is FunctionType
        for cls in type(layer).__mro__
    )


def watch_handlers(layer: object) -> None:
    """Make the exception handlers visible that a layer holds."""
    own = attributes(layer)
    if is_a(layer, ExceptionMiddleware):
        for name in ("_exception_handlers", "_status_handlers"):
            handlers: dict[Any, Any] = own.get(name, {})
            for key, handler in handlers.items():
                if not is_ours(handler):
                    stage = HandlerStage(handler, type(layer).__name__)
                    handlers[key] = wrap_handler(handler, stage)
    elif is_a(layer, ServerErrorMiddleware):
        handler = own.get("handler")
        if handler is not None and not is_ours(handler):
            stage = HandlerStage(handler, type(layer).__name__, True)
            layer.handler = wrap_handler(handler, stage)


def wrap_handler(handler: Any, stage: HandlerStage) -> Any:
    """Put a stage around a handler, keeping it sync or async."""
    if is_a(handler, FunctionType):
        return wrap(handler, stage)

    async def awaited(*args: Any) -> Any:
        return await handler(*args)

    def called(*args: Any) -> Any:
        return handler(*args)

    call = handler
    while is_a(call, partial):
        call = call.func
    if not is_a(call, FUNCTIONS):
        call = inspect.getattr_static(type(call), "__call__", None)
    is_async = inspect.iscoroutinefunction(call)
    return wrap(awaited if is_async else called, stage)


def handlers_of(app: Starlette, stack: object) -> tuple[str, ...]:
    """Say who handles what: `404 -> ExceptionMiddleware`."""
    found: list[str] = []
    for _, layer in way_to_router(app, stack):
        own = attributes(layer)
        by = type(layer).__name__
        if is_a(layer, ServerErrorMiddleware) and own.get("handler"):
            keys = attributes(app).get("exception_handlers", {})
            found += [
                f"{key_name(key)} -> {by}"
                for key in keys
                if key in (500, Exception)
            ]
        if is_a(layer, ExceptionMiddleware):
            for name in ("_status_handlers", "_exception_handlers"):
                found += [
                    f"{key_name(key)} -> {by}" for key in own.get(name, ())
                ]
    return tuple(found)


def key_name(key: object) -> str:
    """Name what an exception handler is registered for."""
    return str(key) if type(key) is int else name_of(key)


def is_router(thing: object) -> bool:
    """Say whether something is an app that speaks for itself."""
    return is_a(thing, (Starlette, Router))
