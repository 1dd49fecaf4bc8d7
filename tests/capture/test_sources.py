"""What stands in the trace for a file: never where its user lives."""

import asyncio
import inspect
import sys
import types
from pathlib import Path

import starlette.routing

from tracer.capture import sources

HERE = Path(__file__).parent


def described(thing: object, root: Path) -> tuple[str, int, str, str | None]:
    number = sources.place(thing)
    assert number is not None
    return sources.describe(number, root)


def test_a_package_is_named_from_its_own_folder_wherever_that_stands() -> None:
    """Also where the virtual environment is part of the app's folder."""
    for root in (HERE, Path(sys.prefix), Path("/")):
        file, _, name, text = described(starlette.routing.Route.matches, root)
        assert (file, name) == ("starlette/routing.py", "Route.matches")
        assert text == inspect.getsource(starlette.routing.Route.matches)

        file = described(asyncio.Server.close, root)[0]
        assert file == "asyncio/base_events.py"


def test_the_apps_files_are_named_from_its_folder() -> None:
    assert described(described, HERE)[0] == "test_sources.py"
    assert described(described, HERE.parent)[0] == "capture/test_sources.py"
    assert described(described, Path("/nowhere"))[0] == "test_sources.py"


def test_code_without_a_file_has_no_text() -> None:
    space: dict[str, types.FunctionType] = {}
    exec("def made(): ...", space)  # noqa: S102

    assert described(space["made"], HERE) == ("<string>", 1, "made", None)


def test_the_text_is_that_of_the_first_look(tmp_path: Path) -> None:
    path = tmp_path / "edited.py"
    path.write_text("def f():\n    return 1\n")
    space: dict[str, types.FunctionType] = {}
    exec(compile(path.read_text(), str(path), "exec"), space)  # noqa: S102
    sources.snapshot([str(path)])

    path.write_text("# another line\ndef f():\n    return 2\n")

    assert described(space["f"], tmp_path) == (
        "edited.py", 1, "f", "def f():\n    return 1\n",
    )  # fmt: skip


def test_code_that_was_made_of_a_template_has_no_text(tmp_path: Path) -> None:
    """Jinja compiles code that says it stands in the template's file."""
    path = tmp_path / "page.html"
    path.write_text("<p>It isn't Python {{ \"\n")
    space: dict[str, types.FunctionType] = {}
    exec(compile("def root(): ...", str(path), "exec"), space)  # noqa: S102

    assert described(space["root"], tmp_path) == ("page.html", 1, "root", None)


def test_a_form_feed_ends_no_line(tmp_path: Path) -> None:
    path = tmp_path / "old.py"
    path.write_text("x = 1\n\x0c\ndef f():\n    return 1\n")
    space: dict[str, types.FunctionType] = {}
    exec(compile(path.read_text(), str(path), "exec"), space)  # noqa: S102

    assert described(space["f"], tmp_path) == (
        "old.py", 3, "f", "def f():\n    return 1\n",
    )  # fmt: skip


def others(root: Path, ours: Path) -> list[tuple[object, str]]:
    return [
        (root / ".venv/lib/python3/site-packages/x.py", "package"),
        ("/usr/lib/python3/dist-packages/x.py", "package"),
        ("/elsewhere/app.py", "package"),
        (ours, "ours"),
        (asyncio.__file__, "python"),
        ("<frozen runpy>", "python"),
        ("<string>", "package"),
    ]


def test_the_apps_own_code_is_told_from_packages_and_from_ours(
    tmp_path: Path,
) -> None:
    def of(file: object) -> types.CodeType:
        return compile("1", str(file), "exec")

    ours = Path(sources.__file__)
    try:
        for root, own in (
            (tmp_path, [tmp_path / "app.py", tmp_path / "a" / "b.py"]),
            (ours.parents[2], [ours.parents[2] / "app.py"]),
            # The demo, once installed, stands in our package.
            (ours.parents[1] / "_lessons", [ours.parents[1] / "_lessons/a.py"]),
        ):
            sources.set_root(root)
            assert all(sources.is_apps(of(each)) for each in own)
            assert {
                str(file): sources.owner_of(of(file))
                for file, owner in others(root, ours)
            } == {str(file): owner for file, owner in others(root, ours)}
    finally:
        sources.set_root(None)
