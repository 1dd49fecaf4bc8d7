"""Routing made visible: the verdict of each route, and who serves.

A class of routes is patched when a router is about to look through its
routes, the function behind a route when the route is about to handle.
"""

import functools
from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any

from starlette._utils import get_route_path
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
from tracer.capture.fault import fault
from tracer.capture.frameworks.calls import watch_call
from tracer.capture.frameworks.endpoints import watch_endpoint
from tracer.capture.frameworks.labels import label_in, label_of
from tracer.capture.frameworks.look import (
    Memo,
    Slot,
    attributes,
    find,
    is_a,
)
from tracer.capture.frameworks.patch import Stage, bind, patch
from tracer.capture.frameworks.stack import is_router, watch_layers
from tracer.capture.frameworks.stages import (
    AppFunctionStage,
    DefaultStage,
    LayerFunctionStage,
)
from tracer.capture.frameworks.trail import (
    Scope,
    Trail,
    leaving,
    raised,
    trail_of,
)
from tracer.capture.frameworks.wrap import is_ours, wrap
from tracer.capture.gate import Stop
from tracer.capture.probe import CURRENT, Note, now
from tracer.capture.rows import code_of
from tracer.events import (
    RouteHandle,
    RouteMatch,
    RouterEnter,
)

Lists = list[tuple[dict[str, Any], list[Any]]]
"""A router's attributes, and its routes as they were when they were looked
at; then the same of each router that it includes."""

PREPARED: Memo[Lists] = Memo()
"""Routers that were looked at."""
APPS: Memo[tuple[Stage | None, bool, str]] = Memo()
"""Routes that were looked at; with a stage for a function in `mount.app`,
whether the route has an endpoint, and what it is called.

That slot is the user's to look at, so the function stays in it. `handle` does
nothing but call it, so what is said of `handle` may be said of both.
"""
_route_classes: set[type] = set()


def _hide(path: str) -> str:
    # Bytes are searched much faster, and a path is ASCII as a rule.
    return redact.path(path.encode()) if path.isascii() else redact.text(path)


_hidden: redact.Kept[str, str] = redact.Kept(_hide)


class RouterStage(Stage):
    """`Router.app`: the search for the route that fits."""

    begins = "router.enter"

    def enter(self, note: Note, args: tuple[Any, ...]) -> object:
        router, scope = args[0], args[1]
        if not (self.outer.get(type(router)) or self.outermost(router)):
            return None
        trail = note.trail or trail_of(note)
        trail.routing = scope
        trail.redirecting = False
        kind, path = scope["type"], ""
        if kind != "lifespan":
            mounted = scope.get("root_path")
            path = _hidden(get_route_path(scope) if mounted else scope["path"])
        known = PREPARED.found.get(id(router))
        own = attributes(router) if known is None else known[1][0][0]
        if (looks := trail.looks) is not None:
            looks.route(note, type(router).__name__, scope)
        count = len(own.get("routes", ()))
        note.three(RouterEnter, self.where, kind, path, count)
        return router

    def leave(self, note: Note, token: Any, result: object) -> None:
        if (looks := note.trail.looks) is not None:
            looks.pass_out(note, type(token).__name__)

    def fail(self, note: Note, token: Any, error: BaseException) -> None:
        leaving(note, type(token).__name__)
        super().fail(note, token, error)


class MatchStage(Stage):
    """`matches` of a route: the router's question and its answer.

    Most of a request's calls are these, so they have a function of their own,
    and what is known of a route is remembered.
    """

    def __init__(
        self,
        call: Callable[..., Any],
        owner: type | None = None,
        method: str = "matches",
    ) -> None:
        super().__init__(call, owner, method)
        self.labels: Memo[str | None] = Memo()
        """None: another class's `matches` speaks for this route."""

    def make(self, call: Callable[..., Any]) -> Callable[..., Any]:
        get, where, labels = CURRENT.get, self.where, self.labels.found
        learn = self.learn

        @functools.wraps(call)
        def matches(route: Any, scope: Scope) -> Any:
            note = get()
            if note is None:
                return call(route, scope)
            label = (labels.get(id(route)) or learn(route))[1]
            if label is None:
                return call(route, scope)
            try:
                answer = call(route, scope)
            except BaseException as error:
                self.fails(note, error)
                raise
            try:
                match = answer[0]
                # To ask an Enum for its name takes longer, and so would calls
                # for what is known: a request asks ten routes and more.
                verdict = "NONE"
                if match is not NONE:
                    verdict = "FULL" if match is FULL else "PARTIAL"
                trail = note.trail or trail_of(note)
                scan = 1 if scope is trail.routing else _scan(trail, match)
                if "fastapi" in scope:
                    label = label_in(route, scope)
                if note.thread != "loop":
                    note.three(RouteMatch, where, label, verdict, scan)
                    return answer
                probe = note.probe
                probe.say(
                    (
                        _MATCH, now(), probe.turn, probe.task, where,
                        "loop", note.conn, note.req, label, verdict, scan,
                    )
                )  # fmt: skip
            except Exception:  # noqa: BLE001 - the app must not have it
                fault()
            return answer

        return matches

    def fails(self, note: Note, error: BaseException) -> None:
        """Say that a route raised when it was asked."""
        try:
            raised(note, error)
        except Exception:  # noqa: BLE001 - the app must not have it
            fault()

    def learn(self, route: object) -> tuple[object, str | None]:
        """Find out how a route is called, if it is ours to speak for it."""
        try:
            speaks = self.outermost(route)
            self.labels.put(route, label_of(route) if speaks else None)
            return self.labels.found[id(route)]
        except Exception:  # noqa: BLE001 - the app must not have it
            fault()
            return None, None

    def forget(self) -> None:
        super().forget()
        self.labels.clear()


