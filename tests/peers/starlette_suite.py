"""Run Starlette's own test suite with and without `instrument`; compare.

    python tests/peers/starlette_suite.py [--sdist FILE] [pytest arguments]

The suite comes in the sdist of the version that is installed, which pip
downloads. What it needs beside Starlette is installed into a folder of its
own for the time of the run; where something can't be had, its tests are
skipped in both runs. The answer is 0 if no test changed its outcome.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from suite import changed, pip, run, unpack

NEEDS = (
    "trio", "blockbuster", "pyyaml", "httpx2[zstd]", "opentelemetry-sdk",
    "itsdangerous", "jinja2", "python-multipart",
)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sdist", type=Path, help="a starlette-X.tar.gz")
    parser.add_argument("--deps", type=Path, help="a folder with " + str(NEEDS))
    options, arguments = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        suite = unpack(folder, "starlette", options.sdist)
        deps = options.deps or folder / "deps"
        if options.deps is None:
            pip("install", "-q", "--target", str(deps), *NEEDS)
        arguments = ["tests", *arguments]
        plain = run(suite, deps, "plain", arguments)
        traced = run(
            suite,
            deps,
            "instrumented",
            [*arguments, "-p", "instrumented"],
            {"ASGI_TRACE_KINDS": str(folder / "kinds.json")},
        )
        counted = json.loads((folder / "kinds.json").read_text())
        faults = ""
        if "FAULT" in counted:
            faults = (folder / "kinds.faults").read_text()
        differing = changed(plain, traced)
        if differing:
            print((folder / "instrumented.txt").read_text()[-20000:])
    print(f"{sum(counted.values())} events:")
    for kind, times in counted.items():
        print(f"  {times:6} {kind}")
    for each, (before, after) in differing.items():
        print(f"CHANGED {each}: {before} -> {after}")
    print(f"{len(plain)} tests, {len(differing)} changed their outcome")
    if "FAULT" in counted:
        print("the tracer failed and went on:")
        print(faults)
    return 1 if differing or "FAULT" in counted or not plain else 0


if __name__ == "__main__":
    sys.exit(main())
