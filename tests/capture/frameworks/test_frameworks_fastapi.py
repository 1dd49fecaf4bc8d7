"""FastAPI: dependencies, the real endpoint, included routers, overrides."""

import warnings
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Security
from fastapi.routing import APIRoute
from fastapi.security import OAuth2PasswordBearer, SecurityScopes
from frameworks_seen import Seen, as_it_was  # noqa: F401
from starlette.applications import Starlette
from starlette.routing import Mount

from tracer.capture.frameworks import fastapi as ours

calls: list[str] = []


def number() -> int:
    calls.append("number")
    return 1


async def plus(a: Annotated[int, Depends(number)]) -> int:
    return a + 1


async def opened(a: Annotated[int, Depends(plus)]) -> AsyncIterator[int]:
    yield a + 1
    calls.append("closed")


class Query:
    def __init__(self, q: int = 7) -> None:
        self.q = q


async def read(
    id: int,  # noqa: A002 - the path's own name
    a: Annotated[int, Depends(opened)],
    b: Annotated[int, Depends(number)],
    query: Annotated[Query, Depends()],
) -> dict[str, int]:
    return {"id": id, "a": a, "b": b, "q": query.q}


def plain() -> int:
    return 1


@pytest.fixture(autouse=True)
def no_calls() -> None:
    calls.clear()


def without_docs(**options: Any) -> FastAPI:
    return FastAPI(openapi_url=None, **options)


def within(story: list[str]) -> list[str]:
    """The story inside FastAPI's rings."""
    return [
        each
        for each in story
        if not each.startswith(("middleware.", "app.", "router.enter"))
    ]


def test_the_story_of_a_request_with_dependencies() -> None:
    app = without_docs()
    app.get("/items/{id}")(read)
    seen = Seen(app)

    assert seen.app is app
    assert within(seen.get("/items/3?q=9")) == [
        "route.match GET /items/{id} FULL 1",
        "route.handle GET /items/{id} id",
        "thread.queued number",
        "[worker] thread.start number",
        "[worker] dependency.enter number",
        "[worker] dependency.exit number returned",
        "[worker] thread.end number returned",
        "dependency.enter plus",
        "dependency.exit plus returned",
        "dependency.enter opened",
        "dependency.exit opened yielded",
        "thread.queued Query",
        "[worker] thread.start Query",
        "[worker] dependency.enter Query",
        "[worker] dependency.exit Query returned",
        "[worker] thread.end Query returned",
        "endpoint.enter read function async",
        "endpoint.exit read dict",
        "response.call Response 200",
        "dependency.exit opened teardown",
    ]
    assert seen.response.json() == {"id": 3, "a": 3, "b": 1, "q": 9}
    assert calls == ["number", "closed"], "asked twice, called once"


def test_the_rings_of_fastapi_are_seen_like_any_others() -> None:
    seen = Seen(without_docs())
    seen.get("/")

    (built,) = seen.of("stack.built")
    assert built.layers[0] == "ServerErrorMiddleware"
    assert built.layers[-2:] == (
        "ExceptionMiddleware",
        "AsyncExitStackMiddleware",
    )
    entered = [each.name for each in seen.of("middleware.enter")]
    assert tuple(entered) == built.layers


def test_a_def_endpoint_is_told_from_its_worker() -> None:
    app = without_docs()
    app.get("/")(plain)
    seen = Seen(app)

    assert within(seen.get("/"))[2:] == [
        "thread.queued plain",
        "[worker] thread.start plain",
        "[worker] endpoint.enter plain function threadpool",
        "[worker] endpoint.exit plain int",
        "[worker] thread.end plain returned",
        "thread.queued ModelField.validate",
        "[worker] thread.start ModelField.validate",
        "[worker] thread.end ModelField.validate returned",
        "response.call Response 200",
    ]


def test_a_route_of_an_included_router_is_named_with_its_prefix() -> None:
    router = APIRouter(prefix="/api")
    router.get("/items/{id}")(read)
    app = without_docs()
    app.include_router(router, prefix="/v1")
    seen = Seen(app)

    story = within(seen.get("/v1/api/items/3"))

    assert story[:5] == [
        "route.match GET /v1/api/items/{id} FULL 1",
        "route.match router /v1/api FULL 1",
        "route.handle router /v1/api",
        # FastAPI asks again, now to choose.
        "route.match GET /v1/api/items/{id} FULL 1",
        "route.handle GET /v1/api/items/{id} id",
    ]
    assert "endpoint.enter read function async" in story


def test_a_class_of_routes_in_an_included_router_is_seen() -> None:
    class Mine(APIRoute):
        def matches(self, scope: Any) -> Any:
            return super().matches(scope)

    router = APIRouter(route_class=Mine)
    router.get("/items/{id}")(read)
    app = without_docs()
    app.include_router(router)
    seen = Seen(app)

    story = within(seen.get("/items/3"))

    assert story[:3] == [
        "route.match GET /items/{id} FULL 1",
        "route.match router FULL 1",
        "route.handle router",
    ]


