"""Requests a second and CPU a request, against uvicorn's on the same app.

    python tests/benchmarks/throughput.py [--launches 5] [--rounds 2]
        [--only NAME ...] [--scenario NAME ...] [--json FILE]

The unit is `uvicorn --http h11 --loop asyncio --no-access-log`, untraced. All
servers run at once, on one core, and all but the one that is timed are
halted; they take turns of a second, so that a slow minute of the machine
hits them all. The unit runs before and after every three of them, and a
ratio is against the mean of those two. Each launch starts every process
anew; medians are over all rounds of all launches. Where uvicorn against
itself isn't within 0.95 and 1.05, the machine was too noisy and the
scenario's figures are void (exit code 1).

CPU is that of the process that serves, all its threads; what other processes
(recorder, screen) compute beside it stands in a column of its own. The peers
come from `tests/benchmarks/requirements.txt`; who isn't installed is left
out, and that is said.
"""

# ruff: noqa: T201  (its output is its purpose)

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import contestants
import load
from contestants import ALL, CONTROL, GOALS, RECORDED, REFERENCE, UNTRACED
from scenarios import APPS, SCENARIOS, Scenario
from servers import Server, pin

from tracer.events import Dropped
from tracer.events.log import Decoder

BETWEEN = 3
"""Turns between two of the reference's."""
NOISE = 0.05
MOST = 64 << 20
"""Bytes of a recording that are read for the figures of one request."""


@dataclass(frozen=True)
class Turn:
    """One second of load: what came out, and at what price."""

    rate: float
    """Requests a second."""
    cpu: float
    """Microseconds of the server's CPU a request."""
    beside: float
    """Microseconds of other processes' CPU a request."""


@dataclass(frozen=True)
class Row:
    """What a contestant came to in one scenario, as medians."""

    rate: float
    """Requests/s against the reference's."""
    low: float
    high: float
    cpu: float
    """The reference's CPU a request against this one's: more is better."""
    us: float
    """Microseconds of the server's CPU a request."""
    beside: float


Turns = dict[tuple[str, str], list[tuple[Turn, Turn]]]
"""By scenario and contestant: each turn, and the reference's around it."""


def main() -> int:
    options = parse()
    pin(os.getpid(), load.CPU)
    chosen = [each for each in SCENARIOS if each.name in options.scenario]
    turns: Turns = {}
    figures: dict[str, float] = {}
    for _ in range(options.launches):
        with tempfile.TemporaryDirectory() as folder:
            launch(options, chosen, Path(folder), turns)
            file = contestants.recording(Path(folder), APPS[0])
            if file.exists():
                figures = recorded(file)
    rows = {key: summary(some) for key, some in turns.items()}
    add_price(rows, figures)
    report(options, chosen, rows, figures)
    if options.json:
        options.json.write_text(as_json(options, rows, figures))
    return int(any(is_void(rows, each.name) for each in chosen))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    names = [each.name for each in SCENARIOS]
    add = parser.add_argument
    add("--launches", type=int, default=5)
    add("--rounds", type=int, default=2, help="in each launch")
    add("--seconds", type=int, default=1)
    add("--only", nargs="*", metavar="NAME", help="beside uvicorn's")
    add("--scenario", nargs="*", choices=names, default=names)
    add("--json", type=Path, metavar="FILE")
    return parser.parse_args()


