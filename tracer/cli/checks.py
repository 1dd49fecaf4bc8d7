"""What can be found wrong before anything is started."""

import errno
import os
import zlib
from argparse import Namespace
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from tracer.events.breaks import parse_break
from tracer.events.log import open_trace
from tracer.events.terms import FilterError
from tracer.host import interpreter

FIRST = b'{"kind":"trace"'
"""How every recording begins."""


def wrong_break(texts: Sequence[str], view: str) -> str | None:
    """Why somebody can't be held there, or by anybody; None: it works."""
    if texts and view != "tui":
        return (
            "--break needs the TUI: without its keys nobody could let a held"
            " request go"
        )
    for text in texts:
        try:
            parse_break(text)
        except FilterError as error:
            return f"--break {text!r}: {error}"
    return None


def wrong_record(path: Path) -> str | None:
    """Why nothing can be recorded there; None: it can.

    A recording may be overwritten; what is something else may not.
    """
    folder = path.parent
    if not folder.is_dir():
        return f"can't record to {path}: there is no folder {folder}"
    if path.is_dir():
        return f"can't record to {path}: it is a folder; name a file"
    target = path if path.exists() else folder
    if not os.access(target, os.W_OK):
        return f"can't record to {path}: no permission to write there"
    if is_foreign(path):
        return (
            f"{path} exists and is no asgi-trace recording, so it is not"
            " overwritten: choose another name"
        )
    return None


def is_foreign(path: Path) -> bool:
    """Whether there is something that isn't ours to overwrite."""
    there = path.is_file() and path.stat().st_size
    return bool(there) and not _is_recording(path)


def _is_recording(path: Path) -> bool:
    try:
        with open_trace(path) as file:
            return file.read(len(FIRST)) == FIRST
    except (OSError, EOFError, zlib.error):
        return False


def wrong_python(options: Namespace) -> str | None:
    """Why the app can't run there; None: it can, in `options.python`."""
    if options.python is None:
        return None
    extra = ("uvloop",) if options.loop == "uvloop" else ()
    try:
        options.python = interpreter.locate(options.python)
        interpreter.examine(options.python, extra)
    except interpreter.UnfitError as error:
        return str(error)
    return None


def wrong_folder(app_dir: str) -> str | None:
    """Why no app can be imported from there; None: one may be."""
    if Path(app_dir).is_dir():  # the current one is called ""
        return None
    return f"--app-dir {app_dir} is no folder"


def wrong_reload(options: Namespace) -> str | None:
    """Why changes can't be watched so; None: they can."""
    for folder in options.reload_dirs:
        if not Path(folder).is_dir():
            return f"--reload-dir {folder} is no folder"
    said = options.reload_dirs, options.reload_includes, options.reload_excludes
    if any(said) and not options.reload:
        return "a folder or pattern to watch means nothing without --reload"
    return None


def wrong_environment(path: str | None) -> str | None:
    """Why an `--env-file` can't be read; None: it can."""
    if path is None:
        return None
    try:
        Path(path).read_text("utf-8")
    except OSError as error:
        return f"--env-file {path} can't be read: {error.strerror}"
    except UnicodeDecodeError:
        return f"--env-file {path} is no text in UTF-8"
    return None


def wrong_loop(name: str) -> str | None:
    """Why that loop can't be had; None: it can."""
    if name != "uvloop" or find_spec("uvloop") is not None:
        return None
    return (
        "--loop uvloop: it is not installed; pip install 'asgi-trace[uvloop]'"
    )


def wrong_file(error: OSError, path: Path) -> str:
    """Why a recording can't be opened."""
    match error.errno:
        case errno.ENOENT:
            return f"there is no recording {path}"
        case errno.EACCES:
            return f"no permission to read {path}"
        case _:
            return f"{path} can't be read: {error.strerror}"
