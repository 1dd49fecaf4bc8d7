"""The client's command line: `python -m tracer.client --url URL`."""

import argparse
import ipaddress
import os
import signal
import sys
import threading
from pathlib import Path
from urllib.parse import urlsplit

import h11

from tracer.client import demo_app_dir
from tracer.client.connection import Answer
from tracer.client.play import Player, ServerGoneError
from tracer.client.script import ScriptError, load

GONE, USAGE = 1, 2


def main(arguments: list[str] | None = None) -> int:
    """Play a script against a server on this machine.

    Returns:
        0 when each step was taken, 1 when no server answered (any more),
        2 for wrong usage.
    """
    options = _parser().parse_args(arguments)
    try:
        address = loopback(options.url)
        steps = load(options.script, options.name)
    except (ValueError, ScriptError) as error:
        return _say_error(error, USAGE)
    if options.until_eof:
        threading.Thread(target=_end_with_input, daemon=True).start()
    player = Player(
        address,
        unit=options.pace,
        patience=options.patience,
        say=_say_answer if options.verbose else lambda _: None,
    )
    try:
        player.repeat(steps, options.rounds)
    except ServerGoneError as error:
        return _say_error(error, GONE)
    except h11.LocalProtocolError as error:
        return _say_error(f"the script has a bad request: {error}", USAGE)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tracer.client",
        description="Send scripted requests to a server on this machine.",
    )
    add = parser.add_argument
    add("--url", required=True, help="http://127.0.0.1:PORT")
    add(
        "--pace",
        type=_seconds,
        default=1.5,
        metavar="SECONDS",
        help="length of one unit of the script (default: 1.5)",
    )
    add(
        "--rounds",
        type=_count,
        default=1,
        metavar="N",
        help="how often to play it (default: 1)",
    )
    add(
        "--patience",
        type=_seconds,
        default=10.0,
        metavar="SECONDS",
        help="how long to wait for the server to listen (default: 10)",
    )
    add(
        "--script",
        type=Path,
        default=demo_app_dir() / "script.toml",
        metavar="FILE",
        help="the file with the steps (default: the demo's)",
    )
    add("--name", default="demo", help="which script of the file")
    add(
        "--until-eof",
        action="store_true",
        help="end at once when standard input does: its writer is gone",
    )
    add("-v", "--verbose", action="store_true", help="print each answer")
    return parser


def _end_with_input() -> None:
    # However a parent ends, kill -9 included, its end of our pipe is closed.
    while os.read(0, 4096):
        pass
    os._exit(0)


def _seconds(text: str) -> float:
    if not 0 <= (number := float(text)) < 3600:  # noqa: PLR2004
        raise argparse.ArgumentTypeError("must be from 0 to 3600")
    return number


def _count(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def loopback(url: str) -> tuple[str, int]:
    """Take host and port from a URL, if they are on this machine.

    A script may send what no stranger asked for: it stays at home.

    Raises:
        ValueError: Another machine, or no such URL.

    Source: RFC 1122, section 3.2.1.3; RFC 4291, section 2.5.3.
    """
    parts = urlsplit(url)
    host, port = parts.hostname, parts.port
    if parts.scheme != "http" or not host:
        raise ValueError(f"{url!r} is no http:// URL")
    if host != "localhost" and not _is_loopback(host):
        raise ValueError(f"{host} is not this machine: use 127.0.0.1")
    return host, 80 if port is None else port


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _say_answer(answer: Answer) -> None:
    line = f"{answer.method} {answer.target} {answer.status} {answer.n} bytes"
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _say_error(error: object, code: int) -> int:
    sys.stderr.write(f"asgi-trace client: {error}\n")
    return code


if __name__ == "__main__":
    # Ended by a signal it ends at once, with nothing to say and to clean up.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(main())
