"""An instrumented app's client, and the story of what was seen through it."""

import warnings
from collections.abc import Iterator
from typing import Any

import pytest

import tracer
from tracer.capture.fault import _faults
from tracer.capture.frameworks import uninstrument
from tracer.events import Event

with warnings.catch_warnings():
    # It would rather have httpx2, which nobody else here needs.
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

BESIDE = ("source", "app.snapshot", "stack.built", "send.call", "send.return")
"""Kinds that most tests here are not about."""

TOLD = {
    "thread.queued": 1,
    "thread.start": 1,
    "thread.end": 2,
    "middleware.enter": 2,
}
"""Kinds that say more than is told of them here, after so many words."""

RINGS = {
    f"middleware.{way} {name} {depth}"
    for way in ("enter", "exit")
    for depth, name in enumerate(
        ("ServerErrorMiddleware", "ExceptionMiddleware")
    )
} | {"app.enter Starlette http", "app.exit Starlette"}
"""What stands around every app that has no middleware of its own."""


@pytest.fixture(autouse=True)
def as_it_was(request: pytest.FixtureRequest) -> Iterator[None]:
    """The frameworks without us, after each test; imported to take effect.

    What is wrong with us goes to the log, so the log must be empty, unless
    the test itself looks at it.
    """
    looked_at = "caplog" in request.fixturenames
    log = request.getfixturevalue("caplog")
    _faults.clear()
    uninstrument()  # whatever another test has left
    yield
    uninstrument()
    if not looked_at:
        assert [e.message for e in log.records if e.name == "asgi_trace"] == []


class Seen:
    """An app, instrumented, and the events of its last request."""

    def __init__(self, app: Any, **options: Any) -> None:
        self.events: list[Event] = []
        self.app = tracer.instrument(app, self.events.append)
        options.setdefault("raise_server_exceptions", False)
        self.client = TestClient(self.app, **options)

    def get(self, path: str, **options: Any) -> list[str]:
        """Request a path; give the story, one line an event."""
        return self.request("GET", path, **options)

    def request(self, method: str, path: str, **options: Any) -> list[str]:
        self.events.clear()
        options.setdefault("follow_redirects", False)
        self.response = self.client.request(method, path, **options)
        return self.story()

    def story(self) -> list[str]:
        """What was seen since the last request began."""
        return [told(e) for e in self.events if e.kind not in BESIDE]

    def inner(self, path: str, **options: Any) -> list[str]:
        """The story without the rings that stand around every app."""
        return [e for e in self.get(path, **options) if e not in RINGS]

    def of(self, kind: str) -> list[Any]:
        return [each for each in self.events if each.kind == kind]


def told(event: Event) -> str:
    """Tell an event as a line: its kind, then its payload's values."""
    payload = [
        getattr(event, name)
        for name in event.__struct_fields__
        if name not in Event.__struct_fields__
    ]
    words = [event.kind]
    if event.thread != "loop":
        # Which of the idle workers comes next is anyio's business.
        words.insert(0, f"[{event.thread.partition('-')[0]}]")
    for value in payload[: TOLD.get(event.kind)]:
        if isinstance(value, tuple):
            words += map(str, value)
        elif value is not None:
            words.append(str(value))
    return " ".join(words)
