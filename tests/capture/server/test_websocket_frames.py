"""Frames on a wire: messages, pings, and what is too much."""

# ruff: noqa: ANN401  (messages of all sorts pass through here)

import itertools
import tracemalloc
import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from socket_wire import (
    App,
    accepts,
    echoes,
    frame,
    received,
    socket_events,
    socket_wire,
    text,
)
from wsproto.events import (
    CloseConnection,
    Message,
    Ping,
    Pong,
    TextMessage,
)

ACCEPTED = ("ws.handshake", "accepted", 101, "OPEN", None, (), None)


# --- messages ----------------------------------------------------------------


def test_a_message_in_several_frames_is_one_for_the_app() -> None:
    app = App(accepts)
    whole = "häl\N{SNOWMAN}o".encode()
    with socket_wire(app) as (wire, client):
        client.opens()
        wire.receives(
            frame(1, whole[:2], fin=False),  # in the middle of the ä
            frame(0, whole[2:5], fin=False) + frame(9, b"?"),
            frame(0, whole[5:]),
        )
        assert client.reads() == [Pong(payload=b"?")]
        assert socket_events(wire) == [
            ACCEPTED,
            ("ws.fragment", "in", "text", 1, False, 1),
            ("ws.fragment", "in", "text", 3, False, 4),
            ("ws.ping", "in", 1),
            ("ws.pong", "out", 1, None),
            ("ws.fragment", "in", "text", 4, True, 8),
            ("ws.message", "in", 8, "text", "häl☃o", 3, None),
        ]
    assert received(app) == ["häl☃o"]


def test_bytes_are_shown_in_hexadecimal_and_secrets_not_at_all() -> None:
    with socket_wire(App(echoes)) as (wire, client):
        client.opens()
        client.sends(Message(data=b"\x00\xff"))
        client.sends(Message(data=b"password=s3cr3t-s3cr3t"))
        client.sends(Message(data=b"\x81\xa8password\xa6s3cr3t"))  # MessagePack
        client.sends(text('{"token": "t0ps3cr3t", "a": 1}'))
        shown = [each[4] for each in socket_events(wire)[1::2]]
    assert shown == ["00 ff", "", "", '{"token": [hidden], "a": 1}']
    assert "s3cr3t" not in str(wire.events)


def test_a_compressed_message_says_what_it_took_on_the_wire() -> None:
    with socket_wire(App(echoes)) as (wire, client):
        client.opens(packs=True)
        assert client.sends(text("a" * 1000)) == [TextMessage(data="a" * 1000)]
        handshake, came, went = socket_events(wire)
    agreed = "permessage-deflate; client_max_window_bits=15;"
    assert handshake[5] == (f"{agreed} server_max_window_bits=15",)
    assert came[:4] == ("ws.message", "in", 1000, "text")
    assert 0 < came[6] < 50
    assert 0 < went[6] < 50


def test_a_ping_between_compressed_frames_changes_nothing() -> None:
    packer = zlib.compressobj(wbits=-15)
    packed = packer.compress(b"hello" * 20)
    packed += packer.flush(zlib.Z_SYNC_FLUSH)[:-4]
    app = App(accepts)
    with socket_wire(app) as (wire, client):
        client.opens(packs=True)
        wire.receives(frame(9, b"before"))
        wire.receives(frame(1, packed[:3], fin=False, rsv1=True))
        wire.receives(frame(9, b"between"))
        wire.receives(frame(0, packed[3:]))
    assert received(app) == ["hello" * 20]


@pytest.mark.parametrize("bits", ["x", "7", "99"])
def test_a_window_that_cannot_be_is_declined(bits: str) -> None:
    offer = f"permessage-deflate; client_max_window_bits={bits}".encode()
    with socket_wire(App(echoes)) as (wire, client):
        client.opens((b"sec-websocket-extensions", offer))
        assert client.sends(text("a")) == [TextMessage(data="a")]
        assert socket_events(wire)[0] == ACCEPTED


