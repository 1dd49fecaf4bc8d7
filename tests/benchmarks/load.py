"""Load on one server for a while: requests a second, over kept connections.

wrk where it is installed, else a client of our own, which is slower: its
figures may be compared with each other, not with wrk's.
"""

import functools
import json
import re
import selectors
import shutil
import socket
import subprocess
import tempfile
import time

from scenarios import Scenario

CPU = 1
"""The core of the load; the servers have core 0."""

WRK = shutil.which("wrk")
TASKSET = shutil.which("taskset")


class LoadError(Exception):
    """The server answered something else than it should have."""


def name() -> str:
    return "wrk" if WRK else "a client of our own"


def run(port: int, scenario: Scenario, seconds: int) -> tuple[int, float]:
    """Ask as often as it goes; give requests and seconds.

    Raises:
        LoadError: An answer was no 2xx, or a connection broke.
    """
    if WRK:
        return _wrk(port, scenario, seconds)
    return _own(port, scenario, seconds)


def _wrk(port: int, scenario: Scenario, seconds: int) -> tuple[int, float]:
    pin = [TASKSET, "-c", str(CPU)] if TASKSET else []
    url = f"http://127.0.0.1:{port}{scenario.target}"
    many = [f"-c{scenario.connections}", f"-d{seconds}s"]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(_lua(scenario))
        script.flush()
        command = [*pin, WRK, "-t1", *many, "-s", script.name, url]
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


@functools.cache
def _lua(scenario: Scenario) -> str:
    lines = [f'wrk.method = "{scenario.method}"']
    lines += [
        f"wrk.headers[{json.dumps(key)}] = {json.dumps(value)}"
        for key, value in scenario.headers
    ]
    if scenario.body:
        lines.append(f'wrk.body = string.rep("x", {scenario.body})')
    return "\n".join(lines) + "\n"


def _own(port: int, scenario: Scenario, seconds: int) -> tuple[int, float]:
    request = _request(scenario)
    pool = selectors.DefaultSelector()
    conns = [
        socket.create_connection(("127.0.0.1", port))
        for _ in range(scenario.connections)
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


def _request(scenario: Scenario) -> bytes:
    lines = [f"{scenario.method} {scenario.target} HTTP/1.1", "Host: bench"]
    lines += [f"{key}: {value}" for key, value in scenario.headers]
    if scenario.body:
        lines.append(f"Content-Length: {scenario.body}")
    return "\r\n".join([*lines, "", ""]).encode() + b"x" * scenario.body


def _length_of_an_answer(conn: socket.socket, request: bytes) -> int:
    """Ask once; all answers to one request are as long as the first."""
    conn.sendall(request)
    text = b""
    while b"\r\n\r\n" not in text:
        text += conn.recv(65536)
    if not text.startswith(b"HTTP/1.1 200"):
        raise LoadError(text.decode("latin-1"))
    head, _, body = text.partition(b"\r\n\r\n")
    found = re.search(rb"(?i)content-length: (\d+)", head)
    if found is None:  # chunked
        while not body.endswith(b"0\r\n\r\n"):
            body += conn.recv(65536)
    while found is not None and len(body) < int(found[1]):
        body += conn.recv(65536)
    return len(head) + 4 + len(body)
