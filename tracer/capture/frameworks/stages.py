"""The stages of an app: middleware, endpoint, response, background, handler.

Each class says what is said when one kind of call begins and ends; `patch`
puts them around the calls, `stack` and `routes` find out where.
"""

from collections.abc import Callable
from types import FunctionType
from typing import Any, Literal

from starlette.background import BackgroundTask
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import RedirectResponse, Response

from tracer.capture import redact
from tracer.capture.frameworks.look import (
    Memo,
    attributes,
    is_a,
    layer_name,
    name_of,
)
from tracer.capture.frameworks.patch import ASGI_ARGUMENTS, Stage, patch
from tracer.capture.frameworks.trail import (
    Trail,
    entering,
    leaving,
    raised,
    trail_of,
)
from tracer.capture.loop.lines import want
from tracer.capture.probe import Note
from tracer.capture.sources import place
from tracer.events import (
    AppEnter,
    AppExit,
    BackgroundEnd,
    BackgroundStart,
    EndpointEnter,
    EndpointExit,
    ExceptionHandled,
    MiddlewareEnter,
    MiddlewareExit,
    ResponseCall,
    RouterDefault,
    RouterRedirect,
)

Form = Literal["function", "class", "instance"]
Mode = Literal["async", "threadpool", "raw"]

Label = tuple[str, int | None, bool]
"""A layer's name and place, and whether it lets all but HTTP pass through."""

LAYERS: Memo[Label] = Memo()
"""Labels of layers whose class alone doesn't say who they are."""


class LayerStage(Stage):
    """A middleware, by its class's `__call__`."""

    begins = "middleware.enter"
    ends = "middleware.exit"

    def enter(self, note: Note, args: tuple[Any, ...]) -> object:
        if len(args) != ASGI_ARGUMENTS + 1 or not self.outermost(args[0]):
            return None
        known = LAYERS.found.get(id(args[0]))
        if known is not None:
            return self.begin(note, known[1], args[1])
        label = describe_layer(args[0], self.where)
        return self.begin(note, LAYERS.put(args[0], label), args[1])

    def begin(self, note: Note, label: Label, scope: Any) -> object:
        name, where, http_only = label
        trail = note.trail or trail_of(note)
        depth = trail.depth
        entering(note, name, scope)
        if http_only and scope["type"] != "http":
            where = self.where  # and not the user's, which isn't called
            note.three(MiddlewareEnter, where, name, depth, True)
        else:
            note.two(MiddlewareEnter, where, name, depth)
        trail.depth = depth + 1
        return name, where, depth

    def leave(self, note: Note, token: Any, result: object) -> None:
        name, where, depth = token
        trail = note.trail or trail_of(note)
        trail.depth = depth
        # Whatever was raised further in was dealt with: the next exception
        # may get the same id.
        trail.seen = 0
        leaving(note, name)
        note.two(MiddlewareExit, where, name, depth)

    def fail(self, note: Note, token: Any, error: BaseException) -> None:
        name, where, depth = token
        trail_of(note).depth = depth
        leaving(note, name)
        note.three(MiddlewareExit, where, name, depth, raised(note, error))

    def named(self, token: Any) -> tuple[str, int | None]:
        return token[0], token[1]


class LayerFunctionStage(LayerStage):
    """A middleware that is a function, a partial or a bound method."""

    awaitable = True

    def __init__(self, call: Callable[..., Any]) -> None:
        super().__init__(call)
        self.label: Label = layer_name(call), self.where, False

    def enter(self, note: Note, args: tuple[Any, ...]) -> object:
        if len(args) != ASGI_ARGUMENTS:
            return None
        return self.begin(note, self.label, args[0])


def describe_layer(layer: object, where: int | None) -> Label:
    """Name a middleware and give its place: the user's code where it can.

    `BaseHTTPMiddleware` calls a function or a method of the user's, but not
    for a WebSocket or the lifespan.
    """
    name = type(layer).__name__
    http_only = is_a(layer, BaseHTTPMiddleware)
    if http_only:
        dispatch = attributes(layer).get("dispatch_func")
        if type(layer) is BaseHTTPMiddleware:
            name = f"{name}({layer_name(dispatch)})"
        where = place(dispatch)
        want(dispatch)
    return name, where, http_only


