"""Rings, endpoints, responses, exceptions: the story, line by line."""

import functools
from typing import Any

from frameworks_parts import (
    HOME,
    Pure,
    Raw,
    Slotted,
    boom,
    closure,
    home,
    sync,
)
from frameworks_seen import RINGS, Seen, as_it_was  # noqa: F401
from starlette.applications import Starlette
from starlette.background import BackgroundTask, BackgroundTasks
from starlette.endpoints import HTTPEndpoint
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route, Router


def test_a_request_meets_every_layer_on_the_way_in_and_out() -> None:
    seen = Seen(Starlette(routes=[Route("/", home)]))

    assert seen.get("/") == [
        "app.enter Starlette http",
        "middleware.enter ServerErrorMiddleware 0",
        "middleware.enter ExceptionMiddleware 1",
        "router.enter http / 1",
        "route.match GET / FULL 1",
        "route.handle GET /",
        *HOME,
        "middleware.exit ExceptionMiddleware 1",
        "middleware.exit ServerErrorMiddleware 0",
        "app.exit Starlette",
    ]
    assert [e.layers for e in seen.of("stack.built")] == [
        ("ServerErrorMiddleware", "ExceptionMiddleware")
    ]


def test_the_stack_is_built_once_and_says_who_handles_what() -> None:
    async def handler(request: Request, error: Exception) -> Response:
        return PlainTextResponse("")

    handlers: dict[Any, Any] = {404: handler, 500: handler, KeyError: handler}
    seen = Seen(Starlette(exception_handlers=handlers))

    seen.get("/")
    (built,) = seen.of("stack.built")

    assert built.handlers == (
        "500 -> ServerErrorMiddleware",
        "404 -> ExceptionMiddleware",
        "HTTPException -> ExceptionMiddleware",
        "WebSocketException -> ExceptionMiddleware",
        "KeyError -> ExceptionMiddleware",
    )
    seen.get("/")
    assert not seen.of("stack.built")


def test_a_def_endpoint_runs_in_a_worker_thread() -> None:
    seen = Seen(Starlette(routes=[Route("/", sync)]))

    assert seen.inner("/")[3:] == [
        "thread.queued sync",
        "[worker] thread.start sync",
        "[worker] endpoint.enter sync function threadpool",
        "[worker] endpoint.exit sync PlainTextResponse",
        "[worker] thread.end sync returned",
        "response.call PlainTextResponse 200",
    ]
    (queued,), (start,) = seen.of("thread.queued"), seen.of("thread.start")
    assert (queued.borrowed, queued.total) == (0, 40)
    assert 0 < start.queued <= start.t - queued.t


class Items(HTTPEndpoint):
    async def get(self, request: Request) -> Response:
        return PlainTextResponse("get")

    def post(self, request: Request) -> Response:
        return PlainTextResponse("post")


class More(Items):
    async def get(self, request: Request) -> Response:
        return await super().get(request)


def test_a_class_of_endpoints_is_seen_by_its_verbs() -> None:
    routes = [Route("/items", Items), Route("/more", More)]
    seen = Seen(Starlette(routes=routes))

    assert seen.inner("/items")[3:5] == [
        "endpoint.enter Items.get class async",
        "endpoint.exit Items.get PlainTextResponse",
    ]
    assert seen.inner("/more")[4:] == [
        "endpoint.enter More.get class async",
        "endpoint.exit More.get PlainTextResponse",
        "response.call PlainTextResponse 200",
    ], "super().get() is no second endpoint"
    story = seen.request("POST", "/items")
    assert [each for each in story if "worker" in each] == [
        "[worker] thread.start Items.post",
        "[worker] endpoint.enter Items.post class threadpool",
        "[worker] endpoint.exit Items.post PlainTextResponse",
        "[worker] thread.end Items.post returned",
    ]


def test_an_instance_as_endpoint_gets_the_three() -> None:
    seen = Seen(Starlette(routes=[Route("/raw", Raw())]))

    assert seen.inner("/raw")[2:] == [
        "route.handle /raw",
        "endpoint.enter Raw instance raw",
        "response.call PlainTextResponse 200",
        "endpoint.exit Raw",
    ]


