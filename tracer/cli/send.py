"""`asgi-trace send`: our client, run here; what happens to it, line by line."""

import os
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from typing import Any

from tracer.cli.say import DONE, USAGE, fail
from tracer.client.address import Place, resolve
from tracer.client.answers import Answer
from tracer.client.play import Player, ServerGoneError
from tracer.client.scenario import choose, clean_target, find, scenarios
from tracer.client.script import AnyStep, ScriptError
from tracer.client.waiting import TookTooLongError
from tracer.events.client import (
    ClientChunk,
    ClientClosed,
    ClientConnected,
    ClientEvent,
    ClientFirstByte,
    ClientRefused,
    ClientResponse,
    ClientSent,
)
from tracer.events.log import encode
from tracer.model.safe import safe
from tracer.views.explain import pick_language

GONE = 1
"""Nobody listens there, or it took too long."""

SHOWN = 120
"""Characters that are shown of a body."""

COLORS = {"dim": "2", "good": "32", "warn": "33", "bad": "31"}
"""Names to the numbers of ECMA-48's SGR."""

BY_CLASS = {1: "dim", 2: "good", 3: "good", 4: "warn", 5: "bad"}
"""An answer's colour, by the first digit of its status."""


def send(options: Namespace) -> int:
    """`asgi-trace send URL --SCENARIO`."""
    if options.list:
        return _list(pick_language(options.lang, os.environ))
    if options.url is None:
        return fail("no URL to send to; see asgi-trace send --help", USAGE)
    try:
        place = resolve(options.url, anywhere=options.anywhere)
        steps = _steps(options, place)
    except ScriptError as error:
        return fail(str(error), USAGE)
    teller = Lines() if options.json else Teller(color=_colored(options))
    player = Player(
        place,
        teller,
        unit=options.pace,
        timeout=options.timeout,
        scenario=options.scenario,
    )
    try:
        player.play(steps)
    except (ServerGoneError, TookTooLongError) as error:
        return fail(str(error), GONE)
    return DONE


def _steps(options: Namespace, place: Place) -> Sequence[AnyStep]:
    target = place.target if options.target is None else options.target
    names = ("count", "size", "pieces", "gap", "reset")
    chosen = choose(**{name: getattr(options, name) for name in names})
    scenario = find(options.scenario)
    return scenario.play(clean_target(target), place.name, chosen)


def _colored(options: Namespace) -> bool:
    if options.use_colors is not None:
        return bool(options.use_colors)
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def _list(lang: str) -> int:
    for name, each in scenarios().items():
        sys.stdout.write(f"--{name}\n    {getattr(each, lang)}\n")
        given = each.uses.given().items()
        if given:
            said = "  ".join(f"--{name} {value}" for name, value in given)
            sys.stdout.write(f"    {said.replace(' False', '')}\n")
    sys.stdout.flush()
    return DONE


class Lines:
    """The events themselves, as the trace would have them but for `seq`."""

    def __init__(self) -> None:
        self._said: list[bytes] = []

    def event(self, event: ClientEvent) -> None:
        self._said.append(encode([event]))

    def answer(self, answer: Answer) -> None:
        """The event tells it."""

    def nonsense(self, data: bytes) -> None:
        """The event of its end tells it."""

    def settle(self) -> None:
        sys.stdout.buffer.write(b"".join(self._said))
        sys.stdout.buffer.flush()
        self._said.clear()


class Teller:
    """Each event in a line, with the milliseconds since the first.

    What the server says is shown as text that can't do anything to a
    terminal.
    """

    def __init__(self, *, color: bool) -> None:
        self._color = color
        self._start: int | None = None
        self._said: list[str] = []

    def event(self, event: ClientEvent) -> None:
        if isinstance(event, ClientResponse):
            color = BY_CLASS.get(event.status // 100, "bad")
        else:
            color = _COLOR_OF.get(type(event), "")
        self._line(event, _WORDS[type(event)](event), color)

    def answer(self, answer: Answer) -> None:
        """The line of its event is the last one: now the reason is known."""
        if answer.reason:
            self._add(f", {safe(answer.reason)!s}")
        self._show(answer.start)

    def nonsense(self, data: bytes) -> None:
        self._show(data)

    def settle(self) -> None:
        sys.stdout.write("".join(f"{line}\n" for line in self._said))
        sys.stdout.flush()
        self._said.clear()

    def _line(self, event: ClientEvent, words: str, color: str) -> None:
        if self._start is None:
            begun = isinstance(event, ClientConnected)
            self._start = event.t - (event.ns if begun else 0)  # type: ignore[attr-defined]  # only that has it
        ms = (event.t - self._start) / 1e6
        time = self._paint(f"{ms:10.2f} ms", "dim")
        who = self._paint(f"{event.thread:<9}", "dim")
        self._said.append(f"{time}  {who}  {self._paint(words, color)}")

    def _add(self, words: str) -> None:
        self._said[-1] += words

    def _show(self, data: bytes) -> None:
        if data:
            text = safe(data.decode("utf-8", "surrogateescape"))
            cut = text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
            self._said.append(" " * 26 + self._paint(cut, "dim"))

    def _paint(self, text: str, color: str) -> str:
        if not (self._color and color):
            return text
        return f"\x1b[{COLORS[color]}m{text}\x1b[0m"


def _ended(by: str) -> str:
    if by.startswith("reset"):
        return by
    return "half-closed by client" if "half" in by else f"closed by {by}"


_WORDS: dict[type[ClientEvent], Callable[[Any], str]] = {
    ClientConnected: lambda e: (
        f"connected from {e.address} in {e.ns / 1e6:.2f} ms"
    ),
    ClientRefused: lambda e: f"not connected: {safe(e.error)}",
    ClientSent: lambda e: f"sent {e.n:,} B: {safe(e.what)}",
    ClientFirstByte: lambda e: (
        f"first byte, {e.ns / 1e6:.2f} ms after the last one sent"
    ),
    ClientChunk: lambda e: f"read {e.n:,} B",
    ClientResponse: lambda e: (
        f"response {e.status} after {e.ns / 1e6:.2f} ms, body {e.n:,} B"
    ),
    ClientClosed: lambda e: _ended(e.by) + (f": {e.why}" if e.why else ""),
}

_COLOR_OF: dict[type[ClientEvent], str] = {
    ClientRefused: "bad",
    ClientChunk: "dim",
    ClientClosed: "dim",
}
