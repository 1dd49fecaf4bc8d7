"""A traceback as its user needs it: their frames, not ours.

Where the error is theirs, our frames and the import system's only stand
between the user and the line.
"""

import importlib
import traceback
from pathlib import Path

_OURS = f"{Path(__file__).parent.parent}/"


def trimmed(error: BaseException) -> str:
    """The traceback without our frames and the import system's.

    Source: Python, `traceback.TracebackException`
    """
    told = traceback.TracebackException.from_exception(error)
    seen: set[int] = set()
    waiting: list[traceback.TracebackException | None] = [told]
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        each.stack = _kept(each.stack)
        waiting += [each.__cause__, each.__context__, *(each.exceptions or ())]
    return "".join(told.format())


def place(error: BaseException) -> str | None:
    """`file:line` of the innermost of the user's lines, if there is one."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    stack = _kept(traceback.extract_tb(error.__traceback__))
    return f"{stack[-1].filename}:{stack[-1].lineno}" if stack else None


def _kept(stack: traceback.StackSummary) -> traceback.StackSummary:
    return traceback.StackSummary.from_list(
        [each for each in stack if not _is_between(each.filename)]
    )


def _is_between(file: str) -> bool:
    return (
        file.startswith((_OURS, "<frozen importlib"))
        or file == importlib.__file__
    )
