"""Many clients and bad ones: what they cost the server, and the others.

    python tests/benchmarks/many.py [--open 1000] [--half 5000] [--json FILE]

A traced server, recording, is asked by a thousand connections at once; then
beside thousands of half-sent heads, until they are timed out; then beside
clients that never read. Each time its memory is looked at, and how long other
clients wait: p50 and p99 of a request on one connection after the other.
"""

# ruff: noqa: T201  (its output is its purpose)

import argparse
import asyncio
import contextlib
import json
import resource
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "host"))

from live import Live, serving

APP = """
async def app(scope, receive, send):
    assert scope["type"] == "http"
    pieces = 400 if scope["path"] == "/large" else 0
    size = pieces * 65536 + 2
    await send({"type": "http.response.start", "status": 200,
                "headers": [(b"content-length", b"%d" % size)]})
    for _ in range(pieces):
        await send({"type": "http.response.body", "body": b"x" * 65536,
                    "more_body": True})
    await send({"type": "http.response.body", "body": b"ok"})
"""
GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
LARGE = b"GET /large HTTP/1.1\r\nhost: a\r\n\r\n"
HALF = b"GET / HTTP/1.1\r\nhost: a\r\nx-slow: " + b"a" * 100
HEAD_TIME = 10.0

Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Figures = dict[str, float]


def memory(pid: int) -> float:
    """Resident megabytes of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return round(pages * resource.getpagesize() / 1e6, 1)


class Server:
    """The traced server, as its clients and its host see it."""

    def __init__(self, live: Live) -> None:
        self.pid = live.feed.pid
        self.port = live.port

    async def open(self, count: int, said: bytes) -> list[Pair]:
        """Open connections, and say the same on each."""
        pairs: list[Pair] = []
        for _ in range(count):
            pair = await asyncio.open_connection("127.0.0.1", self.port)
            pair[1].write(said)
            pairs.append(pair)
        return pairs

    def memory(self) -> float:
        return memory(self.pid)


async def answered(pair: Pair) -> None:
    await pair[0].readuntil(b"\r\n\r\n")
    await pair[0].readexactly(2)


async def waits(server: Server, count: int = 300) -> Figures:
    """Give p50 and p99 of a request on a connection of its own."""
    took = []
    for _ in range(count):
        begun = time.perf_counter()
        (pair,) = await server.open(1, GET)
        await answered(pair)
        took.append((time.perf_counter() - begun) * 1e3)
        pair[1].close()
    took.sort()
    return {
        "p50_ms": round(took[count // 2], 2),
        "p99_ms": round(took[count * 99 // 100], 2),
    }


@contextlib.asynccontextmanager
async def crowd(
    server: Server, count: int, said: bytes
) -> AsyncIterator[list[Pair]]:
    pairs = await server.open(count, said)
    try:
        yield pairs
    finally:
        for _, writer in pairs:
            writer.transport.abort()


async def at_once(server: Server, count: int) -> Figures:
    """So many connections, and requests on all of them at the same time."""
    before = server.memory()
    async with crowd(server, count, b"") as pairs:
        begun = time.perf_counter()
        for _ in range(5):
            for _, writer in pairs:
                writer.write(GET)
            await asyncio.gather(*map(answered, pairs))
        rate = 5 * count / (time.perf_counter() - begun)
        after = server.memory()
        return {
            "connections": count,
            "requests_per_s": round(rate),
            "mb": after,
            "kb_per_connection": round((after - before) * 1e3 / count, 1),
            **await waits(server),
        }


async def half_sent(server: Server, count: int) -> Figures:
    """Slow-loris: heads that never come whole, until they are timed out."""
    before = server.memory()
    begun = time.perf_counter()
    async with crowd(server, count, HALF) as pairs:
        opened = time.perf_counter() - begun
        mean = (server.memory() - before) * 1e3 / count
        others = await waits(server)
        ends = [reader.read() for reader, _ in pairs]
        said = await asyncio.gather(*ends)
        return {
            "heads": count,
            "opened_s": round(opened, 1),
            "mb": server.memory(),
            "kb_per_head": round(mean, 1),
            "answered_408": sum(b" 408 " in each for each in said),
            "over_after_s": round(time.perf_counter() - begun, 1),
            **others,
        }


async def never_reading(server: Server, count: int) -> Figures:
    """Clients that ask for 26 megabytes each, and read none of them."""
    before = server.memory()
    pairs = []
    for _ in range(count):
        pair = await asyncio.open_connection("127.0.0.1", server.port)
        pair[1].transport.pause_reading()  # type: ignore[attr-defined]
        pair[1].write(LARGE)
        pairs.append(pair)
    await asyncio.sleep(1)
    found = {
        "clients": count,
        "mb": server.memory(),
        "mb_per_client": round((server.memory() - before) / count, 2),
        **await waits(server),
    }
    for _, writer in pairs:
        writer.transport.abort()
    return found


async def measure(server: Server, wanted: argparse.Namespace) -> Any:  # noqa: ANN401
    steps: dict[str, Callable[[], Awaitable[Figures]]] = {
        "alone": lambda: waits(server),
        "at once": lambda: at_once(server, wanted.open),
        "half-sent": lambda: half_sent(server, wanted.half),
        "never reading": lambda: never_reading(server, 50),
        "alone again": lambda: waits(server),
    }
    made = {}
    for name, step in steps.items():
        made[name] = await step()
        print(f"{name}: {made[name]}", flush=True)
        await asyncio.sleep(0.5)
    print(f"memory at the end: {server.memory()} MB")
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--open", type=int, default=1_000)
    parser.add_argument("--half", type=int, default=5_000)
    parser.add_argument("--json", type=Path)
    wanted = parser.parse_args()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    wanted.half = min(wanted.half, most - 100)
    options: dict[str, Any] = {
        "access_log": False,
        "timeout_head": HEAD_TIME,
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        record = str(folder / "out.jsonl")
        with serving(folder, APP, record=record, **options) as live:
            made = asyncio.run(measure(Server(live), wanted))
    if wanted.json:
        wanted.json.write_text(json.dumps(made, indent=1))


if __name__ == "__main__":
    main()
