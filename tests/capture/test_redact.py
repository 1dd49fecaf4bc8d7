"""Secrets planted anywhere never come out; harmless things always do."""

import json
from collections.abc import Iterator
from itertools import pairwise
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracer.capture import redact
from tracer.capture.names import NAMES, SHORT, STEMS, is_secret

SECRET = st.text(
    "abcdefghijklmnopqrstuvwxyz0123456789-_.", min_size=12, max_size=40
).map(lambda each: f"QZ{each}ZQ")
NAME = st.sampled_from(
    [
        "password", "api_key", "accessToken", "x-auth-token", "Session-Id",
        "client_secret", "user[password]", "PIN", "sessionid", "sig",
    ]
)  # fmt: skip
HARMLESS = [
    "monkey", "keyboard", "pinned", "author", "tokenizer", "spinner",
    "KeyError", "opinion", "authority", "passenger", "keys_view",
]  # fmt: skip


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    redact.hide()
    yield
    redact.hide()


def test_a_name_is_secret_by_its_words_and_not_by_a_part_of_one() -> None:
    assert not [each for each in HARMLESS if is_secret(each)]
    assert is_secret("my_api_key")
    assert is_secret("refreshToken")
    assert is_secret("AWS_SECRET_ACCESS_KEY")
    assert is_secret("phpsessid")


STEM = st.sampled_from([*NAMES, *SHORT, "%", "\\"])
PIECE = STEM.flatmap(lambda stem: st.sampled_from([stem, stem[:-1], stem[1:]]))


@given(st.lists(PIECE | st.text("xys", max_size=2), max_size=4).map("".join))
def test_a_stem_is_found_wherever_it_stands(said: str) -> None:
    there = any(stem in said for stem in (*NAMES, *SHORT, "%", "\\"))
    assert (STEMS.search(said.encode()) is not None) == there


def test_a_plain_head_is_told_as_it_came() -> None:
    raw = b"GET /a?monkey=1&author=me HTTP/1.1\r\nHost: \xe9\r\n\r\n"

    assert redact.head(raw) == raw.decode("latin-1")


def test_a_head_hides_values_and_the_lines_folded_to_them() -> None:
    raw = (
        b"GET http://me:pw@h/?token=abc&x=1 HTTP/1.1\r\nHost: h\r\n"
        b"Authorization: Basic YWJj\r\n ZGVm\r\nX: y\r\n\r\n"
    )

    assert redact.head(raw) == (
        "GET http://[hidden]@h/?token=[hidden]&x=1 HTTP/1.1\r\nHost: h\r\n"
        "Authorization: [hidden]\r\n [hidden]\r\nX: y\r\n\r\n"
    )


def test_the_version_after_a_secret_in_the_target_is_told() -> None:
    raw = b"GET /login?next=/&token=s3cr3t HTTP/1.1\r\nHost: x\r\n\r\n"

    shown = redact.head(raw)

    assert shown == (
        "GET /login?next=/&token=[hidden] HTTP/1.1\r\nHost: x\r\n\r\n"
    )
    assert redact.text("it was s3cr3t") == "it was [hidden]"


def test_a_cut_off_or_bare_newline_head_hides_all_the_same() -> None:
    assert redact.head(b"GET / HTTP/1.1\nCookie: a=b") == (
        "GET / HTTP/1.1\nCookie: [hidden]"
    )


def test_headers_keep_their_order_and_hide_their_secrets() -> None:
    assert redact.headers(
        [
            (b"Host", b"h"),
            (b"cookie", b"a=b"),
            (b"x-api-key", b"k"),
            (b"referer", b"http://h/?sid=1&page=2"),
            (b"set-cookie", b"s=1; HttpOnly"),
        ]
    ) == (
        ("Host", "h"),
        ("cookie", "[hidden]"),
        ("x-api-key", "[hidden]"),
        ("referer", "http://h/?sid=[hidden]&page=2"),
        ("set-cookie", "[hidden]"),
    )


def test_a_json_object_under_a_secret_name_is_hidden_whole() -> None:
    said = b'{"a":1,"secret":{"b":["}",2]},"c":{"token":null}}'

    assert redact.body(said, b"application/json") == (
        '{"a":1,"secret":[hidden],"c":{"token":null}}'
    )


def test_a_multipart_part_is_hidden_by_its_name() -> None:
    said = (
        b"--b\r\nContent-Disposition: form-data; name=\"user\"\r\n\r\nme\r\n"
        b"--b\r\nContent-Disposition: form-data; name=\"password\"\r\n"
        b"Content-Type: text/plain\r\n\r\nhunter2\r\n--b--\r\n"
    )  # fmt: skip

    shown = redact.body(said, b"multipart/form-data; boundary=b")

    assert "hunter2" not in shown
    assert "\r\n\r\nme\r\n" in shown


def test_a_body_is_kept_up_to_a_preview_over_all_its_pieces() -> None:
    body = redact.Body(b"text/plain")

    assert body.feed(b"a" * 1000) == "a" * 1000
    assert body.feed(b"b" * 1000) == "b" * 24
    assert body.feed(b"c") == ""


