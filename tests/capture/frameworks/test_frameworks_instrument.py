"""`instrument`: whose request is it, who is told, and what is told."""

import contextvars
import logging
from threading import Barrier, Thread
from typing import Any

import anyio
import msgspec
import pytest
from frameworks_seen import Seen, as_it_was, told  # noqa: F401
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

import tracer
from tracer.capture.frameworks import watch
from tracer.capture.probe import CURRENT, Note, Probe, WorkerNote
from tracer.events import KINDS, AppEnter, Event
from tracer.events.log import encode

PATH = {"method": "GET", "raw_path": b"/", "query_string": b"", "headers": []}


def http(path: str = "/") -> dict[str, Any]:
    return {"type": "http", "path": path, "root_path": "", **PATH}


async def receive() -> Any:
    return {"type": "http.request", "body": b"", "more_body": False}


async def send(message: Any) -> None: ...


async def bare(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await PlainTextResponse("bare")(scope, receive, send)


async def home(request: Request) -> Response:
    return PlainTextResponse("home")


def sync(request: Request) -> Response:
    return PlainTextResponse("sync")


def reqs(events: list[Event], kind: str = "app.enter") -> list[int | None]:
    return [each.req for each in events if each.kind == kind]


def test_any_other_callable_is_wrapped_and_its_messages_are_seen() -> None:
    seen = Seen(bare)

    assert seen.app is not bare
    seen.get("/")
    assert [told(e) for e in seen.events if e.kind != "source"] == [
        "app.enter bare http",
        "receive.call",
        "receive.return http.request 0 False",
        "response.call PlainTextResponse 200",
        "send.call http.response.start 200 app",
        "send.return http.response.start",
        "send.call http.response.body 4 False app",
        "send.return http.response.body",
        "app.exit bare",
    ]


def test_each_request_has_a_number_and_no_connection_or_turn() -> None:
    seen = Seen(Starlette(routes=[Route("/", home)]))
    for number in (1, 2, 3):
        seen.get("/")
        told_of = [each for each in seen.events if each.kind != "source"]
        assert {each.req for each in told_of} == {number}
        assert {(e.conn, e.turn, e.task) for e in told_of} == {
            (None, None, None)
        }


def test_time_never_falls_within_a_thread() -> None:
    seen = Seen(Starlette(routes=[Route("/", sync)]))
    seen.get("/")
    for thread in {each.thread for each in seen.events}:
        times = [each.t for each in seen.events if each.thread == thread]
        assert times == sorted(times)


def test_to_ask_twice_changes_nothing() -> None:
    events: list[Event] = []
    for app in (Starlette(routes=[Route("/", home)]), bare):
        events.clear()
        first = tracer.instrument(app, events.append)
        assert tracer.instrument(app, events.append) is first
        assert tracer.instrument(first, events.append) is first
        anyio.run(first, http(), receive, send)
        kinds = [each.kind for each in events]
        assert kinds.count("app.snapshot") == 1
        assert kinds.count("app.enter") == 1
        assert kinds.count("response.call") == 1


def test_two_emits_get_the_same_events() -> None:
    app = Starlette(routes=[Route("/", home)])
    one: list[Event] = []
    two: list[Event] = []
    tracer.instrument(app, one.append)
    tracer.instrument(app, two.append)

    anyio.run(app, http(), receive, send)

    assert two
    assert [e for e in one if e.kind != "app.snapshot"] == two


def test_two_apps_at_once_keep_their_requests_apart() -> None:
    one: list[Event] = []
    two: list[Event] = []
    first = tracer.instrument(Starlette(routes=[Route("/", home)]), one.append)
    second = tracer.instrument(bare, two.append)

    async def both() -> None:
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(first, http(), receive, send)
                group.start_soon(second, http(), receive, send)

    anyio.run(both)

    assert reqs(one) == reqs(two) == [1, 2, 3]
    assert reqs(one, "endpoint.enter") == [1, 2, 3]
    assert not reqs(two, "endpoint.enter")
    assert sorted(reqs(two, "response.call")) == [1, 2, 3]  # type: ignore[type-var]  # none is None


def test_an_app_that_was_not_given_to_us_stays_silent() -> None:
    events: list[Event] = []
    tracer.instrument(Starlette(), events.append)
    events.clear()
    other = Starlette(routes=[Route("/", sync)])

    anyio.run(other, http(), receive, send)

    assert events == []


def test_an_inherited_context_does_not_join_two_requests() -> None:
    """The next request on a connection may run in the last one's context."""
    events: list[Event] = []
    app = tracer.instrument(Starlette(routes=[Route("/", home)]), events.append)
    served = tracer.instrument(bare, events.append)
    kept: list[contextvars.Context] = []

    async def keep(scope: Any, receive: Any, send: Any) -> None:
        kept.append(contextvars.copy_context())

    outer = tracer.instrument(keep, lambda event: None)
    anyio.run(outer, http(), receive, send)
    assert kept[0][CURRENT] is not None

    for each in (app, app, served):
        kept[0].copy().run(anyio.run, each, http(), receive, send)

    assert reqs(events) == [1, 2, 1]


def test_an_app_below_another_belongs_to_the_same_request() -> None:
    inner: list[Event] = []
    outer: list[Event] = []
    sub = tracer.instrument(Starlette(routes=[Route("/", home)]), inner.append)
    app = tracer.instrument(Starlette(routes=[Mount("/s", sub)]), outer.append)
    inner.clear()

    anyio.run(app, http("/s/"), receive, send)

    assert reqs(outer) == [1, 1]
    assert inner == []


def test_our_own_server_says_whose_request_it_is() -> None:
    events: list[Event] = []
    for app in (Starlette(routes=[Route("/", home)]), bare):
        events.clear()
        probe = Probe(events.append)
        probe.turn, probe.task = 7, 3
        served = watch(app, probe)

        async def cycle(served: Any, probe: Probe) -> None:
            CURRENT.set(Note(probe, 4, 5))
            await served(http(), receive, send)

        anyio.run(cycle, served, probe)

        assert [each.kind for each in events[:2]] == [
            "app.snapshot",
            "app.enter",
        ]
        about = {(e.conn, e.req, e.turn, e.task) for e in events[1:]}
        assert about == {(4, 5, 7, 3)}
        kinds = {each.kind for each in events}
        assert not kinds & {"send.call", "receive.call", "source"}


def test_our_own_servers_lifespan_is_no_request() -> None:
    events: list[Event] = []
    app = watch(Starlette(), Probe(events.append))

    async def incoming() -> Any:
        return {"type": "lifespan.startup"}

    anyio.run(app, {"type": "lifespan", "state": {}}, incoming, send)

    assert {each.req for each in events} == {None}
    assert "stack.built" in {each.kind for each in events}


def test_a_worker_speaks_for_no_task() -> None:
    events: list[Event] = []
    probe = Probe(events.append)
    app = watch(Starlette(routes=[Route("/", sync)]), probe)

    async def cycle() -> None:
        probe.task = 3
        CURRENT.set(Note(probe, 4, 5))
        await app(http(), receive, send)

    anyio.run(cycle)

    inside = [each for each in events if each.thread != "loop"]
    assert [each.kind for each in inside] == [
        "thread.start",
        "endpoint.enter",
        "endpoint.exit",
        "thread.end",
    ]
    assert {(e.thread, e.conn, e.req, e.task) for e in inside} == {
        ("worker-1", 4, 5, None)
    }


def test_workers_are_named_in_the_order_of_their_first_use() -> None:
    events: list[Event] = []
    note = Note(Probe(events.append), 1, 2)

    async def use(turns: int) -> None:
        async with anyio.create_task_group() as group:
            for _ in range(turns):
                group.start_soon(anyio.to_thread.run_sync, speak, barrier)

    def speak(barrier: Any) -> None:
        barrier.wait(5)
        WorkerNote(note)(AppEnter, None, "x", "http")

    barrier = Barrier(2)
    anyio.run(use, 2)

    assert sorted(e.thread for e in events) == ["worker-1", "worker-2"]


def test_two_workers_that_come_at_once_have_two_names() -> None:
    note = Note(Probe(lambda event: None))
    names: list[str] = []

    def named() -> None:
        names.append(WorkerNote(note).thread)

    class Slow(dict[int, str]):
        """Another one comes while the first is being named."""

        def setdefault(self, key: int, default: str = "") -> str:
            if not started:
                started.append(Thread(target=named))
                started[0].start()
                started[0].join()
            return super().setdefault(key, default)

    started: list[Thread] = []
    note.probe.workers = Slow()
    named()

    assert sorted(names) == ["worker-1", "worker-2"]


def test_what_a_worker_sends_back_to_the_loop_is_said_by_the_loop() -> None:
    def page(request: Request) -> Response:
        response = PlainTextResponse("")
        anyio.from_thread.run(
            response, request.scope, request.receive, _nothing
        )
        return response

    async def _nothing(message: Any) -> None: ...

    seen = Seen(Starlette(routes=[Route("/", page)]))
    seen.get("/")

    assert [each.thread for each in seen.of("response.call")] == ["loop"] * 2


def test_an_emit_that_raises_harms_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def emit(event: Event) -> None:
        raise RuntimeError("full")

    app = Starlette(routes=[Route("/", home)])
    events: list[Event] = []
    tracer.instrument(app, emit)
    with caplog.at_level(logging.ERROR, "asgi_trace"):
        seen = Seen(app)
        seen.get("/")
        events = seen.events

    assert seen.response.text == "home"
    assert "endpoint.exit" in {each.kind for each in events}
    assert len(caplog.records) == 1


def test_each_place_is_described_once_before_it_is_used() -> None:
    seen = Seen(Starlette(routes=[Route("/", home)]))
    seen.get("/")
    first = list(seen.events)
    seen.get("/")

    known: set[int] = set()
    for each in first:
        if each.kind == "source":
            known.add(each.id)  # type: ignore[attr-defined]  # sources only
        elif each.where is not None:
            assert each.where in known
    assert not seen.of("source")
    texts = {
        each.name: (each.file, each.text)  # type: ignore[attr-defined]  # sources only
        for each in first
        if each.kind == "source"
    }
    assert texts["home"] == (
        "test_frameworks_instrument.py",
        "async def home(request: Request) -> Response:\n"
        '    return PlainTextResponse("home")\n',
    )
    file, text = texts["Router.app"]
    assert file == "starlette/routing.py"
    assert text.lstrip().startswith("async def app(self, scope")


def test_every_event_can_be_written() -> None:
    seen = Seen(Starlette(routes=[Route("/", sync)]))
    seen.get("/")

    for event in seen.events:
        line = msgspec.json.decode(encode([event]))
        assert line["kind"] == event.kind
        assert msgspec.convert(line, KINDS[event.kind]) == event


def test_secrets_are_hidden_in_messages() -> None:
    async def boom(request: Request) -> Response:
        raise ValueError("password=hunter2hunter2 was refused")

    seen = Seen(Starlette(routes=[Route("/{x}", boom)]))
    seen.get("/x")
    (raised,) = seen.of("exception.raised")

    assert "hunter2hunter2" not in raised.message
    assert "was refused" in raised.message


def test_the_snapshot_says_what_stood_before_we_came() -> None:
    async def handler(request: Request, error: Exception) -> Response:
        return PlainTextResponse("")

    handlers: dict[Any, Any] = {404: handler, KeyError: handler}
    seen = Seen(
        Starlette(
            routes=[
                Route("/", home, methods=["POST", "GET"]),
                Mount("/m", bare),
            ],
            exception_handlers=handlers,
        )
    )

    assert [told(each) for each in seen.events] == [
        "app.snapshot Starlette GET,POST / Mount /m 404 KeyError"
    ]
