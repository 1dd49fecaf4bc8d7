"""`module:attr` in, an app out, or one sentence that helps."""

import functools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tracer.capture.importer import AppError, load, split
from tracer.capture.shape import complaint

ASGI = "async def app(scope, receive, send): ...\n"


@pytest.fixture(autouse=True)
def own_modules() -> Iterator[None]:
    """Leave `sys.path` and `sys.modules` as they were."""
    path, modules = sys.path[:], set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def write(folder: Path, text: str, name: str = "made") -> Path:
    (folder / f"{name}.py").write_text(text)
    return folder


def refused(folder: Path, spec: str, **options: bool) -> AppError:
    with pytest.raises(AppError) as caught:
        load(spec, app_dir=str(folder), **options)
    return caught.value


def test_an_attribute_may_have_dots(tmp_path: Path) -> None:
    write(tmp_path, "class Box:\n    @staticmethod\n    " + ASGI)

    app = load("made:Box.app", app_dir=str(tmp_path))

    assert app.__qualname__ == "Box.app"


def test_a_factory_is_called_only_when_it_is_said_to_be_one(
    tmp_path: Path,
) -> None:
    write(tmp_path, f"calls = []\n{ASGI}def make():\n calls.append(1)\n"
                    " return app\n")  # fmt: skip

    error = refused(tmp_path, "made:make")
    assert "it looks like a factory: --factory" in str(error)
    made: Any = sys.modules["made"]
    assert made.calls == []

    assert load("made:make", app_dir=str(tmp_path), factory=True) is made.app
    assert made.calls == [1]


@pytest.mark.parametrize(
    ("spec", "example"),
    [
        ("app", "like app:app"),
        ("app:", "like app:app"),
        (":app", "like main:app"),
        ("", "like main:app"),
        ("app.py:api", "like app:api"),
        ("src/main.py", "like main:app --app-dir src"),
        ("src/main:api", "like main:api --app-dir src"),
    ],
)
def test_an_app_string_of_another_form_is_wrong_usage(
    spec: str, example: str
) -> None:
    with pytest.raises(AppError, match=example) as caught:
        split(spec)

    assert caught.value.usage


def test_a_module_that_is_not_there_names_what_is(tmp_path: Path) -> None:
    write(tmp_path, ASGI)

    error = refused(tmp_path, "nope:app")

    assert "no module 'nope'" in str(error)
    assert "there is made:" in str(error)
    assert error.trace == ""


def test_a_module_that_is_missing_inside_is_an_error_of_the_module(
    tmp_path: Path,
) -> None:
    write(tmp_path, "\nimport nowhere_to_be_found\n")

    error = refused(tmp_path, "made:app")

    assert f"{tmp_path}/made.py:2" in str(error)
    assert "raised ModuleNotFoundError" in str(error)
    assert error.trace.splitlines()[1].startswith(f'  File "{tmp_path}')


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("def f(): 1/0\nf()", "ZeroDivisionError at .*made.py:1$"),
        ("x = (", "raised SyntaxError at .*made.py:1$"),
        ("raise SystemExit('no')", r"ended the program: sys.exit\('no'\)"),
        ("raise BaseException", "raised BaseException at .*made.py:1$"),
        ("raise ValueError(chr(0xd800))", "raised ValueError"),
    ],
)
def test_an_error_at_import_gives_its_place_and_the_users_frames(
    tmp_path: Path, text: str, sentence: str
) -> None:
    write(tmp_path, text)

    error = refused(tmp_path, "made:app")

    with pytest.raises(AppError, match=sentence):
        raise error
    assert "importlib" not in error.trace
    assert "importer.py" not in error.trace
    assert "made.py" in error.trace


def test_ctrl_c_at_import_is_ctrl_c(tmp_path: Path) -> None:
    write(tmp_path, "raise KeyboardInterrupt")

    with pytest.raises(KeyboardInterrupt):
        load("made:app", app_dir=str(tmp_path))


def test_a_missing_attribute_names_the_callables_that_are_there(
    tmp_path: Path,
) -> None:
    imports = (
        "from json import dumps\nimport os\nfrom time import sleep\n"
        "from typing import *\nfrom starlette.types import ASGIApp, Send\n"
    )
    text = f"{imports}x = 1\n{ASGI}def home(r): ..."
    write(tmp_path, text)

    error = str(refused(tmp_path, "made:application"))

    assert error == (
        "the module 'made' has no 'application'; what can be called there:"
        " app, home"
    )


def test_a_module_without_anything_to_call_says_so(tmp_path: Path) -> None:
    write(tmp_path, "x = 1")

    assert str(refused(tmp_path, "made:app")).endswith(
        "nothing there can be called"
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("app = 3", "a value of type int can't be called"),
        ("import json as app", "it is a module"),
        ("def app(environ, start_response): ...", "as WSGI apps"),
        ("def app(a, b, c, d): ...", "it takes 4 arguments"),
        ("async def app(request): ...", "as endpoints do"),
        ("class app:\n def __call__(self, a, b): ...", "it is a class"),
        (
            "class A:\n def __call__(self, a, b): ...\napp = A()",
            "as WSGI apps",
        ),
    ],
)
def test_what_is_no_asgi_app_is_told_without_calling_it(
    tmp_path: Path, text: str, sentence: str
) -> None:
    write(tmp_path, text)

    error = str(refused(tmp_path, "made:app"))

    assert error.startswith("made:app is no ASGI app: ")
    assert sentence in error


class Greedy:
    """Answers to every name, and says so to nobody who may not ask."""

    def __getattr__(self, name: str) -> object:
        raise RuntimeError(name)

    async def __call__(
        self, scope: object, receive: object, send: object
    ) -> None: ...


class Awaited:
    def __init__(
        self, scope: object, receive: object, send: object
    ) -> None: ...

    def __await__(self) -> Iterator[None]:
        yield


async def asgi(scope: object, receive: object, send: object) -> None: ...


async def anything(*args: object) -> None: ...


async def defaults(
    scope: object, receive: object, send: object, more: int = 1
) -> None: ...


async def four(
    first: object, scope: object, receive: object, send: object
) -> None: ...


@pytest.mark.parametrize(
    "app",
    [
        asgi,
        anything,
        defaults,
        Greedy(),
        Awaited,
        functools.partial(four, 1),
        functools.wraps(four)(asgi),
    ],
    ids=str.split("plain star defaults greedy awaited partial wrapped"),
)
def test_every_form_of_an_asgi_app_passes(app: object) -> None:
    assert complaint(app) is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("async def make(): ...", "is a coroutine function"),
        ("make = 3", "can't be called, so it is no factory"),
        ("def make(): return 3", "the factory's result is no ASGI app"),
        ("def make(): 1/0", "calling the factory made:make raised Zero"),
        ("def make(): raise SystemExit(3)", "ended the program: sys.exit(3)"),
    ],
)
def test_a_factory_that_makes_no_app_says_why(
    tmp_path: Path, text: str, sentence: str
) -> None:
    write(tmp_path, text)

    assert sentence in str(refused(tmp_path, "made:make", factory=True))


def test_an_app_dir_that_is_none_is_wrong_usage(tmp_path: Path) -> None:
    error = refused(tmp_path / "nope", "made:app")

    assert error.usage
    assert "is no folder" in str(error)