def test_what_was_hidden_is_hidden_again_when_the_app_prints_it() -> None:
    redact.headers([(b"authorization", b"Bearer abcdef123"),
                    (b"cookie", b"theme=dark; id=98765432")])  # fmt: skip

    assert redact.text("got abcdef123 and 98765432, dark") == (
        "got [hidden] and [hidden], dark"
    )


def test_log_lines_and_messages_hide_what_has_a_secret_name() -> None:
    said = (
        'GET /x?api_key=k1&page=2 HTTP/1.1" 200 - password: "a b" '
        "postgres://me:pw@db/ Authorization: Bearer zzzzzzzz"
    )

    assert redact.text(said) == (
        'GET /x?api_key=[hidden]&page=2 HTTP/1.1" 200 - password: [hidden]" '
        "postgres://[hidden]@db/ Authorization: [hidden]"
    )
    assert redact.text("KeyError: 'name', 3 monkeys = 4") == (
        "KeyError: 'name', 3 monkeys = 4"
    )


def test_reveal_hides_nothing_and_says_so() -> None:
    assert "password" in redact.hidden()

    redact.reveal()

    assert redact.hidden() == ()
    assert redact.headers([(b"cookie", b"a=b")]) == (("cookie", "a=b"),)
    assert redact.head(b"GET /?token=1 HTTP/1.1\r\n\r\n") == (
        "GET /?token=1 HTTP/1.1\r\n\r\n"
    )
    assert redact.query(b"token=1") == "token=1"
    assert redact.body(b"token=1") == "token=1"
    assert redact.text("token=1") == "token=1"


@given(NAME, SECRET, st.booleans())
def test_no_planted_secret_comes_out(
    name: str, secret: str, escaped: bool
) -> None:
    redact.hide()
    spelt = "".join(f"%{ord(c):02x}" for c in name) if escaped else name
    form = f"a=1&{spelt}={quote_plus(secret)}&z=2".encode()
    header = name.replace("[", "-").replace("]", "").encode()
    head = (
        b"POST /p?" + form + b" HTTP/1.1\r\n" + header + b": "
        + secret.encode() + b"\r\n\r\n"
    )  # fmt: skip
    key = "".join(f"\\u{ord(c):04x}" for c in name) if escaped else name
    document = f'{{"a":1,"{key}":{json.dumps([secret])},"z":2}}'.encode()

    for shown in (
        redact.query(form),
        redact.path(b"/p?" + form),
        redact.head(head),
        str(redact.headers([(header, secret.encode())])),
        redact.body(form, b"application/x-www-form-urlencoded"),
        redact.body(document, b"application/json"),
        redact.text(f"{name}={secret}"),
    ):
        assert secret not in shown
        assert redact.HIDDEN in shown


@given(st.data(), NAME, SECRET)
def test_a_secret_split_over_pieces_never_comes_out(
    data: st.DataObject, name: str, secret: str
) -> None:
    redact.hide()
    kind, whole = data.draw(
        st.sampled_from(
            [
                (b"application/json", f'{{"{name}": "{secret}", "z": 2}}'),
                (b"application/x-www-form-urlencoded", f"{name}={secret}&z=2"),
            ]
        )
    )
    cuts = data.draw(st.sets(st.integers(0, len(whole))))
    edges = [0, *sorted(cuts), len(whole)]
    body = redact.Body(kind)

    shown = "".join(body.feed(whole[a:b].encode()) for a, b in pairwise(edges))

    assert secret not in shown
    assert shown.endswith("z=2" if b"form" in kind else '"z": 2}')


@given(st.binary(max_size=300), st.sampled_from([
    b"", b"application/json", b"application/x-www-form-urlencoded",
    b"multipart/form-data", b"text/html",
]))  # fmt: skip
def test_no_bytes_at_all_make_it_raise(raw: bytes, kind: bytes) -> None:
    redact.head(raw)
    redact.path(raw)
    redact.query(raw)
    redact.text(raw.decode("latin-1"))
    redact.body(raw, kind)


@pytest.mark.parametrize(
    ("offered", "shown"),
    [
        ("graphql-ws, v12.stomp", "graphql-ws, v12.stomp"),
        ("bearer, s3cr3t-a", "bearer, [hidden]"),
        ("chat,access_token,s3cr3t-b", "chat,access_token,[hidden]"),
        ("x.bearer.k8s.io.s3cr3t-c", "x.bearer.k8s.io.[hidden]"),
        ("chat, eyJhbGciOi.s3cr3t-d.e", "chat, [hidden]"),
    ],
)
def test_a_token_among_subprotocols_is_hidden(offered: str, shown: str) -> None:
    redact.hide()
    line = f"Sec-WebSocket-Protocol: {offered}\r\n"
    raw = f"GET / HTTP/1.1\r\nSec-WebSocket-Key: a\r\n{line}\r\n".encode()

    assert f"Sec-WebSocket-Protocol: {shown}\r\n" in redact.head(raw)
    pair = b"sec-websocket-protocol", offered.encode()
    assert redact.headers([pair]) == ((pair[0].decode(), shown),)
    assert "s3cr3t" not in redact.text(offered)
