"""What a viewer may ask of the traced process: one struct, one line a command.

They go the way opposite to the events, as JSON lines on its standard input;
the end of that input means `Stop`.
"""

import msgspec

from tracer.events.terms import Term


class Command(
    msgspec.Struct, frozen=True, tag_field="do", forbid_unknown_fields=True
):
    """A wish. What came of it, the events tell."""


class Stop(Command, frozen=True, tag="stop"):
    """Shut the server down; whoever is held is let go first."""


class Hold(Command, frozen=True, tag="hold"):
    """Hold a request at the next stage that it comes to.

    `req` None means the next new request, wherever it comes first;
    `conn` a connection, whose next bytes are kept unread.
    """

    req: int | None = None
    conn: int | None = None


class Step(Command, frozen=True, tag="step"):
    """Let a held request go on to its next stage, and hold it there.

    `conn` for a connection whose bytes are kept: they have no request yet.
    It is then held again at its next bytes, or at the first stage of the
    request that they were.
    """

    req: int | None = None
    conn: int | None = None


class Go(Command, frozen=True, tag="go"):
    """Let a held request, or a connection, go on.

    Breakpoints may hold it again.
    """

    req: int | None = None
    conn: int | None = None


class GoAll(Command, frozen=True, tag="go_all"):
    """Let everybody go on who is held, and the loop too."""


class Break(Command, frozen=True, tag="break"):
    """Hold every request that comes to a stage for which all terms hold."""

    id: int
    text: str
    terms: tuple[Term, ...]


class Unbreak(Command, frozen=True, tag="unbreak"):
    """Forget a breakpoint; whoever is held by it stays held."""

    id: int


class HoldLoop(Command, frozen=True, tag="hold_loop"):
    """Hold the whole loop, as a blocking call would, to show what follows.

    It ends by itself after `seconds`, by `GoAll`, `Stop` or a signal.
    """

    seconds: float = 5.0


class Told(Command, frozen=True, tag="told"):
    """Events of a client of ours, for the same trace.

    `lines` are events without `seq`, one JSON object each; `t` is what the
    monotonic clock said, which both processes share, in nanoseconds.
    """

    lines: tuple[str, ...]


AnyCommand = Stop | Hold | Step | Go | GoAll | Break | Unbreak | HoldLoop | Told


def line(command: Command) -> bytes:
    """Write a command as the line that the traced process reads.

    Source: ours.
    """
    return msgspec.json.encode(command) + b"\n"