class AppStage(Stage):
    """An app that is neither Starlette nor a function: its `__call__`."""

    begins = "app.enter"
    ends = "app.exit"

    def enter(self, note: Note, args: tuple[Any, ...]) -> object:
        if len(args) != ASGI_ARGUMENTS + 1 or not self.outermost(args[0]):
            return None
        return enter_app(note, self.where, type(args[0]).__name__, args[1])

    def leave(self, note: Note, token: Any, result: object) -> None:
        leave_app(note, token)

    def fail(self, note: Note, token: Any, error: BaseException) -> None:
        leave_app(note, token, error)

    def named(self, token: Any) -> tuple[str, int | None]:
        return token[0], token[1]


class AppFunctionStage(AppStage):
    """An app that is a function: the last of a mount, or all there is."""

    awaitable = True

    def __init__(self, call: Callable[..., Any]) -> None:
        super().__init__(call)
        self.name = layer_name(call)

    def enter(self, note: Note, args: tuple[Any, ...]) -> object:
        return enter_app(note, self.where, self.name, args[0])


App = tuple[str, int | None]


def enter_app(note: Note, where: int | None, name: str, scope: Any) -> App:
    """Say that an app is called."""
    entering(note, name, scope)
    note.two(AppEnter, where, name, scope["type"])
    return name, where


def leave_app(note: Note, app: App, error: BaseException | None = None) -> None:
    """Say that it returned, or raised."""
    name, where = app
    leaving(note, name)
    if error is None:
        trail_of(note).seen = 0
        note.one(AppExit, where, name)
    else:
        note.two(AppExit, where, name, raised(note, error))


class EndpointStage(Stage):
    """The user's function that makes the response."""

    begins = "endpoint.enter"
    ends = "endpoint.exit"
    form: Form = "function"

    def __init__(
        self, call: Callable[..., Any], mode: Mode, name: str | None = None
    ) -> None:
        super().__init__(call)
        self.name = name_of(call) if name is None else name
        self.mode = mode

    def enter(self, note: Note, args: tuple[Any, ...]) -> object:
        name = self.name
        # `entering`, in place: most requests come to an endpoint.
        trail: Trail | None = note.trail
        if trail is not None and (looks := trail.looks) is not None:
            looks.enter(note, name)
        note.three(EndpointEnter, self.where, name, self.form, self.mode)
        return name

    def token_for(self, args: tuple[Any, ...]) -> str:
        return self.name

    def leave(self, note: Note, token: Any, result: object) -> None:
        cls = type(result)
        if cls not in _responses:
            watch_response(result)
        trail: Trail | None = note.trail
        if trail is not None and (looks := trail.looks) is not None:
            looks.leave(note, token)
        note.two(EndpointExit, self.where, token, cls.__name__)

    def fail(self, note: Note, token: Any, error: BaseException) -> None:
        leaving(note, token)
        note.three(EndpointExit, self.where, token, None, raised(note, error))

    def named(self, token: Any) -> tuple[str, int | None]:
        return token, self.where


class EndpointMethodStage(EndpointStage):
    """A method of an endpoint class: `HTTPEndpoint.get` and its like."""

    form: Form = "class"

    def __init__(
        self, call: FunctionType, owner: type, method: str, mode: Mode
    ) -> None:
        super().__init__(call, mode)
        self.owner = owner
        self.method = method

    def enter(self, note: Note, args: tuple[Any, ...]) -> object:
        if not args or not self.outermost(args[0]):
            return None
        name = self.token_for(args)
        entering(note, name)
        note.three(EndpointEnter, self.where, name, self.form, self.mode)
        return name

    def token_for(self, args: tuple[Any, ...]) -> str:
        owner = type(args[0]).__name__
        whole = self.method in ("__call__", "__await__", "dispatch")
        return owner if whole else f"{owner}.{self.method}"


