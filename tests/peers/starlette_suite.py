"""Run Starlette's own test suite with and without `instrument`; compare.

    python tests/peers/starlette_suite.py [--sdist FILE] [pytest arguments]

The suite comes in the sdist of the version that is installed, which pip
downloads. What it needs beside Starlette is installed into a folder of its
own for the time of the run; where something can't be had, its tests are
skipped in both runs. The answer is 0 if no test changed its outcome.
"""

import argparse
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
import xml.etree.ElementTree as ET
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).resolve().parent
NEEDS = (
    "trio", "blockbuster", "pyyaml", "httpx2[zstd]", "opentelemetry-sdk",
    "itsdangerous", "jinja2", "python-multipart",
)  # fmt: skip

Outcomes = dict[str, str]


def pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*command, *arguments], check=True)


def unpack(folder: Path, sdist: Path | None) -> Path:
    """Give the folder of the unpacked suite."""
    if sdist is None:
        wanted = f"starlette=={version('starlette')}"
        options = ["--no-deps", "--no-binary", ":all:", "-q"]
        pip("download", *options, "-d", str(folder), wanted)
        (sdist,) = folder.glob("starlette-*.tar.gz")
    with tarfile.open(sdist) as file:
        file.extractall(folder, filter="data")
    (suite,) = (each for each in folder.glob("starlette-*") if each.is_dir())
    # The installed Starlette is what is examined, not the copy beside it.
    (suite / "starlette").rename(suite / "starlette-source")
    return suite


def run(suite: Path, deps: Path, name: str, arguments: list[str]) -> Outcomes:
    """Run the suite once and give each test's outcome."""
    report = suite.parent / f"{name}.xml"
    environment = dict(os.environ)
    paths = [str(suite), str(HERE), str(HERE.parent.parent), str(deps)]
    environment["PYTHONPATH"] = os.pathsep.join(paths)
    environment["ASGI_TRACE_KINDS"] = str(suite.parent / "kinds.json")
    command = [sys.executable, "-m", "pytest", "tests", "-q", "--tb=short"]
    command += ["-p", "no:randomly", "-p", "no:cacheprovider"]
    command += [f"--junitxml={report}", *arguments]
    if name == "instrumented":
        command += ["-p", "instrumented"]
    begin = time.monotonic()
    done = subprocess.run(
        command, cwd=suite, env=environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    print(f"{name}: {time.monotonic() - begin:.0f} s")
    # 1 is a failed test; from 2 on, there are tests that were not run.
    if done.returncode > 1:
        raise SystemExit(f"pytest did not run:\n{done.stdout}\n{done.stderr}")
    (suite.parent / f"{name}.txt").write_text(done.stdout + done.stderr)
    print("  " + done.stdout.strip().rpartition("\n")[2])
    return read(report)


def read(report: Path) -> Outcomes:
    """Read a JUnit report: each test's outcome, by its name."""
    found: Outcomes = {}
    for case in ET.parse(report).getroot().iter("testcase"):  # noqa: S314
        name = f"{case.get('classname')}.{case.get('name')}"
        kinds = sorted({each.tag for each in case} - {"system-out"})
        found[name] = "+".join(kinds) or "passed"
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sdist", type=Path, help="a starlette-X.tar.gz")
    parser.add_argument("--deps", type=Path, help="a folder with " + str(NEEDS))
    options, arguments = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        suite = unpack(folder, options.sdist)
        deps = options.deps or folder / "deps"
        if options.deps is None:
            pip("install", "-q", "--target", str(deps), *NEEDS)
        plain = run(suite, deps, "plain", arguments)
        traced = run(suite, deps, "instrumented", arguments)
        counted = json.loads((folder / "kinds.json").read_text())
        faults = ""
        if "FAULT" in counted:
            faults = (folder / "kinds.faults").read_text()
        changed = {
            each: (plain.get(each, "missing"), traced.get(each, "missing"))
            for each in sorted({*plain, *traced})
            if plain.get(each) != traced.get(each)
        }
        if changed:
            print((folder / "instrumented.txt").read_text()[-20000:])
    print(f"{sum(counted.values())} events:")
    for kind, times in counted.items():
        print(f"  {times:6} {kind}")
    for each, (before, after) in changed.items():
        print(f"CHANGED {each}: {before} -> {after}")
    print(f"{len(plain)} tests, {len(changed)} changed their outcome")
    if "FAULT" in counted:
        print("the tracer failed and went on:")
        print(faults)
    return 1 if changed or "FAULT" in counted or not plain else 0


if __name__ == "__main__":
    sys.exit(main())
