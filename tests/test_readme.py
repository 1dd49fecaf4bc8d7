"""What the README says exists: its commands, their options, its links."""

import io
import os
import re
import shlex
import tomllib
from contextlib import redirect_stdout
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from unittest.mock import patch

from textual.app import App
from textual.binding import Binding
from textual.screen import Screen
from textual.widget import Widget

from tracer.cli import main
from tracer.cli.served import REFUSED
from tracer.views import tui

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
LINES = [line for block in BLOCKS for line in block.splitlines()]


def words(line: str) -> list[list[str]]:
    """Take a shell line apart: one list of words for each command in it."""
    commands: list[list[str]] = [[]]
    for word in shlex.split(line):
        if word in {"&&", "|"}:
            commands.append([])
        else:
            commands[-1].append(word)
    return commands


COMMANDS = [command for line in LINES for command in words(line)]
OURS = [each[1:] for each in COMMANDS if Path(each[0]).name == "asgi-trace"]


@cache
def help_of(*arguments: str) -> str:
    said = io.StringIO()
    with patch.dict(os.environ, COLUMNS="80"), redirect_stdout(said):
        assert main([*arguments, "--help"]) == 0
    return said.getvalue()


def test_the_first_two_commands_set_up_and_run_and_set_up_and_test() -> None:
    setup = "python3 -m venv .venv && .venv/bin/pip install -q"
    assert LINES[0] == f"{setup} . && .venv/bin/asgi-trace demo"
    assert LINES[1] == f"{setup} -e '.[test]' && .venv/bin/pytest -n 4"


def test_our_commands_and_their_options_exist() -> None:
    known = {name: help_of(name) for name in {each[0] for each in OURS}}

    for name, *rest in OURS:
        for option in rest:
            if option.startswith("-"):
                assert re.search(rf"{option}\b", known[name]), (name, option)


def test_options_named_in_the_text_exist() -> None:
    text = re.sub(r"```.*?```", "", README, flags=re.DOTALL)
    named = set(re.findall(r"`(--[a-z-]+)[^`]*`", text)) - {"--help"}
    named |= set(re.findall(r"`asgi-trace (--[a-z-]+)", text))
    serve = help_of("serve")

    assert named
    unknown = {each for each in named if each not in serve}
    assert unknown <= REFUSED.keys()
    for command, option in re.findall(r"`asgi-trace (\w+) (--[a-z-]+)", text):
        assert option in help_of(command)


def test_subcommands_named_in_the_text_exist() -> None:
    named = set(re.findall(r"asgi-trace ([a-z]+)", README))

    assert named
    for name in named:
        assert f"asgi-trace {name}" in help_of(name)


NAMES = {
    "+": "plus",
    "-": "minus",
    ".": "full_stop",
    ",": "comma",
    "<": "less_than_sign",
    ">": "greater_than_sign",
    "/": "slash",
    "?": "question_mark",
    "esc": "escape",
}


def bound_keys() -> set[str]:
    """All keys that any class of the TUI binds, by Textual's names."""
    for module in iter_modules(tui.__path__, f"{tui.__name__}."):
        import_module(module.name)
    keys: set[str] = set()
    for cls in [App, Screen, *subclasses(App), *subclasses(Widget)]:
        for binding in vars(cls).get("BINDINGS", []):
            key = binding.key if isinstance(binding, Binding) else binding[0]
            keys |= set(key.split(","))
    return keys | {App.COMMAND_PALETTE_BINDING}


def subclasses(cls: type) -> list[type]:
    below: list[type] = cls.__subclasses__()
    return below + [each for one in below for each in subclasses(one)]


def test_the_keys_it_names_do_something() -> None:
    table = README[README.index("| key |") : README.index("## How it works")]
    cells = [line.split("|")[1] for line in table.splitlines() if "`" in line]
    named = [key for cell in cells for key in re.findall(r"`([^`]+)`", cell)]
    bound = bound_keys()

    assert len(named) > 20
    assert [each for each in named if NAMES.get(each, each) not in bound] == []


def test_its_links_lead_somewhere() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", README)

    assert links
    assert [each for each in links if not (ROOT / each).exists()] == []


def test_the_scripts_it_names_are_there() -> None:
    scripts = [word for each in COMMANDS for word in each if ".py" in word]

    assert scripts
    assert [each for each in scripts if not (ROOT / each).is_file()] == []


def test_the_extras_and_tools_it_names_are_there() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = set(re.findall(r"'\.\[(\w+)\]'", README))
    tools = {Path(each[0]).name for each in COMMANDS}

    assert extras == {"test", "dev"}
    assert extras <= set(project["optional-dependencies"])
    assert tools <= {
        *{"python3", "python", "pip", "pytest", "ruff", "mypy"},
        *{"lint-imports", "less", "asgi-trace", "export", "uvicorn"},
    }


def test_ci_finds_the_test_command() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    assert r"grep -m1 '\.venv/bin/pytest' README.md" in script
    first = next(x for x in README.splitlines() if ".venv/bin/pytest" in x)
    assert first == LINES[1]


def test_the_changelog_has_what_is_new_on_top() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE)[0] == "Unreleased"
