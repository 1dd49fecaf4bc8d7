"""Trusted proxies: the same is believed as by uvicorn's middleware."""

# ruff: noqa: ANN401  (scopes and messages pass through here)

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from server_running import running
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from tracer.capture.server.proxy import (
    FOR,
    PROTO,
    TrustedProxies,
    believe,
    trusting,
)

Headers = list[tuple[bytes, bytes]]


def scope_of(client: Any, headers: Headers, kind: str = "http") -> Any:
    scheme = "ws" if kind == "websocket" else "http"
    return {
        "type": kind,
        "client": client,
        "scheme": scheme,
        "headers": headers,
    }


def by_uvicorn(scope: Any, trusted: str) -> Any:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope)

    served: Any = ProxyHeadersMiddleware(app, trusted)
    with pytest.raises(StopIteration):
        served(scope, None, None).send(None)  # it waits for nothing
    return seen[0]


def by_us(scope: Any, trusted: str) -> Any:
    proxies = trusting(TrustedProxies(trusted), scope["client"])
    names = {name for name, _ in scope["headers"]}
    if proxies is not None and names & {FOR, PROTO}:
        believe(scope, proxies, None)
    return scope


def assert_same(scope: Any, trusted: str) -> None:
    theirs = by_uvicorn(copy.deepcopy(scope), trusted)
    assert by_us(copy.deepcopy(scope), trusted) == theirs


TRUSTED = (
    "127.0.0.1,::1",
    "*",
    "",
    "127.0.0.1",
    "10.0.0.0/8, 127.0.0.1",
    "10.0.0.1/8,127.0.0.1",  # no network: it has bits after its mask
    "::1,2001:db8::/32",
    "unix:,127.0.0.1,not an address,10.0.0.1",
    "*,127.0.0.1",
)
CLIENTS = (
    None,
    ("127.0.0.1", 5),
    ("::1", 5),
    ("10.1.2.3", 5),
    ("192.0.2.1", 5),
    ("2001:DB8::1", 5),
    ("unix:", 0),
)
ADDRESSES = (
    "192.0.2.1",
    "192.0.2.1:80",
    "10.0.0.1",
    "127.0.0.1",
    "127.0.0.1:443",
    "::1",
    "[::1]",
    "[::1]:80",
    "[::1]x",
    "[::1]:x",
    "[::1",
    "2001:db8::7",
    "unix:",
    "host:port",
    "host:-1",
    "a" * 300,
    "not an address",
    "",
    " ",
)
PROTOS = (b"https", b" https ", b"http", b"ws", b"wss", b"HTTPS", b"ftp", b"")


@pytest.mark.parametrize("trusted", TRUSTED)
@pytest.mark.parametrize("client", CLIENTS)
def test_whoever_asks_is_trusted_as_by_uvicorn(
    trusted: str, client: Any
) -> None:
    assert_same(
        scope_of(client, [(FOR, b"192.0.2.9"), (PROTO, b"https")]), trusted
    )


FORWARDED = st.lists(st.sampled_from(ADDRESSES) | st.text(max_size=9)).map(
    lambda found: ",".join(found).encode("latin-1", "replace")
)
HEADERS = st.lists(
    st.tuples(st.just(FOR), FORWARDED)
    | st.tuples(st.just(PROTO), st.sampled_from(PROTOS) | st.binary(max_size=9))
    | st.just((b"x-forwarded-host", b"a")),
    max_size=4,
)


@given(
    HEADERS,
    st.sampled_from(TRUSTED),
    st.sampled_from(CLIENTS),
    st.sampled_from(["http", "websocket"]),
)
def test_whatever_is_said_is_believed_as_by_uvicorn(
    headers: Headers, trusted: str, client: Any, kind: str
) -> None:
    assert_same(scope_of(client, headers, kind), trusted)


@pytest.mark.parametrize("trusted", ["127.0.0.1", "192.0.2.9"])
def test_what_the_app_gets_is_what_the_trace_says(trusted: str) -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        seen.append((scope["client"], scope["scheme"]))
        length = [(b"content-length", b"2")]
        start = {"type": "http.response.start", "status": 200}
        await send({**start, "headers": length})
        await send({"type": "http.response.body", "body": b"ok"})

    with running(app, trusted_proxies=TrustedProxies(trusted)) as run:
        client = run.client()
        client.get()
        client.get(
            b"/", b"X-Forwarded-For: 203.0.113.7", b"x-forwarded-proto: https"
        )
        client.get(b"/", b"x-forwarded-for:")
        client.get()
        own = client.sock.getsockname()
    text = f"127.0.0.1:{own[1]}"
    believed = trusted == "127.0.0.1"
    given = (("203.0.113.7", 0), "https") if believed else (own, "http")
    plain = (own, "http")
    assert seen == [plain, given, plain, plain]
    said = [
        (each.client_before, each.client, each.scheme_before, each.scheme)
        for each in run.of("proxy.headers")
    ]
    built = [(each.client, each.scheme) for each in run.of("scope.built")]
    if believed:
        assert said == [
            (text, "203.0.113.7:0", "http", "https"),
            (text, text, "http", "http"),
        ]
        assert built[1] == ("203.0.113.7:0", "https")
    else:
        assert said == []
        assert built[1] == (text, "http")
    assert {built[0], *built[2:]} == {(text, "http")}
    lines = [each.text for each in run.of("access.log")]
    assert lines[1].startswith("203.0.113.7:0" if believed else text)
    reqs = [each.req for each in run.of("scope.built")]
    assert [each.req for each in run.of("proxy.headers")] == (
        [reqs[1], reqs[2]] if believed else []
    )
