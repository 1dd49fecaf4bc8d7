"""A message's beginning, as it may be shown."""

import re
from typing import Literal

from tracer.capture import redact
from tracer.capture.names import is_secret

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
    # As numbers a secret can't be told from the rest, nor cut out.
    if _names_a_secret(raw[:BINARY]) or redact.HIDDEN in redact.body(raw):
        return len(raw), "binary", ""
    return len(raw), "binary", raw[:BINARY].hex(" ")


def _names_a_secret(raw: bytes) -> bool:
    """Say whether a field's name stands there: MessagePack's, CBOR's, ..."""
    return redact.may_hide(raw) and any(
        is_secret(each.decode()) for each in _WORD.findall(raw)
    )


_WORD = re.compile(rb"[A-Za-z_][\w.-]{2,}")
