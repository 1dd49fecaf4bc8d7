"""Load on one server for a while: requests a second, over kept connections.

wrk where it is installed, else a client of our own, which is slower: its
figures may be compared with each other, not with wrk's.
"""

import re
import selectors
import shutil
import socket
import subprocess
import time

CONNECTIONS = 32
CPU = 1
"""The core of the load; the servers have core 0."""

WRK = shutil.which("wrk")
TASKSET = shutil.which("taskset")


class LoadError(Exception):
    """The server answered something else than it should have."""


def name() -> str:
    return "wrk" if WRK else "a client of our own"


def run(port: int, target: str, seconds: float) -> tuple[int, float]:
    """Ask for `target` as often as it goes; give requests and seconds."""
    if WRK:
        return _wrk(f"http://127.0.0.1:{port}{target}", seconds)
    return _own(port, target, seconds)


def _wrk(url: str, seconds: float) -> tuple[int, float]:
    pin = [TASKSET, "-c", str(CPU)] if TASKSET else []
    command = [*pin, WRK, "-t1", f"-c{CONNECTIONS}", f"-d{seconds:.0f}s", url]
    out = subprocess.run(
        [each for each in command if each],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    if "Non-2xx" in out or "Socket errors" in out:
        raise LoadError(out)
    found = re.search(r"(\d+) requests in ([\d.]+)(ms|s)", out)
    assert found, out
    unit = 1 if found[3] == "s" else 1e-3
    return int(found[1]), float(found[2]) * unit


def _own(port: int, target: str, seconds: float) -> tuple[int, float]:
    request = f"GET {target} HTTP/1.1\r\nHost: bench\r\n\r\n".encode()
    pool = selectors.DefaultSelector()
    conns = [
        socket.create_connection(("127.0.0.1", port))
        for _ in range(CONNECTIONS)
    ]
    whole = _length_of_an_answer(conns[0], request)
    got = dict.fromkeys(conns, 0)
    for conn in conns:
        pool.register(conn, selectors.EVENT_READ, conn)
        conn.sendall(request)
    count, begun = 0, time.perf_counter()
    while (now := time.perf_counter()) < begun + seconds:
        for key, _ in pool.select(0.1):
            conn = key.data
            got[conn] += len(conn.recv(65536))
            if got[conn] >= whole:
                got[conn] = 0
                count += 1
                conn.sendall(request)
    for conn in conns:
        conn.close()
    return count, now - begun


def _length_of_an_answer(conn: socket.socket, request: bytes) -> int:
    conn.sendall(request)
    text = b""
    while b"\r\n\r\n" not in text:
        text += conn.recv(65536)
    if not text.startswith(b"HTTP/1.1 200"):
        raise LoadError(text.decode("latin-1"))
    head, _, body = text.partition(b"\r\n\r\n")
    found = re.search(rb"(?i)content-length: (\d+)", head)
    assert found, head
    length = int(found[1])
    while len(body) < length:
        body += conn.recv(65536)
    return len(head) + 4 + length
