"""Run uvicorn's own protocol tests against our two classes; compare.

    python tests/peers/uvicorn_suite.py [--sdist FILE] [pytest arguments]

The suite comes in the sdist of the version that is installed, which pip
downloads. It is run with uvicorn's `h11_impl.H11Protocol` and
`wsproto_impl.WSProtocol`, then with ours in their places, then with ours
recording to a file. What it needs beside uvicorn is installed into a folder of
its own for the time of the run. The answer is 0 if ours pass all that
uvicorn's pass, but for what stands in EXCEPTIONS.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from suite import Outcomes, changed, pip, run, unpack

import tracer

NEEDS = ("httpx2", "websockets", "trustme")
TESTS = ("tests/protocols/test_http.py", "tests/protocols/test_websocket.py")

EXCEPTIONS: dict[str, str] = {}
"""Tests that ours may fail, by their names, and why: a rule that uvicorn
breaks and we keep. None so far."""


def passed(outcomes: Outcomes) -> int:
    return sum(1 for each in outcomes.values() if each == "passed")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sdist", type=Path, help="a uvicorn-X.tar.gz")
    parser.add_argument("--deps", type=Path, help="a folder with " + str(NEEDS))
    options, arguments = parser.parse_known_args()
    arguments = arguments or list(TESTS)
    # Their own options start eight processes.
    arguments += ["-o", "addopts=", "-p", "inside_uvicorn"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        suite = unpack(folder, "uvicorn", options.sdist)
        deps = options.deps or folder / "deps"
        if options.deps is None:
            pip("install", "-q", "--target", str(deps), *NEEDS)
        runs = {
            "uvicorn's classes": {"ASGI_TRACE_SUITE": "uvicorn"},
            "ours": {},
            "ours, recording": {
                "ASGI_TRACE_RECORD": str(folder / "trace.jsonl")
            },
        }
        found = {
            each: run(suite, deps, each, arguments, variables)
            for each, variables in runs.items()
        }
        count = len(tracer.read(folder / "trace.jsonl").events)
    print(f"{count} events recorded")
    return judge(found)


def judge(found: dict[str, Outcomes]) -> int:
    """Print what passed and what differs from uvicorn's own, and say if bad."""
    (_, theirs), *ours = found.items()
    bad = 0 if theirs else 1
    for name, outcomes in found.items():
        print(f"{name}: {passed(outcomes)} of {len(outcomes)} passed")
    for name, outcomes in ours:
        for test, (before, after) in changed(theirs, outcomes).items():
            why = EXCEPTIONS.get(test, "NOT EXPECTED")
            bad += test not in EXCEPTIONS
            print(f"{name}: {test}: {before} -> {after} ({why})")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
