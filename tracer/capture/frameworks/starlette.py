"""Starlette made visible: which classes are patched, and when.

The classes that every app has are patched at once, those of the user's
middleware, routes and responses when they are first met.
"""

import functools
import threading
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.routing import Host, Mount, Route, Router, WebSocketRoute

from tracer.capture.fault import fault
from tracer.capture.frameworks import fastapi, routes
from tracer.capture.frameworks.labels import label_of
from tracer.capture.frameworks.look import (
    Memo,
    attributes,
    is_a,
    layer_name,
)
from tracer.capture.frameworks.patch import Stage, patch, restore
from tracer.capture.frameworks.stack import (
    handlers_of,
    key_name,
    watch_stack,
)
from tracer.capture.frameworks.stages import (
    BackgroundStage,
    ErrorPageStage,
    enter_app,
    leave_app,
    watch_responses,
)
from tracer.capture.frameworks.threads import watch_threads
from tracer.capture.frameworks.trail import begin, end
from tracer.capture.frameworks.wrap import failed, is_asgi_method
from tracer.capture.probe import CURRENT, Note
from tracer.events import AppEnter, AppExit, StackBuilt

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[Any]]

WATCHED: Memo[Callable[..., Any]] = Memo()
"""What serves an app that was given to `instrument` or `watch`.

It is called with a coroutine function, scope, receive and send, and begins a
trace, unless one has begun.
"""
BUILT: Memo[bool] = Memo()
"""Apps whose middleware were looked at."""


class StarletteStage(Stage):
    """`Starlette.__call__`: where a trace may begin, and an app is entered."""

    begins = "app.enter"
    ends = "app.exit"

    def make(  # noqa: C901  # written out, for speed
        self, call: Callable[..., Any]
    ) -> Callable[..., Any]:
        """Make a function that takes the short way into an app.

        That is: our server has made a note for this request, and the app's
        middleware were looked at.
        """
        made = super().make(call)
        if not is_asgi_method(call):
            return made  # a subclass's, with a signature of its own
        get, built = CURRENT.get, BUILT.found
        outer, where, stage = self.outer, self.where, self

        @functools.wraps(made)
        async def traced(self: Any, scope: Any, receive: Any, send: Any) -> Any:
            note = get()
            # A note that has entered no app was made for this request.
            if note is None or note.trail is not None:
                serve = WATCHED.get(self)
                if serve is not None:
                    inner = functools.partial(made, self)
                    return await serve(inner, scope, receive, send)
                return await made(self, scope, receive, send)
            if id(self) not in built or not outer.get(type(self)):
                return await made(self, scope, receive, send)
            name = type(self).__name__
            trail = begin(note, scope)
            if (looks := trail.looks) is not None:
                looks.log.append(name)  # it was made just now
            note.two(AppEnter, where, name, scope["type"])
            try:
                if (gate := note.probe.gate) is not None:
                    await gate.wait(note, ("app.enter", name, where))
                result = await call(self, scope, receive, send)
            except BaseException as error:
                await failed(stage, note, (name, where, True), error)
                raise
            if looks is not None:
                looks.leave(note, name)
                trail.looks = None
            trail.seen = 0
            note.one(AppExit, where, name)
            if (gate := note.probe.gate) is not None:
                await gate.wait(note, ("app.exit", name, where))
            return result

        return traced

    def enter(self, note: Note, args: tuple[Any, ...]) -> object:
        app, scope = args[0], args[1]
        if not self.outermost(app):
            return None
        begins = note.trail is None
        begin(note, scope)
        if id(app) not in BUILT.found:
            stack = attributes(app).get("middleware_stack")
            if stack is not None:
                BUILT.put(app, True)
                watch_stack(app, stack)
        return *enter_app(note, self.where, type(app).__name__, scope), begins

    def leave(self, note: Note, token: Any, result: object) -> None:
        end_app(note, token)

    def fail(self, note: Note, token: Any, error: BaseException) -> None:
        end_app(note, token, error)

    def named(self, token: Any) -> tuple[str, int | None]:
        return token[0], token[1]


