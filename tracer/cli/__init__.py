"""The command line: knows everyone, decides nothing.

Read `parser` (what can be said; `served`: to `serve`), then `commands` (what
is done about it; `serving`: by `serve`).
`checks` finds what is wrong before anything starts, `say` tells it.
"""

import os
import platform
import sys
import traceback
from collections.abc import Sequence
from importlib.metadata import version

from tracer.cli import commands
from tracer.cli.parser import make_parser
from tracer.cli.say import DONE, INTERRUPTED, OURS, USAGE, fail


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says, and give the exit code.

    Source: ours; the codes stand in every command's `--help`.
    """
    if sys.platform == "win32":
        return fail("it runs on Linux and macOS, not on Windows yet", USAGE)
    try:
        options = make_parser(_version()).parse_args(arguments)
        return commands.COMMANDS[options.command](options)
    except SystemExit as ended:  # by argparse, which has said why
        return ended.code if isinstance(ended.code, int) else OURS
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _nobody_reads()
        return DONE
    except Exception as error:
        if sys.flags.dev_mode:
            raise
        last = traceback.extract_tb(error.__traceback__)[-1]
        return fail(
            f"a fault of its own: {type(error).__name__} at"
            f" {os.path.basename(last.filename)}:{last.lineno}"  # noqa: PTH119
            " (python -X dev -m tracer shows more); please report it",
            OURS,
        )


def _version() -> str:
    return (
        f"asgi-trace {version('asgi-trace')} (Python"
        f" {platform.python_version()}, h11 {version('h11')}, Starlette"
        f" {version('starlette')}, Textual {version('textual')})"
    )


def _nobody_reads() -> None:
    """As after `| head`: let the last flush find something to write to."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.close(nothing)
