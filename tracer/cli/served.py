"""What can be said to `serve` of the app and its server: as to uvicorn.

What listens, and WebSockets, have files of their own.
"""

import argparse
from collections.abc import Sequence
from typing import Any

from tracer.cli import listening
from tracer.cli.say import USAGE, fail
from tracer.cli.websockets import add_websocket_options

REFUSED = {
    "--workers": "a trace shows one process; run it once for each",
    "--slow": "slow motion is the picture's, by the keys < and >; the server"
    " runs at its own speed",
    "--http": "the parser is h11, whose every step can be shown",
    "--http2": "the parser is h11, which speaks HTTP/1.1",
    "--ws-max-queue": "one message waits at a time: reading stops until the"
    " app has taken it",
    "--interface": "only ASGI 3 apps are served; a2wsgi and asgiref make one"
    " of others",
    "--timeout-worker-healthcheck": "there are no workers: a trace shows one"
    " process",
    "--log-config": "log records are part of the trace; what the app sets up"
    " itself with logging.config stays as it is",
}
"""uvicorn's options that are refused, and why."""


def fill(parser: argparse.ArgumentParser) -> None:
    """Give the parser of `serve` its arguments."""
    _app_options(parser.add_argument_group("the app"))
    _reload_options(parser.add_argument_group("starting again"))
    listening.fill(parser)
    _server_options(parser.add_argument_group("the server"))
    add_websocket_options(
        parser.add_argument_group("WebSockets"), seconds, number(1)
    )
    _loop_options(parser.add_argument_group("the event loop"))
    for name in REFUSED:
        parser.add_argument(
            name, action=Refuse, nargs="?", help=argparse.SUPPRESS
        )


class Refuse(argparse.Action):
    """An option that makes no sense here says why."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        why = REFUSED[option_string or ""]
        raise SystemExit(fail(f"there is no {option_string}: {why}", USAGE))


def number(low: int, high: int | None = None) -> Any:  # noqa: ANN401  # argparse's own word for a type
    """A whole number within bounds, as argparse wants it said."""

    def convert(text: str) -> int:
        value = int(text)
        if value < low or (high is not None and value > high):
            bounds = f"{low} or more" if high is None else f"{low} to {high}"
            raise argparse.ArgumentTypeError(f"{value} is not {bounds}")
        return value

    convert.__name__ = "number"
    return convert


def seconds(text: str) -> float:
    """A time that can be waited for."""
    value = float(text)
    if not 0 <= value < 1e9:  # noqa: PLR2004
        raise argparse.ArgumentTypeError(f"{text} is no number of seconds")
    return value


def header(text: str) -> tuple[str, str]:
    """`Name: value`, as for uvicorn's `--header`."""
    name, colon, value = text.partition(":")
    if not (colon and name.strip() and text.isprintable() and text.isascii()):
        raise argparse.ArgumentTypeError(f"{text!r} is not like 'Name: value'")
    return name.strip(), value.strip()


def _app_options(group: Any) -> None:  # noqa: ANN401
    add = group.add_argument
    add(
        "--factory",
        action="store_true",
        help="APP is a function that makes the app",
    )
    add(
        "--app-dir",
        default="",
        metavar="DIR",
        help="folder to import APP from (default: the current one)",
    )
    add(
        "--lifespan",
        choices=("auto", "on", "off"),
        default="auto",
        help="whether the app has startup and shutdown (default: auto)",
    )
    add(
        "--root-path",
        default="",
        metavar="PATH",
        help="the path that a proxy strips",
    )
    add(
        "--env-file",
        metavar="FILE",
        help="variables for the app's environment; those that are set there"
        " already stay as they are",
    )
    add(
        "--python",
        metavar="PATH",
        help="the interpreter, or the virtual environment, that has the app's"
        " packages (default: the one that runs asgi-trace)",
    )


def _reload_options(group: Any) -> None:  # noqa: ANN401
    add = group.add_argument
    add(
        "--reload",
        action="store_true",
        help="start the app again when its files change, as a trace of its"
        " own; --record then writes out.jsonl, out.2.jsonl and so on",
    )
    for name, metavar, what in _RELOADS:
        add(
            name,
            dest=f"{name.removeprefix('--').replace('-', '_')}s",
            action="append",
            default=[],
            metavar=metavar,
            help=f"{what}; may be given several times",
        )
    add(
        "--reload-delay",
        type=seconds,
        default=0.25,
        metavar="SECONDS",
        help="between two looks at the files (default: 0.25)",
    )


