"""Secrets go through the server in every way; none comes out in the trace."""

import base64
import io
import json
import re
import socket
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from live import serving
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    CloseConnection,
    Event,
    Message,
    Request,
)

from tracer.cli import main
from tracer.events.log import Record

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent / "views" / "tui"))

from tui_kit import Stage, picture, play  # noqa: E402  # the screen's own kit

SECRETS = {
    "form": "plain-Papaya-1",
    "percent": "split-Cherry-2",
    "bearer": "bearer-Banana-3",
    "basic": "basic-Blueberry-4",
    "cookie": "cookie-Coconut-5",
    "query": "query-Quince-6",
    "json": "json-Jackfruit-7",
    "part": "part-Pineapple-8",
    "ws query": "wsquery-Walnut-9",
    "ws subprotocol": "wsproto-Plum-10",
    "ws text": "wstext-Tangerine-11",
    "ws split": "wssplit-Satsuma-12",
    "ws close": "wsclose-Clementine-13",
    "made": "made-Mandarin-0",
    "baked": "baked-Biscuit-0",
    "userinfo": "userinfo-Ugli-14",
}
WORDS = [
    re.search(r"-([A-Z][a-z]+)-", each)[1]  # type: ignore[index]  # all have one
    for each in SECRETS.values()
]
"""Any part of a secret is too much."""


def request(line: str, *headers: str, body: str = "") -> bytes:
    lines = [line + " HTTP/1.1", "Host: h", *headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "Connection: close", "", body]).encode()


def http_requests() -> Iterator[list[bytes]]:
    """Requests, in the pieces that they are sent in."""
    form = f"user=me&password={SECRETS['form']}&remember=1"
    kind = "Content-Type: application/x-www-form-urlencoded"
    yield [request("POST /login", kind, body=form)]
    spelt = "".join(f"%{ord(each):02X}" for each in SECRETS["percent"])
    whole = request("POST /login", kind, body=f"%70assword={spelt}&a=b")
    yield [whole[:-60], whole[-60:-30], whole[-30:]]
    whole = request(
        "GET /whoami",
        f"Authorization: Bearer {SECRETS['bearer']}",
        f"Cookie: theme=dark; session={SECRETS['cookie']}",
        f"Referer: http://me:{SECRETS['userinfo']}@h/",
    )
    yield [whole[:50], whole[50:75], whole[75:]]
    basic = base64.b64encode(f"me:{SECRETS['basic']}".encode()).decode()
    yield [request("GET /whoami", f"Authorization: Basic {basic}")]
    yield [request(f"GET /away?token={SECRETS['query']}&x=1")]
    document = json.dumps({"user": "me", "password": SECRETS["json"], "a": 1})
    whole = request("POST /echo", "Content-Type: application/json",
                    body=document)  # fmt: skip
    yield [whole[:-20], whole[-20:]]
    multipart = (
        '--b\r\nContent-Disposition: form-data; name="password"\r\n\r\n'
        f"{SECRETS['part']}\r\n--b--\r\n"
    )
    kind = "Content-Type: multipart/form-data; boundary=b"
    yield [request("POST /parts", kind, body=multipart)]


def exchange(port: int, pieces: list[bytes]) -> bytes:
    answer = b""
    with socket.create_connection(("127.0.0.1", port), 30) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            sock.sendall(piece)
        while data := sock.recv(1 << 16):
            answer += data
    return answer


def talk(port: int) -> list[Event]:
    """A WebSocket's life, with secrets in all of its parts."""
    conn = WSConnection(ConnectionType.CLIENT)
    heard: list[Event] = []
    token = SECRETS["ws query"]
    shake = Request(
        host="h",
        target=f"/socket?token={token}",
        subprotocols=["bearer", SECRETS["ws subprotocol"]],
        extra_headers=[(b"Cookie", b"sid=" + SECRETS["cookie"].encode())],
    )
    text = json.dumps({"password": SECRETS["ws text"], "a": 1})
    split = json.dumps({"api_key": SECRETS["ws split"], "a": 1})
    last = json.dumps({"token": SECRETS["ws close"], "end": True})
    with socket.create_connection(("127.0.0.1", port), 30) as sock:

        def until(kind: type[Event]) -> None:
            while not any(isinstance(each, kind) for each in heard):
                conn.receive_data(sock.recv(1 << 16))
                heard.extend(conn.events())

        sock.sendall(conn.send(shake))
        until(AcceptConnection)
        for piece, done in ((text, True), (split[:20], False),
                            (split[20:], True), (last, True)):  # fmt: skip
            message: Event = Message(data=piece, message_finished=done)
            sock.sendall(conn.send(message))
        until(CloseConnection)
    return heard


@pytest.fixture(scope="module")
def traced(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, list[Record], str]:
    """Serve and drive the careless app; give what there is afterwards."""
    folder = tmp_path_factory.mktemp("private")
    path = folder / "out.jsonl"
    source = (HERE / "private.py").read_text()
    with serving(folder, source, record=str(path)) as live:
        port = live.port
        answers = [exchange(port, each) for each in http_requests()]
        heard = talk(port)
        live.feed.stop()
        live.drain()
        words = "\n".join([*map(str, live.feed.last_words or ())])
    codes = [each.split(b" ", 2)[1] for each in answers]
    assert codes == [b"200", b"200", b"500", b"500", b"307", b"200", b"200"]
    assert SECRETS["made"].encode() in answers[0]
    assert SECRETS["json"].encode() in answers[5]
    assert SECRETS["ws close"] in str(heard[-1])
    return path, live.seen, words


def assert_private(text: str) -> None:
    found = {word: text[max(0, text.find(word) - 200) :][:300]
             for word in WORDS if word in text}  # fmt: skip
    assert found == {}
    assert "[hidden]" in text


def test_none_is_in_the_recording_and_only_its_owner_reads_it(
    traced: tuple[Path, list[Record], str],
) -> None:
    path, _, words = traced
    assert_private(path.read_text())
    assert_private(words + "[hidden]")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_none_is_in_what_is_seen_live(
    traced: tuple[Path, list[Record], str],
) -> None:
    _, seen, _ = traced
    kinds = {each.kind for each in seen}
    assert {"app.log", "app.output", "ws.message", "exception.raised"} <= kinds
    assert_private("\n".join(map(str, seen)))


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_none_is_in_the_text_view(
    traced: tuple[Path, list[Record], str],
    monkeypatch: pytest.MonkeyPatch,
    lang: str,
) -> None:
    said = io.StringIO()
    monkeypatch.setattr(sys, "stdout", said)
    line = ["replay", str(traced[0]), "--view", "text", "--depth", "events"]
    assert main([*line, "--lang", lang]) == 0
    assert_private(said.getvalue())


def test_none_is_in_the_findings(
    traced: tuple[Path, list[Record], str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    main(["findings", str(traced[0])])
    said = capsys.readouterr().out
    assert "ValueError" in said
    assert_private(said + "[hidden]")


def test_none_is_on_the_screen(
    traced: tuple[Path, list[Record], str],
) -> None:
    shown: list[str] = []

    async def looks(stage: Stage) -> None:
        for key in ("down", "down", "down", "e", "enter", "end", "enter", "o"):
            await stage.press(key)
            await stage.after(1.0)
            shown.append(stage.text)
        shown.append(picture(stage.app))

    play(looks, traced[1], size=(200, 60), live=False)
    assert "/socket" in shown[0]
    assert_private("\n".join(shown) + "[hidden]")
