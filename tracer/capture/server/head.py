"""A response's head: its reason phrase, and who added which header."""

from http import HTTPStatus
from typing import Literal

import h11

from tracer.capture import redact
from tracer.capture.server.asgi import Scope
from tracer.capture.server.rfc9112 import is_ambiguous

Origin = Literal["tick", "config", "app", "mirrored", "h11"]
"""Who put a header into a response.

`tick`: `Server.on_tick`. `config`: the server's options. `mirrored`: the
request said `Connection: close`, and so does the response. `h11`: framing,
and what HTTP demands.
"""

Header = tuple[bytes, bytes]

CLOSE_HEADER: Header = (b"connection", b"close")


def _phrase(status: int) -> bytes:
    try:
        return HTTPStatus(status).phrase.encode()
    except ValueError:
        return b""  # a phrase may be empty


STATUS_PHRASES = {status: _phrase(status) for status in range(100, 600)}
"""Reason phrases by status; other statuses can't be sent.

Source: RFC 9110, section 15
"""


class Mix:
    """Who added each header that is given to h11, by position.

    Args:
        defaults: How many come first, from the server.
        dated: Whether the first of them is `Date`.
        mirrored: Whether the last of all is a mirrored `Connection: close`.
    """

    __slots__ = ("_dated", "_defaults", "_mirrored")

    def __init__(self, defaults: int, dated: bool, mirrored: bool) -> None:
        self._defaults = defaults
        self._dated = dated and defaults > 0
        self._mirrored = mirrored

    def origin(self, position: int, total: int) -> Origin:
        """Give the origin of one of `total` headers."""
        if position == 0 and self._dated:
            return "tick"
        if position < self._defaults:
            return "config"
        if position == total - 1 and self._mirrored:
            return "mirrored"
        return "app"


def credited(
    event: h11.Response, mix: Mix, head: bytes
) -> tuple[tuple[str, str, str], ...]:
    """Give each header of the head that was written, with its origin.

    h11 may drop, move or add headers and does not say so: what stands in the
    head and was not given to it is its own.

    Args:
        event: What h11 was given.
        mix: The origin of each of its headers.
        head: What h11 made of it.

    Source: h11, `Connection._clean_up_response_headers_for_sending`
    """
    given = event.headers.raw_items()
    total = len(given)
    left = {
        (name.lower(), value): mix.origin(position, total)
        for position, (name, value) in enumerate(given)
    }
    pairs = []
    for line in head.split(b"\r\n")[1:-2]:
        name, _, value = line.partition(b": ")
        pairs.append((name, value))
    return tuple(
        (shown, value, left.get((pair[0].lower(), pair[1]), "h11"))
        for (shown, value), pair in zip(
            redact.headers(pairs), pairs, strict=True
        )
    )


def content_type(headers: list[Header]) -> bytes:
    """Give the value of Content-Type, or nothing."""
    for name, value in headers:
        if name.lower() == b"content-type":
            return value
    return b""


def why_kept(keep: bool, keep_alive: bool, scope: Scope) -> str:
    """Say why a connection is kept open after a response, or not.

    Args:
        keep: What was decided, by h11 for the most part.
        keep_alive: False where the server means to close.
        scope: The request's.

    Source: RFC 9112, section 9.3
    """
    if keep:
        return "HTTP/1.1 keeps connections open"
    if not keep_alive and is_ambiguous(scope["headers"]):
        return "the request gave its length in two ways"
    if not keep_alive:
        return "the server is shutting down"
    if scope["http_version"] == "1.0":
        return "HTTP/1.0 closes after each response"
    for name, value in scope["headers"]:
        if name == b"connection" and b"close" in value.lower():
            return "the client asked for it"
    return "the response says so"
