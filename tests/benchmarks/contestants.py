"""Who is compared: uvicorn, its peers with and without a tracer, and ours."""

import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path

from servers import Server

REFERENCE = "uvicorn h11"
CONTROL = "uvicorn h11 again"
RECORDED = "ours, recorded"
UNTRACED = "ours, untraced"

_RUN = [sys.executable, "-m"]
_QUIET = ["--no-access-log", "--log-level", "warning"]
_PORT = ["--port", "{port}"]
_UVICORN = ["uvicorn", *_PORT, *_QUIET]
_H11 = [*_UVICORN, "--http", "h11", "--loop", "asyncio"]
OURS = [*_RUN, "tracer", "serve", *_PORT, "--no-access-log"]
_VIZTRACER = ["viztracer", "--ignore_c_function", "--quiet", "-o"]


@dataclass(frozen=True)
class Contestant:
    """A row of the table: how it is started, and what that needs.

    Attributes:
        name: What stands in the table, and what `--only` takes.
        command: What starts it. `{app}`, `{port}` and `{folder}` stand for
            the app's name, the port, and a folder to write to.
        needs: The packages that it can't do without.
        module: Where the apps are.
        terminal: Whether it draws.
        patient: See `Server`.
    """

    name: str
    command: tuple[str, ...]
    needs: tuple[str, ...] = ()
    module: str = "twenty_routes"
    terminal: bool = False
    patient: bool = True

    @property
    def missing(self) -> list[str]:
        """What it needs and isn't installed."""
        return [each for each in self.needs if not _is_there(each)]

    def server(self, app: str, folder: Path) -> Server:
        """Make the server of one of the apps."""
        known = {"{app}": f"{self.module}:{app}", "{folder}": str(folder)}
        command = list(self.command)
        for word, value in known.items():
            command = [each.replace(word, value) for each in command]
        return Server(
            self.name, command, terminal=self.terminal, patient=self.patient
        )


def recording(folder: Path, app: str, name: str = "recorded") -> Path:
    """Where a contestant of ours records to."""
    return folder / f"{name}-twenty_routes:{app}.jsonl"


def _is_there(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def _recorded(name: str, *options: str) -> tuple[str, ...]:
    file = f"{{folder}}/{name}-{{app}}.jsonl"
    return *OURS, "--view", "none", "--record", file, *options, "{app}"


ALL = (
    Contestant(REFERENCE, (*_RUN, *_H11, "{app}")),
    Contestant(CONTROL, (*_RUN, *_H11, "{app}")),
    Contestant(
        "uvicorn httptools uvloop",
        (
            *_RUN,
            *[*_UVICORN, "--http", "httptools", "--loop", "uvloop"],
            "{app}",
        ),
        needs=("httptools", "uvloop"),
    ),
    Contestant(
        "hypercorn",
        (*_RUN, "hypercorn", "-w", "0", "-b", "127.0.0.1:{port}", "{app}"),
        needs=("hypercorn",),
    ),
    Contestant(
        "uvicorn h11 OpenTelemetry",
        (*_RUN, *_H11, "{app}"),
        needs=("opentelemetry.instrumentation.starlette",),
        module="with_opentelemetry",
    ),
    Contestant(
        "uvicorn h11 VizTracer",
        (
            *_RUN,
            *[*_VIZTRACER, "{folder}/viztracer.json", "--module"],
            *[*_H11, "{app}"],
        ),
        needs=("viztracer",),
        patient=False,
    ),
    Contestant(UNTRACED, (*OURS, "--view", "none", "{app}")),
    Contestant(RECORDED, _recorded("recorded")),
    Contestant(
        "ours, recorded, --join-head", _recorded("joined", "--join-head")
    ),
    Contestant(
        "ours, recorded, TUI open",
        tuple("tui" if each == "none" else each for each in _recorded("drawn")),
        terminal=True,
    ),
)
"""The reference first; the others in the order of the table."""

GOALS = {
    UNTRACED: (1.20, 1.10),
    RECORDED: (1.0, 0.85),
    "ours, recorded, --join-head": (1.2, 1.0),
    "ours, recorded, TUI open": (0.9, 0.75),
}
"""Requests/s against the reference that ours are to reach: a JSON GET, and
each scenario with many connections."""