@settings(max_examples=40)
@given(st.data())
def test_however_the_bytes_are_cut_the_messages_are_the_same(data: Any) -> None:
    sort = st.one_of(st.text(max_size=40), st.binary(max_size=40))
    messages = data.draw(st.lists(sort, max_size=5))
    packs = data.draw(st.booleans())
    app = App(accepts)
    with socket_wire(app, traced=data.draw(st.booleans())) as (wire, client):
        client.opens(packs=packs)
        raw = b""
        for each in messages:
            cuts = data.draw(st.integers(0, len(each)))
            first = Message(data=each[:cuts], message_finished=False)
            raw += client.bytes_of(first, Message(data=each[cuts:]))
        cuts_at = sorted(
            data.draw(st.lists(st.integers(0, len(raw)), max_size=6))
        )
        edges = [0, *cuts_at, len(raw)]
        for begin, end in itertools.pairwise(edges):
            wire.receives(raw[begin:end])
        assert received(app) == messages
        assert wire.errors == []


# --- too much, and what is no frame ------------------------------------------


@pytest.mark.parametrize("frames", [1, 3])
def test_a_message_over_the_limit_is_refused_before_it_is_whole(
    frames: int,
) -> None:
    app = App(accepts)
    reason = "Message exceeds the maximum size (10 bytes)"
    with socket_wire(app, ws_max_size=10) as (wire, client):
        client.opens()
        if frames == 1:
            wire.receives(frame(2, bytes(10)), frame(2, bytes(11)))
        else:
            wire.receives(frame(2, bytes(6), fin=False))
            wire.receives(frame(0, bytes(6), fin=False))
        answers = client.reads()
        assert answers == [CloseConnection(code=1009, reason=reason)]
        assert wire.transport.closing
    n = 11 if frames == 1 else 12
    assert ("ws.limit", 10, n, False) in socket_events(wire)
    disconnect = {"type": "websocket.disconnect", "code": 1009}
    assert {**disconnect, "reason": reason} in app.got


def test_a_bomb_is_not_unpacked() -> None:
    packer = zlib.compressobj(9, wbits=-15)
    bomb = packer.compress(bytes(200_000_000))
    bomb += packer.flush(zlib.Z_SYNC_FLUSH)[:-4]
    assert len(bomb) < 200_000
    app = App(accepts)
    with socket_wire(app, ws_max_size=1 << 20) as (wire, client):
        client.opens(packs=True)
        tracemalloc.start()
        wire.receives(frame(2, bomb, rsv1=True))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        (close,) = client.reads()
        assert wire.transport.closing
    assert close.code == 1009  # type: ignore[attr-defined]
    assert peak < 8 << 20
    assert ("ws.limit", 1 << 20, (1 << 20) + 1, True) in socket_events(wire)
    assert received(app) == []


@pytest.mark.parametrize("n", [1000, 1001])
def test_exactly_the_limit_may_be_unpacked(n: int) -> None:
    app = App(accepts)
    with socket_wire(app, ws_max_size=1000) as (_, client):
        client.opens(packs=True)
        client.sends(Message(data=bytes(n)))
    assert received(app) == ([bytes(n)] if n == 1000 else [])


@pytest.mark.parametrize(
    ("raw", "code", "reason"),
    [
        (b"\x81\x01a", 1002, "server received unexpected unmasked frame"),
        (frame(3, b""), 1002, "Invalid opcode 0x3"),
        (frame(0, b"a"), 1002, "unexpected CONTINUATION"),
        (frame(1, b"a", rsv1=True), 1002, "Reserved bit set unexpectedly"),
        (frame(9, b"", fin=False), 1002, "Invalid attempt to fragment"),
        (frame(1, b"\xff"), 1007, "'utf-8' codec can't decode byte 0xff"),
    ],
)
def test_what_is_no_frame_closes(raw: bytes, code: int, reason: str) -> None:
    app = App(accepts)
    with socket_wire(app) as (wire, client):
        client.opens()
        wire.receives(raw)
        (close,) = client.reads()
        assert wire.transport.closing
    assert close.code == code  # type: ignore[attr-defined]
    assert app.got[1]["code"] == code
    assert app.got[1]["reason"].startswith(reason)
    (closed,) = socket_events(wire)[1:]
    assert closed[1:3] == (code, "server")
    assert closed[4:] == (True, "LOCAL_CLOSING")
    assert wire.errors == []


