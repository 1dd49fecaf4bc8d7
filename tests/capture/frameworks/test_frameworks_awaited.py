"""A class as endpoint that is no `HTTPEndpoint`: made, and then awaited."""

import asyncio
from collections.abc import Generator
from typing import Any

import pytest
from frameworks_seen import Seen, as_it_was  # noqa: F401
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from test_frameworks_gate import Held


class Whole:
    """Waits a turn of the loop and answers, or fails."""

    def __init__(self, scope: Any, receive: Any, send: Any) -> None:
        self.three = scope, receive, send

    def __await__(self) -> Generator[Any, Any, None]:
        return self.serve().__await__()

    async def serve(self) -> None:
        await asyncio.sleep(0)
        if self.three[0]["path"] == "/fails":
            raise ValueError("no")
        await PlainTextResponse("whole")(*self.three)


class Generated(Whole):
    def __await__(self) -> Generator[Any, Any, None]:
        yield from super().__await__()


@pytest.fixture
def app() -> Starlette:
    paths = {"/": Whole, "/fails": Whole, "/generated": Generated}
    return Starlette(routes=[Route(*each) for each in paths.items()])


def endpoints(story: list[str]) -> list[str]:
    return [each for each in story if each.startswith("endpoint.")]


def test_it_is_entered_when_it_is_awaited(app: Starlette) -> None:
    seen = Seen(app)

    assert endpoints(seen.get("/")) == [
        "endpoint.enter Whole class raw",
        "endpoint.exit Whole",
    ]
    assert seen.response.text == "whole"


def test_one_that_awaits_its_parent_is_entered_once(app: Starlette) -> None:
    seen = Seen(app)

    assert endpoints(seen.get("/generated")) == [
        "endpoint.enter Generated class raw",
        "endpoint.exit Generated",
    ]
    assert seen.response.text == "whole"


def test_what_it_raises_goes_on(app: Starlette) -> None:
    seen = Seen(app)

    assert endpoints(seen.get("/fails")) == [
        "endpoint.enter Whole class raw",
        "endpoint.exit Whole ValueError",
    ]
    assert seen.response.status_code == 500
    with pytest.raises(ValueError, match="no"):
        Seen(app, raise_server_exceptions=True).get("/fails")


def test_a_request_can_be_held_there(app: Starlette) -> None:
    held = Held(app)

    stood = held.walk("/")

    assert stood == held.said
    assert stood.count("endpoint.enter") == stood.count("endpoint.exit") == 1
    assert len(held.sent) == 2


def test_it_can_be_awaited_untraced_and_left(app: Starlette) -> None:
    Seen(app).get("/")  # it is patched now, and nobody traces

    async def run() -> None:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message["type"])

        scope = {"type": "http", "path": "/"}
        await Whole(scope, None, send)
        assert sent == ["http.response.start", "http.response.body"]
        task = asyncio.ensure_future(Whole(scope, None, send))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
