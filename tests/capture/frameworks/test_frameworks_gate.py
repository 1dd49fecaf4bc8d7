"""Held inside an app: every form that a layer or an endpoint can take."""

import asyncio
import functools
import gc
import warnings
from typing import Any

import pytest
from frameworks_seen import as_it_was  # noqa: F401
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.endpoints import HTTPEndpoint
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

from tracer.capture.frameworks.served import watch
from tracer.capture.gate import Gate
from tracer.capture.probe import CURRENT, Note, Probe
from tracer.events import Event
from tracer.events.breaks import HOLDABLE, parse_break
from tracer.events.commands import Break, Go, GoAll, Hold, Step


class Held:
    """One request to an app, whose stages are gone through one by one."""

    def __init__(self, app: Any) -> None:
        self.events: list[Event] = []
        self.sent: list[Any] = []
        self.probe = Probe(self.events.append)
        self.app = watch(app, self.probe)
        self.gate = Gate(self.probe)

    async def call(self, path: str) -> None:
        note = Note(self.probe, 1, 1)
        note.asked = "GET", path
        CURRENT.set(note)
        scope = {
            "type": "http", "method": "GET", "path": path, "root_path": "",
            "query_string": b"", "headers": [], "state": {},
        }  # fmt: skip
        await self.app(scope, self.receive, self.send)

    async def receive(self) -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    def of(self, *kinds: str) -> list[Any]:
        return [each for each in self.events if each.kind in kinds]

    async def until_held(self, task: "asyncio.Task[None]") -> bool:
        """Wait until somebody stands, or the request is over."""
        while len(self.of("held")) == len(self.of("released")):
            if task.done():
                return False
            await asyncio.sleep(0.001)
        return True

    async def steps(self, path: str) -> None:
        self.gate.begin(asyncio.get_running_loop())
        self.gate.tell(Hold(req=1))
        await asyncio.sleep(0)
        task = asyncio.create_task(self.call(path))
        while await self.until_held(task):
            done = len(self.of("released"))
            self.gate.tell(Step(req=1))
            while len(self.of("released")) == done:
                await asyncio.sleep(0.001)
        await task

    def walk(self, path: str) -> list[str]:
        """Step through a request; give the stages at which it stood."""
        asyncio.run(self.steps(path))
        return [each.stage for each in self.of("held")]

    @property
    def said(self) -> list[str]:
        """The stages that were told, as far as they can be stood at."""
        return [e.kind for e in self.events if e.kind in HOLDABLE]


class Ring:
    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


class Slotted(Ring):
    __slots__ = ("app",)


class Odd(Ring):
    """A plain function that returns something to await."""

    def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
        return self.app(scope, receive, send)


def closed(app: Any) -> Any:
    async def inner(scope: Any, receive: Any, send: Any) -> None:
        await app(scope, receive, send)

    return inner


class Verbs(HTTPEndpoint):
    def get(self, request: Request) -> Response:
        return PlainTextResponse("verb")


class Instance:
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse("instance")(scope, receive, send)


async def raw(scope: Any, receive: Any, send: Any) -> None:
    await PlainTextResponse("raw")(scope, receive, send)


async def later() -> None:
    pass


async def plain(request: Request) -> Response:
    return PlainTextResponse("plain", background=BackgroundTask(later))


def sync(request: Request) -> Response:
    return PlainTextResponse("sync")


async def boom(request: Request) -> Response:
    raise KeyError("boom")


async def worse(request: Request) -> Response:
    raise ValueError("worse")


async def handle(request: Request, error: Exception) -> Response:
    return PlainTextResponse("handled", 418)


def an_app() -> Starlette:
    inner = Starlette(routes=[Route("/plain", plain)])
    return Starlette(
        routes=[
            Route("/plain", plain),
            Route("/partial", functools.partial(plain)),
            Route("/verbs", Verbs),
            Route("/sync", sync),
            Route("/instance", Instance()),
            Route("/boom", boom),
            Route("/worse", worse),
            Mount("/raw", raw),
            Mount("/inner", inner),
        ],
        middleware=[
            Middleware(Ring),
            Middleware(Slotted),
            Middleware(Odd),
            Middleware(closed),
        ],
        exception_handlers={KeyError: handle},
    )


