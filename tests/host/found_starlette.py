"""An ordinary Starlette app: everything that most apps do, done well."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.endpoints import HTTPEndpoint
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import (
    FileResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Host, Mount, Route
from starlette.staticfiles import StaticFiles

HERE = Path(__file__).parent


async def home(request: Request) -> Response:
    return PlainTextResponse("home " * 300)


def sync(request: Request) -> Response:
    return PlainTextResponse("from a thread")


async def item(request: Request) -> Response:
    number = request.path_params["number"]
    if number == 404:
        raise HTTPException(404, "no such item")
    return JSONResponse({"number": number})


async def form(request: Request) -> Response:
    async with request.form() as fields:
        return JSONResponse({key: str(fields[key]) for key in fields})


async def echo(request: Request) -> Response:
    return JSONResponse(await request.json())


async def later() -> None:
    await asyncio.sleep(0.02)


def later_in_a_thread() -> None:
    """Do next to nothing."""


async def accepted(request: Request) -> Response:
    what = later if "async" in request.url.query else later_in_a_thread
    return JSONResponse({}, status_code=202, background=BackgroundTask(what))


async def numbers() -> AsyncIterator[str]:
    for number in range(5):
        yield f"{number}\n"
        await asyncio.sleep(0.005)


async def stream(request: Request) -> Response:
    return StreamingResponse(numbers())


async def file(request: Request) -> Response:
    return FileResponse(HERE / "served.py")


async def moved(request: Request) -> Response:
    return RedirectResponse(request.url_for("home"), status_code=303)


async def empty(request: Request) -> Response:
    return Response(status_code=204)


async def together(request: Request) -> Response:
    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(asyncio.sleep(0.01))
    async with asyncio.timeout(5):
        await asyncio.to_thread(later_in_a_thread)
    return PlainTextResponse("all three")


async def teapot(request: Request) -> Response:
    raise ValueError("short and stout")


async def on_teapot(request: Request, error: Exception) -> Response:
    return PlainTextResponse(str(error), status_code=418)


class Things(HTTPEndpoint):
    async def get(self, request: Request) -> Response:
        return PlainTextResponse("things")

    async def delete(self, request: Request) -> Response:
        return Response(status_code=204)


async def timed(request: Request, call_next: Callable[..., Any]) -> Any:  # noqa: ANN401
    response = await call_next(request)
    response.headers["X-Timed"] = "yes"
    return response


class Guard(BaseHTTPMiddleware):
    async def dispatch(
        self, request: Request, call_next: Callable[..., Any]
    ) -> Any:  # noqa: ANN401
        if request.headers.get("x-refuse"):
            return PlainTextResponse("not you", status_code=401)
        return await call_next(request)


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[dict[str, str]]:
    ticking = asyncio.create_task(asyncio.sleep(60))
    yield {"name": "ordinary"}
    ticking.cancel()


inner = Starlette(routes=[Route("/", home), Route("/deep/{rest:path}", home)])

app = Starlette(
    routes=[
        Route("/", home, name="home"),
        Route("/sync", sync),
        Route("/items/latest", home),
        Route("/items/{number:int}", item),
        Route("/form", form, methods=["POST"]),
        Route("/echo", echo, methods=["POST", "PUT"]),
        Route("/accepted", accepted, methods=["GET", "POST"]),
        Route("/stream", stream),
        Route("/file", file),
        Route("/moved", moved),
        Route("/empty", empty),
        Route("/together", together),
        Route("/teapot", teapot),
        Route("/things/", Things),
        Host("other.example", app=inner),
        Mount("/inner", app=inner),
        Mount("/static", app=StaticFiles(directory=HERE)),
        Mount("/", app=StaticFiles(directory=HERE, html=True)),
    ],
    middleware=[
        Middleware(GZipMiddleware, minimum_size=200),
        Middleware(CORSMiddleware, allow_origins=["http://page.example"]),
        Middleware(TrustedHostMiddleware, allowed_hosts=["h", "*.example"]),
        Middleware(Guard),
        Middleware(BaseHTTPMiddleware, dispatch=timed),
    ],
    exception_handlers={ValueError: on_teapot},
    lifespan=lifespan,
)
