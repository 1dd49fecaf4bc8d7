"""Which route gets the request: the story, line by line."""

from pathlib import Path
from typing import Any

from frameworks_parts import HOME, Pure, Raw, Slotted, bare, closure, home, sync
from frameworks_seen import Seen, as_it_was, told  # noqa: F401
from starlette.applications import Starlette
from starlette.endpoints import WebSocketEndpoint
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.routing import Host, Mount, Route, Router, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket

from tracer.capture.frameworks import uninstrument
from tracer.capture.sources import code_at


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


def test_a_route_in_the_place_of_another_is_seen() -> None:
    class Late(Route):
        def matches(self, scope: Any) -> Any:
            return super().matches(scope)

        def __eq__(self, other: object) -> bool:
            raise AssertionError("compared")

        __hash__ = None  # type: ignore[assignment]

    class Later(Late):
        def matches(self, scope: Any) -> Any:
            return super().matches(scope)

    app = Starlette(routes=[Route("/", home)])
    seen = Seen(app)
    seen.get("/")
    for late in (Late("/one", home), Later("/two", home)):
        app.router.routes[0] = late
        seen.get(late.path)
        (match,) = seen.of("route.match")
        assert match.route == f"GET {late.path}"
        code = code_at(match.where)
        assert code.co_qualname.endswith(f"{type(late).__name__}.matches")


def test_a_router_alone_is_an_app_without_rings() -> None:
    seen = Seen(Router([Route("/", home)]))

    assert seen.get("/") == [
        "router.enter http / 1",
        "route.match GET / FULL 1",
        "route.handle GET /",
        *HOME,
    ]


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
        methods = [
            f"endpoint.{way} Echo.{method} {more}"
            for method in ("on_connect", "on_receive", "on_disconnect")
            for way, more in (("enter", "class async"), ("exit", "NoneType"))
        ]
        story = [e for e in seen.story() if not e.startswith("receive.")]
        at = story.index(f"route.match WebSocket {path} FULL 1")
        wanted = [
            f"route.match WebSocket {path} FULL 1",
            f"route.handle WebSocket {path}",
            f"endpoint.enter {name} {form} async",
            *(methods if name == "Echo" else []),
            f"endpoint.exit {name} NoneType",
        ]
        assert story[at : at + len(wanted)] == wanted
        assert story[0] == "app.enter Starlette websocket"


def test_what_a_websocket_s_messages_carry_is_counted() -> None:
    async def echo(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(await websocket.receive_text() + "\u00e9")
        await websocket.send_bytes(await websocket.receive_bytes())
        await websocket.receive()

    seen = Seen(Starlette(routes=[WebSocketRoute("/", echo)]))

    with seen.client.websocket_connect("/") as session:
        session.send_text("hi")
        session.send_bytes(b"bytes")
        assert session.receive_text() == "hi\u00e9"
        assert session.receive_bytes() == b"bytes"
        session.close(3001)

    passed = [told(e) for e in seen.events if e.kind in PASSED]
    assert passed == [
        "receive.return websocket.connect 0 False",
        "send.call websocket.accept app",
        "receive.return websocket.receive 2 False",
        "send.call websocket.send 4 app",
        "receive.return websocket.receive 5 False",
        "send.call websocket.send 5 app",
        "receive.return websocket.disconnect 0 False 3001",
    ]


PASSED = {"receive.return", "send.call"}


def test_a_websocket_passes_straight_through_what_only_knows_http() -> None:
    async def echo(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close()

    class Asked(BaseHTTPMiddleware):
        async def dispatch(self, request: Any, call_next: Any) -> Any:
            return await call_next(request)

    routes = [WebSocketRoute("/ws", echo), Route("/", home)]
    seen = Seen(Starlette(routes=routes, middleware=[Middleware(Asked)]))

    entered = []
    with seen.client.websocket_connect("/ws"):
        pass
    entered += [e for e in seen.of("middleware.enter") if e.name == "Asked"]
    seen.get("/")
    entered += [e for e in seen.of("middleware.enter") if e.name == "Asked"]

    assert [each.through for each in entered] == [True, False]
    through, asked = (code_at(each.where).co_qualname for each in entered)
    assert through == "BaseHTTPMiddleware.__call__"
    assert asked.endswith("Asked.dispatch")


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


def test_an_app_that_only_knows_the_one_above_is_no_middleware() -> None:
    class Admin(Raw):
        def __init__(self, site: Any) -> None:
            self.site = site

    app = Starlette()
    app.mount("/admin", Admin(app))
    seen = Seen(app)

    assert seen.inner("/admin/")[3:] == [
        "app.enter Admin http",
        "response.call PlainTextResponse 200",
        "app.exit Admin",
    ]
