"""An app of bad endpoints, and beside each of them a good one like it."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio.to_thread
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import (
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Mount, Route, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

KEPT: list[Any] = []


async def fine(request: Request) -> Response:
    return PlainTextResponse("fine")


# The loop, threads and tasks


async def blocks(request: Request) -> Response:
    time.sleep(float(request.query_params.get("for", "0.15")))
    return PlainTextResponse("blocked")


async def sleeps(request: Request) -> Response:
    await asyncio.sleep(0.15)
    return PlainTextResponse("slept")


def crowded(request: Request) -> Response:
    time.sleep(0.1)
    return PlainTextResponse("in a thread")


def alone(request: Request) -> Response:
    time.sleep(0.1)
    return PlainTextResponse("in a thread")


async def fires(request: Request) -> Response:
    KEPT.append(asyncio.create_task(asyncio.sleep(0.4)))
    return PlainTextResponse("forgotten")


async def awaits(request: Request) -> Response:
    await asyncio.create_task(asyncio.sleep(0.1))
    return PlainTextResponse("awaited")


async def fails() -> None:
    raise ValueError("unheard")


async def loses(request: Request) -> Response:
    made = asyncio.create_task(fails())
    await asyncio.sleep(0)
    del made
    return PlainTextResponse("lost")


async def hears(request: Request) -> Response:
    made = asyncio.create_task(fails())
    await asyncio.wait([made])
    return PlainTextResponse(str(made.exception()))


# The body


async def reads(request: Request) -> Response:
    return PlainTextResponse(await request.body())


async def streams_twice(request: Request) -> Response:
    for _ in range(2):
        async for _ in request.stream():
            pass
    return PlainTextResponse("twice")


async def reads_twice(request: Request) -> Response:
    await request.body()
    return PlainTextResponse(await request.body())


# The client's leaving


async def goes_on(request: Request) -> Response:
    await asyncio.sleep(0.3)
    return PlainTextResponse("for nobody")


async def stops(request: Request) -> Response:
    while not await request.is_disconnected():
        await asyncio.sleep(0.01)
    return PlainTextResponse("stopped")


# The response


async def pieces(*, bad: bool) -> AsyncIterator[str]:
    yield "one"
    if bad:
        raise ValueError("after the start")
    yield "two"


async def breaks(request: Request) -> Response:
    return StreamingResponse(pieces(bad=True))


async def flows(request: Request) -> Response:
    return StreamingResponse(pieces(bad=False))


async def raises(request: Request) -> Response:
    raise ValueError("before the start")


class Promises:
    """Sends five bytes, and says that they are so many."""

    def __init__(self, length: int) -> None:
        self.length = str(length).encode()

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        headers = [(b"content-length", self.length)]
        await send(
            {"type": "http.response.start", "status": 200, "headers": headers}
        )
        await send({"type": "http.response.body", "body": b"12345"})


class Silent:
    async def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Return without a word."""


class Talkative:
    async def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        await PlainTextResponse("all")(scope, receive, send)
        await send({"type": "http.response.body", "body": b"and more"})


async def later() -> None:
    await asyncio.sleep(0.05)


async def answers_first(request: Request) -> Response:
    return PlainTextResponse("ok", background=BackgroundTask(later))


async def redirects(request: Request) -> Response:
    return RedirectResponse("/fine")


# The middleware


class Meddler:
    """Does one thing or another to a request, by its path."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        last = scope.get("path", "").rpartition("/")[2]
        how = getattr(self, f"_{last}", None)
        if how is None:
            await self.app(scope, receive, send)
        else:
            await how(scope, receive, send)

    async def _drained(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        await Request(scope, receive).body()
        await self.app(scope, receive, send)

    async def _replayed(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        body = await Request(scope, receive).body()

        async def again() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        await self.app(scope, again, send)

    async def _collected(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        messages: list[Message] = []

        async def collect(message: Message) -> None:
            messages.append(message)

        await self.app(scope, receive, collect)
        for message in messages:
            await send(message)

    async def _dropped(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        async def drop(message: Message) -> None:
            KEPT.append(message)

        await self.app(scope, receive, drop)

    async def _hushed(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def drop(message: Message) -> None:
            KEPT.append(message)

        try:
            await self.app(scope, receive, drop)
        except ValueError as error:
            KEPT.append(error)

    async def _ignored(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Neither call the app nor answer."""

    async def _early(self, scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("no")(scope, receive, send)


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    anyio.to_thread.current_default_thread_limiter().total_tokens = 2
    yield


STRICT = Router(
    [Route("/shelf", fine), Route("/shelf/{book}/", fine)],
    redirect_slashes=False,
)

app = Starlette(
    routes=[
        Route("/fine", fine),
        Route("/blocks", blocks),
        Route("/sleeps", sleeps),
        Route("/crowded", crowded),
        Route("/alone", alone),
        Route("/fires", fires),
        Route("/awaits", awaits),
        Route("/loses", loses),
        Route("/hears", hears),
        Route("/unread", fine, methods=["POST"]),
        Route("/reads", reads, methods=["POST"]),
        Route("/streams_twice", streams_twice, methods=["POST"]),
        Route("/reads_twice", reads_twice, methods=["POST"]),
        Route("/drained", reads, methods=["POST"]),
        Route("/replayed", reads, methods=["POST"]),
        Route("/goes_on", goes_on),
        Route("/stops", stops),
        Route("/breaks", breaks),
        Route("/flows", flows),
        Route("/raises", raises),
        Route("/longer", Promises(4)),
        Route("/shorter", Promises(6)),
        Route("/exact", Promises(5)),
        Route("/silent", Silent()),
        Route("/talkative", Talkative()),
        Route("/collected", answers_first),
        Route("/answers_first", answers_first),
        Route("/dropped", fine),
        Route("/hushed", raises),
        Route("/ignored", fine),
        Route("/early", fine),
        Route("/folder/", fine),
        Route("/redirects", redirects),
        Route("/cups/{cup}", fine),
        Route("/cups/best", fine),
        Route("/pots/{pot:int}", fine),
        Route("/pots/best", fine),
        Mount("/strict", STRICT),
    ],
    middleware=[Middleware(Meddler)],
    lifespan=lifespan,
)
