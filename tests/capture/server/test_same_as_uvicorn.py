"""The same bytes to our protocol and to uvicorn's: the same is done.

Not only the same bytes come out: each write, pause and close is compared,
what the app received, and what was logged.
"""

# ruff: noqa: ANN401  (apps and options pass through here)

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rfc_exceptions import RFC_EXCEPTIONS, Difference
from server_wire import Wire, uvicorn_wire, wire

from tracer.capture.server import connection

Message = dict[str, Any]
START: Message = {"type": "http.response.start", "status": 200}
PLAIN: Message = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"text/plain"), (b"content-length", b"2")],
}
OK: Message = {"type": "http.response.body", "body": b"ok"}
MORE: Message = {"type": "http.response.body", "body": b"x", "more_body": True}


def request(line: bytes = b"GET / HTTP/1.1", *headers: bytes) -> bytes:
    return b"\r\n".join([line, b"host: a", *headers, b"", b""])


class App:
    """Keeps what it was given, and does what the path says."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
        self.seen.append(dict(scope))
        name = scope["path"].rpartition("/")[2] or "index"
        act = getattr(self, name, None)
        if act is None:
            return await self.index(scope, receive, send)
        return await act(scope, receive, send)

    async def get(self, receive: Any) -> Message:
        message: Message = await receive()
        self.seen.append(message)
        return message

    async def index(self, scope: Any, receive: Any, send: Any) -> None:
        await send(PLAIN)
        await send(OK)

    async def echo(self, scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        while True:
            message = await self.get(receive)
            if message["type"] == "http.disconnect":
                return
            more = message["more_body"]
            await send({**OK, "body": message["body"], "more_body": more})
            if not more:
                break
        await self.get(receive)

    async def read(self, scope: Any, receive: Any, send: Any) -> None:
        while (await self.get(receive)).get("more_body"):
            pass
        await self.index(scope, receive, send)

    async def chunks(self, scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        await send(MORE)
        await send({"type": "http.response.body", "more_body": True})
        await send(MORE)
        await send({"type": "http.response.body"})

    async def early(self, scope: Any, receive: Any, send: Any) -> None:
        await self.index(scope, receive, send)
        await self.get(receive)

    async def raises(self, scope: Any, receive: Any, send: Any) -> None:
        raise ValueError("no")

    async def raises_late(self, scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        await send(MORE)
        raise ValueError("no")

    async def raises_after(self, scope: Any, receive: Any, send: Any) -> None:
        await self.index(scope, receive, send)
        raise ValueError("no")

    async def value(self, scope: Any, receive: Any, send: Any) -> int:
        await self.index(scope, receive, send)
        return 7

    async def nothing(self, scope: Any, receive: Any, send: Any) -> None:
        pass

    async def half(self, scope: Any, receive: Any, send: Any) -> None:
        await send(PLAIN)

    async def bodyfirst(self, scope: Any, receive: Any, send: Any) -> None:
        await send(OK)

    async def twice(self, scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        await send(START)

    async def toomuch(self, scope: Any, receive: Any, send: Any) -> None:
        await self.index(scope, receive, send)
        await send(OK)

    async def toolong(self, scope: Any, receive: Any, send: Any) -> None:
        await send(PLAIN)
        await send({**OK, "body": b"three"})

    async def tooshort(self, scope: Any, receive: Any, send: Any) -> None:
        await send(PLAIN)
        await send({**OK, "body": b"x"})

    async def illegal(self, scope: Any, receive: Any, send: Any) -> None:
        await send({**START, "headers": [(b"a b", b"c")]})

    async def unknown(self, scope: Any, receive: Any, send: Any) -> None:
        await send({**START, "status": 799})

    async def teapot(self, scope: Any, receive: Any, send: Any) -> None:
        await send({**START, "status": 299, "headers": [["X-A", "b"]]})
        await send(OK)

    async def empty(self, scope: Any, receive: Any, send: Any) -> None:
        await send({**START, "status": 204})
        await send({"type": "http.response.body"})

    async def closes(self, scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"Connection", b"close"), (b"Transfer-Encoding", b"x")]
        await send({**START, "headers": headers[:1]})
        await send(OK)

    async def both(self, scope: Any, receive: Any, send: Any) -> None:
        length = [(b"content-length", b"2"), (b"content-length", b"2")]
        chunked = [(b"transfer-encoding", b"chunked")]
        await send({**START, "headers": [*length, *chunked]})
        await send(OK)


POST = b"POST /%s HTTP/1.1"
LENGTH = b"content-length: 5"
CHUNKED = b"transfer-encoding: chunked"
CHUNKS = b"2\r\nab\r\n3;x=y\r\ncde\r\n0\r\n"
EXPECT = b"expect: 100-continue"
CLOSE = b"connection: close"

ACTS = [name for name in vars(App) if not name.startswith(("_", "get"))]

REQUESTS = {
    **{name: request(b"GET /%s HTTP/1.1" % name.encode()) for name in ACTS},
    "head": request(b"HEAD / HTTP/1.1"),
    "head of chunks": request(b"HEAD /chunks HTTP/1.1"),
    "content-length": request(POST % b"echo", LENGTH) + b"abcde",
    "chunked": request(POST % b"echo", CHUNKED) + CHUNKS + b"\r\n",
    "trailers": request(POST % b"read", CHUNKED) + CHUNKS + b"a: b\r\n\r\n",
    "big body": request(POST % b"read", b"content-length: 200000")
    + b"z" * 200000,
    "unread body": request(POST % b"index", LENGTH) + b"abcde" + request(),
    "half a body": request(POST % b"read", LENGTH) + b"ab",
    "pipelined": request() + request(POST % b"echo", LENGTH) + b"abcde"
    b"" + request(b"GET /chunks HTTP/1.1"),
    "pipelined and late": request(b"GET /raises HTTP/1.1") + request(),
    "expect": request(POST % b"read", LENGTH, EXPECT),
    "expect, never read": request(POST % b"index", LENGTH, EXPECT),
    "expect, sent at once": request(POST % b"read", LENGTH, EXPECT) + b"abcde",
    "close": request(b"GET / HTTP/1.1", CLOSE) + request(),
    "close, other case": request(b"GET / HTTP/1.1", b"Connection: Close"),
    "close, garbage after": request(b"GET /read HTTP/1.1", CLOSE) + b"x" * 9,
    "HTTP/1.0": b"GET / HTTP/1.0\r\n\r\n",
    "HTTP/1.0 keep-alive": b"GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n",
    "HTTP/1.0 chunks": b"GET /chunks HTTP/1.0\r\n\r\n",
    "HTTP/1.0 expect": b"POST /read HTTP/1.0\r\ncontent-length: 1\r\n"
    b"expect: 100-continue\r\n\r\nx",
    "garbage": b"garbage\r\n\r\n",
    "binary": bytes(range(256)) + b"\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": request(b"GET / HTTP/1.1", b"host: b"),
    "empty host": b"GET / HTTP/1.1\r\nhost:\r\n\r\n",
    "IPv6 host": b"GET / HTTP/1.1\r\nhost: [::1]:80\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "bad length": request(POST % b"read", b"content-length: -1"),
    "two lengths": request(POST % b"read", LENGTH, b"content-length: 6"),
    "bad chunk": request(POST % b"read", CHUNKED) + b"zz\r\n",
    "bad chunk, late": request(POST % b"index", CHUNKED) + b"zz\r\n",
    "other coding": request(POST % b"read", b"transfer-encoding: gzip"),
    "space before colon": request(b"GET / HTTP/1.1", b"a : b"),
    "obs-fold": request(b"GET / HTTP/1.1", b"a: b", b" c"),
    "bare newlines": b"GET / HTTP/1.1\nhost: a\n\n",
    "empty lines first": b"\r\n\r\n" + request(),
    "long head": request(b"GET / HTTP/1.1", b"a: " + b"b" * 20000),
    "endless head": b"GET / HTTP/1.1\r\na: " + b"b" * 70000,
    "odd header case": request(b"GET / HTTP/1.1", b"X-CuStOm: VaLuE"),
    "percent": request(b"GET /a%20b%2Fc%C3%A9%FF?q=%20&%zz HTTP/1.1"),
    "question mark": request(b"GET /a??b?c HTTP/1.1"),
    "asterisk": request(b"OPTIONS * HTTP/1.1"),
    "connect": request(b"CONNECT a:443 HTTP/1.1"),
    "websocket": request(
        b"GET / HTTP/1.1", b"connection: keep-alive, Upgrade",
        b"upgrade: WebSocket",
    ) + request(),
    "h2c": request(
        b"GET / HTTP/1.1", b"connection: upgrade", b"upgrade: h2c"
    ),
    "upgrade without connection": request(
        b"GET / HTTP/1.1", b"upgrade: websocket"
    ),
    "unknown method": request(b"BREW / HTTP/1.1"),
}  # fmt: skip


@contextlib.contextmanager
def both(**options: Any) -> Iterator[tuple[Wire, App, Wire, App]]:
    ours_app, their_app = App(), App()
    traced = options.pop("traced", True)
    state = {"key": "value"}
    with (
        wire(ours_app, traced=traced, app_state=state, **options) as ours,
        uvicorn_wire(their_app, app_state=state, **options) as theirs,
    ):
        yield ours, ours_app, theirs, their_app


def compare(*reads: bytes, **options: Any) -> None:
    with both(**options) as (ours, ours_app, theirs, their_app):
        for each in (ours, theirs):
            each.receives(*reads)
        for step in (Wire.settle, lambda each: each.wait(6), Wire.lost):
            for each in (ours, theirs):
                if step is not Wire.lost or not each.transport.closing:
                    step(each)
            assert ours.done == theirs.done
            assert ours_app.seen == their_app.seen
            assert ours.lines == theirs.lines
        assert len(ours.protocol.tasks) == len(theirs.protocol.tasks)
        total = theirs.protocol.server_state.total_requests
        assert ours.protocol.server_state.total_requests == total


@pytest.mark.parametrize("traced", [True, False])
@pytest.mark.parametrize("name", REQUESTS)
def test_the_same_request_gets_the_same_writes(name: str, traced: bool) -> None:
    compare(REQUESTS[name], traced=traced)


@pytest.mark.parametrize("name", REQUESTS)
def test_so_it_is_with_an_h11_whose_private_parts_are_not_known(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "KNOWN", False)
    compare(REQUESTS[name])


@pytest.mark.parametrize(
    "name", [each for each in REQUESTS if len(REQUESTS[each]) < 1000]
)
def test_one_byte_at_a_time(name: str) -> None:
    compare(*(bytes([byte]) for byte in REQUESTS[name]))


SMALL = [each for each in REQUESTS.values() if len(each) < 1000]


@settings(max_examples=150)
@given(
    st.lists(st.sampled_from(SMALL), min_size=1, max_size=4).map(b"".join),
    st.lists(st.integers(1, 60), max_size=12),
)
def test_any_requests_cut_anywhere(data: bytes, sizes: list[int]) -> None:
    reads = []
    for size in sizes:
        reads.append(data[:size])
        data = data[size:]
    compare(*filter(None, [*reads, data]))


@settings(max_examples=100)
@given(st.sampled_from(SMALL), st.integers(0, 200), st.binary(max_size=3))
def test_any_request_with_a_few_bytes_changed(
    data: bytes, at: int, noise: bytes
) -> None:
    data = data[:at] + noise + data[at + len(noise) :]
    with contextlib.suppress(_LeftToTheRFCError):
        _ours_by_rfc(data)
        compare(data)


class _LeftToTheRFCError(Exception):
    pass


def _ours_by_rfc(data: bytes) -> None:
    """Leave out what is answered otherwise, see RFC_EXCEPTIONS."""
    with wire(App()) as opened:
        opened.receives(data)
        for each in opened.of("h11.error"):
            if each.message == "invalid Host":  # type: ignore[attr-defined]
                raise _LeftToTheRFCError
            if data.startswith(b"HEAD"):
                # Its body is broken: uvicorn's 400 has one, and h11 raises.
                raise _LeftToTheRFCError
        if b"://" in data:
            raise _LeftToTheRFCError


@pytest.mark.parametrize("root_path", ["/api", "/a b"])
def test_f44_root_path_stands_in_front_of_both_paths(root_path: str) -> None:
    compare(request(b"GET /x%20y HTTP/1.1"), root_path=root_path)


@pytest.mark.parametrize("limit", [1, 2])
def test_f47_the_limit_counts_the_connection_that_asks(limit: int) -> None:
    compare(request() + request(), limit_concurrency=limit)


def test_f47_a_limit_of_tasks() -> None:
    with both(limit_concurrency=2) as (ours, _, theirs, _):
        for each in (ours, theirs):
            each.protocol.tasks.update({object(), object()})
            each.receives(request())
            each.protocol.tasks.clear()
        assert ours.done == theirs.done
        assert ours.lines == theirs.lines
        assert b"503" in ours.written


def test_the_head_may_be_limited() -> None:
    head = request(b"GET / HTTP/1.1", b"a: " + b"b" * 100)
    compare(head[:90], head[90:], h11_max_incomplete_event_size=80)


def test_a_fresh_context_for_each_request() -> None:
    compare(request(), reset_contextvars=True)


def test_the_server_shuts_down_while_idle() -> None:
    with both() as (ours, _, theirs, _):
        for each in (ours, theirs):
            each.receives(request())
            each.protocol.shutdown()
            each.settle()
        assert ours.done == theirs.done


def test_the_server_shuts_down_during_a_request() -> None:
    half = request(POST % b"read", LENGTH)
    with both() as (ours, _, theirs, _):
        for each in (ours, theirs):
            each.receives(half + b"ab")
            each.protocol.shutdown()
            each.receives(b"cde")
        assert ours.done == theirs.done
        assert ours.done[-1] == ("close", b"")


@pytest.mark.parametrize("error", [None, ConnectionResetError()])
@pytest.mark.parametrize("path", [b"read", b"echo"])
def test_the_client_leaves_during_a_request(
    path: bytes, error: Exception | None
) -> None:
    with both() as (ours, ours_app, theirs, their_app):
        for each in (ours, theirs):
            each.receives(request(POST % path, LENGTH) + b"ab")
            each.lost(error)
        assert ours.done == theirs.done
        assert ours_app.seen == their_app.seen
        assert ours.lines == theirs.lines


def test_f64_a_client_that_does_not_read_stops_the_app() -> None:
    with both() as (ours, _, theirs, _):
        for each in (ours, theirs):
            each.protocol.pause_writing()
            each.receives(request())
            assert each.done == []
            each.protocol.resume_writing()
            each.settle()
        assert ours.done == theirs.done
        assert ours.written.endswith(b"ok")


@pytest.mark.parametrize("each", RFC_EXCEPTIONS, ids=lambda each: each.name)
def test_the_rfc_wins(each: Difference) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        host = dict(scope["headers"])[b"host"]
        body = b"path=%s host=%s" % (scope["path"].encode(), host)
        await send(START)
        await send({**OK, "body": body})

    with wire(app) as ours, uvicorn_wire(app) as theirs:
        found = []
        for server in (theirs, ours):
            server.receives(each.request)
            server.wait(each.wait)
            end = b"closed" if server.transport.closing else b"kept open"
            found.append(server.written + end)
        assert each.uvicorn in found[0]
        assert each.ours in found[1]
        assert each.ours not in found[0]
