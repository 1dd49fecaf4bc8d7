"""uvicorn's options: each means the same here, or is refused with a reason."""

import argparse
import importlib

import click
import pytest

from tracer.cli import main
from tracer.cli.parser import make_parser
from tracer.cli.served import REFUSED

OTHERWISE = {"--loop": "asyncio"}
"""Options that have another default here: uvloop's turns can't be seen."""

OPTIONS = [
    option
    for option in importlib.import_module("uvicorn.main").main.params
    if isinstance(option, click.Option)
]
NAMES = {
    name: option
    for option in OPTIONS
    for name in (*option.opts, *option.secondary_opts)
}
OURS = {"--slow"}
"""Refused, and never an option of uvicorn's: one of ours in early plans."""


def serve() -> argparse.ArgumentParser:
    parser = make_parser("none")
    (commands,) = (
        each
        for each in parser._actions
        if isinstance(each, argparse._SubParsersAction)
    )
    found: argparse.ArgumentParser = commands.choices["serve"]
    return found


def default_of(option: click.Option) -> object:
    return [] if option.multiple else option.default


@pytest.mark.parametrize("name", sorted(NAMES))
def test_each_has_uvicorns_default_or_is_refused(name: str) -> None:
    actions = serve()._option_string_actions
    if name in REFUSED:
        return
    if name == "--version":
        assert name in make_parser("none")._option_string_actions
        return
    assert name in actions, f"{name} is neither supported nor refused"
    wanted = OTHERWISE.get(name, default_of(NAMES[name]))
    assert actions[name].default == wanted


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_is_refused_says_why(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert name in NAMES or name in OURS

    assert main(["serve", "a:b", name, "1"]) == 2

    said = capsys.readouterr().err
    assert said == f"asgi-trace: there is no {name}: {REFUSED[name]}\n"
    assert len(REFUSED[name].split()) > 3
