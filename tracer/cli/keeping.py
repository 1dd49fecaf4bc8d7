"""`--keep`: how much of a recording is kept, and why it may not be."""

import argparse
import os
import re
from pathlib import Path

from tracer.capture.frames import Keep
from tracer.capture.newest import SUFFIX
from tracer.cli.checks import is_foreign

HELP = (
    "of a long recording keep the newest part only: 200MB (KB, MB, GB) at"
    " most, or 10m (s, m, h) at least"
)

_SIZES = {"KB": 10**3, "MB": 10**6, "GB": 10**9}
_TIMES = {"s": 1, "m": 60, "h": 3600}
_LEAST = 10**6  # bytes; the source places alone may take a tenth of that


def keep(text: str) -> Keep:
    """Read `200MB` or `10m`, as argparse wants it said."""
    found = re.fullmatch(r"([0-9]{1,9})([A-Za-z]+)", text)
    value, unit = (int(found[1]), found[2]) if found else (0, "")
    if value and unit in _TIMES:
        return Keep(seconds=value * _TIMES[unit])
    size = value * _SIZES.get(unit.upper(), 0)
    if size >= _LEAST:
        return Keep(bytes=size)
    raise argparse.ArgumentTypeError(
        f"{text} is less than 1MB, which keeps next to nothing"
        if size
        else f"{text!r} is neither a size like 200MB nor a time like 10m"
    )


def wrong_keep(record: str | None) -> str | None:
    """Why nothing can be let go of there; None: it can."""
    if record is None:
        return "--keep says how much of a recording is kept: add --record FILE"
    path = Path(record)
    if path.exists() and not path.is_file():
        return f"--keep needs a file that can be replaced, and {path} is none"
    beside = path.with_name(path.name + SUFFIX)
    if not os.access(path.parent, os.W_OK):
        return f"--keep needs to make {beside}: no permission to write there"
    if is_foreign(beside):
        return (
            f"--keep would overwrite {beside}, which is no asgi-trace"
            " recording: choose another name"
        )
    return None