def test_every_sort_of_middleware_is_seen_at_its_depth() -> None:
    class Timing(BaseHTTPMiddleware):
        async def dispatch(self, request: Request, call_next: Any) -> Response:
            response: Response = await call_next(request)
            return response

    async def dispatch(request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        return response

    async def passing(app: Any, scope: Any, receive: Any, send: Any) -> None:
        await app(scope, receive, send)

    class Held:
        def __init__(self, app: Any) -> None:
            self.kept = app

        async def handle(self, scope: Any, receive: Any, send: Any) -> None:
            await self.kept(scope, receive, send)

    def decorated(app: Any) -> Any:
        inner = closure(app)

        @functools.wraps(inner)
        async def outer(*args: Any) -> None:
            await inner(*args)

        return outer

    class Listed:
        def __init__(self, app: Any) -> None:
            self.chain = [{"default": app}]

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await self.chain[0]["default"](scope, receive, send)

    makers: list[Any] = [
        Listed,
        closure,
        Pure,
        Slotted,
        Timing,
        closure,
        lambda app: functools.partial(passing, app),
        decorated,
        lambda app: Held(app).handle,
        GZipMiddleware,
    ]
    middleware = [Middleware(each) for each in makers]
    middleware.append(Middleware(BaseHTTPMiddleware, dispatch=dispatch))
    seen = Seen(Starlette(routes=[Route("/", home)], middleware=middleware))

    story = [each for each in seen.get("/") if each.startswith("middleware")]

    names = [
        "ServerErrorMiddleware",
        "Listed",
        "closure",
        "Pure",
        "Slotted",
        "Timing",
        "closure",
        "passing",
        "closure",
        "closure",
        "Held.handle",
        "GZipMiddleware",
        "BaseHTTPMiddleware(dispatch)",
        "ExceptionMiddleware",
    ]
    rings = list(enumerate(names))
    assert story == [f"middleware.enter {n} {d}" for d, n in rings] + [
        f"middleware.exit {n} {d}" for d, n in reversed(rings)
    ]
    assert seen.of("stack.built")[0].layers == tuple(names)
    assert seen.response.text == "home"


def test_a_middleware_that_answers_itself_lets_nobody_in() -> None:
    class Guard(Pure):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await PlainTextResponse("no", 403)(scope, receive, send)

    middleware = [Middleware(Guard), Middleware(Pure)]
    seen = Seen(Starlette(routes=[Route("/", home)], middleware=middleware))

    assert seen.get("/") == [
        "app.enter Starlette http",
        "middleware.enter ServerErrorMiddleware 0",
        "middleware.enter Guard 1",
        "response.call PlainTextResponse 403",
        "middleware.exit Guard 1",
        "middleware.exit ServerErrorMiddleware 0",
        "app.exit Starlette",
    ]


def test_background_tasks_run_after_the_response_has_gone() -> None:
    async def first() -> None: ...

    def second() -> None:
        raise ValueError("late")

    async def page(request: Request) -> Response:
        tasks = BackgroundTasks([BackgroundTask(first), BackgroundTask(second)])
        return PlainTextResponse("", background=tasks)

    seen = Seen(Starlette(routes=[Route("/", page)]))
    story = seen.inner("/")
    kinds = [each.kind for each in seen.events]

    assert story[5:10] == [
        "response.call PlainTextResponse 200",
        "background.start first",
        "background.end first",
        "background.start second",
        "thread.queued second",
    ]
    assert story[10:12] == [
        "[worker] thread.start second",
        "[worker] thread.end second raised",
    ]
    assert story[12].startswith("exception.raised ValueError late")
    assert story[13] == "background.end second ValueError"
    assert "send.return" not in kinds[kinds.index("background.start") :]


def test_a_streamed_response_is_called_like_any_other() -> None:
    async def page(request: Request) -> Response:
        return StreamingResponse(iter([b"a", b"b"]))

    seen = Seen(Starlette(routes=[Route("/", page)]))

    story = seen.inner("/")

    assert story[5] == "response.call StreamingResponse 200"
    assert story.count("thread.queued _next") == 3


def test_an_exception_is_raised_once_and_leaves_through_every_ring() -> None:
    middleware = [Middleware(Pure)]
    seen = Seen(Starlette(routes=[Route("/", boom)], middleware=middleware))

    story = seen.get("/")
    line = boom.__code__.co_firstlineno + 1

    assert story[7:] == [
        "endpoint.enter boom function async",
        f"exception.raised ValueError no frameworks_parts.py:{line}",
        "endpoint.exit boom ValueError",
        "middleware.exit ExceptionMiddleware 2 ValueError",
        "middleware.exit Pure 1 ValueError",
        "exception.handled ValueError ServerErrorMiddleware error_response"
        " True",
        "response.call PlainTextResponse 500",
        "middleware.exit ServerErrorMiddleware 0 ValueError",
        "app.exit Starlette ValueError",
    ]
    assert seen.response.status_code == 500


def test_handlers_are_named_and_so_is_who_called_them() -> None:
    async def for_418(request: Request, error: Exception) -> Response:
        return PlainTextResponse("", 418)

    def for_values(request: Request, error: Exception) -> Response:
        return PlainTextResponse("", 400)

    def for_all(request: Request, error: Exception) -> Response:
        return PlainTextResponse("", 500)

    async def teapot(request: Request) -> Response:
        raise HTTPException(418)

    async def broken(request: Request) -> Response:
        raise KeyError

    class Early(Pure):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await self.app(scope, receive, send)
            if scope["path"] == "/late":
                raise ValueError

    routes = [
        Route("/teapot", teapot),
        Route("/value", boom),
        Route("/broken", broken),
        Mount("/sub", Router([], middleware=[Middleware(Early)])),
    ]
    handlers: dict[Any, Any] = {
        418: for_418,
        ValueError: for_values,
        Exception: for_all,
    }
    seen = Seen(Starlette(routes=routes, exception_handlers=handlers))

    def handled(path: str) -> list[str]:
        found = seen.get(path)
        return [each for each in found if "exception.handled" in each]

    assert handled("/teapot") == [
        "exception.handled HTTPException request_response"
        f" {for_418.__name__} False"
    ]
    assert handled("/value") == [
        "[worker] exception.handled ValueError request_response"
        " for_values False"
    ]
    assert seen.response.status_code == 400
    (broken_by,) = handled("/broken")
    assert broken_by.endswith("KeyError ServerErrorMiddleware for_all True")
    assert handled("/sub/x") == [
        "exception.handled HTTPException ExceptionMiddleware"
        " ExceptionMiddleware.http_exception False"
    ]


def test_debug_mode_answers_with_a_page_of_its_own() -> None:
    seen = Seen(Starlette(debug=True, routes=[Route("/", boom)]))

    assert "[worker] exception.handled ValueError ServerErrorMiddleware" in (
        " ".join(seen.get("/"))
    )


def test_what_is_served_around_starlette_is_middleware() -> None:
    for served, name in (
        (GZipMiddleware, "GZipMiddleware"),
        (closure, "closure"),
    ):
        seen = Seen(served(Starlette(routes=[Route("/", home)])))
        story = seen.get("/")
        assert story[:3] == [
            f"middleware.enter {name} 0",
            "app.enter Starlette http",
            "middleware.enter ServerErrorMiddleware 1",
        ]
        assert story[-1] == f"middleware.exit {name} 0"


def test_the_lifespan_is_no_request() -> None:
    seen = Seen(Starlette())

    with seen.client:
        pass

    assert [each.kind for each in seen.events if each.kind != "source"] == [
        "app.snapshot",
        "app.enter",
        "stack.built",
        "middleware.enter",
        "middleware.enter",
        "router.enter",
        "middleware.exit",
        "middleware.exit",
        "app.exit",
    ]
    assert {each.req for each in seen.events} == {None}
    assert seen.of("app.enter")[0].type == "lifespan"


def test_the_rings_are_known_to_these_tests() -> None:
    seen = Seen(Starlette(routes=[Route("/", home)]))

    assert RINGS.issubset(seen.get("/"))
