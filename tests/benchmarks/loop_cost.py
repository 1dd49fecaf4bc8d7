"""What the lens costs: a step of a task, a turn, a callback, a request.

    python tests/benchmarks/loop_cost.py [--json FILE]

Each line is the same work on asyncio's own loop and under each lens, the best
of many rounds, taken in turns so that a slow minute of the machine hits them
all. A step is a suspension and a resumption; all but the last scenario have
one turn of the loop for each.
"""

# ruff: noqa: T201  (its output is its purpose)

import argparse
import asyncio
import json
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from contestants import OURS
from scenarios import SCENARIOS
from servers import Server

from tracer.capture.loop import traced_loop_factory
from tracer.capture.probe import Probe
from tracer.events.log import Decoder, Record

STEPS = 5000
ROUNDS = 20
DEEP = 12  # awaits, one inside the other
MANY = 100  # tasks
APP = "twenty_routes:app"
REQUESTS = 300

LENSES = ("untraced", "off", "on", "full")

Work = Callable[[], Coroutine[Any, Any, None]]


async def gives_way() -> None:
    """A turn and a step, and nothing else."""
    for _ in range(STEPS):
        await asyncio.sleep(0)


async def deep(depth: int = DEEP) -> None:
    """The same at the end of a long chain of awaits."""
    if depth:
        await deep(depth - 1)
    else:
        await gives_way()


async def ping_pong() -> None:
    """Two tasks wake each other."""
    first, second = asyncio.Event(), asyncio.Event()

    async def answer() -> None:
        for _ in range(STEPS // 2):
            await first.wait()
            first.clear()
            second.set()

    task = asyncio.create_task(answer())
    for _ in range(STEPS // 2):
        first.set()
        await second.wait()
        second.clear()
    await task


async def woken() -> None:
    """A plain callback wakes the task: who it was has to be found out."""
    loop = asyncio.get_running_loop()
    for _ in range(STEPS):
        future = loop.create_future()
        loop.call_soon(future.set_result, None)
        await future


async def callbacks() -> None:
    """`call_soon`, for callbacks that are no task's."""
    loop = asyncio.get_running_loop()
    for _ in range(STEPS):
        loop.call_soon(int)
    await asyncio.sleep(0)


async def together() -> None:
    """Many tasks step in each turn, so that the turn costs nearly nothing."""

    async def one() -> None:
        for _ in range(STEPS // MANY):
            await asyncio.sleep(0)

    await asyncio.gather(*(one() for _ in range(MANY)))


WORKS: tuple[Work, ...] = (
    gives_way,
    deep,
    ping_pong,
    woken,
    callbacks,
    together,
)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    result: dict[str, dict[str, float]] = {}
    print(f"{'ns a step':22}" + "".join(f"{lens:>10}" for lens in LENSES))
    for work in WORKS:
        result[work.__name__] = times = measure(work)
        print(line(work.__name__, times))
    result["events a request"] = {each: events(each) for each in LENSES[1:]}
    print(line("events a request", result["events a request"]))
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")
    return 0


def measure(work: Work) -> dict[str, float]:
    """Give the nanoseconds a step under each lens."""
    best = dict.fromkeys(LENSES, float(sys.maxsize))
    for _ in range(ROUNDS):
        for lens in LENSES:
            best[lens] = min(best[lens], timed(work, lens) / STEPS)
    return best


def timed(work: Work, lens: str) -> int:
    """Run it once; give the nanoseconds."""

    async def stopwatch() -> int:
        begun = time.perf_counter_ns()
        await work()
        return time.perf_counter_ns() - begun

    make: Any = asyncio.SelectorEventLoop
    if lens != "untraced":
        said: list[Any] = []
        probe = Probe(said.append)
        probe.lens = lens  # type: ignore[assignment]  # it is one of them
        make = traced_loop_factory(probe)
    with asyncio.Runner(loop_factory=make) as runner:
        return runner.run(stopwatch())


def events(lens: str) -> float:
    """Serve the benchmark's app; give the events of one kept-alive GET."""
    with tempfile.TemporaryDirectory() as folder:
        recording = Path(folder, "out.jsonl")
        options = ["--view", "none", "--record", str(recording)]
        server = Server(lens, [*OURS, *options, "--lens", lens, APP])
        server.start()
        try:
            ask(server.port)
        finally:
            server.stop()
        records = Decoder().feed(recording.read_bytes())
    return between(records) / (REQUESTS // 2)


def ask(port: int) -> None:
    """Send the requests on one connection, each after the last one's end."""
    request = f"GET {SCENARIOS[0].target} HTTP/1.1\r\nHost: h\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", port), 10) as sock:
        for _ in range(REQUESTS):
            sock.sendall(request)
            answer = b""
            while not answer.endswith(b"}"):
                answer += sock.recv(1 << 16)


def between(records: list[Record]) -> int:
    """Count what is said while half of the requests are served."""
    reads = [
        each.seq
        for each in records
        if each.kind == "data_received"
        and each.conn == 2  # 1 asked if it is up
    ]
    return reads[-1] - reads[-1 - REQUESTS // 2]


def line(name: str, values: dict[str, float]) -> str:
    """One line of the table."""
    cells = [
        f"{values[each]:>10.0f}" if each in values else f"{'':>10}"
        for each in LENSES
    ]
    return f"{name:22}" + "".join(cells)


if __name__ == "__main__":
    sys.exit(main())
