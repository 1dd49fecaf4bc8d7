"""The options about WebSockets, named as uvicorn's users know them."""

import argparse
from collections.abc import Callable
from typing import Any

WS_OPTIONS = (
    "ws",
    "ws_max_size",
    "ws_ping_interval",
    "ws_ping_timeout",
    "ws_per_message_deflate",
)
"""They go to the child under these names."""

YES = frozenset({"1", "true", "t", "yes", "y", "on"})
NO = frozenset({"0", "false", "f", "no", "n", "off"})


def ws_name(text: str) -> str:
    """Who speaks WebSocket, or a sentence about the others."""
    if text not in {"auto", "none", "wsproto"}:
        raise argparse.ArgumentTypeError(
            f"{text!r} is none of auto, none and wsproto: WebSockets are"
            " served with wsproto, whose every step can be shown"
        )
    return text


def yes_or_no(text: str) -> bool:
    """A switch that is said with a word.

    Source: click, `BoolParamType`
    """
    word = text.strip().lower()
    if word not in YES | NO:
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")
    return word in YES


def add_websocket_options(
    group: Any,  # noqa: ANN401  # argparse has no public name for it
    seconds: Callable[[str], float],
    size: Callable[[str], int],
) -> None:
    """Add them to a group of a parser.

    Args:
        group: Of the command that serves.
        seconds: Reads a time.
        size: Reads a number of bytes.

    Source: uvicorn, `main`
    """
    add = group.add_argument
    add(
        "--ws",
        type=ws_name,
        default="auto",
        metavar="WHO",
        help="wsproto serves WebSockets (auto means the same), or none does"
        " (default: auto)",
    )
    add(
        "--ws-max-size",
        type=size,
        default=16 * 1024 * 1024,
        metavar="N",
        help="longest message in bytes, unpacked (default: 16777216)",
    )
    for name, what in (
        ("--ws-ping-interval", "between two pings; 0: nobody asks"),
        ("--ws-ping-timeout", "until a ping must have its pong"),
    ):
        add(
            name,
            type=seconds,
            default=20.0,
            metavar="SECONDS",
            help=f"{what} (default: 20)",
        )
    add(
        "--ws-per-message-deflate",
        type=yes_or_no,
        nargs="?",
        const=True,
        default=True,
        metavar="BOOL",
        help="whether messages may be compressed (default: true)",
    )
