"""An exception becomes a place: where in the app's own code it arose."""

import sys
import sysconfig
import traceback

from tracer.capture import redact

_LONGEST = 500
_NOT_THE_APPS = (
    *(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")),
    __file__.rpartition("/capture/")[0] + "/",
    "<",  # made by exec
)


def place_of(error: BaseException) -> str:
    """Give `file:line` of the innermost frame of the app's own code.

    The app's own is what is neither installed nor Python's: the bug is
    seldom in the framework that raises. Without such a frame it is the
    innermost of all; nothing where there is no frame.

    Source: ours.
    """
    found = ""
    own = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        file = frame.f_code.co_filename
        found = f"{_relative(file)}:{line}"
        if not file.startswith(_NOT_THE_APPS):
            own = found
    return own or found


def message_of(error: BaseException) -> str:
    """Give the exception's text, without secrets, and not without end."""
    try:
        said = str(error)
    except Exception as own:  # noqa: BLE001  # its __str__ is the app's code
        said = f"(its __str__ raised {type(own).__name__})"
    return redact.text(said[:_LONGEST])


def _relative(file: str) -> str:
    # By the import path alone, since asking the disk would block the loop.
    roots = [root for root in sys.path if root and file.startswith(root + "/")]
    if not roots:
        return file.rpartition("/")[2]
    return file[len(max(roots, key=len)) + 1 :]
