"""What an app and its author can see of themselves stays as it was."""

import copy
import gc
import inspect
import weakref
from collections.abc import Iterator
from typing import Any

import anyio.to_thread
import pytest
import uvicorn
from fastapi import FastAPI
from frameworks_seen import Seen, as_it_was  # noqa: F401
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Match, Mount, Route, Router

import tracer
from tracer.capture.frameworks import threads, uninstrument
from tracer.capture.frameworks.stages import EndpointStage


async def home(request: Request) -> Response:
    return PlainTextResponse(request.scope["endpoint"].__name__)


def sync(request: Request) -> Response:
    return PlainTextResponse("sync")


async def bare(scope: Any, receive: Any, send: Any) -> None:
    await PlainTextResponse("bare")(scope, receive, send)


class Pure:
    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


def routes_of() -> list[BaseRoute]:
    return [
        Route("/", home, middleware=[Middleware(Pure)]),
        Route("/sync", sync),
        Mount("/bare", bare),
        Mount("/sub", Starlette(routes=[Route("/", home)])),
    ]


def test_the_app_is_the_same_object_with_the_same_contents() -> None:
    routes = routes_of()
    app = Starlette(routes=routes, middleware=[Middleware(GZipMiddleware)])
    before = {each: dict(vars(each)) for each in _Identity.all(app, *routes)}
    seen = Seen(app)

    for path in ("/", "/sync", "/bare/", "/sub/"):
        seen.get(path)

    assert seen.app is app
    assert app.routes == routes_of()[:2] + routes[2:]
    for each, was in before.items():
        now = dict(vars(each.thing))
        now.pop("middleware_stack", None)
        was.pop("middleware_stack", None)
        assert now == was
        assert all(now[name] is was[name] for name in now)


class _Identity:
    """An object as a key: routes are equal to others, and not hashable."""

    def __init__(self, thing: Any) -> None:
        self.thing = thing

    @property
    def __dict__(self) -> Any:  # type: ignore[override]  # meant
        return self.thing.__dict__

    @classmethod
    def all(cls, *things: Any) -> Iterator["_Identity"]:
        return map(cls, things)


def test_a_copy_of_a_route_is_a_route_of_its_own() -> None:
    mount = Mount("/a", bare)
    seen = Seen(Starlette(routes=[mount]))
    seen.get("/a/")

    other = copy.copy(mount)
    other.path_regex = Mount("/b", bare).path_regex
    scope = {"type": "http", "path": "/b/x", "method": "GET", "headers": []}

    assert other.matches(scope)[0] is Match.FULL
    assert mount.matches(scope)[0] is Match.NONE


def test_who_walks_the_stack_finds_what_the_app_put_there() -> None:
    app = Starlette(routes=routes_of(), middleware=[Middleware(Pure)])
    seen = Seen(app)
    seen.get("/")

    stack: Any = app.middleware_stack
    kinds = []
    while not isinstance(stack, Router):
        kinds.append(type(stack).__name__)
        stack = stack.app

    assert kinds == ["ServerErrorMiddleware", "Pure", "ExceptionMiddleware"]
    assert stack is app.router


def test_functions_of_classes_keep_their_kind_name_and_signature() -> None:
    names = [
        (Starlette, "__call__"),
        (Starlette, "build_middleware_stack"),
        (Router, "app"),
        (Route, "matches"),
        (Route, "handle"),
        (PlainTextResponse.__mro__[1], "__call__"),
        (Pure, "__call__"),
    ]

    def look() -> list[Any]:
        return [
            (
                getattr(cls, name).__qualname__,
                getattr(cls, name).__module__,
                getattr(cls, name).__doc__,
                inspect.signature(getattr(cls, name)),
                inspect.iscoroutinefunction(getattr(cls, name)),
            )
            for cls, name in names
        ]

    plain = look()
    functions = [getattr(cls, name) for cls, name in names]
    app = Starlette(routes=routes_of(), middleware=[Middleware(Pure)])
    Seen(app).get("/")

    assert look() == plain
    assert all(
        getattr(cls, name) is not function
        for (cls, name), function in zip(names, functions, strict=True)
    )
    uninstrument()
    assert [getattr(cls, name) for cls, name in names] == functions


def test_uninstrument_gives_the_threads_back() -> None:
    before = anyio.to_thread.run_sync
    Seen(Starlette())
    assert anyio.to_thread.run_sync is not before

    uninstrument()

    assert anyio.to_thread.run_sync is before


def test_exceptions_come_out_as_they_went_in() -> None:
    error = ValueError("mine")
    error.__cause__ = cause = KeyError("why")

    async def page(request: Request) -> Response:
        raise error

    app = Starlette(routes=[Route("/", page)], middleware=[Middleware(Pure)])
    seen = Seen(app, raise_server_exceptions=True)

    with pytest.raises(ValueError, match="mine") as caught:
        seen.get("/")

    assert caught.value is error
    assert error.__cause__ is cause
    names = [each.name for each in caught.traceback]
    assert names[-1] == "page"
    assert [n for n in names if n == "traced"], "our frames are no secret"


def test_an_exception_that_cannot_be_told_comes_out_as_it_went_in() -> None:
    """Python writes no number of so many digits, not even for us."""
    error = ValueError(10**5000)

    class Endless(Route):
        def matches(self, scope: Any) -> Any:
            raise error

    async def page(request: Request) -> Response:
        raise error

    app = Starlette(routes=[Route("/", page), Endless("/x", page)])
    seen = Seen(app, raise_server_exceptions=True)

    for path in ("/", "/x"):
        with pytest.raises(ValueError) as caught:  # noqa: PT011
            seen.get(path)
        assert caught.value is error
        (told,) = seen.of("exception.raised")
        assert (told.type, told.message) == ("ValueError", "int")