class EndpointInstanceStage(EndpointMethodStage):
    """A callable instance as endpoint: it gets scope, receive and send."""

    form: Form = "instance"

    def leave(self, note: Note, token: Any, result: object) -> None:
        leaving(note, token)
        note.one(EndpointExit, self.where, token)


class ResponseStage(Stage):
    """A Response object's `__call__`, which sends the messages."""

    begins = "response.call"

    def enter(self, note: Note, args: tuple[Any, ...]) -> object:
        response = args[0]
        cls = type(response)
        if not (self.outer.get(cls) or self.outermost(response)):
            return None
        own = attributes(response)
        trail = note.trail or trail_of(note)
        if trail.redirecting and is_a(response, RedirectResponse):
            trail.redirecting = False
            for name, value in own.get("raw_headers", ()):
                if name == b"location":
                    note(RouterRedirect, self.where, redact.target(value))
        status = own.get("status_code")
        if type(status) is not int:  # HTTPStatus, as a rule
            status = int(status) if is_a(status, int) else 0
        note.two(ResponseCall, self.where, cls.__name__, status)
        return response

    def named(self, token: Any) -> tuple[str, int | None]:
        return type(token).__name__, self.where


def watch_response(thing: object) -> None:
    """Make the class of a response visible, if it isn't yet."""
    if type(thing) not in _responses and is_a(thing, Response):
        _responses.add(type(thing))
        patch(type(thing), "__call__", ResponseStage)


_responses: set[type] = set()


def watch_responses() -> None:
    """Make all Response classes visible that exist by now."""
    _responses.clear()
    ways: list[type] = [Response]
    while ways:
        cls = ways.pop()
        ways += type.__subclasses__(cls)
        patch(cls, "__call__", ResponseStage)


class BackgroundStage(Stage):
    """A background task, after the response has gone."""

    begins = "background.start"
    ends = "background.end"

    def enter(self, note: Note, args: tuple[Any, ...]) -> object:
        task: BackgroundTask = args[0]
        if not self.outermost(task):
            return None
        call = attributes(task).get("func")
        name, where = name_of(call), place(call)
        note(BackgroundStart, where, name)
        return name, where

    def leave(self, note: Note, token: Any, result: object) -> None:
        note(BackgroundEnd, token[1], token[0])

    def fail(self, note: Note, token: Any, error: BaseException) -> None:
        note(BackgroundEnd, token[1], token[0], raised(note, error))

    def named(self, token: Any) -> tuple[str, int | None]:
        return token[0], token[1]


class HandlerStage(Stage):
    """A handler that makes a response of an exception.

    `request_response` looks for a handler before ExceptionMiddleware does,
    among the same ones: who calls it is known from where the request is.
    """

    begins = "exception.handled"

    def __init__(
        self, call: Callable[..., Any], by: str, raised_again: bool = False
    ) -> None:
        super().__init__(call)
        self.name = name_of(call)
        self.by = by
        self.raised_again = raised_again

    def enter(self, note: Note, args: tuple[Any, ...]) -> object:
        if not args or not is_a(args[-1], BaseException):
            return None
        name = raised(note, args[-1])
        by = self.by
        if not self.raised_again and trail_of(note).serving:
            by = "request_response"
        note(
            ExceptionHandled, self.where, name, by, self.name,
            self.raised_again,
        )  # fmt: skip
        return name

    def leave(self, note: Note, token: Any, result: object) -> None:
        watch_response(result)

    def named(self, token: Any) -> tuple[str, int | None]:
        return self.name, self.where


class DefaultStage(Stage):
    """`Router.not_found`, or what the user put in its place."""

    begins = "router.default"

    def enter(self, note: Note, args: tuple[Any, ...]) -> object:
        if self.owner is not None and not self.outermost(args[0]):
            return None
        note(RouterDefault, self.where)
        return args


class ErrorPageStage(HandlerStage):
    """The answers that ServerErrorMiddleware has of its own."""

    def __init__(self, call: FunctionType, owner: type, method: str) -> None:
        super().__init__(call, owner.__name__, raised_again=True)
        self.name = method
