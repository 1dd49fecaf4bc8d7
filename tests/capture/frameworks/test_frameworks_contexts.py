"""Who put what into the scope, and which context variable is seen where."""

import asyncio
import weakref
from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar
from typing import Any

import pytest
from frameworks_seen import as_it_was  # noqa: F401
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

from tracer.capture.frameworks import watch
from tracer.capture.frameworks.contexts import Looks
from tracer.capture.frameworks.trail import trail_of
from tracer.capture.loop import traced_loop_factory
from tracer.capture.probe import CURRENT, Note, Probe
from tracer.events import ContextChanged, ScopeChanged

USER: ContextVar["User"] = ContextVar("user")
COUNT: ContextVar[int] = ContextVar("count", default=0)
EXTRA = 1000


class User:
    """Compared by no means: that would be the user's code."""

    def __eq__(self, other: object) -> bool:
        raise AssertionError("compared")

    __hash__ = None  # type: ignore[assignment]  # nor hashed

    def __repr__(self) -> str:
        raise AssertionError("shown")


class Served:
    """An app as our server would call it, with all that is said of scope and
    context variables."""

    def __init__(self, app: Any, lens: Any = "on") -> None:
        events: list[Any] = []
        probe = Probe(events.append)
        probe.lens = lens
        app = watch(app, probe)
        self.note = Note(probe, conn=1, req=1)

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b""}

        async def send(message: Any) -> None:
            pass

        async def served() -> None:
            CURRENT.set(self.note)
            await app(scope_of("/sub/items/3"), receive, send)

        with asyncio.Runner(loop_factory=traced_loop_factory(probe)) as runner:
            runner.run(served())
        self.events = events

    @property
    def scopes(self) -> list[tuple[Any, ...]]:
        return [
            (each.by, *each.names, *(["copied"] if each.copied else []))
            for each in self.events
            if isinstance(each, ScopeChanged)
        ]

    @property
    def contexts(self) -> list[tuple[Any, ...]]:
        return [
            (each.by, each.names, each.unseen)
            for each in self.events
            if isinstance(each, ContextChanged)
        ]


def scope_of(path: str) -> dict[str, Any]:
    return {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [],
        "http_version": "1.1",
        "scheme": "http",
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
        "state": {},
    }


async def ok(request: Any) -> Response:
    return PlainTextResponse("ok")


def app_of(endpoint: Any, *around: Any) -> Starlette:
    inside = [Route("/items/{id:int}", endpoint)]
    return Starlette(
        routes=[Mount("/sub", routes=inside)],
        middleware=[Middleware(each) for each in around],
    )


ROUTED = [
    ("Starlette", "app"),
    ("ExceptionMiddleware", "starlette.exception_handlers"),
]
"""What Starlette itself does on the way to its router."""


def test_each_stage_is_told_with_the_keys_it_has_put_in() -> None:
    served = Served(app_of(ok))

    assert served.scopes == [
        *ROUTED,
        ("Router", "router", "route", "path_params", "app_root_path",
         "endpoint"),
        ("Router", "root_path"),  # was there, and is another text now
        ("Router", "route", "path_params", "endpoint"),
    ]  # fmt: skip


def test_a_value_that_is_another_object_is_told_and_never_compared() -> None:
    class Puts:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            scope["user"] = User()
            await self.app(scope, receive, send)

    class PutsAgain(Puts):
        pass

    class Copies(Puts):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await self.app({**scope, "more": 1}, receive, send)

    served = Served(app_of(ok, Puts, PutsAgain, Copies))

    assert served.scopes[1:4] == [
        ("Puts", "user"),
        ("PutsAgain", "user"),
        ("Copies", "more", "copied"),
    ]


def test_who_is_not_looked_at_is_named_with_those_who_may_have_done_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """To walk through the scope at each stage costs too much, as a rule."""

    class Idle:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await self.app(scope, receive, send)

    class Replaces(Idle):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            scope["client"] = ("10.0.0.1", 3)
            await self.app(scope, receive, send)

    monkeypatch.setattr(Looks, "walks", 0)
    app = app_of(ok, Idle, Replaces)

    first, second = Served(app).scopes, Served(app).scopes

    before = "Starlette or ServerErrorMiddleware or Idle or Replaces"
    assert first[1:3] == [
        ("ExceptionMiddleware", "starlette.exception_handlers"),
        (f"{before} or ExceptionMiddleware", "client"),
    ]
    # Once it has happened, requests are looked at more closely.
    assert ("Replaces", "client") in second
    for scopes in (first, second):
        assert scopes[-1] == ("Router", "route", "path_params", "endpoint")


