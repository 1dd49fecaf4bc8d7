"""Requests a second, ours against uvicorn's on the same app: ratios.

    python tests/benchmarks/throughput.py [--rounds 9] [--json FILE]

Both on h11 and asyncio, without access log. All servers run in one go and
take turns of a second, so that a slow minute of the machine hits them all;
the reference runs before and after every two of them, and a ratio is against
the mean of those two. If uvicorn against itself isn't within 0.95 and 1.05,
the machine was too noisy and the run is void (exit code 1).
"""

# ruff: noqa: T201  (its output is its purpose)

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import load
from servers import OURS, UVICORN, Server, pin
from twenty_routes import TARGET

from tracer.events import Dropped
from tracer.events.log import Decoder

REFERENCE = "uvicorn"
CONTROL = "uvicorn again"
OFF = "off.jsonl"
"""The recording of who has the loop's lens off."""


@dataclass(frozen=True)
class Turn:
    """One second of load: what came out, and against what."""

    rate: float  # requests/s
    cpu: float | None  # microseconds of the server's CPU a request


@dataclass(frozen=True)
class Ratio:
    """A turn against the reference's turns around it; 1 is as good."""

    rate: float
    cpu: float | None


def main() -> int:
    options = parse()
    pin(os.getpid(), load.CPU)
    print(f"{options.rounds} rounds x {options.launches} launches of")
    print(f"{options.seconds} s, {load.CONNECTIONS} connections, {load.name()}")
    ratios: dict[str, list[Ratio]] = {}
    turns: dict[str, list[Turn]] = {}
    with tempfile.TemporaryDirectory() as folder:
        recording = Path(folder, "out.jsonl")
        for _ in range(options.launches):
            launch(options, recording, turns, ratios)
        figures = recorded(recording) if recording.exists() else {}
        blind = recording.with_name(OFF)
        if blind.exists():
            figures |= {
                f"{name}, lens off": value
                for name, value in recorded(blind).items()
            }
    void = report(turns, ratios, figures)
    if options.json:
        result = {"ratios": medians(ratios), "recording": figures}
        options.json.write_text(json.dumps(result, indent=2) + "\n")
    return void


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--launches", type=int, default=1)
    parser.add_argument("--seconds", type=int, default=1)
    parser.add_argument("--only", nargs="*", metavar="NAME", help="of ours")
    parser.add_argument("--json", type=Path, metavar="FILE")
    return parser.parse_args()


def contestants(recording: Path, only: list[str] | None) -> list[Server]:
    blind = recording.with_name(OFF)
    alone = [*OURS, "--view", "none"]
    off = ["--lens", "off", "--record", str(blind)]
    ours = [
        Server("untraced", alone),
        Server("recorded", [*alone, "--record", str(recording)]),
        Server("lens off", [*alone, *off]),
        Server("TUI open", [*OURS, "--view", "tui"], terminal=True),
    ]
    chosen = [each for each in ours if only is None or each.name in only]
    return [Server(CONTROL, UVICORN), *chosen]


def launch(
    options: argparse.Namespace,
    recording: Path,
    turns: dict[str, list[Turn]],
    ratios: dict[str, list[Ratio]],
) -> None:
    """Start all servers anew, let them take turns, stop them."""
    reference = Server(REFERENCE, UVICORN)
    others = contestants(recording, options.only)
    try:
        for server in [reference, *others]:
            server.start()
            turn(server, 1)  # warm
            server.halt()
        for number in range(options.rounds):
            order = others if number % 2 else others[::-1]
            for server, result, around in play(
                reference, order, options.seconds
            ):
                turns.setdefault(server.name, []).append(result)
                ratios.setdefault(server.name, []).append(
                    compare(result, around)
                )
            print(".", end="", flush=True)
        print()
    finally:
        for server in [reference, *others]:
            server.stop()


def play(
    reference: Server, order: list[Server], seconds: int
) -> Iterator[tuple[Server, Turn, list[Turn]]]:
    """One round; give each turn with the reference's before and after."""
    before = timed(reference, seconds)
    for start in range(0, len(order), 2):
        pair = order[start : start + 2]
        results = [timed(server, seconds) for server in pair]
        after = timed(reference, seconds)
        for server, result in zip(pair, results, strict=True):
            yield server, result, [before, after]
        before = after


def timed(server: Server, seconds: int) -> Turn:
    server.go_on()
    try:
        return turn(server, seconds)
    finally:
        server.halt()


def turn(server: Server, seconds: int) -> Turn:
    begun = server.cpu()
    requests, took = load.run(server.port, TARGET, seconds)
    ended = server.cpu()
    if begun is None or ended is None:
        return Turn(requests / took, None)
    return Turn(requests / took, (ended - begun) / requests / 1000)


def compare(result: Turn, around: list[Turn]) -> Ratio:
    rate = statistics.mean(each.rate for each in around)
    cpus = [each.cpu for each in around if each.cpu is not None]
    if result.cpu is None or not cpus:
        return Ratio(result.rate / rate, None)
    return Ratio(result.rate / rate, statistics.mean(cpus) / result.cpu)


def medians(ratios: dict[str, list[Ratio]]) -> dict[str, dict[str, float]]:
    return {
        name: {
            "requests/s": statistics.median(each.rate for each in some),
            "cpu": _median(each.cpu for each in some),
        }
        for name, some in ratios.items()
    }


def _median(values: Iterable[float | None]) -> float:
    known = [each for each in values if each is not None]
    return statistics.median(known) if known else float("nan")


def report(
    turns: dict[str, list[Turn]],
    ratios: dict[str, list[Ratio]],
    figures: dict[str, float],
) -> int:
    """Print the tables; give 1 when the control says that they are void."""
    print(f"{'':15}{'x uvicorn':>10}{'min..max':>14}{'cpu x':>8}{'us/req':>8}")
    for name, some in ratios.items():
        rates = [each.rate for each in some]
        spread = f"{min(rates):.2f}..{max(rates):.2f}"
        cpu = _median(each.cpu for each in some)
        us = _median(each.cpu for each in turns[name])
        print(
            f"{name:15}{statistics.median(rates):>10.2f}{spread:>14}"
            f"{cpu:>8.2f}{us:>8.0f}"
        )
    for name, value in figures.items():
        print(f"{name}: {value:,.1f}")
    control = statistics.median(each.rate for each in ratios[CONTROL])
    if 0.95 <= control <= 1.05:
        return 0
    print(f"void: uvicorn against itself is {control:.2f}", file=sys.stderr)
    return 1


def recorded(file: Path) -> dict[str, float]:
    """Read the recording that the load left: what one request costs there.

    `source` records stand once in a file, so they count for no request; what
    was dropped is not in the file and makes the figure too small.
    """
    decoder = Decoder()
    events = requests = dropped = sources = 0
    with file.open("rb") as stream:
        while data := stream.read(1 << 20):
            for record in decoder.feed(data):
                events += 1
                requests += record.kind == "response.complete"
                sources += record.kind == "source"
                if isinstance(record, Dropped):
                    dropped += record.n
    return {
        "events in the recording": events,
        "dropped": dropped,
        "events a request": (events - sources) / max(1, requests),
        "bytes an event": file.stat().st_size / max(1, events),
    }


if __name__ == "__main__":
    sys.exit(main())
