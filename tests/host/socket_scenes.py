"""WebSocket clients that do what a rule is about, on a served app."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import socket

from watched import Watched, watching

HANDSHAKE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
CLOSE = b"\x88\x80\0\0\0\0"
LIMIT = 1000


def text(data: bytes) -> bytes:
    """A frame, masked with zeros."""
    size = len(data).to_bytes(2, "big")
    short = len(data) < 126  # RFC 6455, section 5.2
    length = bytes([0x80 | len(data)]) if short else b"\xfe" + size
    return b"\x81" + length + b"\0\0\0\0" + data


@contextmanager
def joined(watched: Watched, path: str) -> Iterator[socket]:
    """A WebSocket, until the app has ended."""
    times = watched.ended(path) + 1
    with watched.ask(path, HANDSHAKE) as sock:
        watched.until_kind(path, "response.start", times)
        yield sock
        watched.until_kind(path, "run_asgi.end", times)


def rules(watched: Watched) -> set[str]:
    """All that was found so far.

    But for a loop that a busy machine holds up, and for these clients, who
    hang up when the app has ended.
    """
    found = {each.rule for each in watched.look().findings}
    return found - {"loop-blocked", "client-left"}


def with_websockets(folder: Path) -> Iterator[set[str]]:
    """A good neighbour and a bad one, for each rule."""
    with watching(folder, "found_sockets", ws_max_size=LIMIT) as watched:
        for path in ("/accepts", "/refuses"):
            with joined(watched, path) as sock:
                sock.sendall(CLOSE if path == "/accepts" else b"")
            yield rules(watched)
        for path in ("/listens", "/talks"):
            with joined(watched, path) as sock:
                sock.sendall(CLOSE)
            yield rules(watched)
        with joined(watched, "/listens") as sock:
            sock.sendall(text(b"hi") + CLOSE)
        yield rules(watched)
        with joined(watched, "/deaf") as sock:
            sock.sendall(text(b"hi"))
            watched.until_kind("/deaf", "ws.message")
            watched.get("/guarded/calls")
        yield rules(watched)
        with joined(watched, "/listens") as sock:
            sock.sendall(text(b"x" * LIMIT) + CLOSE)
        yield rules(watched)
        with joined(watched, "/listens") as sock:
            sock.sendall(text(b"x" * (LIMIT + 1)))
            watched.until(lambda _: "message-too-big" in rules(watched))
        yield rules(watched)
        yield rules(watched)  # an HTTP request has passed the guard before
        with joined(watched, "/guarded/listens") as sock:
            sock.sendall(CLOSE)
        yield rules(watched)


def with_a_silent_client(folder: Path) -> Iterator[set[str]]:
    """One that closes in time, and one that never answers a ping."""
    with watching(
        folder, "found_sockets", ws_ping_interval=0.1, ws_ping_timeout=0.3
    ) as watched:
        with joined(watched, "/listens") as sock:
            sock.sendall(CLOSE)
        yield rules(watched)
        with joined(watched, "/guarded/listens"):
            watched.until(lambda _: "socket-silent" in rules(watched))
        yield rules(watched) - {"middleware-http-only"}
