"""Code to source places: who is speaking, as a number bound in advance.

A site asks once, when it is built, for the id of the function it stands in;
an event then carries only that number. Files are read by `describe`, which
must not be called on the traced loop.
"""

import functools
import inspect
import os
import sys
import sysconfig
import threading
from collections.abc import Iterable, Iterator
from io import StringIO
from pathlib import Path
from tokenize import TokenError
from types import CodeType, FunctionType, MethodType
from typing import Any, Literal, cast

DEPTH = 20
"""How many wrappers are looked through; a cycle of them ends there."""

_lock = threading.Lock()
_ids: dict[int, int] = {}  # by id(): equal code may stand in two files
_codes: list[CodeType] = []
_snapshots: dict[str, list[str] | None] = {}


def place(thing: object) -> int | None:
    """Give the id of the source place of a function, method or code.

    Ids count from 1 and hold for the life of the process. None where no
    Python code stands behind `thing`.

    Source: ours.
    """
    code = thing if type(thing) is CodeType else code_of(thing)
    if code is None:
        return None
    known = _ids.get(id(code))
    if known is not None:
        return known
    with _lock:
        if id(code) not in _ids:
            _codes.append(code)  # and thereby kept alive, so its id() holds
            _ids[id(code)] = len(_codes)
        return _ids[id(code)]


def code_of(thing: object) -> CodeType | None:
    """Find the code that runs when `thing` is called, or None.

    Partials, bound methods, functions under `functools.wraps` and callable
    instances are looked through by types and their dicts only: `hasattr` and
    `getattr` would run code of the user's own (proxies, properties, a greedy
    `__getattr__`).
    """
    found: Any = thing
    for _ in range(DEPTH):
        # Not isinstance: it asks an object for its `__class__`, which may be
        # the user's code too.
        kind = type(found)
        if kind is CodeType:
            return cast("CodeType", found)
        if kind is FunctionType:
            wrapped = found.__dict__.get("__wrapped__")
            if wrapped is None:
                return cast("CodeType", found.__code__)
            found = wrapped
        elif kind in (MethodType, staticmethod, classmethod):
            found = found.__func__
        elif issubclass(kind, functools.partial):
            found = _FUNC.__get__(found)
        else:
            name = "__init__" if issubclass(kind, type) else "__call__"
            owner = found if issubclass(kind, type) else kind
            call = inspect.getattr_static(owner, name, None)
            return call.__code__ if type(call) is FunctionType else None
    return None


_FUNC: Any = functools.partial.__dict__["func"]


class Places:
    """The places of a class's methods, by name: `AT.data_received`.

    Looked up once and then an instance attribute, so that a site pays one
    attribute lookup for its `where`.

    Source: ours.
    """

    def __init__(self, owner: type) -> None:
        self._owner = owner

    def __getattr__(self, name: str) -> int | None:
        found = place(inspect.getattr_static(self._owner, name))
        setattr(self, name, found)
        return found


Owner = Literal["app", "package", "python", "ours"]
"""Whose a code is. `python`: of the standard library."""


def set_root(folder: Path | None) -> None:
    """Say in which folder the app's own code stands; None: nobody knows."""
    _own.root = "" if folder is None else f"{folder}{os.sep}"
    _own.files.clear()


def is_apps(code: CodeType) -> bool:
    """Say whether a code is the app's own, and not a package's or ours.

    Its file stands in the app's folder, and there in no folder of packages.
    Before that folder is known, what is nobody else's is the app's.
    """
    return owner_of(code) == "app"


def owner_of(code: CodeType) -> Owner:
    """Say whose a code is, by its file; asked once for each file."""
    known = _own.files.get(code.co_filename)
    if known is None:
        known = _own.files[code.co_filename] = _own.owner(code.co_filename)
    return known


def file_of(code: CodeType) -> str:
    """Name a code's file as `describe` does. Not on the traced loop."""
    return _relative(code.co_filename, Path(_own.root))


