"""Frames of a thread become a culprit: whose line it is, and how it is named.

Not for the loop's own thread: a file may have to be read.
"""

from itertools import takewhile
from types import CodeType, FrameType

from tracer.capture.sources import file_of, owner_of, snapshot, snapshot_of

LONGEST = 80
"""Characters of a source line that are kept."""

DEEPEST = 40
"""Frames of a stack that are kept, the innermost."""

DEBUGGERS = frozenset({"bdb", "pdb", "pydevd", "_pydevd_frame"})
"""Files of debuggers: who stands in one holds the loop on purpose."""

Frames = list[tuple[CodeType, int]]
"""Code and line of each frame, the innermost first."""


def frames_of(frame: FrameType | None, base: str) -> Frames:
    """Give the frames down to the function of this name; none without it."""
    found = []
    while frame is not None:
        code = frame.f_code
        # Between two lines a frame may have none.
        found.append((code, frame.f_lineno or code.co_firstlineno))
        if code.co_name == base:
            return found
        frame = frame.f_back
    return []


def is_on_purpose(frames: Frames) -> bool:
    """Say whether a debugger, or our gate, holds the loop."""
    return any(map(_holds, (code for code, _ in frames)))


def _holds(code: CodeType) -> bool:
    stem = code.co_filename.rpartition("/")[2].removesuffix(".py")
    if stem == "gate":
        return owner_of(code) == "ours"
    return stem in DEBUGGERS and owner_of(code) != "app"


def culprit_of(frames: Frames) -> tuple[CodeType, int]:
    """Choose whose line it is: the app's, or a package's, or the server's.

    An app's middleware that has handed the request on to a framework is not
    to blame for what the framework does with it.
    """
    inside = list(takewhile(lambda frame: not _hands_on(frame[0]), frames))
    for those, owners in (
        (inside, ("app", "package")),
        (frames, ("app", "package", "ours")),
    ):
        for owner in owners:
            for code, line in those:
                if owner_of(code) == owner and not _is_lens(code):
                    return code, line
    return frames[0]


def _hands_on(code: CodeType) -> bool:
    return code.co_qualname in _HANDING_ON and owner_of(code) == "ours"


_HANDING_ON = frozenset({
    "_wrap_asgi_method.<locals>.traced",
    "CallStage.make.<locals>.ring",
})  # fmt: skip
"""Ours around what is called with `scope, receive, send`: an app in an app."""


def describe(code: CodeType, line: int, *, text: bool) -> str:
    """Name a line: `app.py:14 time.sleep(1)`.

    Without text it is named by its function: `app.py:14 in report`.
    """
    said = f"{file_of(code)}:{line}"
    lines = None
    if text:
        snapshot([code.co_filename])  # nothing, if it was read before
        lines = snapshot_of(code.co_filename)
    if lines is None or line > len(lines):
        return f"{said} in {code.co_qualname}"
    return f"{said} {lines[line - 1].strip()[:LONGEST]}"


def stack_of(frames: Frames) -> tuple[str, ...]:
    """Name the frames, outermost first, without asyncio's and the lens's."""
    kept = [
        f"{file_of(code)}:{line} {code.co_qualname}"
        for code, line in frames[:-1]
        if not _is_lens(code) and "/asyncio/" not in code.co_filename
    ]
    return tuple(reversed(kept[:DEEPEST]))


def _is_lens(code: CodeType) -> bool:
    return owner_of(code) == "ours" and (
        "/capture/loop/" in code.co_filename
        or "/capture/frameworks/" in code.co_filename
    )
