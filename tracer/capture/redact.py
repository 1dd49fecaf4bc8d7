"""Secrets are hidden here, before an event exists. Nothing later sees them.

One list of names decides for headers, queries, forms and JSON alike. What is
not text that we know how to read is not guessed at.
"""

import re
from collections.abc import Iterable

HIDDEN = "[hidden]"
"""Stands where a value stood."""

PREVIEW = 1024
"""Bytes of a body that are kept."""

HEADERS = frozenset(
    {b"authorization", b"proxy-authorization", b"cookie", b"set-cookie"}
)
"""Lower-case names of the headers whose values are hidden."""

NAMES = (
    "password", "passwd", "pwd", "passphrase", "token", "secret", "key",
    "session", "auth", "credential", "signature", "otp", "pin", "cvv",
)  # fmt: skip
"""A field is secret if its name has one of these in it."""


def headers(
    pairs: Iterable[tuple[bytes, bytes]],
) -> tuple[tuple[str, str], ...]:
    """Headers as text, one character a byte, with the secret values hidden."""
    return tuple(
        (
            name.decode("latin-1"),
            HIDDEN
            if name.lower() in HEADERS or _is_secret(name)
            else value.decode("latin-1"),
        )
        for name, value in pairs
    )


def _is_secret(name: bytes) -> bool:
    return _SECRET.search(name) is not None


_SECRET = re.compile("|".join(NAMES).encode(), re.IGNORECASE)