class Sets:
    """A middleware that sets a variable for whoever is inside."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        token = USER.set(User())
        COUNT.set(1)
        await self.app(scope, receive, send)
        USER.reset(token)


async def counts(request: Any) -> Response:
    COUNT.set(COUNT.get() + EXTRA)
    return PlainTextResponse("ok")


def test_a_variable_is_told_with_its_type_by_who_set_it() -> None:
    served = Served(app_of(counts, Sets))

    assert served.contexts == [
        ("Sets", ("count: int", "user: User"), ()),
        ("counts", ("count: int",), ()),
    ]


class Idle:
    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


def test_only_around_the_endpoint_is_looked_unless_a_variable_was_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Leaves(Idle):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await self.app(scope, receive, send)
            COUNT.set(2)

    def twice(app: Starlette) -> list[Any]:
        Served(app)  # whose stack is met for the first time,
        Served(app)  # and whose classes are for the last
        monkeypatch.setattr(Looks, "walks", 0)
        return [Served(app).contexts, Served(app).contexts]

    first, second = twice(app_of(ok, Idle, Sets))
    third, fourth = twice(app_of(ok, Idle, Leaves))

    names = ("count: int", "user: User")
    inwards = "Starlette or ServerErrorMiddleware or Idle or Sets"
    among = f"{inwards} or ExceptionMiddleware or Router"
    assert first == [(among, names, ())]
    assert second == [("Sets", names, ())]
    routed = "GET /items/{id:int} or Router or Mount /sub"
    outwards = "Leaves or Idle or ServerErrorMiddleware or Starlette"
    among = f"{routed} or ExceptionMiddleware or {outwards}"
    assert third == [(among, names[:1], ())]
    assert fourth == [("Leaves", names[:1], ())]


def test_a_request_that_is_not_looked_through_tells_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = app_of(ok, Idle, Base, Idle)
    told = []
    for walks in (2, 0):
        monkeypatch.setattr(Looks, "walks", walks)
        events = Served(app).events
        said = [(e.kind, *payload_of(e)) for e in events if e.layer == FRAME]
        told.append([each for each in said if each[0] not in BUILDS])
    assert told[0] == told[1]
    assert len(told[0]) > EXPECTED


FRAME = "framework"
BUILDS = ("app.snapshot", "stack.built")
EXPECTED = 20


def payload_of(event: Any) -> list[Any]:
    fields = event.__struct_fields__
    return [getattr(event, each) for each in fields[: fields.index("seq")]]


class Base(BaseHTTPMiddleware):
    async def dispatch(self, request: Any, call_next: Any) -> Response:
        response: Response = await call_next(request)
        return response


def test_what_is_set_behind_a_base_http_middleware_is_not_seen_before_it() -> (
    None
):
    """It runs the rest of the app in a task of its own."""
    served = Served(app_of(counts, Base))

    assert served.contexts == [
        ("counts", ("count: int",), ()),
        ("Base", (), ("count: int",)),
    ]


def test_what_a_worker_thread_sets_is_not_seen_on_the_loop() -> None:
    def counts_there(request: Any) -> Response:
        COUNT.set(COUNT.get() + EXTRA)
        return PlainTextResponse("ok")

    served = Served(app_of(counts_there))

    (set_there, missed) = served.contexts
    assert set_there == ("counts_there", ("count: int",), ())
    assert missed[1:] == ((), ("count: int",))
    threads = [e.thread for e in served.events if isinstance(e, ContextChanged)]
    assert threads == ["worker-1", "loop"]


def test_a_variable_that_was_set_back_is_missed_by_nobody() -> None:
    class SetsBack(Sets):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            token = COUNT.set(5)
            try:
                await self.app(scope, receive, send)
            finally:
                COUNT.reset(token)

    served = Served(app_of(ok, SetsBack))
    assert served.contexts == [("SetsBack", ("count: int",), ())]


def test_with_the_lens_off_nothing_is_compared() -> None:
    served = Served(app_of(counts, Base, Sets), lens="off")
    assert served.scopes == served.contexts == []


def test_nothing_is_kept_of_a_request_that_has_left_the_app() -> None:
    class Kept:
        pass

    kept: list[weakref.ref[Kept]] = []

    async def keeps(request: Any) -> Response:
        value = Kept()
        kept.append(weakref.ref(value))
        request.scope["kept"] = value
        KEPT.set(value)
        return PlainTextResponse("ok")

    KEPT: ContextVar[Kept] = ContextVar("kept")  # noqa: N806
    served = Served(app_of(keeps))

    assert trail_of(served.note).looks is None
    assert len(kept) == 1


def test_dependencies_in_threads_hide_what_they_set() -> None:
    fastapi = pytest.importorskip("fastapi")

    def user() -> int:
        COUNT.set(7)
        return 7

    async def yielded() -> AsyncIterator[int]:
        USER.set(User())
        yield 1

    app = fastapi.FastAPI(openapi_url=None)

    async def endpoint(
        one: int = fastapi.Depends(user),
        two: int = fastapi.Depends(yielded),
    ) -> dict[str, int]:
        return {"count": COUNT.get()}

    app.get("/sub/items/{id}")(endpoint)
    contexts = Served(app).contexts

    assert contexts[0] == ("user", ("count: int",), ())
    assert ("yielded", ("user: User",), ()) in contexts
    assert [unseen for _, _, unseen in contexts if unseen] == [("count: int",)]


def test_a_sync_dependency_with_yield_hides_what_it_sets() -> None:
    fastapi = pytest.importorskip("fastapi")

    def session() -> Iterator[int]:
        COUNT.set(7)
        yield 7

    app = fastapi.FastAPI(openapi_url=None)

    async def endpoint(one: int = fastapi.Depends(session)) -> int:
        return one

    app.get("/sub/items/{id}")(endpoint)
    served = Served(app)

    queued = [e.name for e in served.events if e.kind == "thread.queued"]
    assert queued == ["session", "session"]  # up to its yield, and after it
    assert served.contexts == [
        ("session", ("count: int",), ()),
        ("session", (), ("count: int",)),
        # After the yield it runs in another copy, and misses its own.
        ("GET /sub/items/{id}", (), ("count: int",)),
    ]