def end_app(note: Note, token: Any, error: BaseException | None = None) -> None:
    """Say that an app is left, and forget its scope if it was the first."""
    name, where, begins = token
    leave_app(note, (name, where), error)
    if begins:
        end(note)


class BuildStage(Stage):
    """`Starlette.build_middleware_stack`, at the first call of an app."""

    def enter(self, note: Note, args: tuple[Any, ...]) -> object:
        return args[0] if self.outermost(args[0]) else None

    def leave(self, note: Note, token: Any, result: object) -> None:
        app: Starlette = token
        handlers = handlers_of(app, result)
        layers = watch_stack(app, result)
        BUILT.put(app, True)
        note(StackBuilt, self.where, layers, handlers)


class PrepareStage(Stage):
    """`Router.__call__`: says nothing; the last moment to look at routes."""

    def make(self, call: Callable[..., Any]) -> Callable[..., Any]:
        if not is_asgi_method(call):
            return super().make(call)
        get, prepare = CURRENT.get, routes.prepare_router

        @functools.wraps(call)
        async def traced(self: Any, scope: Any, receive: Any, send: Any) -> Any:
            if get() is not None:
                try:
                    prepare(self)
                except Exception:  # noqa: BLE001 - the app must not have it
                    fault()
            return await call(self, scope, receive, send)

        return traced

    def enter(self, note: Note, args: tuple[Any, ...]) -> object:
        routes.prepare_router(args[0])
        return None


def watch_class(cls: type) -> None:
    """Make a class of apps visible: Starlette, Router, and their heirs."""
    if issubclass(cls, Starlette):
        patch(cls, "__call__", StarletteStage)
        patch(cls, "build_middleware_stack", BuildStage)
    elif issubclass(cls, Router):
        patch(cls, "__call__", PrepareStage)


_lock = threading.Lock()


def install() -> None:
    """Make the classes visible that every app has. Once is enough."""
    with _lock:
        watch_class(Starlette)
        watch_class(Router)
        for cls in (Route, WebSocketRoute, Mount, Host):
            routes.watch_route_class(cls)
        watch_responses()
        patch(BackgroundTask, "__call__", BackgroundStage)
        for page in ("error_response", "debug_response"):
            patch(ServerErrorMiddleware, page, ErrorPageStage)
        watch_threads()
        fastapi.install()


def uninstall() -> None:
    """Put everything back but what stands in slots; for tests.

    The slots' functions say nothing while no request is traced.
    """
    with _lock:
        restore()
        routes.forget()
        BUILT.clear()
        WATCHED.clear()


def parts(app: object) -> tuple[Sequence[Any], Sequence[Any]]:
    """Give an app's routes, and its middleware as they were asked for."""
    own = attributes(app)
    is_starlette = is_a(app, Starlette)
    router = own.get("router") if is_starlette else app
    tried = attributes(router).get("routes", ()) if is_a(router, Router) else ()
    return tried, own.get("user_middleware", ()) if is_starlette else ()


def snapshot(app: object) -> tuple[Any, ...]:
    """Look at an app from outside: the payload of `app.snapshot`."""
    tried, around = parts(app)
    keys = attributes(app).get("exception_handlers", ())
    return (
        layer_name(app),
        tuple(label_of(each) for each in tried),
        tuple(_middleware(each) for each in around),
        tuple(map(key_name, keys if is_a(app, Starlette) else ())),
    )


def _middleware(entry: object) -> str:
    """Name what `Middleware(cls, ...)` will make."""
    own = attributes(entry)
    name = layer_name(own.get("cls"))
    dispatch = own.get("kwargs", {}).get("dispatch")
    if own.get("cls") is BaseHTTPMiddleware and dispatch is not None:
        return f"{name}({layer_name(dispatch)})"
    return name
