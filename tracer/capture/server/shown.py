"""Redacted text of what comes again and again: made once, then kept."""

from tracer.capture import redact
from tracer.capture.redact import Kept

MANY = 256
"""So many are kept of what has no `Kept` around it."""

Pairs = tuple[tuple[bytes, bytes], ...]

shown_headers: Kept[Pairs, tuple[tuple[str, str], ...]] = Kept(redact.headers)
"""A tuple of headers as text."""


def _scope(
    raw: tuple[str, bytes, bytes, Pairs],
) -> tuple[str, str, str, tuple[tuple[str, str], ...]]:
    path, target, query, headers = raw
    return (
        redact.text(path),
        redact.target(target),
        redact.query(query),
        redact.headers(headers),
    )


shown_scope: Kept[
    tuple[str, bytes, bytes, Pairs],
    tuple[str, str, str, tuple[tuple[str, str], ...]],
] = Kept(_scope)
"""A scope's path, raw path, query and headers as text."""
