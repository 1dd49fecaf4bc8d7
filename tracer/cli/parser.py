"""The command line as data: the commands, and their options.

What the options do stands in their help, which is the manual.
"""

import argparse
import textwrap
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import Any, NoReturn

from tracer.cli import keeping, sending, served
from tracer.cli.manual import (
    ABOUT,
    BREAK,
    END,
    FACTS,
    FILTER,
    FINDINGS,
    SERVE,
)
from tracer.cli.say import USAGE, fail
from tracer.cli.served import number
from tracer.model.findings import RULES, Severity

DEPTHS = ("story", "stages", "events")


class Parser(argparse.ArgumentParser):
    """Answers wrong usage with one sentence and exit code 2."""

    def error(self, message: str) -> NoReturn:
        message = message[:1].lower() + message[1:]
        see = " See" if message.endswith("?") else "; see"
        raise SystemExit(fail(f"{message}{see} {self.prog} --help", USAGE))

    def parse_known_args(  # type: ignore[override]  # argparse's is overloaded
        self,
        args: Sequence[str] | None = None,
        namespace: argparse.Namespace | None = None,
    ) -> tuple[argparse.Namespace, list[str]]:
        """Let the command itself say what it doesn't know.

        argparse hands that back to the parser of the whole command line,
        which would point to the help of another one.
        """
        known, rest = super().parse_known_args(args, namespace)
        if rest:
            given = rest[0].partition("=")[0]
            near = get_close_matches(given, self._option_string_actions, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            self.error(f"unrecognized arguments: {' '.join(rest)}{hint}")
        return known, rest


def make_parser(version: str) -> Parser:
    """The whole command line."""
    parser = Parser(
        prog="asgi-trace",
        description=ABOUT,
        epilog=END,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=version)
    commands = parser.add_subparsers(
        dest="command", metavar="COMMAND", required=True
    )
    _demo(commands)
    _serve(commands)
    _replay(commands)
    _findings(commands)
    about = sending.ABOUT
    what = "send a server requests, also such as make trouble"
    sending.fill(_command(commands, "send", what, about))
    _facts(commands)
    commands.add_parser(
        "schema",
        help="print the JSON Schema of a recording's lines",
        description="Print the JSON Schema of a recording's lines.",
        allow_abbrev=False,
    )
    return parser


def _command(commands: Any, name: str, what: str, about: str) -> Parser:  # noqa: ANN401  # private to argparse
    parser: Parser = commands.add_parser(
        name,
        help=what,
        description=textwrap.dedent(about),
        epilog=END,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    return parser


def _demo(commands: Any) -> None:  # noqa: ANN401
    what = "an app and a client of ours: something to watch at once"
    parser = _command(commands, "demo", what, f"Run {what}.\n")
    _viewing(parser, ("tui", "text"))
    _holding(parser)
    _recording(parser)
    parser.add_argument(
        "--port",
        type=number(0, 65535),
        default=0,
        help="port to listen on (default: any that is free)",
    )


def _replay(commands: Any) -> None:  # noqa: ANN401
    what = "show a recording again"
    about = "Show a recording again, as if it happened now.\n"
    parser = _command(commands, "replay", what, about)
    parser.add_argument("file", metavar="FILE", help="made by --record")
    parser.add_argument(
        "--request",
        type=number(1),
        metavar="N",
        help="only this one, and what it can't be told without; opens a long"
        " recording at once",
    )
    _viewing(parser, ("tui", "text"))


def _findings(commands: Any) -> None:  # noqa: ANN401
    what = "tell what is worth a look in a recording"
    rules = textwrap.fill(
        f"Rules: {', '.join(RULES)}.", 78, break_on_hyphens=False
    )
    parser = _command(commands, "findings", what, f"{FINDINGS}\n{rules}\n")
    add = parser.add_argument
    add("file", metavar="FILE", help="made by --record")
    add(
        "--severity",
        choices=[each.value for each in Severity],
        default="warning",
        help="the mildest to be told (default: warning)",
    )
    add(
        "--rule",
        dest="rules",
        action="append",
        choices=list(RULES),
        default=[],
        metavar="ID",
        help="only this rule; may be given several times",
    )
    add("--all", action="store_true", help="not only the first of each rule")
    add("--json", action="store_true", help="one JSON object, for programs")
    _reading(add)


def _facts(commands: Any) -> None:  # noqa: ANN401
    what = "list what a trace can show, and in which events"
    add = _command(commands, "facts", what, FACTS).add_argument
    add("numbers", nargs="*", metavar="NUMBER", help="only these: F46, n3, 46")
    add("--json", action="store_true", help="one JSON object, for programs")
    _reading(add)


def _serve(commands: Any) -> None:  # noqa: ANN401
    parser = _command(commands, "serve", "serve an app and watch it", SERVE)
    parser.add_argument("app", metavar="APP", help="module:attribute")
    _viewing(parser, ("tui", "text", "none"))
    _holding(parser)
    _recording(parser)
    served.fill(parser)


def _viewing(parser: Parser, views: tuple[str, ...]) -> None:
    add = parser.add_argument_group("what is shown").add_argument
    none = "; none leaves the terminal to the app" if "none" in views else ""
    add(
        "--view",
        choices=views,
        help=f"default: tui, or text where there is no terminal{none}",
    )
    add(
        "--depth",
        choices=DEPTHS,
        default="stages",
        help="how much is told (default: stages)",
    )
    add("--filter", default="", metavar="FILTER", help=FILTER)
    _reading(add)


def _reading(add: Callable[..., Any]) -> None:
    add(
        "--lang",
        choices=("en", "zh"),
        help="language of the explanations (default: by the locale)",
    )
    add(
        "--use-colors",
        action=argparse.BooleanOptionalAction,
        help="colour the text, also in a pipe (default: in a terminal,"
        " unless NO_COLOR is set)",
    )


def _holding(parser: Parser) -> None:
    parser.add_argument_group("who is held").add_argument(
        "--break",
        dest="breaks",
        action="append",
        default=[],
        metavar="'KIND TERMS'",
        help=BREAK,
    )


def _recording(parser: Parser) -> None:
    add = parser.add_argument_group("what is kept").add_argument
    add(
        "--record",
        metavar="FILE",
        help="also write the events to FILE (.gz: compressed), readable by"
        " you only; an old recording there is overwritten",
    )
    add("--keep", type=keeping.keep, metavar="HOW", help=keeping.HELP)
    add(
        "--no-source",
        dest="source",
        action="store_false",
        help="leave the text of functions out of the events",
    )
    add(
        "--reveal",
        action="store_true",
        help="do NOT hide passwords, tokens, cookies and their like",
    )
