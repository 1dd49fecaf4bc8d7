"""The lean connection beside h11's own: the same comes of everything.

Both are given the same bytes, cut in the same places, and the same events to
send; after each step both are asked for all that can be asked of them.
"""

# ruff: noqa: ANN401  (h11's events and sentinels pass through here)

from typing import Any

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracer.capture.server import connection, lean
from tracer.capture.server.lean import LeanConnection

LIMIT = 400

NAMES = [b"host", b"Host", b"X-A", b"accept", b"authorization", b"cookie"]
ASKING = [
    b"Connection: close", b"connection: keep-alive", b"connection: Upgrade",
    b"connection: KEEP-ALIVE", b"content-length: 3", b"Content-Length: 0",
    b"content-length: 3, 3", b"content-length: -1", b"content-length: x",
    b"content-length: " + b"9" * 30, b"expect: 100-continue",
    b"transfer-encoding: chunked", b"transfer-encoding: gzip",
    b"upgrade: websocket", b" folded", b"a : b", b"a:\tb \t", b"bare\rcr: 1",
    b"nul: \x00", b"high: \xff", b"x: " + b"y" * 300, b": nameless", b"none",
]  # fmt: skip
LINES = [
    b"GET / HTTP/1.1", b"POST /a?b HTTP/1.1", b"HEAD / HTTP/1.1",
    b"CONNECT a:1 HTTP/1.1", b"GET / HTTP/1.0", b"GET / HTTP/1.2",
    b"G\xe4T / HTTP/1.1", b"GET  / HTTP/1.1", b"GET /\xff HTTP/1.1", b"",
]  # fmt: skip

header = st.sampled_from(NAMES).map(lambda name: name + b": a")
head = st.builds(
    lambda line, headers, end: end.join([line, *headers, b"", b""]),
    st.sampled_from(LINES) | st.just(LINES[0]),
    st.lists(header | st.sampled_from(ASKING), max_size=5).map(
        lambda lines: [b"host: a", *lines]
    )
    | st.lists(header, max_size=2),
    st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n"]),
)
body = st.sampled_from([
    b"", b"", b"abc", b"abcdef", b"3\r\nabc\r\n0\r\n\r\n", b"0\r\na: b\r\n\r\n",
    b"zz\r\n", b"\r\n", b"\n",
])  # fmt: skip
reads = st.builds(
    lambda parts, cuts: _cut(b"".join(parts), cuts),
    st.lists(st.builds(bytes.__add__, head, body), max_size=3),
    st.lists(st.integers(1, 40), max_size=4),
)

EVENTS: list[Any] = [
    h11.Response(status_code=200, headers=headers, reason=b"OK")
    for headers in (
        [(b"content-length", b"2")],
        [(b"Content-Length", b"0"), (b"a", b"b")],
        [(b"transfer-encoding", b"chunked")],
        [(b"connection", b"close"), (b"content-length", b"2")],
        [],
    )
]
EVENTS += [
    h11.Response(status_code=204, headers=[]),
    h11.Response(status_code=304, headers=[(b"content-length", b"9")]),
    h11.InformationalResponse(status_code=100, headers=[]),
    h11.InformationalResponse(status_code=101, headers=[]),
    h11.Data(data=b"ok"),
    h11.Data(data=b"o"),
    h11.Data(data=b""),
    h11.Data(data=b"three"),
    h11.Data(data=None),  # type: ignore[arg-type]  # an app may send anything
    h11.EndOfMessage(),
    h11.EndOfMessage(headers=[(b"a", b"b")]),
    h11.ConnectionClosed(),
]
ANSWER = [EVENTS[0], h11.Data(data=b"ok"), h11.EndOfMessage()]

steps = st.lists(
    reads.map(lambda all_: [("receive_data", each) for each in all_])
    | st.sampled_from(EVENTS).map(lambda each: [("send", each)])
    | st.just([("send", each) for each in ANSWER])
    | st.just([("start_next_cycle", None)])
    | st.just([("receive_data", b"")]),
    max_size=8,
).map(lambda lists: [step for each in lists for step in each])


