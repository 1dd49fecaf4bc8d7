"""`asgi-trace serve`: what was said becomes a server, in the way it needs.

With a view it is a feed. Without one it is this very process, unless it has
to start again by itself or runs in another interpreter.
"""

import socket
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

from dotenv.main import DotEnv
from msgspec.structs import replace

from tracer.capture.options import Options
from tracer.cli import checks, listening
from tracer.cli.say import say
from tracer.host.child import LiveFeed
from tracer.host.foreground import Foreground
from tracer.host.reload import ReloadingFeed, Run
from tracer.host.watching import Watched


def environment(path: str | None) -> tuple[tuple[str, str], ...]:
    """What an `--env-file` says, where the environment says nothing.

    Raises:
        OSError: It can't be read.
        UnicodeDecodeError: It is no text.

    Source: python-dotenv, `load_dotenv`
    """
    if path is None:
        return ()
    # The names in `${...}` are looked up in the environment first.
    found = DotEnv(path, encoding="utf-8", override=False).dict()
    return tuple((k, v) for k, v in found.items() if v is not None)


def feed_of(options: Namespace, told: Options) -> LiveFeed | ReloadingFeed:
    """Start a server for a view.

    Raises:
        OSError: It can't be started.
    """
    python, runs = options.python, _runs(told)

    def start(run: Run) -> LiveFeed:
        return LiveFeed(
            options.app,
            runs(run),
            python=python,
            inherits=listening.inherited(options),
        )

    watched = watched_by(options)
    if watched is None:
        return start(Run(1, None, told.breaks))
    return ReloadingFeed(options.app, start, watched, told.breaks)


def in_foreground(options: Namespace, told: Options) -> int:
    """Serve with the terminal the app's, and give the exit code.

    Raises:
        OSError: It can't be started.
    """
    watched = watched_by(options)
    if watched is None and options.python is None:
        # Only here is the app imported into this process.
        from tracer.capture.here import serve_here  # noqa: PLC0415

        return serve_here(told)
    if watched is not None and told.port == 0:
        told = replace(told, port=_free_port(told.host))
    return Foreground(
        _runs(told),
        say,
        python=options.python,
        watched=watched,
        inherits=listening.inherited(options),
    ).run()


def watched_by(options: Namespace) -> Watched | None:
    """What is watched for changes; None: nothing is."""
    if not options.reload:
        return None
    return Watched(
        # An app from elsewhere would never start again, else.
        options.reload_dirs or ["", options.app_dir],
        options.reload_includes,
        options.reload_excludes,
        options.reload_delay,
    )


def _runs(told: Options) -> Callable[[Run], bytes]:
    def line(run: Run) -> bytes:
        return replace(
            told,
            port=told.port or run.port or 0,
            record=told.record and numbered(told.record, run.number),
            breaks=run.breaks,
        ).line()

    return line


def numbered(record: str, number: int) -> str:
    """Where a run is recorded: `out.jsonl`, then `out.2.jsonl`, and so on.

    What is there and is no recording is passed over.
    """
    path = Path(record)
    while number > 1:
        dot = path.name.find(".", 1)
        at = dot if dot > 0 else len(path.name)
        name = f"{path.name[:at]}.{number}{path.name[at:]}"
        if not checks.is_foreign(path.with_name(name)):
            return str(path.with_name(name))
        number += 1
    return record


def _free_port(host: str) -> int:
    """A port that is free now: the same one for each run."""
    try:
        found = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0]
    except OSError:
        return 0  # no such host: the server will say so
    with socket.socket(found[0]) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(found[4])
        port: int = sock.getsockname()[1]
    return port
