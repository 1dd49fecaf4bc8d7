"""Somebody else's interpreter becomes a judgement: can the app run there?

It is asked by a small program that even an old Python understands.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import requires
from pathlib import Path

NEEDED = ("h11", "msgspec", "starlette", "wsproto")
"""What the traced process itself imports; all else is the viewer's."""

OLDEST = (3, 11)
ANY = "0"

PATIENCE = 20.0
"""Seconds that it may take to tell what it has."""

PROBE = """\
import sys
del sys.path[0]
found = {}
if sys.version_info >= (3, 8):
    from importlib.metadata import PackageNotFoundError, version
    for name in sys.argv[1:]:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            pass
import json
print("asgi-trace" + json.dumps([list(sys.version_info[:3]), found]))
"""


class UnfitError(Exception):
    """The app can't run there: one sentence for the user."""


def locate(python: str) -> str:
    """Give the interpreter's path; a virtual environment is one, too.

    It is not resolved: a virtual environment's is a link, and is found by
    where the link stands.

    Raises:
        UnfitError: There is none.
    """
    path = Path(python).expanduser()
    if path.is_dir():
        path = path / "bin" / "python"
        if not path.exists():
            raise UnfitError(
                f"--python {python} is a folder without bin/python: name an"
                " interpreter, or a virtual environment's folder"
            )
    found = shutil.which(str(path))
    if found is None:
        raise UnfitError(
            f"--python {python}: there is no such program; name the"
            " interpreter that has your app's packages, like .venv/bin/python"
        )
    return str(Path(found).absolute())


def examine(python: str, extra: Sequence[str] = ()) -> None:
    """See that it is new enough and has what the traced process imports.

    Args:
        python: See `locate`.
        extra: More packages that it must have.

    Raises:
        UnfitError: It isn't, or hasn't; with the command that helps.
    """
    wanted = wanted_versions((*NEEDED, *extra))
    version, found = _ask(python, wanted)
    if version < OLDEST:
        said = ".".join(map(str, version))
        raise UnfitError(
            f"--python {python} is Python {said}, and 3.11 or newer is"
            " needed: the app is traced in it"
        )
    unfit = [
        name
        for name, oldest in wanted.items()
        if _numbers(found.get(name, "")) < _numbers(oldest) or name not in found
    ]
    if unfit:
        has = ", ".join(
            f"{name} {found[name]}" if name in found else f"no {name}"
            for name in unfit
        )
        packages = " ".join(
            name if wanted[name] == ANY else f"'{name}>={wanted[name]}'"
            for name in unfit
        )
        raise UnfitError(
            f"--python {python} has {has}: {python} -m pip install {packages}"
        )


def wanted_versions(names: Iterable[str]) -> dict[str, str]:
    """The oldest versions of packages that asgi-trace itself asks for."""
    pattern = re.compile(r"([\w.-]+?)\s*>=\s*([\d.]+)")
    asked = (pattern.match(each) for each in requires("asgi-trace") or ())
    oldest = {each[1].lower(): each[2] for each in asked if each}
    return {name: oldest.get(name, ANY) for name in names}


def _ask(
    python: str, names: Iterable[str]
) -> tuple[tuple[int, ...], Mapping[str, str]]:
    """Its version, and those of the packages it has."""
    try:
        done = subprocess.run(  # noqa: S603  # what the user asks for
            [python, "-c", PROBE, *names],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnfitError(f"--python {python} can't be run: {error}") from error
    for line in done.stdout.splitlines():
        if line.startswith("asgi-trace["):
            version, found = json.loads(line.removeprefix("asgi-trace"))
            return tuple(version), found
    raise UnfitError(
        f"--python {python} is no Python that works: it ended with exit code"
        f" {done.returncode}"
    )


def _numbers(version: str) -> tuple[int, ...]:
    """`1.10rc1` as (1, 10, 0), nothing as (0, 0, 0)."""
    release = re.match(r"[\d.]*", version)
    parts = re.findall(r"\d+", release[0] if release else "")[:3]
    return (*map(int, parts), *([0] * (3 - len(parts))))