def test_packed_bytes_that_are_none_close() -> None:
    app = App(accepts)
    with socket_wire(app) as (wire, client):
        client.opens(packs=True)
        wire.receives(frame(1, b"\xff\xff\xff", rsv1=True))
    assert app.got[1]["code"] == 1007


@settings(max_examples=60)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=30),
            st.builds(
                frame,
                st.integers(0, 15),
                st.binary(max_size=130),
                fin=st.booleans(),
                rsv1=st.booleans(),
            ),
        ),
        max_size=6,
    ),
    st.booleans(),
)
def test_whatever_comes_nothing_is_raised(
    reads: list[bytes], packs: bool
) -> None:
    app = App(echoes)
    with socket_wire(app) as (wire, client):
        client.opens(packs=packs)
        wire.receives(*reads)
        wire.settle()
        assert wire.errors == []
        assert app.raised is None or isinstance(app.raised, OSError)
        frames = [each for each in socket_events(wire) if "close" in each[0]]
        assert wire.transport.closing == bool(frames)


# --- pings -------------------------------------------------------------------


def test_the_server_asks_and_the_client_answers() -> None:
    with socket_wire(App(accepts), ws_ping_interval=20.0) as (wire, client):
        client.opens()
        wire.wait(20.5)
        (ping,) = client.reads()
        assert isinstance(ping, Ping)
        wire.loop.now += 1
        client.sends(Pong(payload=b"late"), ping.response())
        wire.wait(18.9)
        assert client.reads() == []
        wire.wait(0.2)
        assert len(client.reads()) == 1
        assert socket_events(wire) == [
            ACCEPTED,
            ("ws.ping", "out", 4),
            ("ws.pong", "in", 4, None),
            ("ws.pong", "in", 4, 1_000_000_000),
            ("ws.ping", "out", 4),
        ]


def test_a_client_that_does_not_answer_is_given_up() -> None:
    app = App(accepts)
    with socket_wire(app, ws_ping_interval=20.0, ws_ping_timeout=5.0) as (
        wire,
        client,
    ):
        client.opens()
        wire.wait(20.5)
        wire.wait(5.5)
        _, close = client.reads()
        assert wire.transport.closing
        wire.settle()
    reason = "keepalive ping timeout"
    assert close == CloseConnection(code=1011, reason=reason)
    assert app.got[-1] == {"type": "websocket.disconnect", "code": 1005}
    assert socket_events(wire)[2:] == [
        ("ws.timeout", "pong", 5.0),
        ("ws.close", 1011, "server", reason, True, "LOCAL_CLOSING"),
    ]


def test_without_a_time_out_it_asks_again_and_again() -> None:
    with socket_wire(
        App(accepts), ws_ping_interval=2.0, ws_ping_timeout=None
    ) as (wire, client):
        client.opens()
        for _ in range(3):
            wire.wait(2.5)
        assert len(client.reads()) == 3


def test_of_pings_into_a_full_buffer_only_the_last_is_answered() -> None:
    with socket_wire(App(accepts)) as (wire, client):
        client.opens()
        wire.protocol.pause_writing()
        assert client.sends(Ping(payload=b"1"), Ping(payload=b"2")) == []
        wire.protocol.resume_writing()
        assert client.reads() == [Pong(payload=b"2")]
