"""The server's small parts, each by itself."""

import json
from collections.abc import Iterator
from typing import Any

import h11
import pytest

from tracer.capture import redact
from tracer.capture.redact import Kept
from tracer.capture.server.address import (
    address,
    get_local_addr,
    get_remote_addr,
)
from tracer.capture.server.blame import message_of, place_of
from tracer.capture.server.head import credited
from tracer.capture.server.rfc9112 import (
    has_valid_host,
    is_ambiguous,
    origin_form,
    with_host,
)
from tracer.capture.server.upgrade import upgrade_of


@pytest.fixture(autouse=True)
def hiding() -> Iterator[None]:
    redact.hide()
    yield
    redact.hide()


class Transport:
    """What a transport knows of its ends."""

    def __init__(self, **known: object) -> None:
        self.known = known

    def get_extra_info(self, name: str) -> object:
        return self.known.get(name)


class Socket:
    def __init__(self, name: object) -> None:
        self.name = name

    def getsockname(self) -> object:
        return self.name

    def getpeername(self) -> object:
        if self.name is None:
            raise OSError
        return self.name


@pytest.mark.parametrize(
    ("known", "client", "server"),
    [
        ({}, None, None),
        ({"socket": Socket(("h", 1))}, ("h", 1), ("h", 1)),
        ({"socket": Socket(("::1", 1, 0, 0))}, ("::1", 1), ("::1", 1)),
        ({"socket": Socket("/run/s")}, None, ("/run/s", None)),
        ({"socket": Socket(None)}, None, None),
        (
            {"sockname": ("s", 2), "peername": ("c", 3)},
            ("c", 3),
            ("s", 2),
        ),
        ({"sockname": "/run/s", "peername": ""}, None, ("/run/s", None)),
    ],
)
def test_the_two_ends_of_a_connection(
    known: dict[str, object], client: object, server: object
) -> None:
    transport: Any = Transport(**known)
    assert get_remote_addr(transport) == client
    assert get_local_addr(transport) == server


@pytest.mark.parametrize(
    ("end", "text"),
    [
        (None, ""),
        (("127.0.0.1", 80), "127.0.0.1:80"),
        (("::1", 80), "[::1]:80"),
        (("/run/s", None), "/run/s"),
    ],
)
def test_an_end_as_text(end: tuple[str, int | None] | None, text: str) -> None:
    assert address(end) == text


@pytest.mark.parametrize(
    ("target", "form", "host"),
    [
        (b"/a?b", b"/a?b", None),
        (b"*", b"*", None),
        (b"a:443", b"a:443", None),
        (b"http://h", b"/", b"h"),
        (b"HTTPS://h:1/a//b?c#d", b"/a//b?c#d", b"h:1"),
        (b"http://u:p@h?q", b"/?q", b"h"),
        (b"//h/a", b"//h/a", None),
        (b"ftp://h/a", b"ftp://h/a", None),
    ],
)
def test_the_origin_form_of_a_target(
    target: bytes, form: bytes, host: bytes | None
) -> None:
    assert origin_form(target) == (form, host)


def test_the_targets_host_takes_the_place_of_the_headers() -> None:
    headers = [(b"a", b"b"), (b"host", b"old")]
    assert with_host(headers, b"new") == [(b"host", b"new"), (b"a", b"b")]


@pytest.mark.parametrize(
    "host",
    [
        b"",
        b"a",
        b"a.b:80",
        b"a_b",
        b"127.0.0.1",
        b"[::1]:80",
        b"a%20b",
        b"a:",
        b"a,b",
    ],
)
def test_a_host_that_could_be_one(host: bytes) -> None:
    assert has_valid_host({b"host": host})


@pytest.mark.parametrize(
    "host",
    [b"a b", b"a/b", b"u@h", b"a:b", b"::1", b"[::1", b"\xe4", b"a?b"],
)
def test_a_host_that_could_not(host: bytes) -> None:
    assert not has_valid_host({b"host": host})


def test_no_host_is_h11s_business() -> None:
    assert has_valid_host({})


def test_two_lengths_are_ambiguous() -> None:
    length, chunked = (b"content-length", b"1"), (b"transfer-encoding", b"x")
    assert is_ambiguous(dict([length, chunked]))
    assert not is_ambiguous(dict([length]))
    assert not is_ambiguous(dict([chunked]))


