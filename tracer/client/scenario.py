"""Scenarios: scripts with a name, a sentence and parameters, read from TOML.

A text that is `$count` becomes that parameter's value, one that holds it has
the value put in; `$i` counts the rounds of a `repeat`, from 1. Then it is
steps like any script's.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import msgspec

from tracer.client import lessons_dir
from tracer.client.script import AnyStep, ScriptError, read_toml

DEFAULT = "get"
"""What is done when nothing is said."""

MOST = 1_000
"""Requests at once: each takes a file from the server and from us."""

_STEPS = 10_000
"""Steps that one scenario may become."""

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_VARIABLE = re.compile(r"\$(\w+|\$)")


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What may be different each time; a scenario names those it uses.

    Source: ours.
    """

    count: Annotated[int, msgspec.Meta(ge=1, le=MOST)] | None = None
    """How many requests."""
    size: Annotated[int, msgspec.Meta(ge=0, le=1 << 26)] | None = None
    """Bytes of a body, or of what is too big."""
    pieces: Annotated[int, msgspec.Meta(ge=1, le=100_000)] | None = None
    """Parts in which something is sent."""
    gap: Annotated[float, msgspec.Meta(ge=0, le=3600)] | None = None
    """Units between two of them."""
    reset: bool | None = None
    """Whether the connection is thrown away (RST), not closed (FIN)."""

    def given(self) -> dict[str, Any]:
        """Those that have a value."""
        values = msgspec.structs.asdict(self)
        return {name: each for name, each in values.items() if each is not None}


class Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something that a client can do to a server, and what it shows.

    Source: ours.
    """

    en: str
    """What it shows, in one sentence; `zh` says the same in Chinese."""
    zh: str
    steps: tuple[dict[str, Any], ...]
    """As they stand in the file: `play` makes real ones of them."""
    uses: Parameters = Parameters()
    """The parameters that it has, with their defaults."""

    def play(
        self, target: str, host: str, chosen: Parameters
    ) -> tuple[AnyStep, ...]:
        """The steps to take for such a request.

        A count that the scenario doesn't know means: all of it, so often.

        Args:
            target: Path and query, as they are sent.
            host: What the Host header says, where the steps write it.
            chosen: Parameters that differ from the defaults.

        Raises:
            ScriptError: A parameter that it doesn't have, or steps that make
                no sense.
        """
        mine = self.uses.given()
        wanted = chosen.given()
        rounds = 1 if "count" in mine else wanted.pop("count", 1)
        if strange := sorted(wanted.keys() - mine.keys()):
            raise ScriptError(f"this scenario has no {', '.join(strange)}")
        values = {**mine, **wanted, "target": target, "host": host}
        if "size" in values:
            values["filler"] = Filler(values["size"])
        made = list(islice(_expand(self.steps, values), _STEPS))
        if rounds > 1:  # each on connections of its own
            made += _closing(made)
        made *= rounds
        if len(made) >= _STEPS:
            raise ScriptError(f"it has more than {_STEPS} steps")
        try:
            return msgspec.convert(made, tuple[AnyStep, ...])
        except msgspec.ValidationError as error:
            raise ScriptError(str(error)) from error


def _closing(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    names = dict.fromkeys(each["conn"] for each in steps if "conn" in each)
    return [{"do": "close", "conn": name} for name in names]


class Filler:
    """So many bytes that mean nothing; made only where they are needed."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __str__(self) -> str:
        return "x" * self.size


def _expand(
    steps: tuple[dict[str, Any], ...] | list[Any], values: Mapping[str, Any]
) -> Iterator[Any]:
    for step in steps:
        if not isinstance(step, dict) or "repeat" not in step:
            yield _put(step, values)
            continue
        if step.keys() != {"repeat", "steps"}:
            raise ScriptError("a repeat has `steps` and nothing else")
        times, inner = _put(step["repeat"], values), step["steps"]
        if type(times) is not int or not 1 <= times <= _STEPS:
            raise ScriptError(f"{times!r} is no number of times to repeat")
        if not isinstance(inner, list) or not inner:
            raise ScriptError("what is repeated is a list of steps")
        for round_ in range(1, times + 1):
            yield from _expand(inner, {**values, "i": str(round_)})


