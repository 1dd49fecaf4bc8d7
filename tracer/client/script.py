"""A TOML file becomes the steps that a client takes. Nothing is sent here.

A script is a list of steps under `[script]`, by name; other tables in the
file are somebody else's. What has parameters is a scenario, see there.
"""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

Units = Annotated[float, msgspec.Meta(ge=0, le=3600)]
"""A time in units: how long one is, the client's `--pace` says."""

Count = Annotated[int, msgspec.Meta(ge=1, le=100_000)]


class ScriptError(Exception):
    """A script that can't be played, and why: one sentence for its user."""


class Step(
    msgspec.Struct, frozen=True, tag_field="do", forbid_unknown_fields=True
):
    """One thing that a client does.

    Source: ours.
    """


class Connect(Step, frozen=True, tag="connect"):
    """Open a connection and send nothing yet.

    Source: Python, `socket.connect`, `SO_RCVBUF`
    """

    conn: str
    window: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Bytes that the kernel may keep for us; 0: as many as it likes.

    Kernels give more than was asked for: Linux twice as much.
    """
    reads: Literal["always", "when told"] = "always"
    """Whether what comes is read at once, or by `read` steps only."""


class Send(Step, frozen=True, tag="send"):
    """Send one request; open the connection where there is none.

    `content-length` is added unless the headers say how the body is framed.

    Source: RFC 9112, section 6.
    """

    conn: str
    target: str
    method: str = "GET"
    headers: dict[str, str] = {}
    body: tuple[str, ...] = ()
    """The parts it is sent in, one write each; the first with the head."""
    size: Annotated[int, msgspec.Meta(ge=0, le=1 << 26)] = 0
    """Bytes of a body that means nothing, where `body` is left out."""
    pieces: Count = 1
    """The parts that it is sent in, none of them empty."""
    gap: Units = 0
    """Between two parts of the body."""
    stop_after: Annotated[int, msgspec.Meta(ge=0)] | None = None
    """Parts that are really sent; None: all. 0: the head alone."""
    awaits_continue: bool = False
    """Send the head alone, and the body after a `100` or not at all."""


class Raw(Step, frozen=True, tag="raw"):
    """Send bytes as they stand; open the connection where there is none.

    Source: ours.
    """

    conn: str
    text: Annotated[str, msgspec.Meta(pattern=r"\A[\x00-\xff]*\Z")]
    """Each character is one byte."""
    what: str = "bytes"
    """What they are, in a few words."""
    asks: tuple[str, ...] = ()
    """Methods of the requests in it: as many answers are to come."""
    upgrade: bool = False
    """Whether those may be answered by another protocol."""
    switched: bool = False
    """Whether it is of that protocol: sent only where it was agreed on."""
    pieces: Count = 1
    """The parts that it is sent in, none of them empty."""
    gap: Units = 0
    """Between two parts."""


class ReadResponse(Step, frozen=True, tag="read_response"):
    """Wait for the whole answers to all requests sent so far.

    Source: RFC 9112, section 6.3.
    """

    conn: str


class ReadFirstByte(Step, frozen=True, tag="read_first_byte"):
    """Wait until an answer begins.

    Source: ours.
    """

    conn: str


class ReadEnd(Step, frozen=True, tag="read_end"):
    """Wait until the server closes the connection.

    Source: ours.
    """

    conn: str


class Read(Step, frozen=True, tag="read"):
    """Read at most `n` bytes, so often, or until all answers are here.

    Source: Python, `socket.recv`
    """

    conn: str
    n: Count
    times: Count = 1
    gap: Units = 0
    """Between two reads."""


class HalfClose(Step, frozen=True, tag="half_close"):
    """Say that nothing more will be sent, and go on listening.

    Source: Python, `socket.shutdown(SHUT_WR)`; RFC 9112, section 9.6
    """

    conn: str


class Close(Step, frozen=True, tag="close"):
    """Close the connection, whatever it is doing.

    Source: Python, `socket.close`, `SO_LINGER`
    """

    conn: str
    reset: bool = False
    """Throw it away (RST) instead of saying goodbye (FIN)."""


class Wait(Step, frozen=True, tag="wait"):
    """Do nothing for a while.

    Source: ours.
    """

    units: Units = 1


AnyStep = (
    Connect
    | Send
    | Raw
    | ReadResponse
    | ReadFirstByte
    | ReadEnd
    | Read
    | HalfClose
    | Close
    | Wait
)


class _File(msgspec.Struct):
    script: dict[str, tuple[AnyStep, ...]]


def load(path: Path, name: str) -> tuple[AnyStep, ...]:
    """Read one script of a file.

    Raises:
        ScriptError: No such file, no TOML, no such script, or a step that
            isn't one.

    Source: ours.
    """
    try:
        scripts = msgspec.convert(read_toml(path), _File).script
    except msgspec.ValidationError as error:
        raise ScriptError(f"{path} is no script: {error}") from error
    if name not in scripts:
        raise ScriptError(
            f"{path} has no script {name!r}, only {', '.join(scripts)}"
        )
    return scripts[name]


def read_toml(path: Path) -> dict[str, Any]:
    """Read a file of scripts or scenarios.

    Raises:
        ScriptError: No such file, or no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ScriptError(f"can't read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise ScriptError(f"{path} is no script: {error}") from error
