"""What one event costs: to stamp and append, to encode, to read back.

    python tests/benchmarks/event_cost.py [--json FILE]

In a tight loop, the best of many rounds. In a server, with cold caches, it
is about twice that.
"""

# ruff: noqa: T201  (its output is its purpose)

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from tracer.capture.probe import Note, Probe
from tracer.events import DataReceived, EofReceived, Event, Header, RouteMatch
from tracer.events.log import Decoder, encode

EVENTS = 1000
ROUNDS = 200

HEADER = Header(
    started="2000-01-01T00:00:00Z",
    clock="monotonic",
    clock0=0,
    pid=1,
    app="app:app",
    versions={},
    redacted=(),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    result = measure()
    for name, value in result.items():
        print(f"{name:35}{value:>8.0f}")
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")
    return 0


def measure() -> dict[str, float]:
    events: list[Event] = []
    probe = Probe(events.append)
    probe.turn, probe.task = 12345, 12
    note = Note(probe, conn=12, req=123)

    def no_payload() -> None:
        for _ in range(EVENTS):
            note.bare(EofReceived, 7)

    def one_field() -> None:
        for _ in range(EVENTS):
            note.one(DataReceived, 7, 80)

    def three_fields() -> None:
        for _ in range(EVENTS):
            note.three(RouteMatch, 7, "/teas", "FULL", 1)

    result = {
        "ns to say, no payload": best(no_payload, events.clear),
        "ns to say, one field": best(one_field, events.clear),
        "ns to say, three fields": best(three_fields, events.clear),
    }
    one_field()
    for number, event in enumerate(events):
        msgspec.structs.force_setattr(event, "seq", number + 1)
    lines = encode(events)
    whole = encode([HEADER]) + lines
    result["ns to encode"] = best(lambda: encode(events))
    result["ns to decode"] = best(lambda: Decoder().feed(whole))
    result["bytes a line"] = len(lines) / EVENTS
    return result


def best(
    work: Callable[[], object], after: Callable[[], object] = lambda: None
) -> float:
    """Give the nanoseconds an event in the quickest of all rounds."""
    quickest = sys.maxsize
    for _ in range(ROUNDS):
        begun = time.perf_counter_ns()
        work()
        quickest = min(quickest, time.perf_counter_ns() - begun)
        after()
    return quickest / EVENTS


if __name__ == "__main__":
    sys.exit(main())
