"""Another server, a real one: whose request is each event of?"""

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import uvicorn
from frameworks_seen import as_it_was, told  # noqa: F401
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

import tracer
from tracer.events import Event


class Announced(uvicorn.Server):
    """A server that says when it listens, so that nobody has to guess."""

    def __init__(self, app: Any) -> None:
        config = uvicorn.Config(
            app, port=0, http="h11", loop="asyncio", log_config=None
        )
        super().__init__(config)
        self.listening = threading.Event()
        self.port = 0

    async def startup(self, *args: Any, **kwargs: Any) -> None:
        await super().startup(*args, **kwargs)
        self.port = self.servers[0].sockets[0].getsockname()[1]
        self.listening.set()


@contextmanager
def served(app: Any) -> Iterator[http.client.HTTPConnection]:
    server = Announced(app)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert server.listening.wait(10)
        client = http.client.HTTPConnection("127.0.0.1", server.port, 10)
        yield client
        client.close()
    finally:
        server.should_exit = True
        thread.join(10)
    assert not thread.is_alive()


async def length(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


async def dispatch(request: Request, call_next: Any) -> Response:
    response: Response = await call_next(request)
    return response


@pytest.mark.parametrize(
    "around", [[], [Middleware(BaseHTTPMiddleware, dispatch=dispatch)]]
)
def test_requests_on_one_connection_are_told_apart(around: Any) -> None:
    """After a large body the next request runs in the context of the last."""
    events: list[Event] = []
    routes = [Route("/", length, methods=["POST"])]
    app = Starlette(routes=routes, middleware=around)

    with served(tracer.instrument(app, events.append)) as client:
        for body in (b"x" * 3_000_000, b"", b"y", b"x" * 3_000_000, b""):
            client.request("POST", "/", body)
            assert client.getresponse().read() == str(len(body)).encode()

    for kind in ("app.enter", "endpoint.enter", "endpoint.exit", "app.exit"):
        reqs = [e.req for e in events if e.kind == kind and e.req]
        assert reqs == [1, 2, 3, 4, 5], kind
    entered = {e.req for e in events if e.kind == "stack.built"}
    assert entered == {None}, "the stack was built for the lifespan"
    second = [told(e) for e in events if e.req == 2 and e.kind != "source"]
    assert second[0] == "app.enter Starlette http"
    assert second[-1] == "app.exit Starlette"
    assert "receive.return http.request 0 False" in second
