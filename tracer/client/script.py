"""A TOML file becomes the steps that a client takes. Nothing is sent here.

A script is a list of steps under `[script]`, by name; other tables in the
file are somebody else's.
"""

import tomllib
from pathlib import Path
from typing import Annotated

import msgspec

Units = Annotated[float, msgspec.Meta(ge=0)]
"""A time in units: how long one is, the client's `--pace` says."""


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

    Source: ours.
    """

    conn: str


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
    gap: Units = 0
    """Between two parts of the body."""


class ReadResponse(Step, frozen=True, tag="read_response"):
    """Wait for the whole answer to the request sent last.

    Source: ours.
    """

    conn: str


class Close(Step, frozen=True, tag="close"):
    """Close the connection, whatever it is doing.

    Source: ours.
    """

    conn: str


class Wait(Step, frozen=True, tag="wait"):
    """Do nothing for a while.

    Source: ours.
    """

    units: Units = 1


AnyStep = Connect | Send | ReadResponse | Close | Wait


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
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        scripts = msgspec.convert(data, _File).script
    except OSError as error:
        raise ScriptError(f"can't read {path}: {error.strerror}") from error
    except (ValueError, msgspec.ValidationError) as error:
        raise ScriptError(f"{path} is no script: {error}") from error
    if name not in scripts:
        raise ScriptError(
            f"{path} has no script {name!r}, only {', '.join(scripts)}"
        )
    return scripts[name]
