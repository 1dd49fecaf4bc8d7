"""A million events: what recording and reading them takes, time and memory.

    python tests/benchmarks/million.py [--events 1000000] [--json FILE]

The app of `twenty_routes` is served and recorded under load until the
recording has so many events. Memory is that of each process a second after
the load began, and at its end: what grows with the events shows there. Then
the recording is read in processes of their own, once for the table of its
requests, once for one request, once folded whole.
"""

# ruff: noqa: T201  (its output is its purpose)

import argparse
import json
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import contestants
import load
from contestants import ALL, RECORDED
from scenarios import SCENARIOS
from servers import Server, family

READERS = {
    "table": """
from tracer.events.index import index
made = index(path)
count = made.events
""",
    "one request": """
from tracer.events.index import index, records_of
from tracer.events.log import Decoder, open_trace
made = index(path)
middle = list(made.requests)[len(made.requests) // 2]
with open_trace(path) as file:
    count = sum(map(len, records_of(file, made, middle, Decoder())))
""",
    "records": """
from tracer.events.log import Decoder, open_trace, read_chunks
with open_trace(path) as file:
    count = sum(map(len, read_chunks(file, Decoder())))
""",
    "whole fold": """
from tracer.events.log import Decoder, open_trace, read_chunks
from tracer.model.trace import Trace
model = Trace()
with open_trace(path) as file:
    for piece in read_chunks(file, Decoder()):
        model.feed(piece)
count = model.count
""",
}
"""By what is read: what does it, and leaves a count."""

READ = """
import json, resource, sys, time
from pathlib import Path
path = Path(sys.argv[1])
begun = time.perf_counter()
{}
took = time.perf_counter() - begun
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps([count, took, peak]))
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = contestants.recording(Path(folder), "app")
        figures = recorded(Path(folder), file, options.events)
        for name, work in READERS.items():
            figures |= read(name, work, file)
    print(f"Python {platform.python_version()}, {load.name()}")
    for name, value in figures.items():
        print(f"{name:44}{value:>14,.1f}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 0


def recorded(folder: Path, file: Path, events: int) -> dict[str, float]:
    """Serve and record until there are so many; give what that took."""
    [contestant] = [each for each in ALL if each.name == RECORDED]
    server = contestant.server("app", folder)
    server.start()
    try:
        load.run(server.port, SCENARIOS[0], 1)
        first, cpu, before = memory(server), server.cpu(), lines(file)
        seconds = 0.0
        while lines(file) < events:
            seconds += load.run(server.port, SCENARIOS[0], 2)[1]
        last = memory(server)
        count = lines(file) - before
        serving, beside = (
            now - then for then, now in zip(cpu, server.cpu(), strict=True)
        )
    finally:
        server.stop()
    return {
        "events": lines(file) - 1,
        "events a second": count / seconds,
        "bytes an event": file.stat().st_size / lines(file),
        "server, CPU us an event, app included": serving / count / 1000,
        "recorder, CPU us an event": beside / count / 1000,
        "server, MB after a second": first[0],
        "server, MB at the end": last[0],
        "recorder, MB after a second": first[1],
        "recorder, MB at the end": last[1],
    }


def memory(server: Server) -> tuple[float, float]:
    """Megabytes that the server holds, and the process beside it."""
    [recorder] = [each for each in family(server.pid) if each != server.pid]
    return resident(server.pid), resident(recorder)


def resident(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return float("nan")


def lines(file: Path) -> int:
    with file.open("rb") as stream:
        return sum(
            piece.count(b"\n")
            for piece in iter(lambda: stream.read(1 << 20), b"")
        )


def read(name: str, work: str, file: Path) -> dict[str, float]:
    out = subprocess.run(
        [sys.executable, "-c", READ.format(work), str(file)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    count, took, peak = json.loads(out)
    return {
        f"{name}: seconds": took,
        f"{name}: events": count,
        f"{name}: thousand events a second": count / took / 1000,
        f"{name}: MB at most": peak,
    }


if __name__ == "__main__":
    sys.exit(main())