def test_an_upgrade_needs_both_headers() -> None:
    both = [(b"connection", b"keep-alive, Upgrade"), (b"upgrade", b"H2C")]
    assert upgrade_of(both) == b"h2c"
    assert upgrade_of(both[:1]) is None
    assert upgrade_of(both[1:]) is None


def test_what_h11_adds_moves_and_drops_is_credited() -> None:
    given = [
        (b"date", b"now"),
        (b"server", b"s"),
        (b"Content-Length", b"2"),
        (b"connection", b"close"),
    ]
    head = (
        b"HTTP/1.1 200 OK\r\ndate: now\r\nserver: s\r\n"
        b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    )
    event = h11.Response(status_code=200, headers=given)
    found, kind = credited((head, 2, True, True, 4), event)
    assert found == (
        ("date", "now", "tick"),
        ("server", "s", "config"),
        ("Transfer-Encoding", "chunked", "h11"),
        ("Connection", "close", "mirrored"),
    )
    assert kind == b""
    assert credited((head, 2, True, True, 4), event)[0] is found  # kept


def test_what_is_kept_is_made_once_and_its_secrets_are_met_again() -> None:
    calls: list[bytes] = []

    def make(raw: bytes) -> str:
        calls.append(raw)
        return redact.query(raw)

    kept: Kept[bytes, str] = Kept(make)
    assert [kept(b"a=1"), kept(b"a=1")] == ["a=1", "a=1"]
    assert kept(b"token=hunter2") == "token=[hidden]"
    for number in range(100):  # more than are remembered
        redact.query(b"token=other%d" % number)
    assert redact.text("it is hunter2") == "it is hunter2"
    assert kept(b"token=hunter2") == "token=[hidden]"
    assert redact.text("it is hunter2") == "it is [hidden]"
    assert calls == [b"a=1", b"token=hunter2"]


def test_what_is_kept_within_what_is_kept_is_met_again_too() -> None:
    inner: Kept[bytes, str] = Kept(redact.query)
    outer: Kept[bytes, str] = Kept(lambda raw: inner(raw).upper())
    inner(b"token=hunter2")
    assert outer(b"token=hunter2") == "TOKEN=[HIDDEN]"
    for number in range(100):
        redact.query(b"token=other%d" % number)
    outer(b"token=hunter2")
    assert redact.text("it is hunter2") == "it is [hidden]"


def test_a_secret_that_keeps_coming_outlives_those_that_came_between() -> None:
    kept: Kept[bytes, str] = Kept(redact.query)
    for number in range(200):
        kept(b"token=hunter2")
        redact.query(b"token=other%d" % number)
    kept(b"token=hunter2")
    assert redact.text("it is hunter2") == "it is [hidden]"


def test_what_was_kept_is_made_anew_when_other_things_are_hidden() -> None:
    kept: Kept[bytes, str] = Kept(redact.query)
    for _ in range(2):
        assert kept(b"token=hunter2") == "token=[hidden]"
        redact.reveal()
        assert kept(b"token=hunter2") == "token=hunter2"
        redact.hide()


def test_not_too_much_is_kept() -> None:
    made: list[int] = []

    def make(raw: int) -> str:
        made.append(raw)
        return str(raw)

    kept: Kept[int, str] = Kept(make, 9)
    for number in range(10):
        kept(number)
    kept(0)
    assert made == [*range(10), 0]


def test_what_is_large_is_not_kept() -> None:
    made: list[int] = []

    def make(raw: tuple[bytes, tuple[str, ...]]) -> int:
        made.append(len(raw[0]))
        return 0

    kept: Kept[tuple[bytes, tuple[str, ...]], int] = Kept(make)
    for size in (4000, 4000, 5000, 5000):
        kept((b"x" * size, ("y", "z")))
    assert made == [4000, 5000, 5000]


class UnspeakableError(Exception):
    def __str__(self) -> str:
        raise KeyError


def test_an_exception_that_can_not_be_said() -> None:
    said = message_of(UnspeakableError())
    assert said == "(its __str__ raised KeyError)"


def test_an_exception_is_said_without_its_secrets_and_its_length() -> None:
    assert message_of(ValueError("token=hunter2")) == "token=[hidden]"
    assert len(message_of(ValueError("x" * 10_000))) == 500


def test_the_place_is_the_apps_own_even_when_a_library_raises() -> None:
    with pytest.raises(json.JSONDecodeError) as caught:
        json.loads("{")
    line = caught.tb.tb_lineno
    assert place_of(caught.value) == f"test_parts.py:{line}"
    assert place_of(ValueError()) == ""
