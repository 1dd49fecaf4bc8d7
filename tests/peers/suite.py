"""What the runs of other projects' test suites have in common.

A suite comes in the sdist of the version that is installed, which pip
downloads; it is run twice, as it is and with something of ours in it, and
the outcomes are compared test by test.
"""

import os
import subprocess
import sys
import tarfile
import time
import xml.etree.ElementTree as ET
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).resolve().parent

Outcomes = dict[str, str]


def pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*command, *arguments], check=True)


def unpack(folder: Path, name: str, sdist: Path | None) -> Path:
    """Give the folder of the unpacked suite."""
    if sdist is None:
        wanted = f"{name}=={version(name)}"
        options = ["--no-deps", "--no-binary", ":all:", "-q"]
        pip("download", *options, "-d", str(folder), wanted)
        (sdist,) = folder.glob(f"{name}-*.tar.gz")
    with tarfile.open(sdist) as file:
        file.extractall(folder, filter="data")
    (suite,) = (each for each in folder.glob(f"{name}-*") if each.is_dir())
    # The installed package is what is examined, not the copy beside it.
    (suite / name).rename(suite / f"{name}-source")
    return suite


def run(
    suite: Path,
    deps: Path,
    name: str,
    arguments: list[str],
    environment: dict[str, str] | None = None,
) -> Outcomes:
    """Run the suite once and give each test's outcome."""
    report = suite.parent / f"{name}.xml"
    paths = [str(suite), str(HERE), str(HERE.parent.parent), str(deps)]
    variables = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        **(environment or {}),
    }
    command = [sys.executable, "-m", "pytest", "-q", "--tb=short"]
    command += ["-p", "no:randomly", "-p", "no:cacheprovider"]
    command += [f"--junitxml={report}", *arguments]
    begin = time.monotonic()
    done = subprocess.run(
        command, cwd=suite, env=variables, capture_output=True, text=True,
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


def changed(before: Outcomes, after: Outcomes) -> dict[str, tuple[str, str]]:
    """Give the outcomes that differ, by the test's name."""
    return {
        each: (before.get(each, "missing"), after.get(each, "missing"))
        for each in sorted({*before, *after})
        if before.get(each) != after.get(each)
    }
