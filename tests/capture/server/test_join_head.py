"""`--join-head`: the head waits for the body, and both go out in one write.

Whatever the app does, the client gets the same bytes as without.
"""

# ruff: noqa: ANN401  (scopes and messages pass through here)

import asyncio
from typing import Any

import pytest
from server_wire import wire
from test_same_as_uvicorn import REQUESTS, App, both
from test_timeouts import HALF, OK, PLAIN, REST, index

GET = HALF + REST
START = {"type": "http.response.start", "status": 200, "headers": []}
MORE = {"type": "http.response.body", "body": b"x", "more_body": True}


def of_writes(opened: Any) -> list[tuple[str, int]]:
    return [(each.of, each.n) for each in opened.of("transport.write")]


def test_head_and_body_are_one_write() -> None:
    with wire(index, join_head=True) as opened:
        opened.receives(GET)
        start = opened.kinds.index("send.call")
        assert opened.kinds[start : opened.kinds.index("conn.decision")] == [
            "send.call",
            "access.log",
            "h11.send Response",
            "head.held",
            "response.start",
            "send.return",
            "send.call",
            "h11.send Data",
            "transport.write",
            "bytes",
            "bytes",
            "h11.send EndOfMessage",
            "transport.write",
            "response.complete",
        ]
        (held,) = opened.of("head.held")
        whole = opened.done[0][1]
        assert whole == opened.written
        assert whole.endswith(b"\r\n\r\nok")
        assert held.n == len(whole) - 2  # type: ignore[attr-defined]  # it has
        assert of_writes(opened) == [("head+body", len(whole)), ("end", 0)]
        said = [(e.of, e.n) for e in opened.of("bytes")[1:]]  # type: ignore[attr-defined]  # they have
        assert said == [("head", len(whole) - 2), ("body", 2)]


@pytest.mark.parametrize("traced", [True, False])
@pytest.mark.parametrize("name", REQUESTS)
def test_the_client_gets_the_same_bytes(name: str, traced: bool) -> None:
    with both(traced=traced) as (_, _, theirs, their_app):
        ours_app, state = App(), {"key": "value"}
        options: dict[str, Any] = {"join_head": True, "traced": traced}
        with wire(ours_app, app_state=state, **options) as ours:
            for each in (ours, theirs):
                each.receives(REQUESTS[name])
                each.wait(6)
            assert ours.written == theirs.written
            assert ours.transport.closing == theirs.transport.closing
            assert ours_app.seen == their_app.seen
            assert ours.lines == theirs.lines
            assert len(ours.done) <= len(theirs.done)


def test_an_app_that_fails_before_its_body_lets_the_head_go() -> None:
    with wire(App(), join_head=True) as opened:
        opened.receives(REQUESTS["half"])
        at = opened.kinds.index("head.held")
        assert opened.kinds[at:] == [
            "head.held",
            "response.start",
            "send.return",
            "transport.write",
            "bytes",
            "transport.close",
            "run_asgi.end",
            "cycle.released",
            "task.done",
            "connection_lost",
        ]
        assert [of for of, _ in of_writes(opened)] == ["head"]


def test_a_body_without_bytes_lets_the_head_go_alone() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        await send({**MORE, "body": b""})
        await asyncio.sleep(9)
        await send(MORE)
        await send({**OK, "body": b""})

    with wire(app, join_head=True) as opened:
        opened.receives(GET)
        assert [of for of, _ in of_writes(opened)] == ["head"]
        opened.wait(9)
        assert [of for of, _ in of_writes(opened)] == [
            "head", "body", "body", "end",
        ]  # fmt: skip


def test_the_head_waits_as_long_as_the_app_does() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(PLAIN)
        await asyncio.sleep(9)
        await send(OK)

    with wire(app, join_head=True) as opened:
        opened.receives(GET)
        assert opened.done == []
        opened.wait(9)
        assert len(opened.written) > 0


def test_a_client_that_has_left_gets_no_head() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(PLAIN)
        await asyncio.sleep(9)
        raise ValueError

    with wire(app, join_head=True) as opened:
        opened.receives(GET)
        opened.lost()
        opened.wait(9)
        assert opened.written == b""
        assert opened.errors == []