def _cut(data: bytes, sizes: list[int]) -> list[bytes]:
    parts = []
    for size in sizes:
        parts.append(data[:size])
        data = data[size:]
    return [each for each in [*parts, data] if each]


def _do(conn: h11.Connection, name: str, value: Any) -> Any:
    call = getattr(conn, name)
    try:
        return call() if value is None else call(value)
    except Exception as error:  # noqa: BLE001  # whatever it is, both do it
        return type(error), str(error)


def _told(event: Any) -> Any:
    return repr(event), getattr(event, "headers", [])


def _all_of(conn: h11.Connection) -> list[Any]:
    """Take events until none comes."""
    found = []
    while True:
        event = _do(conn, "next_event", None)
        found.append(_told(event))
        if type(event) not in {h11.Request, h11.Data, h11.EndOfMessage}:
            return found  # an error, or nothing more


def _state(conn: h11.Connection) -> Any:
    return (
        conn.states,
        conn.trailing_data,
        conn.they_are_waiting_for_100_continue,
        conn.their_http_version,
    )


@settings(max_examples=400)
@given(steps)
def test_whatever_is_done_both_do_the_same(todo: list[Any]) -> None:
    ours = LeanConnection(h11.SERVER, LIMIT)
    theirs = h11.Connection(h11.SERVER, LIMIT)
    for name, value in todo:
        assert _told(_do(ours, name, value)) == _told(_do(theirs, name, value))
        assert _state(ours) == _state(theirs)
        if name != "send":
            assert _all_of(ours) == _all_of(theirs)
            assert _state(ours) == _state(theirs)


@pytest.mark.parametrize("again", [1, 3])
def test_a_plain_exchange_asks_h11_for_nothing(
    again: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    conn = LeanConnection(h11.SERVER, LIMIT)
    for _ in range(again):
        conn.receive_data(b"POST / HTTP/1.1\r\nhost: a\r\n"
                          b"content-length: 2\r\n\r\nab")  # fmt: skip
        kinds = [type(conn.next_event()) for _ in range(4)]
        assert kinds == [h11.Request, h11.Data, h11.EndOfMessage, h11.NEED_DATA]
        sent = [conn.send(each) for each in ANSWER]
        assert sent == [
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n", b"ok", b""
        ]  # fmt: skip
        conn.start_next_cycle()
        assert conn.next_event() is h11.NEED_DATA
        # The first has shown h11 what there is to be remembered.
        monkeypatch.setattr(h11.Connection, "_process_event", None)


def test_lines_are_kept_but_no_secrets_and_not_too_many() -> None:
    conn = LeanConnection(h11.SERVER, LIMIT)
    lines = [b"cookie: a=b", b"Authorization: b", b"x: " + b"y" * 300, b"q: r"]
    conn.receive_data(
        b"\r\n".join([b"GET / HTTP/1.1", b"host: a", *lines, b"", b""])
    )
    assert type(conn.next_event()) is h11.Request
    kept = vars(lean)["_items"]
    assert [each in kept for each in lines] == [False, False, False, True]
    for number in range(lean.MANY + 9):
        vars(lean)["_item"](b"n: %d" % number)
    assert len(kept) <= lean.MANY


def test_another_h11_is_used_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert connection.KNOWN, "tell lean.py about this h11, or pin the old one"
    request = h11.Request(
        method="GET", target="/", headers=[(b"Host", b"a"), (b"X-A", b"B")]
    )
    found = []
    for known in (True, False):
        monkeypatch.setattr(connection, "KNOWN", known)
        found.append(connection.lowered(request))
        assert (type(connection.new_connection(9)) is LeanConnection) is known
    assert found == [[(b"host", b"a"), (b"x-a", b"B")]] * 2
