"""The client's command line: `python -m tracer.client --url URL`."""

import argparse
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import h11

from tracer.client import demo_app_dir
from tracer.client.address import Place, resolve
from tracer.client.answers import Answer
from tracer.client.play import Player, ServerGoneError
from tracer.client.scenario import choose, clean_target, find
from tracer.client.script import AnyStep, ScriptError, load
from tracer.client.waiting import FOREVER, TookTooLongError
from tracer.events.client import ClientEvent
from tracer.events.log import encode

GONE, USAGE = 1, 2


class Speaker:
    """Writes to standard output: events, answers, or nothing.

    What is written while the client is busy waits in a list until it is
    idle: no reader of ours can hold it up between two bytes.
    """

    def __init__(self, *, events: bool, answers: bool) -> None:
        self._events = events
        self._answers = answers
        self._said: list[bytes] = []

    def event(self, event: ClientEvent) -> None:
        if self._events:
            self._said.append(encode([event]))

    def answer(self, answer: Answer) -> None:
        if self._answers and answer.final:
            said = (answer.method, answer.target, answer.status, answer.n)
            line = "{} {} {} {} bytes\n".format(*said)
            self._said.append(line.encode())

    def nonsense(self, data: bytes) -> None:
        """The event of its end tells it."""

    def settle(self) -> None:
        if self._said:
            sys.stdout.buffer.write(b"".join(self._said))
            sys.stdout.buffer.flush()
            self._said.clear()


def main(arguments: list[str] | None = None) -> int:
    """Play a script against a server, on this machine if not told otherwise.

    Returns:
        0 when each step was taken, 1 when no server answered (any more) or
        it took too long, 2 for wrong usage.
    """
    options = _parser().parse_args(arguments)
    try:
        place = resolve(options.url, anywhere=options.anywhere)
        steps = _steps(options, place)
    except ScriptError as error:
        return _say_error(error, USAGE)
    if options.until_eof:
        threading.Thread(target=_end_with_input, daemon=True).start()
    player = Player(
        place,
        Speaker(events=options.events, answers=options.verbose),
        unit=options.pace,
        patience=options.patience,
        timeout=options.timeout,
        scenario=options.scenario or options.name,
    )
    try:
        player.repeat(steps, options.rounds)
    except (ServerGoneError, TookTooLongError) as error:
        return _say_error(error, GONE)
    except h11.LocalProtocolError as error:
        return _say_error(f"the script has a bad request: {error}", USAGE)
    return 0


def _steps(options: argparse.Namespace, place: Place) -> Sequence[AnyStep]:
    if options.scenario is None:
        return load(options.script, options.name)
    target = clean_target(options.target or place.target)
    chosen = choose(count=options.count)
    return find(options.scenario).play(target, place.name, chosen)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tracer.client",
        description="Send scripted requests to a server on this machine.",
    )
    add = parser.add_argument
    add("--url", required=True, help="http://127.0.0.1:PORT")
    for name, kind, default, metavar, what in _NUMBERS:
        add(
            name,
            type=kind,
            default=default,
            metavar=metavar,
            help=f"{what} (default: {default})",
        )
    add(
        "--script",
        type=Path,
        default=demo_app_dir() / "script.toml",
        metavar="FILE",
        help="the file with the steps (default: the demo's)",
    )
    add("--name", default="demo", help="which script of the file")
    add("--scenario", help="play this scenario, and no script")
    add("--target", help="what a scenario asks for")
    for name, what in _SWITCHES:
        add(name, action="store_true", help=what)
    add("-v", "--verbose", action="store_true", help="print each answer")
    return parser


def _end_with_input() -> None:
    # However a parent ends, kill -9 included, its end of our pipe is closed.
    while os.read(0, 4096):
        pass
    os._exit(0)


def _seconds(text: str) -> float:
    if not 0 <= (number := float(text)) <= FOREVER:
        raise argparse.ArgumentTypeError(f"must be from 0 to {FOREVER:g}")
    return number


def _count(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


_NUMBERS = (
    ("--pace", _seconds, 1.5, "SECONDS", "length of one unit of the script"),
    ("--rounds", _count, 1, "N", "how often to play it"),
    ("--patience", _seconds, 10.0, "SECONDS", "wait so long for the server"),
    ("--timeout", _seconds, FOREVER, "SECONDS", "give up a round after that"),
    ("--count", _count, None, "N", "requests of a scenario"),
)

_SWITCHES = (
    ("--until-eof", "end at once when standard input does: its writer is gone"),
    ("--events", "print what happens as lines of JSON"),
    ("--anywhere", "also send to other machines"),
)


def _say_error(error: object, code: int) -> int:
    sys.stderr.write(f"asgi-trace client: {error}\n")
    return code


if __name__ == "__main__":
    # Ended by a signal it ends at once, with nothing to say and to clean up.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(main())
