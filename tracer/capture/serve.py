"""Options become a server that runs, watched or not, and its exit code.

The child process and `--view none` both start here.
"""

import contextlib
import logging
import os
import platform
import traceback
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tracer.capture.configure import configure
from tracer.capture.frameworks import watch
from tracer.capture.gate import Gate
from tracer.capture.importer import AppError, load
from tracer.capture.loop import Lines, LinesError, Watchdog
from tracer.capture.options import Options
from tracer.capture.output import ACCESS, SERVER
from tracer.capture.ports import explain, explain_fd, explain_path
from tracer.capture.probe import Probe
from tracer.capture.server import Server
from tracer.capture.sources import own_files, set_root, snapshot

DONE = 0
USAGE = 2
NOT_STARTED = 3
OURS = 4
INTERRUPTED = 130

_PACKAGES = ("asgi-trace", "h11", "msgspec", "starlette", "fastapi", "anyio")


def versions() -> dict[str, str]:
    """What a trace's header says about the programs in it."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def build(
    options: Options, probe: Probe | None, gate: Gate | None = None
) -> Server:
    """Import the app, make it visible if it is to be traced, configure.

    Raises:
        AppError: There is no app to serve.
    """
    _settle(options)
    app = load(options.app, factory=options.factory, app_dir=options.app_dir)
    if probe is not None:
        root = Path(options.app_dir).resolve()
        set_root(root)
        probe.lens = options.lens
        if options.slow_callback:
            probe.watch = Watchdog(
                probe, options.slow_callback, text=options.source
            )
        if options.lines:
            _watch_lines()
        snapshot(own_files(root))
        app = watch(app, probe)
    return Server(configure(options, app, probe, gate))


def _settle(options: Options) -> None:
    """What the app may look at while it is imported.

    Source: uvicorn, `Config`: what the environment says already stays, and
    the level is that of the server's own loggers.
    """
    for name, value in options.environment:
        os.environ.setdefault(name, value)
    if (level := options.log_level) is not None:
        # An error is always heard: it says why the server can't start.
        logging.getLogger(SERVER).setLevel(min(level, logging.ERROR))
        access = logging.getLogger(ACCESS)
        access.setLevel(max(level, access.level))


def _watch_lines() -> None:
    try:
        Lines().start()
    except LinesError as error:
        raise AppError(str(error), usage=True) from error


def run(server: Server) -> int:
    """Serve until stopped, and give the exit code.

    Source: uvicorn, `run`: a first Ctrl+C that ended in order is success.
    """
    try:
        server.run()
    except KeyboardInterrupt:
        pass
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else OURS
    return INTERRUPTED if server.force_exit else DONE


def failure(error: BaseException) -> tuple[str, str, int]:
    """What to tell the user of an app that could not be had.

    Returns:
        The traceback (or nothing), the sentence, the exit code.
    """
    match error:
        case AppError():
            code = USAGE if error.usage else NOT_STARTED
            return error.trace, str(error), code
        case KeyboardInterrupt():
            return "", "interrupted before the server had started", INTERRUPTED
        case _:
            last = traceback.extract_tb(error.__traceback__)[-1]
            return (
                "",
                f"a fault of asgi-trace's own, please report it:"
                f" {type(error).__name__} at {last.name}:{last.lineno}",
                OURS,
            )


def not_started(options: Options, problem: BaseException | None) -> str:
    """Why a server that was configured came to nothing."""
    if isinstance(problem, OSError):
        if options.fd is not None:
            return explain_fd(problem, options.fd)
        if options.uds is not None:
            return explain_path(problem, options.uds)
        return explain(problem, options.host, options.port)
    return (
        "the app's startup failed, so nothing is served; --lifespan off"
        " serves without it"
    )
