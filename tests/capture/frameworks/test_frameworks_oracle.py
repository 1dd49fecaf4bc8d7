"""A second opinion: `sys.monitoring` sees the same calls in the same order.

It watches the code objects themselves and knows nothing of patches, slots or
searches, so that what we miss or make up would show.
"""

import sys
from types import CodeType
from typing import Any

import pytest
from frameworks_seen import Seen, as_it_was  # noqa: F401
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route, Router

TOOL = 4


async def home(request: Request) -> Response:
    return PlainTextResponse("home")


def sync(request: Request) -> Response:
    return PlainTextResponse("sync")


async def boom(request: Request) -> Response:
    raise ValueError


class Pure:
    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


BEGIN: dict[CodeType, str] = {
    home.__code__: "endpoint.enter",
    sync.__code__: "endpoint.enter",
    boom.__code__: "endpoint.enter",
    Pure.__call__.__code__: "middleware.enter",
    ServerErrorMiddleware.__call__.__code__: "middleware.enter",
    ExceptionMiddleware.__call__.__code__: "middleware.enter",
    Starlette.__call__.__code__: "app.enter",
    Router.app.__code__: "router.enter",
    Router.not_found.__code__: "router.default",
    Route.handle.__code__: "route.handle",
    Mount.handle.__code__: "route.handle",
    Response.__call__.__code__: "response.call",
}
END: dict[CodeType, str] = {
    Route.matches.__code__: "route.match",
    Mount.matches.__code__: "route.match",
}


@pytest.mark.skipif(sys.version_info < (3, 12), reason="new in Python 3.12")
def test_the_interpreter_itself_sees_the_same_calls() -> None:
    monitoring = sys.monitoring  # type: ignore[attr-defined,unused-ignore]  # not in 3.11
    events = monitoring.events
    begun = [(code, events.PY_START) for code in BEGIN]
    ended = [(code, events.PY_RETURN) for code in END]
    witnessed: list[str] = []
    said = {**BEGIN, **END}
    routes = [
        Route("/", home),
        Route("/sync", sync),
        Route("/boom", boom),
        Route("/slash/", home),
        Mount("/sub", Starlette(routes=[Route("/{x}", home)])),
    ]
    app = Starlette(routes=routes, middleware=[Middleware(Pure)] * 2)
    seen = Seen(app)

    monitoring.use_tool_id(TOOL, "the tests of asgi-trace")
    try:
        for event in (events.PY_START, events.PY_RETURN):
            monitoring.register_callback(
                TOOL, event, lambda code, *_: witnessed.append(said[code])
            )
        for code, event in [*begun, *ended]:
            monitoring.set_local_events(TOOL, code, event)
        for path in ("/", "/sync", "/boom", "/slash", "/sub/3", "/nothing"):
            witnessed.clear()
            seen.get(path)
            kinds = [e.kind for e in seen.events if e.kind in said.values()]
            assert kinds == witnessed
            assert len(kinds) > 5
    finally:
        for code, _ in [*begun, *ended]:
            monitoring.set_local_events(TOOL, code, 0)
        monitoring.free_tool_id(TOOL)
