"""From `asgi-trace demo` to the first frame and to the first moving token.

    python tests/benchmarks/startup.py [--runs 5] [--json FILE]

In a pseudo terminal of 120 x 40, its output drawn by pyte: a frame is there
when a box is, and the token moves when it stands somewhere else than before.
"""

# ruff: noqa: T201  (its output is its purpose)

import argparse
import json
import os
import select
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pyte
from servers import free_port, open_terminal

COLUMNS, ROWS = 120, 40
DOT = "●"
BOX = "─"
PATIENCE = 20.0
QUIT = b"\x11"  # ctrl+q


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    runs = [run() for _ in range(options.runs)]
    result = {}
    for name in ("first frame", "moving token"):
        values = sorted(each[name] for each in runs)
        result[name] = statistics.median(values)
        print(
            f"{name:13} {result[name]:.2f} s"
            f" ({values[0]:.2f}..{values[-1]:.2f}, {len(values)} runs)"
        )
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")
    return 0


def run() -> dict[str, float]:
    """Start the demo, watch it until its token moves, and quit it."""
    master, slave = open_terminal(COLUMNS, ROWS)
    begun = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "tracer", "demo", "--port", str(free_port())],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        env={**os.environ, "TERM": "xterm-256color"},
    )
    os.close(slave)
    try:
        return watch(master, begun)
    finally:
        os.write(master, QUIT)
        end(process, master)
        os.close(master)


def watch(master: int, begun: float) -> dict[str, float]:
    """Read what is drawn until the token has moved; give both times.

    Raises:
        SystemExit: It took too long, or the program ended.
    """
    screen = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.ByteStream(screen)
    seen: dict[str, float] = {}
    tokens: list[tuple[int, int]] = []
    while (now := time.monotonic() - begun) < PATIENCE:
        if not select.select([master], [], [], 0.1)[0]:
            continue
        try:
            stream.feed(os.read(master, 65536))
        except OSError:
            break
        now = time.monotonic() - begun
        if "first frame" not in seen and any(BOX in r for r in screen.display):
            seen["first frame"] = now
        found = places(screen.display)
        if tokens and found and found != tokens:
            return {**seen, "moving token": now}
        tokens = found or tokens
    raise SystemExit("\n".join(["no token moved:", *screen.display]))


def places(lines: list[str]) -> list[tuple[int, int]]:
    return [
        (row, column)
        for row, line in enumerate(lines)
        for column, char in enumerate(line)
        if char == DOT
    ]


def end(process: subprocess.Popen[bytes], master: int) -> None:
    """Wait for its end, reading what it still draws; by force if it must."""
    deadline = time.monotonic() + 10
    while process.poll() is None and time.monotonic() < deadline:
        if select.select([master], [], [], 0.05)[0]:
            try:
                os.read(master, 65536)
            except OSError:
                break
    try:
        process.wait(1)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        print("it had to be killed", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
