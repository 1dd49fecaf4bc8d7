"""A message's beginning, as it may be shown."""

from typing import Literal

from tracer.capture import redact

BINARY = 64
"""Bytes of a binary message that are shown, in hexadecimal."""

Sort = Literal["text", "binary"]


def previewed(data: str | bytes | bytearray) -> tuple[int, Sort, str]:
    """Give a message's size in bytes, its sort, and its beginning."""
    if isinstance(data, str):
        raw = data.encode()
        shown = redact.body(raw)
        # The cut may have gone through a character.
        text = shown.encode("latin-1", "replace").decode("utf-8", "ignore")
        return len(raw), "text", text
    raw = bytes(data)
    if redact.HIDDEN in redact.body(raw):
        return len(raw), "binary", ""
    return len(raw), "binary", raw[:BINARY].hex(" ")
