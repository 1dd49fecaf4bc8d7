"""What one event costs: to say and ship, to record, to read back.

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
from typing import Any

import msgspec

from tracer.capture.lines import Lines
from tracer.capture.probe import Note, Probe
from tracer.capture.rows import pack
from tracer.events import DataReceived, EofReceived, Header, RouteMatch
from tracer.events.log import Decoder, encode

EVENTS = 1000
encoder = msgspec.json.Encoder()
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
    said: list[Any] = []
    probe = Probe(said.append, said.extend)  # as a recording process has it
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
        "ns to say, no payload": best(no_payload, said.clear),
        "ns to say, one field": best(one_field, said.clear),
        "ns to say, three fields": best(three_fields, said.clear),
    }
    three_fields()
    frame = pack(said, probe.zero)
    result["ns to ship"] = best(lambda: pack(said[:], probe.zero))
    result["ns to record, in the recorder"] = best(lambda: recorded(frame))
    lines = recorded(frame)
    whole = encode([HEADER]) + lines
    result["ns to read"] = best(lambda: Decoder().feed(whole))
    result["bytes shipped"] = len(frame) / EVENTS
    result["bytes a line"] = len(lines) / EVENTS
    return result


def recorded(frame: bytes) -> bytes:
    """What the recorder makes of a frame."""
    rows = msgspec.msgpack.decode(frame)
    numbered, at = Lines(0), 0
    pieces = []
    while at < len(rows):
        made, at = numbered.number(rows, at)
        pieces.append(encoder.encode_lines(made))
    return b"".join(pieces)


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