NONE, FULL = Match.NONE, Match.FULL
_MATCH = code_of(RouteMatch, 3)


def _scan(trail: Trail, match: Match) -> int:
    """Say whether this is the second search, with the final slash toggled.

    It is asked of a scope that the router was not entered with.
    """
    if trail.routing is None:
        return 1
    if match is not NONE:
        trail.redirecting = True
    return 2


class HandleStage(Stage):
    """`handle` of a route: the one that was chosen."""

    begins = "route.handle"

    def enter(self, note: Note, args: tuple[Any, ...]) -> object:
        route, scope = args[0], args[1]
        if not (self.outer.get(type(route)) or self.outermost(route)):
            return None
        known = APPS.found.get(id(route))
        stage, serves, label = self.learn(route) if known is None else known[1]
        params = scope.get("path_params")
        names = tuple(map(str, params)) if params else ()
        if "fastapi" in scope:
            label = label_in(route, scope)
        trail = note.trail or trail_of(note)
        if (looks := trail.looks) is not None:
            looks.route(note, label, scope)
        note.two(RouteHandle, self.where, label, names)
        trail.serving = serves
        return stage, stage and stage.enter(note, args[1:]), label

    def learn(self, route: BaseRoute) -> tuple[Stage | None, bool, str]:
        """Find out what stands behind a route, and how it is called."""
        serves = is_a(route, (Route, WebSocketRoute))
        return APPS.put(route, (prepare_route(route), serves, label_of(route)))

    def leave(self, note: Note, token: Any, result: object) -> None:
        trail = note.trail or trail_of(note)
        trail.serving = False
        stage, inner, label = token
        if stage is not None and inner is not None:
            stage.leave(note, inner, result)
        if (looks := trail.looks) is not None:
            looks.pass_out(note, label)

    def fail(self, note: Note, token: Any, error: BaseException) -> None:
        trail_of(note).serving = False
        stage, inner, label = token
        if stage is not None and inner is not None:
            stage.fail(note, inner, error)
        leaving(note, label)
        raised(note, error)

    def entered(self, token: Any) -> tuple[Stop, ...]:
        stage, inner, _ = token
        stops = super().entered(token)
        # Both were said by now, so it stands at the second.
        return stops if inner is None else stops + stage.entered(inner)

    def left(self, token: Any) -> tuple[Stop, ...]:
        stage, inner, _ = token
        return () if inner is None else stage.left(inner)

    def named(self, token: Any) -> tuple[str, int | None]:
        return token[2], self.where


def _is_bare(app: object) -> bool:
    return is_a(
        app, (FunctionType, MethodType, functools.partial)
    ) and not is_ours(app)


def prepare_router(router: Router) -> None:
    """Make a router's routes visible, and what it bound before we came."""
    known = PREPARED.found.get(id(router))
    if known is None:
        own = attributes(router)
        lists = PREPARED.put(router, [(own, [])])
        patch(type(router), "app", RouterStage)
        patch(type(router), "not_found", DefaultStage)
        _bind_again(router, own)
    else:
        lists = known[1]
        try:
            # Lists compare by identity first, so that nobody's `__eq__` is
            # asked unless a route was put in the place of another one.
            for own, routes in lists:
                if own.get("routes") != routes:
                    break
            else:
                return  # as with each request but the first
        except Exception:  # noqa: BLE001, S110 - somebody's `__eq__`
            pass
    found: Lists = []
    watch_routes(lists[0][0], found)
    lists[:] = found


def watch_routes(own: dict[str, Any], lists: Lists) -> None:
    """Make the classes of a router's routes visible, and of included ones."""
    routes = own.get("routes", ())
    lists.append((own, [*routes]))
    for route in routes:
        if type(route) not in _route_classes:
            watch_route_class(type(route))
        if "original_router" in attributes(route):  # by include_router
            router = attributes(route).get("original_router")
            watch_routes(attributes(router), lists)


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
            is_app = app is base and find(app, is_router, narrow=True) is None
            return (AppFunctionStage if is_app else LayerFunctionStage)(app)
    elif is_a(route, (Route, WebSocketRoute)):
        watch_endpoint(route, app)
    return None


def watch_mounted(app: object, base: object) -> None:
    """Make a mounted app visible, and the middleware around it."""
    way = find(app, lambda thing: thing is base) or [(None, app)]
    inner = find(base, is_router, narrow=True)
    if inner is not None:
        watch_layers([*way[:-1], *inner[:-1]])
        return
    watch_layers(way[:-1])
    if not _is_bare(base) and not is_a(base, type):
        watch_call(base, "app")