class _Own:
    """Whose files are whose."""

    def __init__(self) -> None:
        self.root = ""
        self.files: dict[str, Owner] = {}

    def owner(self, file: str) -> Owner:
        root = self.root
        inside = file.startswith(root) and not file.startswith("<")
        rest = file[len(root) :] if inside else file
        if not {"site-packages", "dist-packages"}.isdisjoint(Path(rest).parts):
            return "package"
        # The innermost folder decides: ours may stand in the app's, and the
        # demo's, once it is installed, in ours.
        folders = [each for each in _FOLDERS if file.startswith(each[0])]
        if inside:
            folders.append((root, "app"))
        if folders:
            return max(folders, key=lambda each: len(each[0]))[1]
        return "python" if file.startswith("<frozen") else "package"


_own = _Own()
_STDLIB = sysconfig.get_path("stdlib")
_FOLDERS: tuple[tuple[str, Owner], ...] = (
    (f"{Path(__file__).parents[1]}{os.sep}", "ours"),
    (f"{_STDLIB}{os.sep}", "python"),
    (f"{os.path.realpath(_STDLIB)}{os.sep}", "python"),
)


def count() -> int:
    """How many places there are; the newest has this id."""
    return len(_codes)


def describe(number: int, root: Path) -> tuple[str, int, str, str | None]:
    """Say where a place is: file, first line, name, text.

    The file is relative to `root` (the app's folder), to the folder that its
    package stands in, or a bare name: never absolute. The text is that
    of the first time the file was asked for, see `snapshot`.
    """
    code = code_at(number)
    file = _relative(code.co_filename, root)
    text = text_of(code, _lines(code.co_filename))
    return file, code.co_firstlineno, code.co_qualname, text


def code_at(number: int) -> CodeType:
    """Give the code that stands at a place."""
    return _codes[number - 1]


def text_of(code: CodeType, lines: list[str] | None) -> str | None:
    """Give the text of a code, out of the lines of its file."""
    start = code.co_firstlineno - 1
    if lines is None or start >= len(lines):
        return None
    try:
        return "".join(inspect.getblock(lines[start:])) or None
    except (SyntaxError, TokenError):
        return None  # the code was made of something else: of a template, say


def snapshot_of(file: str) -> list[str] | None:
    """Give the lines of a file that was read before; never read it now."""
    return _snapshots.get(file)


def snapshot(files: Iterable[str]) -> None:
    """Read files now, so that later edits don't change what is shown.

    An edit under a running program would put new text at old lines.
    """
    for file in files:
        _lines(file)


def own_files(root: Path) -> Iterator[str]:
    """Name the files in a folder that modules were loaded from so far."""
    for module in tuple(sys.modules.values()):
        file = vars(module).get("__file__")
        if not isinstance(file, str) or not file.startswith(f"{root}{os.sep}"):
            continue
        if "site-packages" not in Path(file).parts and file.endswith(".py"):
            yield file


def _lines(file: str) -> list[str] | None:
    if file not in _snapshots:
        try:
            text = Path(file).read_text("utf-8")
        except (OSError, UnicodeDecodeError, ValueError):
            _snapshots[file] = None  # exec-made code, or not UTF-8
        else:
            # Not splitlines(), for which a form feed ends a line too.
            _snapshots[file] = StringIO(text).readlines()
    return _snapshots[file]


def _relative(file: str, root: Path) -> str:
    path = Path(file)
    # Packages first: a virtual environment often stands in the app's folder.
    for folder in (*_PACKAGES, root):
        if path.is_relative_to(folder):
            return path.relative_to(folder).as_posix()
    home = path.parent
    while (home / "__init__.py").is_file():
        home = home.parent
    return path.relative_to(home).as_posix()


_PACKAGES = [
    Path(sysconfig.get_path(name)) for name in ("purelib", "platlib", "stdlib")
]
"""Where packages and the standard library stand; the inner ones first."""
