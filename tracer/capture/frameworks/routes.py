"""Routing made visible: the verdict of each route, and who serves.

A class of routes is patched when a router is about to look through its
routes, the function behind a route when the route is about to handle.
"""

import functools
import inspect
from collections.abc import Callable, Iterable
from types import FunctionType, MethodType
from typing import Any

from starlette._utils import get_route_path
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint, WebSocketEndpoint
from starlette.routing import (
    BaseRoute,
    Host,
    Match,
    Mount,
    Route,
    Router,
    WebSocketRoute,
)

from tracer.capture import redact
from tracer.capture.frameworks.look import (
    Memo,
    Slot,
    Step,
    attributes,
    find,
    is_a,
)
from tracer.capture.frameworks.patch import (
    Stage,
    bind,
    is_ours,
    patch,
    wrap,
)
from tracer.capture.frameworks.stack import watch_layers
from tracer.capture.frameworks.stages import (
    AppFunctionStage,
    DefaultStage,
    EndpointMethodStage,
    EndpointStage,
    LayerFunctionStage,
    Mode,
    watch_call,
)
from tracer.capture.frameworks.trail import Scope, Trail, raised, trail_of
from tracer.capture.probe import CURRENT, Note
from tracer.events import (
    RouteHandle,
    RouteMatch,
    RouterEnter,
)

LABELS: Memo[str] = Memo()
PREPARED: Memo[bool] = Memo()
"""Routers that were looked at."""
APPS: Memo[tuple[Stage | None]] = Memo()
"""Routes that were looked at; with a stage for a function in `mount.app`.

That slot is the user's to look at, so the function stays in it. `handle` does
nothing but call it, so what is said of `handle` may be said of both.
"""
_route_classes: set[type] = set()
_including: set[type] = set()

VERBS = (
    "get", "head", "post", "put", "patch", "delete", "options", "query",
    "method_not_allowed",
)  # fmt: skip


def label_of(route: object) -> str:
    """Describe a route: `GET /items/{id}`, `Mount /static`."""
    known = LABELS.get(route)
    if known is None:
        known = LABELS.put(route, _describe(route))
    return known


def label_in(route: object, scope: Scope) -> str:
    """Describe a route as it stands for this scope: with FastAPI's prefix."""
    included = scope.get("fastapi")
    if included is None:
        known = LABELS.found.get(id(route))
        return label_of(route) if known is None else known[1]
    context = included.get("effective_route_context")
    original = attributes(context).get("original_route")
    return label_of(context if original is route else route)


def _describe(route: object) -> str:
    own = attributes(route)
    path = own.get("path", own.get("host"))
    text = path if is_a(path, str) else ""
    included = own.get("include_context")
    if included is not None:  # FastAPI's include_router
        prefix = attributes(included).get("prefix", "")
        prefix += attributes(own.get("original_router")).get("prefix", "")
        return f"router {prefix}".strip()
    if is_a(route, Route) or "methods" in own:
        methods = own.get("methods") or ()
        named = sorted(each for each in methods if is_a(each, str))
        if "GET" in named and "HEAD" in named:
            named.remove("HEAD")  # Starlette adds it to every GET
        return f"{','.join(named)} {text}".strip()
    if is_a(route, WebSocketRoute):
        return f"WebSocket {text}"
    return f"{type(route).__name__} {text}".strip()


def _hidden(path: str) -> str:
    # Bytes are searched much faster, and a path is ASCII as a rule.
    return redact.path(path.encode()) if path.isascii() else redact.text(path)


class RouterStage(Stage):
    """`Router.app`: the search for the route that fits."""

    def enter(self, note: Note, args: tuple[Any, ...]) -> object:
        router, scope = args[0], args[1]
        if not self.outermost(router):
            return None
        trail = trail_of(note)
        trail.routing = scope
        trail.redirecting = False
        path = ""
        if scope["type"] != "lifespan":
            path = _hidden(get_route_path(scope))
        routes = attributes(router).get("routes", ())
        note(RouterEnter, self.where, scope["type"], path, len(routes))
        return router


class MatchStage(Stage):
    """`matches` of a route: the router's question and its answer.

    Most of a request's calls are these, so they have a function of their own.
    """

    def make(self, call: Callable[..., Any]) -> Callable[..., Any]:
        get, where, outermost = CURRENT.get, self.where, self.outermost

        @functools.wraps(call)
        def matches(route: Any, scope: Scope) -> Any:
            note = get()
            if note is None or not outermost(route):
                return call(route, scope)
            try:
                answer = call(route, scope)
            except BaseException as error:
                raised(note, error)
                raise
            match = answer[0]
            verdict = (
                "NONE"
                if match is NONE
                else "FULL"
                if match is FULL
                else "PARTIAL"
            )
            scan = _scan(note.trail or trail_of(note), scope, match)
            note(RouteMatch, where, label_in(route, scope), verdict, scan)
            return answer

        return matches


NONE, FULL = Match.NONE, Match.FULL


def _scan(trail: Trail, scope: Scope, match: Match) -> int:
    """Say whether this is the second search, with the final slash toggled."""
    if trail.routing is None or scope is trail.routing:
        return 1
    if match is not NONE:
        trail.redirecting = True
    return 2