def launch(
    options: argparse.Namespace,
    chosen: list[Scenario],
    folder: Path,
    turns: Turns,
) -> None:
    """Start all servers anew, let them take turns, stop them."""
    apps = {each.app for each in chosen}
    fields = {app: field(options, app, folder) for app in apps}
    servers = [each for some in fields.values() for each in some]
    try:
        for server in servers:
            server.start()
            server.halt()
        for scenario in chosen:  # warm
            for server in fields[scenario.app]:
                timed(server, scenario, 1)
        for number in range(options.rounds):
            for scenario in chosen:
                first, *others = fields[scenario.app]
                order = others if number % 2 else others[::-1]
                for name, result, unit in play(
                    first, order, scenario, options.seconds
                ):
                    key = scenario.name, name
                    turns.setdefault(key, []).append((result, unit))
                print(".", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
    finally:
        for server in servers:
            server.stop()


def field(options: argparse.Namespace, app: str, folder: Path) -> list[Server]:
    """Make who competes, the reference first."""
    made = []
    for each in ALL:
        always = each.name in {REFERENCE, CONTROL}
        if options.only is not None and not always | (
            each.name in options.only
        ):
            continue
        if each.missing:
            names = ", ".join(each.missing)
            print(f"{each.name}: not there: {names}", file=sys.stderr)
            continue
        made.append(each.server(app, folder))
    return made


def play(
    reference: Server, order: list[Server], scenario: Scenario, seconds: int
) -> Iterator[tuple[str, Turn, Turn]]:
    """One round; give each turn with the mean of the reference's around it."""
    before = timed(reference, scenario, seconds)
    for start in range(0, len(order), BETWEEN):
        some = order[start : start + BETWEEN]
        results = [timed(server, scenario, seconds) for server in some]
        after = timed(reference, scenario, seconds)
        unit = Turn(
            *(
                statistics.mean(pair)
                for pair in zip(
                    asdict(before).values(), asdict(after).values(), strict=True
                )
            )
        )
        for server, result in zip(some, results, strict=True):
            yield server.name, result, unit
        before = after


def timed(server: Server, scenario: Scenario, seconds: int) -> Turn:
    server.go_on()
    try:
        cpu, beside = server.cpu()
        requests, took = load.run(server.port, scenario, seconds)
        cpu_then, beside_then = server.cpu()
    finally:
        server.halt()
    return Turn(
        requests / took,
        (cpu_then - cpu) / requests / 1000,
        (beside_then - beside) / requests / 1000,
    )


def summary(some: list[tuple[Turn, Turn]]) -> Row:
    rates = [turn.rate / unit.rate for turn, unit in some]
    median = statistics.median
    return Row(
        rate=median(rates),
        low=min(rates),
        high=max(rates),
        cpu=median(unit.cpu / turn.cpu for turn, unit in some),
        us=median(turn.cpu for turn, _ in some),
        beside=median(turn.beside for turn, _ in some),
    )


def recorded(file: Path) -> dict[str, float]:
    """Read the beginning of a recording: what one request costs there.

    `source` records stand once in a file, so they count for no request; what
    was dropped is not in the file and makes the figure too small.
    """
    decoder = Decoder()
    events = requests = dropped = sources = 0
    with file.open("rb") as stream:
        data = stream.read(MOST)
    for record in decoder.feed(data):
        events += 1
        requests += record.kind == "response.complete"
        sources += record.kind == "source"
        if isinstance(record, Dropped):
            dropped += record.n
    return {
        "events a request": (events - sources) / max(1, requests),
        "bytes an event": len(data) / max(1, events),
        "bytes an event, .gz": len(zlib.compress(data)) / max(1, events),
        "events dropped there": dropped,
    }


def add_price(
    rows: dict[tuple[str, str], Row], figures: dict[str, float]
) -> None:
    """What an event costs the server: all of the difference, shared out."""
    name = SCENARIOS[0].name
    plain = rows.get((name, UNTRACED))
    traced = rows.get((name, RECORDED))
    if plain is None or traced is None or not figures:
        return
    events = figures["events a request"]
    figures["server's CPU an event, us"] = (traced.us - plain.us) / events
    figures["recorder's CPU an event, us"] = traced.beside / events


def is_void(rows: dict[tuple[str, str], Row], scenario: str) -> bool:
    return abs(rows[scenario, CONTROL].rate - 1) > NOISE


def report(
    options: argparse.Namespace,
    chosen: list[Scenario],
    rows: dict[tuple[str, str], Row],
    figures: dict[str, float],
) -> None:
    print(
        f"Python {platform.python_version()}, {load.name()},"
        f" {options.launches} launches x {options.rounds} rounds x"
        f" {options.seconds} s; requests/s against {REFERENCE}"
    )
    for scenario in chosen:
        void = "  VOID: too noisy" if is_void(rows, scenario.name) else ""
        print(f"\n{scenario.name}{void}")
        print(
            f"  {'':28}{'x':>6}{'min..max':>13}{'cpu x':>7}{'us/req':>8}"
            f"{'beside':>8}"
        )
        for each in ALL:
            name = each.name
            if row := rows.get((scenario.name, name)):
                print(
                    f"  {name:28}{row.rate:>6.2f}"
                    f"{f'{row.low:.2f}..{row.high:.2f}':>13}"
                    f"{row.cpu:>7.2f}{row.us:>8.0f}{row.beside:>8.0f}"
                )
    report_goals(chosen, rows)
    for name, value in figures.items():
        print(f"{name}: {value:,.2f}")


def report_goals(
    chosen: list[Scenario], rows: dict[tuple[str, str], Row]
) -> None:
    """Ours beside what they are to reach: the first, and the worst."""
    print(
        f"\n{'goals':30}{SCENARIOS[0].name:>6}{'goal':>6}{'worst':>7}{'goal':>6}"
    )
    for name, (first, each) in GOALS.items():
        rates = {
            scenario.name: rows[scenario.name, name].rate
            for scenario in chosen
            if (scenario.name, name) in rows and scenario.connections > 1
        }
        if rates:
            get = rates.get(SCENARIOS[0].name, float("nan"))
            worst = min(rates.values())
            print(f"{name:30}{get:>6.2f}{first:>6.2f}{worst:>7.2f}{each:>6.2f}")


def as_json(
    options: argparse.Namespace,
    rows: dict[tuple[str, str], Row],
    figures: dict[str, float],
) -> str:
    table: dict[str, dict[str, object]] = {}
    for (scenario, name), row in rows.items():
        table.setdefault(scenario, {})[name] = asdict(row)
    result = {
        "python": platform.python_version(),
        "load": load.name(),
        "launches": options.launches,
        "rounds": options.rounds,
        "seconds": options.seconds,
        "void": [each for each in table if is_void(rows, each)],
        "scenarios": table,
        "figures": figures,
    }
    return json.dumps(result, indent=2) + "\n"


if __name__ == "__main__":
    sys.exit(main())