def test_an_exception_is_not_kept_alive() -> None:
    class Mine(Exception):  # noqa: N818
        pass

    died: list[Any] = []

    async def page(request: Request) -> Response:
        error = Mine()
        died.append(weakref.ref(error))
        raise error

    async def handler(request: Request, error: Exception) -> Response:
        return PlainTextResponse("", 400)

    handlers: dict[Any, Any] = {Mine: handler}
    app = Starlette(routes=[Route("/", page)], exception_handlers=handlers)
    seen = Seen(app)
    seen.get("/")
    gc.collect()

    assert died[0]() is None
    assert len(seen.of("exception.raised")) == 1


def test_the_order_of_what_the_app_does_is_unchanged() -> None:
    did: list[str] = []

    class Sync:
        def __init__(self, app: Any) -> None:
            self.app = app

        def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
            did.append("call")
            inner = self.app(scope, receive, send)
            did.append("called")
            return inner

    class Timing(BaseHTTPMiddleware):
        async def dispatch(self, request: Request, call_next: Any) -> Response:
            did.append("before")
            response: Response = await call_next(request)
            did.append("after")
            return response

    async def page(request: Request) -> Response:
        did.append("page")
        return PlainTextResponse("")

    middleware = [Middleware(Sync), Middleware(Timing)]
    app = Starlette(routes=[Route("/", page)], middleware=middleware)
    Seen(app).get("/")
    traced = list(did)
    did.clear()
    uninstrument()
    plain = Starlette(routes=[Route("/", page)], middleware=middleware)
    tracer.instrument(plain, lambda event: None)
    Seen(plain).get("/")

    assert traced == did == ["call", "called", "before", "page", "after"]


class Hostile:
    """Looks at us as soon as we look at it."""

    def __init__(self, app: Any = None) -> None:
        self.app = app

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(f"looked at {name}")

    def __repr__(self) -> str:
        raise RuntimeError("shown")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("compared")

    def __hash__(self) -> int:
        raise RuntimeError("hashed")

    def __bool__(self) -> bool:
        raise RuntimeError("asked for its truth")

    @property  # type: ignore[misc]  # so does a user
    def __class__(self) -> Any:
        raise RuntimeError("asked for its class")

    @property
    def database(self) -> None:
        raise RuntimeError("opened")

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self.app is None:
            await PlainTextResponse("ok")(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def test_no_code_of_the_users_own_runs_by_being_looked_at() -> None:
    class Odd(Exception):  # noqa: N818
        def __str__(self) -> str:
            raise RuntimeError("read")

    async def boom(request: Request) -> Response:
        raise Odd(Hostile())

    async def page(request: Request) -> Any:
        return Hostile()

    routes = [Route("/", page), Mount("/m", Hostile()), Route("/boom", boom)]
    middleware = [Middleware(Hostile)]
    seen = Seen(Starlette(routes=routes, middleware=middleware))

    assert "endpoint.exit page Hostile" in seen.get("/")
    assert "app.enter Hostile http" in seen.get("/m/")
    seen.get("/boom")
    (raised,) = seen.of("exception.raised")
    assert (raised.type, raised.message) == ("Odd", "")


def test_a_served_object_may_be_hostile_too() -> None:
    seen = Seen(Hostile())

    assert seen.get("/") == [
        "app.enter Hostile http",
        "response.call PlainTextResponse 200",
        "app.exit Hostile",
    ]


def test_a_fault_of_our_own_reaches_the_log_and_not_the_app(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any) -> None:
        raise RuntimeError("ours")

    seen = Seen(Starlette(routes=[Route("/", sync)]))
    for method in ("enter", "leave"):
        monkeypatch.setattr(EndpointStage, method, broken)
    monkeypatch.setattr(threads, "name_of", broken)
    for _ in range(2):
        story = seen.inner("/")

    assert seen.response.text == "sync"
    assert story == [
        "router.enter http / 1",
        "route.match GET / FULL 1",
        "route.handle GET /",
        "response.call PlainTextResponse 200",
    ]
    assert {each.name for each in caplog.records} == {"asgi_trace"}
    assert len(caplog.records) == 1, "once for each place that fails"


def test_who_calls_an_app_without_arguments_is_told_so_at_once() -> None:
    """uvicorn does, and takes what raises nothing for a factory."""
    apps: list[Any] = [
        Starlette(middleware=[Middleware(Pure)]),
        FastAPI(openapi_url=None),
        GZipMiddleware(Starlette()),
        Pure(bare),
        Router(),
        bare,
    ]
    for app in apps:
        seen = Seen(app)
        seen.get("/")
        for each in (app, seen.app):
            with pytest.raises(TypeError, match="missing 3 required"):
                each()
        config = uvicorn.Config(seen.app, log_config=None)
        config.load()
        assert config.interface == "asgi3"


def test_names_of_arguments_are_as_good_as_their_order() -> None:
    seen = Seen(Starlette(routes=[Route("/", sync)]))
    scope = {"type": "http", "path": "/", "method": "GET", "headers": []}
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        sent.append(message)

    async def call() -> None:
        await seen.app(send=send, scope=scope, receive=receive)

    anyio.run(call)

    assert [each["type"] for each in sent] == [
        "http.response.start",
        "http.response.body",
    ]
    assert len(seen.of("app.enter")) == 1
