"""What can be said to `asgi-trace send`: scenarios become flags.

What a scenario is and which there are is `lessons/scenarios.toml`'s business.
"""

import argparse
import textwrap

from tracer.client.scenario import DEFAULT, scenarios
from tracer.client.waiting import FOREVER

ABOUT = """\
Send requests to a server, also such as make trouble, and tell what happens at
the client's end. Any server will do. It must be on this machine, unless you
say --anywhere; then ask its owner first.

A packet here is one write: TCP is a stream and may still join or cut them.
"""

END = """\
Exit codes: 0 it was done to its end, whatever the server made of it; 1 nobody
listens there, or it took too long; 2 wrong usage; 4 a failure of ours; 130
after SIGINT.
"""

LIMIT = 30.0
"""Seconds after which a scenario is given up, if nothing else is said."""


def seconds(text: str) -> float:
    """A time, as argparse wants it said."""
    value = float(text)
    if not 0 < value <= FOREVER:
        raise argparse.ArgumentTypeError(f"{text} is no time to wait")
    return value


def fill(parser: argparse.ArgumentParser) -> None:
    """Give the parser of `send` its arguments."""
    parser.usage = "asgi-trace send URL [--SCENARIO] [options]"
    parser.epilog = END
    add = parser.add_argument
    add("url", metavar="URL", nargs="?", help="http://127.0.0.1:8000/path")
    add("--list", action="store_true", help="list the scenarios")
    group = parser.add_argument_group(
        "the scenario", f"one of them; without any: --{DEFAULT}"
    ).add_mutually_exclusive_group()
    for name, each in scenarios().items():
        group.add_argument(
            f"--{name}",
            dest="scenario",
            action="store_const",
            const=name,
            default=DEFAULT,
            help=each.en.replace("%", "%%"),
        )
    _parameters(parser.add_argument_group("what may differ"))
    _ways(parser.add_argument_group("how it is done and told"))


def _parameters(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--target", metavar="PATH", help="path and query, if not the URL's")
    for name, kind, metavar, what in _PARAMETERS:
        uses = textwrap.shorten(
            ", ".join(_with(name)),
            60,
            placeholder=" ...",
            break_on_hyphens=False,
        )
        add(f"--{name}", type=kind, metavar=metavar, help=f"{what} ({uses})")
    add(
        "--reset",
        action="store_const",
        const=True,
        help="leave with a reset (RST), not in order (FIN)"
        f" ({', '.join(_with('reset'))})",
    )


def _with(parameter: str) -> list[str]:
    """The scenarios that have it, with its default; `any` for the count."""
    if parameter == "count":
        return ["any"]
    return [
        name
        for name, each in scenarios().items()
        if parameter in each.uses.given()
    ]


_PARAMETERS = (
    ("count", int, "N", "how many requests"),
    ("size", int, "BYTES", "bytes of a body, a header or a read"),
    ("pieces", int, "N", "parts in which something is sent or read"),
    ("gap", float, "UNITS", "units of time between them"),
)


def _ways(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "--pace",
        type=seconds,
        default=1.0,
        metavar="SECONDS",
        help="length of a unit of time (default: 1)",
    )
    add(
        "--timeout",
        type=seconds,
        default=LIMIT,
        metavar="SECONDS",
        help=f"give up after that (default: {LIMIT:g})",
    )
    add(
        "--anywhere",
        action="store_true",
        help="also to another machine, whose owner agrees",
    )
    add("--json", action="store_true", help="print the events as JSON lines")
    add("--lang", choices=("en", "zh"), help="language of the list")
    add(
        "--use-colors",
        action=argparse.BooleanOptionalAction,
        help="colour what is told (default: in a terminal, unless NO_COLOR)",
    )