_RELOADS = (
    (
        "--reload-dir",
        "DIR",
        "folder to watch (default: the current one and that of --app-dir)",
    ),
    ("--reload-include", "GLOB", "files that count, beside *.py"),
    (
        "--reload-exclude",
        "GLOB",
        "files and folders that don't, beside .*, .py[cod], .sw.* and ~*",
    ),
)


LEVELS = {
    "critical": 50,
    "error": 40,
    "warning": 30,
    "info": 20,
    "debug": 10,
    "trace": 5,
}
"""Names of levels to the numbers of `logging`.

Source: uvicorn, `LOG_LEVELS`
"""


def loop_name(text: str) -> str:
    """A loop that can be seen, or a sentence about the others."""
    if text not in {"asyncio", "uvloop"}:
        raise argparse.ArgumentTypeError(
            f"{text!r} is neither asyncio nor uvloop, and a loop of your own"
            " can't be seen"
        )
    return text


def _loop_options(group: Any) -> None:  # noqa: ANN401
    group.add_argument(
        "--loop",
        type=loop_name,
        default="asyncio",
        metavar="LOOP",
        help="asyncio, whose turns can be shown, or uvloop (an extra), whose"
        " tasks only (default: asyncio)",
    )
    group.add_argument(
        "--lens",
        choices=("off", "on", "full"),
        default="on",
        help="how much of it is shown. on: each turn, each step of a task and"
        " what it waits for; full: every await at each wait, which costs more;"
        " off: that tasks begin and end (default: on)",
    )
    group.add_argument(
        "--lines",
        action="store_true",
        help="show each line of your endpoints, middleware and dependencies"
        " as it runs; they run more slowly",
    )


def _server_options(group: Any) -> None:  # noqa: ANN401
    add = group.add_argument
    for name, kind, default, what in _NUMBERS:
        metavar = "SECONDS" if kind is seconds else "N"
        said = "none" if default is None else default
        add(
            name,
            type=kind,
            default=default,
            metavar=metavar,
            help=f"{what} (default: {said})",
        )
    add(
        "--header",
        dest="headers",
        type=header,
        action="append",
        default=[],
        metavar="'NAME: VALUE'",
        help="add it to every response; may be given several times",
    )
    add(
        "--log-level",
        choices=LEVELS,
        help="how much the server's own loggers say (default: info)",
    )
    add(
        "--join-head",
        action="store_true",
        help="hold a response's head back until its body begins, and write"
        " both at once; faster, but a slow body keeps the head waiting",
    )
    add(
        "--reset-contextvars",
        action="store_true",
        help="run each request in an empty context; what the lifespan has set"
        " there is not seen then",
    )
    for name, what in _SWITCHES:
        both_ways = argparse.BooleanOptionalAction
        add(name, action=both_ways, default=True, help=what)


_NUMBERS: tuple[tuple[str, Any, float | None, str], ...] = (
    ("--port", number(0, 65535), 8000, "port; 0 takes any that is free"),
    ("--backlog", number(1), 2048, "connections the kernel keeps waiting"),
    ("--limit-concurrency", number(0), None, "answer 503 from N on"),
    ("--limit-max-requests", number(1), None, "end after N responses"),
    (
        "--limit-max-requests-jitter",
        number(0),
        0,
        "or after up to N more, by chance",
    ),
    (
        "--slow-callback",
        seconds,
        0.1,
        "held for so long, the loop is called blocked; 0: never",
    ),
    ("--timeout-keep-alive", seconds, 5, "until an idle connection closes"),
    (
        "--timeout-head",
        seconds,
        60,
        "until a request's head must have come whole; 0: any time",
    ),
    (
        "--timeout-graceful-shutdown",
        seconds,
        None,
        "until requests under way are cancelled at the end",
    ),
    (
        "--h11-max-incomplete-event-size",
        number(1),
        None,
        "longest head of a request, in bytes",
    ),
)

_SWITCHES = (
    ("--date-header", "whether responses carry Date"),
    ("--server-header", "whether responses carry Server"),
    ("--access-log", "whether each response is logged"),
)
