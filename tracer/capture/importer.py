"""`module:attr` becomes the app's object, or one sentence that says why not.

The user's own traceback is part of the answer where the error is the user's;
ours and the import system's frames are not.
"""

import importlib
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from tracer.capture.shape import complaint
from tracer.capture.traces import place, trimmed

NAMED = 8
"""How many callables of a module are named when the asked one is missing."""


class AppError(Exception):
    """The app can't be had: one sentence for its user.

    Attributes:
        trace: The user's own traceback, or an empty text.
        usage: Whether the command line is at fault, and not the app.
    """

    def __init__(
        self, sentence: str, trace: str = "", *, usage: bool = False
    ) -> None:
        super().__init__(sentence)
        self.trace = trace
        self.usage = usage


def split(spec: str) -> tuple[str, str]:
    """Take `module:attr` apart.

    Raises:
        AppError: It isn't of this form.
    """
    module, colon, attr = spec.partition(":")
    path = Path(module)
    is_path = path.suffix == ".py" or "/" in module
    if colon and module and attr and module[0] != "." and not is_path:
        return module, attr
    if is_path:
        folder = "" if path.parent == Path() else f" --app-dir {path.parent}"
        example = f"{path.stem}:{attr or 'app'}{folder}"
    else:
        example = f"{module or 'main'}:{attr or 'app'}"
    raise AppError(
        f"{spec!r} is no module:attribute; say the module as Python imports"
        f" it and the name of the app in it, like {example}",
        usage=True,
    )


def load(
    spec: str, *, factory: bool = False, app_dir: str = ""
) -> Callable[..., Any]:
    """Import the app and look whether it is one.

    Nothing is called to find out, but the factory if `factory` is asked for.

    Args:
        spec: `module:attr`, where `attr` may have dots.
        factory: The attribute is called, and gives the app.
        app_dir: Put first into `sys.path`; empty: the current folder.

    Raises:
        AppError: With the sentence for the user.

    Source: uvicorn, `import_from_string`
    """
    name, path = split(spec)
    folder = Path(app_dir).resolve()
    if not folder.is_dir():
        raise AppError(f"--app-dir {app_dir} is no folder", usage=True)
    sys.path.insert(0, str(folder))
    module = _import(name, folder)
    found = _attribute(module, name, path)
    if factory:
        found = _made(found, spec)
    wrong = complaint(found)
    if wrong is not None:
        made = "the factory's result" if factory else spec
        raise AppError(f"{made} is no ASGI app: {wrong}")
    assert callable(found)  # complaint() has looked
    return found


def _import(name: str, folder: Path) -> ModuleType:
    importlib.invalidate_caches()
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if name == missing or name.startswith(f"{missing}."):
            raise AppError(_not_found(name, missing, folder)) from error
        raise _broken(error, f"importing {name}") from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise _broken(error, f"importing {name}") from error


def _not_found(name: str, missing: str, folder: Path) -> str:
    what = f"there is no module {missing!r}"
    if missing != name:
        what += f" (asked for {name!r})"
    there = sorted(
        each.stem
        for each in folder.glob("*.py")
        if each.stem.isidentifier() and not each.stem.startswith("_")
    )
    hint = f"; there is {', '.join(there[:NAMED])}" if there else ""
    return (
        f"{what} in {folder} or in this Python's packages{hint}:"
        " go to the app's folder, or name it with --app-dir"
    )


def _attribute(module: ModuleType, name: str, path: str) -> object:
    found: object = module
    for part in path.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            break
        except Exception as error:
            raise _broken(error, f"reading {name}:{path}") from error
    else:
        return found
    likely = _callables(module)
    hint = (
        f"what can be called there: {', '.join(likely)}"
        if likely
        else "nothing there can be called"
    )
    raise AppError(f"the module {name!r} has no {path!r}; {hint}")


TYPING = frozenset({"typing", "types", "collections.abc"})
"""Where the classes of type aliases stand."""


def _callables(module: ModuleType) -> list[str]:
    """The callables that the module made, those that look like apps first."""
    own: list[tuple[bool, str]] = []
    for name, value in vars(module).items():
        if name.startswith("_") or not callable(value):
            continue
        defined = isinstance(value, (type, FunctionType, BuiltinFunctionType))
        if defined and value.__module__ != module.__name__:
            continue  # imported from elsewhere
        if type(value).__module__ in TYPING:
            continue  # `Callable[...]` can be called, but not by anyone
        own.append((complaint(value) is not None, name))
    return [name for _, name in sorted(own)][:NAMED]


def _made(factory: object, spec: str) -> object:
    if not callable(factory):
        raise AppError(
            f"{spec} can't be called, so it is no factory: leave out --factory"
        )
    try:
        made = factory()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise _broken(error, f"calling the factory {spec}") from error
    if inspect.iscoroutine(made):
        made.close()
        raise AppError(
            f"the factory {spec} is a coroutine function; it must be a plain"
            " function, since there is no event loop yet"
        )
    return made


def _broken(error: BaseException, doing: str) -> AppError:
    """An error of the user's code, with its place and its traceback."""
    where, trace = place(error), trimmed(error)
    at = f" at {where}" if where else ""
    if isinstance(error, SystemExit):
        return AppError(
            f"{doing} ended the program: sys.exit({error.code!r}){at}; put"
            ' such lines under if __name__ == "__main__":',
            trace,
        )
    return AppError(f"{doing} raised {type(error).__name__}{at}", trace)