def test_overrides_are_what_is_called_and_what_is_told() -> None:
    def other(b: "int" = 4) -> int:
        return b

    app = without_docs()
    app.get("/items/{id}")(read)
    app.dependency_overrides[number] = other
    seen = Seen(app)

    story = within(seen.get("/items/3?b=5"))

    assert seen.response.json() == {"id": 3, "a": 7, "b": 5, "q": 7}
    assert "[worker] dependency.enter other" in story
    assert "[worker] dependency.enter number" not in story
    assert calls == ["closed"]


def test_an_exception_passes_through_the_code_after_yield() -> None:
    def guarded() -> Iterator[int]:
        try:
            yield 1
        except HTTPException:
            calls.append("seen")
            raise

    async def teapot(a: Annotated[int, Depends(guarded)]) -> None:
        raise HTTPException(418)

    app = without_docs()
    app.get("/")(teapot)
    seen = Seen(app)

    story = within(seen.get("/"))
    at = story.index("endpoint.enter teapot function async")

    assert calls == ["seen"]
    assert story[at + 1].startswith("exception.raised HTTPException 418")
    assert story[at + 2] == "endpoint.exit teapot HTTPException"
    assert "dependency.exit guarded teardown HTTPException" in story
    assert story[-2:] == [
        "exception.handled HTTPException request_response http_exception"
        "_handler False",
        "response.call JSONResponse 418",
    ]


def test_a_security_scheme_is_called_for_each_set_of_scopes() -> None:
    scheme = OAuth2PasswordBearer("token", auto_error=False)

    async def user(
        scopes: SecurityScopes, token: Annotated[str, Depends(scheme)]
    ) -> list[str]:
        return scopes.scopes

    async def page(
        one: Annotated[list[str], Security(user, scopes=["one"])],
        two: Annotated[list[str], Security(user, scopes=["two"])],
    ) -> list[list[str]]:
        return [one, two]

    app = without_docs()
    app.get("/")(page)
    seen = Seen(app)

    story = within(seen.get("/"))
    traced = seen.response.json()

    assert traced == [["one"], ["two"]]
    assert story.count("dependency.enter OAuth2PasswordBearer") == 2
    assert story.count("dependency.enter user") == 2


def test_a_request_that_does_not_validate_never_meets_the_endpoint() -> None:
    app = without_docs()
    app.get("/items/{id}")(read)
    seen = Seen(app)

    story = within(seen.get("/items/three"))

    assert seen.response.status_code == 422
    assert not [each for each in story if each.startswith("endpoint")]
    assert [each for each in story if each.startswith("exception.handled")] == [
        "exception.handled RequestValidationError request_response"
        " request_validation_exception_handler False"
    ]


def test_dependants_and_their_functions_stay_as_they_are() -> None:
    app = without_docs()
    app.get("/items/{id}")(read)
    route: Any = app.routes[0]
    inner = list(route.dependant.dependencies)
    seen = Seen(app)
    seen.get("/items/3")

    assert route.dependant.call is read
    assert route.endpoint is read
    now = route.dependant.dependencies
    assert all(a is b for a, b in zip(now, inner, strict=True))
    assert [each.call for each in now] == [opened, number, Query]


def test_fastapi_below_starlette_is_an_app_below_an_app() -> None:
    sub = without_docs()
    sub.get("/items/{id}")(read)
    seen = Seen(Starlette(routes=[Mount("/sub", sub)]))

    story = seen.get("/sub/items/3")

    assert story[6] == "app.enter FastAPI http"
    assert "endpoint.enter read function async" in story


def test_another_version_only_shows_less(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import fastapi.dependencies.models  # noqa: PLC0415
    import fastapi.dependencies.utils  # noqa: PLC0415
    import fastapi.routing  # noqa: PLC0415

    monkeypatch.setattr(ours, "KINDS", ("gone",))
    monkeypatch.delattr(fastapi.dependencies.utils, "_solve_generator")
    app = without_docs()
    app.get("/")(plain)
    seen = Seen(app)

    with warnings.catch_warnings(action="error"):
        story = within(seen.get("/"))

    assert seen.response.json() == 1
    assert "[worker] endpoint.enter plain function threadpool" in story


def test_a_fault_of_our_own_leaves_fastapi_its_arguments(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*args: Any) -> None:
        raise RuntimeError("ours")

    monkeypatch.setattr(ours, "_calling", broken)
    app = without_docs()
    app.get("/items/{id}")(read)
    seen = Seen(app)

    story = within(seen.get("/items/3"))

    assert seen.response.json() == {"id": 3, "a": 3, "b": 1, "q": 7}
    assert story[-1] == "dependency.exit opened teardown"
    assert {each.name for each in caplog.records} == {"asgi_trace"}
