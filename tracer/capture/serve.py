"""Options become a server that runs, watched or not, and its exit code.

The child process and `--view none` both start here.
"""

import contextlib
import logging
import os
import platform
import sys
import traceback
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tracer.capture.frameworks import watch
from tracer.capture.gate import Gate
from tracer.capture.importer import AppError, load
from tracer.capture.loop import Lines, LinesError, Watchdog
from tracer.capture.options import Options
from tracer.capture.output import ACCESS, SERVER
from tracer.capture.ports import explain
from tracer.capture.probe import Note, Probe
from tracer.capture.server import Config, Server, WSProtocol
from tracer.capture.sources import set_root, snapshot

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
        snapshot(_own_files(root))
        app = watch(app, probe)
    config = Config(
        app,
        app_name=options.app,
        host=options.host,
        port=options.port,
        backlog=options.backlog,
        loop=options.loop,
        lifespan=options.lifespan,
        root_path=options.root_path,
        limit_concurrency=options.limit_concurrency,
        limit_max_requests=options.limit_max_requests,
        timeout_keep_alive=options.timeout_keep_alive,
        timeout_head=options.timeout_head,
        timeout_graceful_shutdown=options.timeout_graceful_shutdown,
        headers=options.headers,
        join_head=options.join_head,
        date_header=options.date_header,
        server_header=options.server_header,
        access_log=options.access_log,
        h11_max_incomplete_event_size=options.h11_max_incomplete_event_size,
        ws_protocol_class=None if options.ws == "none" else WSProtocol,
        ws_max_size=options.ws_max_size,
        ws_ping_interval=options.ws_ping_interval,
        ws_ping_timeout=options.ws_ping_timeout,
        ws_per_message_deflate=options.ws_per_message_deflate,
        note=None if probe is None else Note(probe),
        gate=gate,
    )
    return Server(config)


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


def _own_files(root: Path) -> Iterator[str]:
    """The files that the app's own modules were loaded from."""
    for module in tuple(sys.modules.values()):
        file = vars(module).get("__file__")
        if not isinstance(file, str) or not file.startswith(f"{root}{os.sep}"):
            continue
        if "site-packages" not in Path(file).parts and file.endswith(".py"):
            yield file


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
        return explain(problem, options.host, options.port)
    return (
        "the app's startup failed, so nothing is served; --lifespan off"
        " serves without it"
    )
