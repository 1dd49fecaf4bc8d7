"""Each part of a Starlette app, requested: the whole story, line by line."""

import functools
from pathlib import Path
from typing import Any

from frameworks_seen import RINGS, Seen, as_it_was  # noqa: F401
from starlette.applications import Starlette
from starlette.background import BackgroundTask, BackgroundTasks
from starlette.endpoints import HTTPEndpoint, WebSocketEndpoint
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Host, Mount, Route, Router, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket

from tracer.capture.frameworks import uninstrument


async def home(request: Request) -> Response:
    return PlainTextResponse("home")


def sync(request: Request) -> Response:
    return PlainTextResponse("sync")


async def boom(request: Request) -> Response:
    raise ValueError("no")


async def bare(scope: Any, receive: Any, send: Any) -> None:
    await PlainTextResponse("bare")(scope, receive, send)


class Raw:
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse("raw")(scope, receive, send)


class Pure:
    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


class Slotted:
    __slots__ = ("nxt",)

    def __init__(self, app: Any) -> None:
        self.nxt = app

    def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
        return self.nxt(scope, receive, send)


def closure(app: Any) -> Any:
    async def wrapped(scope: Any, receive: Any, send: Any) -> None:
        await app(scope, receive, send)

    return wrapped


HOME = [
    "endpoint.enter home function async",
    "endpoint.exit home PlainTextResponse",
    "response.call PlainTextResponse 200",
]


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

    makers: list[Any] = [
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


def test_each_route_is_asked_in_order_until_one_fits() -> None:
    routes = [
        Route("/a", home),
        Route("/b", home, methods=["POST"]),
        Mount("/c", bare),
        Route("/b", home),
        Route("/d", home),
    ]
    seen = Seen(Starlette(routes=routes))

    assert seen.inner("/b") == [
        "router.enter http /b 5",
        "route.match GET /a NONE 1",
        "route.match POST /b PARTIAL 1",
        "route.match Mount /c NONE 1",
        "route.match GET /b FULL 1",
        "route.handle GET /b",
        *HOME,
    ]


def test_a_path_whose_method_does_not_fit_ends_in_405() -> None:
    seen = Seen(Starlette(routes=[Route("/", home, methods=["POST"])]))

    story = seen.inner("/")

    assert story[1:3] == [
        "route.match POST / PARTIAL 1",
        "route.handle POST /",
    ]
    assert story[3].startswith(
        "exception.raised HTTPException 405: Method Not Allowed"
        " starlette/routing.py:"
    )
    assert story[4:] == [
        "exception.handled HTTPException ExceptionMiddleware"
        " ExceptionMiddleware.http_exception False",
        "response.call PlainTextResponse 405",
    ]


def test_a_toggled_slash_is_a_second_scan_and_a_redirect() -> None:
    routes = [Route("/a", home), Route("/b/", home, methods=["POST"])]
    seen = Seen(Starlette(routes=routes))

    assert seen.inner("/b?password=hunter2hunter2") == [
        "router.enter http /b 2",
        "route.match GET /a NONE 1",
        "route.match POST /b/ NONE 1",
        "route.match GET /a NONE 2",
        "route.match POST /b/ PARTIAL 2",
        "router.redirect http://testserver/b/?password=[hidden]",
        "response.call RedirectResponse 307",
    ]


def test_no_route_means_the_default_which_raises() -> None:
    seen = Seen(Starlette())

    story = seen.inner("/x")

    assert story[:2] == ["router.enter http /x 0", "router.default"]
    assert story[2].startswith(
        "exception.raised HTTPException 404: Not Found starlette/routing.py:"
    )
    assert story[3:] == [
        "exception.handled HTTPException ExceptionMiddleware"
        " ExceptionMiddleware.http_exception False",
        "response.call PlainTextResponse 404",
    ]


def test_a_default_of_the_users_own_is_seen_too() -> None:
    app = Starlette()
    for default in (bare, Raw()):
        app.router.default = default
        seen = Seen(app)

        assert seen.inner("/x") == [
            "router.enter http /x 0",
            "router.default",
            "response.call PlainTextResponse 200",
        ]
        uninstrument()


def test_a_mounted_app_is_entered_deeper_in() -> None:
    sub = Starlette(routes=[Route("/{x}", home)], middleware=[Middleware(Pure)])
    seen = Seen(Starlette(routes=[Mount("/sub", sub)]))

    assert seen.get("/sub/3") == [
        "app.enter Starlette http",
        "middleware.enter ServerErrorMiddleware 0",
        "middleware.enter ExceptionMiddleware 1",
        "router.enter http /sub/3 1",
        "route.match Mount /sub FULL 1",
        "route.handle Mount /sub",
        "app.enter Starlette http",
        "middleware.enter ServerErrorMiddleware 2",
        "middleware.enter Pure 3",
        "middleware.enter ExceptionMiddleware 4",
        "router.enter http /3 1",
        "route.match GET /{x} FULL 1",
        "route.handle GET /{x} x",
        *HOME,
        "middleware.exit ExceptionMiddleware 4",
        "middleware.exit Pure 3",
        "middleware.exit ServerErrorMiddleware 2",
        "app.exit Starlette",
        "middleware.exit ExceptionMiddleware 1",
        "middleware.exit ServerErrorMiddleware 0",
        "app.exit Starlette",
    ]


def test_mounts_of_functions_instances_and_routers() -> None:
    inner = Route("/", home, middleware=[Middleware(Pure)])
    routes = [
        Mount("/bare", bare),
        Mount("/raw", Raw()),
        Mount("/mw", routes=[inner], middleware=[Middleware(closure)]),
        Mount("/router", Router([inner], middleware=[Middleware(Slotted)])),
        Host("{sub}.example.org", bare),
    ]
    seen = Seen(Starlette(routes=routes))

    assert seen.inner("/bare/x")[2:] == [
        "route.handle Mount /bare",
        "app.enter bare http",
        "response.call PlainTextResponse 200",
        "app.exit bare",
    ]
    assert seen.inner("/raw/")[3:] == [
        "route.handle Mount /raw",
        "app.enter Raw http",
        "response.call PlainTextResponse 200",
        "app.exit Raw",
    ]
    for path, ring in (("/mw/", "closure"), ("/router/", "Slotted")):
        story = seen.inner(path)
        assert story[story.index(f"middleware.enter {ring} 2") :] == [
            f"middleware.enter {ring} 2",
            "router.enter http / 1",
            "route.match GET / FULL 1",
            "route.handle GET /",
            "middleware.enter Pure 3",
            *HOME,
            "middleware.exit Pure 3",
            f"middleware.exit {ring} 2",
        ]
    assert seen.inner("/", headers={"host": "a.example.org"})[5:] == [
        "route.match Host {sub}.example.org FULL 1",
        "route.handle Host {sub}.example.org sub",
        "app.enter bare http",
        "response.call PlainTextResponse 200",
        "app.exit bare",
    ]


def test_a_router_made_before_us_with_middleware_of_its_own() -> None:
    router = Router([Route("/", home)], middleware=[Middleware(Pure)])
    app = Starlette(routes=[Mount("/r", router), Mount("/s", Router([]))])
    seen = Seen(app)

    assert "router.enter http / 1" in seen.get("/r/")
    assert "router.default" in seen.get("/s/")


def test_routes_that_come_later_are_seen_wherever_they_stand() -> None:
    app = Starlette(routes=[Route("/a", home)])
    seen = Seen(app)
    seen.get("/a")

    app.routes.insert(0, Mount("/b", bare))
    app.add_route("/c", sync)

    assert seen.inner("/c")[:5] == [
        "router.enter http /c 3",
        "route.match Mount /b NONE 1",
        "route.match GET /a NONE 1",
        "route.match GET /c FULL 1",
        "route.handle GET /c",
    ]
    assert "[worker] endpoint.enter sync function threadpool" in seen.get("/c")


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
        f"exception.raised ValueError no test_frameworks_story.py:{line}",
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


def test_a_router_alone_is_an_app_without_rings() -> None:
    seen = Seen(Router([Route("/", home)]))

    assert seen.get("/") == [
        "router.enter http / 1",
        "route.match GET / FULL 1",
        "route.handle GET /",
        *HOME,
    ]


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


def test_a_websocket_passes_the_same_stages() -> None:
    async def echo(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(await websocket.receive_text())
        await websocket.close()

    class Echo(WebSocketEndpoint):
        async def on_receive(self, websocket: WebSocket, data: Any) -> None:
            await websocket.send_text("class")

    routes = [WebSocketRoute("/f", echo), WebSocketRoute("/c", Echo)]
    seen = Seen(Starlette(routes=routes))

    for path, name, answer in (("/f", "echo", "hi"), ("/c", "Echo", "class")):
        seen.events.clear()
        with seen.client.websocket_connect(path) as session:
            session.send_text("hi")
            assert session.receive_text() == answer
        form = "function" if name == "echo" else "class"
        story = seen.story()
        at = story.index(f"route.match WebSocket {path} FULL 1")
        assert story[at : at + 4] == [
            f"route.match WebSocket {path} FULL 1",
            f"route.handle WebSocket {path}",
            f"endpoint.enter {name} {form} async",
            f"endpoint.exit {name} NoneType",
        ]
        assert story[0] == "app.enter Starlette websocket"


def test_static_files_are_an_app_with_worker_threads(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    app = Starlette(routes=[Mount("/s", StaticFiles(directory=tmp_path))])
    seen = Seen(app)

    story = seen.inner("/s/a.txt")

    assert seen.response.text == "a"
    assert story[3] == "app.enter StaticFiles http"
    assert story[-1] == "app.exit StaticFiles"
    assert "thread.queued StaticFiles.lookup_path" in story
    assert "response.call FileResponse 200" in story


def test_the_rings_are_known_to_these_tests() -> None:
    seen = Seen(Starlette(routes=[Route("/", home)]))

    assert RINGS.issubset(seen.get("/"))