def _put(value: Any, values: Mapping[str, Any]) -> Any:  # noqa: ANN401
    """The same value of a file, with the parameters in it."""
    match value:
        case str():
            whole = _VARIABLE.fullmatch(value)
            if whole is not None and value != "$$":
                found = _find(whole[1], values)
                return str(found) if isinstance(found, Filler) else found
            return _VARIABLE.sub(
                lambda match: str(_find(match[1], values)), value
            )
        case list():
            return [_put(each, values) for each in value]
        case dict():
            return {key: _put(each, values) for key, each in value.items()}
        case _:
            return value


def _find(name: str, values: Mapping[str, Any]) -> Any:  # noqa: ANN401
    if name == "$":
        return "$"
    if name not in values:
        known = ", ".join(f"${each}" for each in values)
        raise ScriptError(f"${name} is nothing that it knows: {known}")
    return values[name]


def load_scenarios(path: Path) -> dict[str, Scenario]:
    """Read all scenarios of a file, and see that each can be played.

    Raises:
        ScriptError: No such file, no TOML, or a scenario that isn't one.
    """
    data = read_toml(path).get("scenario")
    if not isinstance(data, dict) or not data:
        raise ScriptError(f"{path} has no [scenario.NAME]")
    for name in data:
        if not _NAME.fullmatch(name):
            raise ScriptError(f"{path}: {name!r} is no name like `slow-body`")
    return {name: _scenario(path, name, each) for name, each in data.items()}


def _scenario(path: Path, name: str, data: object) -> Scenario:
    try:
        found = msgspec.convert(data, Scenario)
        found.play("/", "host", Parameters())
    except (ScriptError, msgspec.ValidationError, RecursionError) as error:
        raise ScriptError(f"{path}: scenario {name!r}: {error}") from error
    return found


@cache
def scenarios() -> dict[str, Scenario]:
    """The scenarios that are brought along, by name.

    Raises:
        ScriptError: The file is damaged.
    """
    return load_scenarios(lessons_dir() / "scenarios.toml")


def find(name: str) -> Scenario:
    """One of them.

    Raises:
        ScriptError: There is none of that name.
    """
    known = scenarios()
    if name not in known:
        raise ScriptError(
            f"there is no scenario {name!r}, only {', '.join(known)}"
        )
    return known[name]


def choose(**values: object) -> Parameters:
    """Parameters that were chosen; None where they weren't.

    Raises:
        ScriptError: One of them is out of bounds.
    """
    given = {name: each for name, each in values.items() if each is not None}
    for name, each in given.items():
        try:
            msgspec.convert({name: each}, Parameters)
        except msgspec.ValidationError as error:
            bounds = str(error).partition(" - ")[0]
            raise ScriptError(f"{name} can't be {each}: {bounds}") from error
    return msgspec.convert(given, Parameters)


def checked(name: str, target: str, count: int) -> str:
    """See that a scenario can be played so, and give the target it sends.

    Args:
        name: The scenario's.
        target: Path and query, as a user writes them.
        count: How many requests; 0: as many as it has.

    Raises:
        ScriptError: It can't.
    """
    clean = clean_target(target)
    find(name).play(clean, "server", choose(count=count or None))
    return clean


def clean_target(text: str) -> str:
    """A target as it may stand in a request line.

    What may not stand there is percent-encoded as UTF-8, as browsers do;
    what comes after a `#` isn't sent.

    Raises:
        ScriptError: It doesn't begin with a slash.

    Source: RFC 9112, section 3.2.1; RFC 3986, section 2.1.
    """
    target = quote(text.partition("#")[0], safe="%/:?@!$&'()*+,;=~-._[]")
    if not target.startswith("/"):
        raise ScriptError(f"{text!r} is no target: it begins with '/'")
    return target
