"""What becomes of requests on our server, folded: each ending, told truly."""

import asyncio
import logging
import socket
import threading
import time
from typing import Any

import pytest

from tracer.capture.probe import Note, Probe
from tracer.capture.server import Config, Server
from tracer.capture.server.asgi import Receive, Scope, Send
from tracer.events import Event, ServerStarted
from tracer.model.placing import Placed
from tracer.model.trace import Trace

START: dict[str, Any] = {
    "type": "http.response.start",
    "status": 200,
    "headers": [],
}
END: dict[str, Any] = {"type": "http.response.body", "body": b"ok"}


SENT: dict[str, list[dict[str, Any]]] = {
    "/nothing": [],
    "/body first": [END],
    "/half": [START, {**END, "more_body": True}],
}


async def app(scope: Scope, receive: Receive, send: Send) -> Any:  # noqa: ANN401  # one of its faults
    match scope["path"]:
        case "/value":
            return 5
        case "/boom":
            raise ValueError("tea")
        case "/wait":
            while (await receive())["type"] != "http.disconnect":
                pass
            return None
        case "/slow":
            await asyncio.sleep(0.1)
        case "/read":
            while (await receive()).get("more_body"):
                pass
        case _:
            pass
    for message in SENT.get(scope["path"], [START, END]):
        await send(message)
    return None


def get(path: str, *headers: str) -> bytes:
    lines = [f"GET {path} HTTP/1.1", "host: x", *headers, "", ""]
    return "\r\n".join(lines).encode()


def post(path: str, body: bytes, *headers: str) -> bytes:
    head = get(path, f"content-length: {len(body)}", *headers)
    return head.replace(b"GET", b"POST", 1) + body


CLOSE = "connection: close"

TALKS: list[tuple[list[bytes], list[tuple[str, str, int | None, str]]]] = [
    ([get("/", CLOSE)], [("GET", "/", 200, "done")]),
    ([b"GET /old HTTP/1.0\r\n\r\n"], [("GET", "/old", 200, "done")]),
    (
        [get("/slow") + get("/second") + get("/third", CLOSE)],
        [
            ("GET", "/slow", 200, "done"),
            ("GET", "/second", 200, "done"),
            ("GET", "/third", 200, "done"),
        ],
    ),
    (
        [get("/slow") + b"GET /cut HT", b"TP/1.1\r\nhost: x\r\n" + b"\r\n"],
        [("GET", "/slow", 200, "done"), ("GET", "/cut", 200, "done")],
    ),
    (
        [post("/read", b"x" * 300_000, CLOSE)],
        [("POST", "/read", 200, "done")],
    ),
    (
        [post("/unread", b"x" * 100_000) + get("/after", CLOSE)],
        [
            ("POST", "/unread", 200, "done"),
            ("GET", "/after", 200, "done"),
        ],
    ),
    ([get("/nothing", CLOSE)], [("GET", "/nothing", 500, "broken")]),
    ([get("/value")], [("GET", "/value", None, "broken")]),
    ([get("/half")], [("GET", "/half", 200, "broken")]),
    ([get("/boom", CLOSE)], [("GET", "/boom", 500, "failed")]),
    (
        [get("/body%20first", CLOSE)],
        [("GET", "/body first", 500, "failed")],
    ),
    ([get("/wait")], [("GET", "/wait", None, "left")]),
    (
        [get("/good"), b"\x00\x01\r\n\r\n"],
        [
            ("GET", "/good", 200, "done"),
            ("—", "illegal request line", 400, "refused"),
        ],
    ),
    ([b"GET / HTT"], []),
]
"""What a client writes, and the rows that it makes."""


def talk(port: int, parts: list[bytes]) -> None:
    with socket.create_connection(("127.0.0.1", port)) as wire:
        for part in parts:
            wire.sendall(part)
            wire.settimeout(0.25)
            try:
                while wire.recv(65536):
                    pass
            except OSError:  # nothing came, or the server has closed
                pass


@pytest.fixture(scope="module")
def events() -> list[Event]:
    logging.disable(logging.CRITICAL)
    said: list[Event] = []
    config = Config(app, port=0, note=Note(Probe(said.append)), lifespan="off")
    server = Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not (up := [e for e in said if isinstance(e, ServerStarted)]):
            assert thread.is_alive()
            time.sleep(0.01)
        port = int(up[0].url.rpartition(":")[2])
        for parts, _ in TALKS:
            talk(port, parts)
    finally:
        server.should_exit = True
        thread.join()
        logging.disable(logging.NOTSET)
    return said


@pytest.fixture
def told(events: list[Event]) -> tuple[Trace, list[Placed]]:
    trace = Trace()
    return trace, trace.tell(events)


def test_each_ending_is_told_as_it_was(
    told: tuple[Trace, list[Placed]],
) -> None:
    trace, _ = told
    assert [
        (r.method, r.path.partition(":")[0], r.status, r.outcome.value)
        for r in trace.requests.values()
    ] == [row for _, rows in TALKS for row in rows]
    assert all(trace.is_finished(number) for number in trace.requests)


def test_every_record_of_a_connection_finds_its_request(
    told: tuple[Trace, list[Placed]], events: list[Event]
) -> None:
    trace, placed = told
    assert sum(len(own) for _, own in placed) == len(events)
    assert trace.leftover() == []
    nobodys = {
        each.conn for req, own in placed if req is None for each in own
    } - {None}
    assert nobodys == {len(TALKS)}  # the one that never asked anything


def test_each_request_begins_with_its_bytes_and_has_its_own_task(
    told: tuple[Trace, list[Placed]],
) -> None:
    trace, _ = told
    for number, request in trace.requests.items():
        kinds = [each.kind for each in trace.story(number)]
        if request.outcome.value == "refused":
            assert kinds.count("h11.error") == 1
            continue
        assert kinds[0] in {"accept", "keepalive.cancelled", "data_received",
                            "cycle.next", "h11.event"}  # fmt: skip
        assert kinds.count("run_asgi.start") == 1
        assert kinds.count("run_asgi.end") == 1
        assert kinds.count("task.created") == kinds.count("task.done") == 1