class HandleStage(Stage):
    """`handle` of a route: the one that was chosen."""

    def enter(self, note: Note, args: tuple[Any, ...]) -> object:
        route, scope = args[0], args[1]
        if not self.outermost(route):
            return None
        app = APPS.get(route)
        if app is None:
            app = APPS.put(route, (prepare_route(route),))
        names = tuple(map(str, scope.get("path_params", ())))
        note(RouteHandle, self.where, label_in(route, scope), names)
        trail = trail_of(note)
        trail.serving = is_a(route, (Route, WebSocketRoute))
        stage = app[0]
        return stage, stage and stage.enter(note, args[1:])

    def leave(self, note: Note, token: Any, result: object) -> None:
        trail_of(note).serving = False
        stage, inner = token
        if stage is not None and inner is not None:
            stage.leave(note, inner, result)

    def fail(self, note: Note, token: Any, error: BaseException) -> None:
        trail_of(note).serving = False
        stage, inner = token
        if stage is not None and inner is not None:
            stage.fail(note, inner, error)
        raised(note, error)


def _is_bare(app: object) -> bool:
    return is_a(
        app, (FunctionType, MethodType, functools.partial)
    ) and not is_ours(app)


def prepare_router(router: Router) -> None:
    """Make a router's routes visible, and what it bound before we came."""
    own = attributes(router)
    if PREPARED.get(router) is None:
        PREPARED.put(router, True)
        patch(type(router), "app", RouterStage)
        patch(type(router), "not_found", DefaultStage)
        _bind_again(router, own)
    watch_routes(own.get("routes", ()))


def watch_routes(routes: Iterable[BaseRoute]) -> None:
    """Make the classes of routes visible, also those in included routers."""
    for route in routes:
        if type(route) not in _route_classes:
            watch_route_class(type(route))
            if "original_router" in attributes(route):
                _including.add(type(route))
        if type(route) in _including:  # FastAPI's include_router
            router = attributes(attributes(route).get("original_router"))
            watch_routes(router.get("routes", ()))


def watch_route_class(cls: type) -> None:
    """Make a class of routes visible."""
    _route_classes.add(cls)
    patch(cls, "matches", MatchStage)
    patch(cls, "handle", HandleStage)


def forget() -> None:
    """Look at every router and route anew."""
    _route_classes.clear()
    PREPARED.clear()
    APPS.clear()


def _bind_again(router: Router, own: dict[str, Any]) -> None:
    """Renew the bound methods that `Router.__init__` kept."""

    def is_app(thing: object) -> bool:
        return (
            is_a(thing, MethodType)
            and thing.__self__ is router
            and thing.__name__ == "app"
        )

    stack = own.get("middleware_stack")
    way = find(stack, is_app)
    if way is not None:
        way[0] = (
            Slot(functools.partial(setattr, router, "middleware_stack")),
            stack,
        )
        watch_layers(way[:-1])
        slot, method = way[-1]
        again = bind(router, method)
        if again is not None and slot is not None:
            slot.write(again)
    default = own.get("default")
    if is_a(default, MethodType) and default.__self__ is router:
        router.default = bind(router, default) or default
    elif is_a(default, FunctionType) and not is_ours(default):
        router.default = wrap(default, DefaultStage(default))
    elif default is not None and not is_ours(default):
        watch_call(default, "default")


def prepare_route(route: BaseRoute) -> Stage | None:
    """Make visible what stands behind a route, before it is called.

    Returns:
        A stage for what `handle` calls, if that is a function that stays.
    """
    app: Any = attributes(route).get("app")
    if is_a(route, (Mount, Host)):
        base = attributes(route).get("_base_app", app)
        watch_mounted(app, base)
        if _is_bare(app):
            is_app = app is base and find(app, is_router) is None
            return (AppFunctionStage if is_app else LayerFunctionStage)(app)
    elif is_a(route, (Route, WebSocketRoute)):
        slot = Slot(functools.partial(setattr, route, "app"))
        way = find(app, _is_endpoint_app)
        if way is None:
            _watch_raw_endpoint(route, slot, app)
        else:
            way[0] = slot, app
            watch_layers(way[:-1])
            _watch_function(way[-1][1])
    return None


def watch_mounted(app: object, base: object) -> None:
    """Make a mounted app visible, and the middleware around it."""
    way = find(app, lambda thing: thing is base) or [(None, app)]
    inner = find(base, is_router)
    if inner is not None:
        watch_layers([*way[:-1], *inner[:-1]])
        return
    watch_layers(way[:-1])
    if not _is_bare(base) and not is_a(base, type):
        watch_call(base, "app")


def is_router(thing: object) -> bool:
    """Say whether something is an app that speaks for itself."""
    return is_a(thing, (Starlette, Router))


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
        return
    if is_a(held, functools.partial) and _hops(held):
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


def _hops(held: functools.partial[Any]) -> bool:
    """Say whether a partial is `run_in_threadpool` with a function."""
    return getattr(held.func, "__name__", "") == "run_in_threadpool"


def _is_fastapis(held: object) -> bool:
    """Say whether it is FastAPI's own function around the user's."""
    return is_a(held, FunctionType) and held.__qualname__ in (
        "get_request_handler.<locals>.app",
        "get_websocket_app.<locals>.app",
    )


def _watch_raw_endpoint(route: BaseRoute, slot: Slot, app: Any) -> None:
    """Make a class or an instance visible that serves as an ASGI app."""
    base = attributes(route).get("endpoint")
    while is_a(base, functools.partial):
        base = base.func
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
        patch(cls, "dispatch", _verb)


def _verb(call: FunctionType, owner: type, method: str) -> EndpointMethodStage:
    mode: Mode = "async" if inspect.iscoroutinefunction(call) else "threadpool"
    return EndpointMethodStage(call, owner, method, mode)