@pytest.mark.parametrize(
    "path",
    ["/plain", "/partial", "/instance", "/boom", "/inner/plain", "/nothing"],
)
def test_a_request_stands_at_each_stage_in_its_turn(path: str) -> None:
    held = Held(an_app())

    assert held.walk(path) == held.said
    assert len(held.said) > 14
    # Once more, when all has been looked at.
    held.events.clear()
    assert held.walk(path) == held.said


@pytest.mark.parametrize("path", ["/sync", "/verbs"])
def test_before_a_thread_it_stands_where_it_will_be(path: str) -> None:
    held = Held(an_app())

    assert held.walk(path) == held.said
    kinds = [each.kind for each in held.events]
    stands = next(e for e in held.of("held") if e.stage == "endpoint.enter")
    assert held.events.index(stands) < kinds.index("endpoint.enter")
    assert kinds.index("held") < kinds.index("thread.queued")


def test_a_mounted_function_is_entered_with_its_route() -> None:
    """`handle` does nothing but call it, so it stands there once."""
    held = Held(an_app())
    stood = held.walk("/raw/x")

    assert [e for e in held.said if e != "route.handle"] == stood


def test_an_endpoint_that_raises_is_held_before_the_exception_goes_on() -> None:
    held = Held(an_app())
    with pytest.raises(ValueError, match="worse"):
        held.walk("/worse")

    stood = [each.stage for each in held.of("held")]
    # ServerErrorMiddleware's own page is made by a plain call.
    assert stood == [e for e in held.said if e != "exception.handled"]
    assert stood.count("middleware.exit") == 6


async def break_at(held: Held, text: str, path: str) -> "asyncio.Task[None]":
    held.gate.begin(asyncio.get_running_loop())
    held.gate.tell(Break(1, text, parse_break(text)))
    await asyncio.sleep(0)
    task = asyncio.create_task(held.call(path))
    assert await held.until_held(task)
    return task


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("middleware.enter name=Slotted", "/plain"),
        ("middleware.exit name=closed*", "/plain"),
        ("endpoint.enter name=sync", "/sync"),
        ("endpoint.exit name=Verbs.get", "/verbs"),
        ("route.handle name=*/plain", "/plain"),
        ("app.enter name=raw", "/raw/x"),
        ("route.handle name=Mount*", "/raw/x"),
        ("exception.handled name=handle", "/boom"),
        ("background.start name=later", "/plain"),
        ("response.call name=PlainTextResponse", "/boom"),
    ],
)
def test_a_breakpoint_may_name_who_is_held(text: str, path: str) -> None:
    held = Held(an_app())

    async def main() -> None:
        task = await break_at(held, text, path)
        held.gate.tell(GoAll())
        await task

    asyncio.run(main())
    (mark,) = held.of("held")
    assert mark.by == "breakpoint"
    assert held.sent[-1]["type"] == "http.response.body"


@pytest.mark.parametrize("name", ["Ring", "Odd", "closed"])
def test_who_is_cancelled_at_a_gate_leaves_no_coroutine_behind(
    name: str,
) -> None:
    held = Held(an_app())

    async def main() -> None:
        text = f"middleware.enter name={name}*"
        task = await break_at(held, text, "/plain")
        task.cancel("enough")
        with pytest.raises(asyncio.CancelledError, match="enough"):
            await task

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asyncio.run(main())
        gc.collect()
    assert [each.how for each in held.of("released")] == ["cancelled"]
    enters = len(held.of("middleware.enter"))
    assert len(held.of("middleware.exit")) == enters


def test_go_leads_to_the_end_whatever_is_on_the_way() -> None:
    held = Held(an_app())

    async def main() -> None:
        task = await break_at(held, "router.enter", "/inner/plain")
        held.gate.tell(Go(req=1))
        while len(held.of("held")) < 2:
            await asyncio.sleep(0.001)
        held.gate.tell(Go(req=1))
        await task

    asyncio.run(main())
    assert [each.stage for each in held.of("held")] == ["router.enter"] * 2
    assert held.probe.gate is held.gate
