"""A response's head: its reason phrase, and who added which header."""

from http import HTTPStatus
from typing import Literal

import h11

from tracer.capture import redact
from tracer.capture.server.asgi import Scope
from tracer.capture.server.rfc9112 import is_ambiguous
from tracer.capture.server.shown import MANY

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


def response_event(status: int, headers: list[Header]) -> h11.Response:
    """Give h11's event for a response's head.

    To make one, h11 looks at each header with regular expressions, which is a
    tenth of all that the server does for a request. An app answers with the
    same few heads again and again, so the latest events are kept.

    Raises:
        h11.LocalProtocolError: A header that HTTP doesn't allow.
    """
    key = None
    # Not 200.0, which equals 200, and which h11 refuses.
    if type(status) is int:
        key = status, tuple(headers)
    try:
        known = _events.get(key)
    except TypeError:  # an app may give lists for pairs
        known = key = None
    if known is None:
        reason = STATUS_PHRASES[status]
        known = h11.Response(status_code=status, headers=headers, reason=reason)
        if key is not None:
            if len(_events) >= MANY:
                _events.clear()
            _events[key] = known
    return known


_events: dict[tuple[int, tuple[Header, ...]] | None, h11.Response] = {}


Credited = tuple[tuple[str, str, Origin], ...]

Written = tuple[bytes, int, bool, bool, int]
"""A head as it was written; how many of its headers came from the server;
whether the first of them is `Date`; whether `Connection: close` is mirrored;
how many headers h11 was given: the same head may come of fewer, and more of
it is h11's then.
"""


def _credited(written: Written, event: h11.Response) -> tuple[Credited, bytes]:
    """Give each header of a head with its origin, and the Content-Type.

    h11 may drop, move or add headers and does not say so: what stands in the
    head and was not given to it is its own.

    Args:
        written: What h11 made of it.
        event: What h11 was given.

    Source: h11, `Connection._clean_up_response_headers_for_sending`
    """
    given = event.headers.raw_items()
    return _credit(given, written), content_type(given)


credited: redact.Kept[Written, tuple[Credited, bytes]] = redact.Kept(_credited)
"""A head's headers with their origins, and its type, see `_credited`."""


def _credit(given: list[Header], written: Written) -> Credited:
    head, defaults, dated, mirrored, _ = written
    who: list[Origin] = ["app"] * len(given)
    who[:defaults] = ["config"] * defaults
    if dated and defaults:
        who[0] = "tick"
    if mirrored:
        who[len(given) - 1] = "mirrored"
    # h11 keeps one of two equal ones, so there may be more origins.
    origin_of = {
        (name.lower(), value): origin
        for (name, value), origin in zip(given, who, strict=False)
    }
    pairs = []
    for line in head.split(b"\r\n")[1:-2]:
        name, _, value = line.partition(b": ")
        pairs.append((name, value))
    return tuple(
        (name, value, origin_of.get((pair[0].lower(), pair[1]), "h11"))
        for (name, value), pair in zip(
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
    if not keep_alive and is_ambiguous(dict(scope["headers"])):
        return "the request gave its length in two ways"
    if not keep_alive:
        return "the server is shutting down"
    if scope["http_version"] == "1.0":
        return "HTTP/1.0 closes after each response"
    for name, value in scope["headers"]:
        if name == b"connection" and b"close" in value.lower():
            return "the client asked for it"
    return "the response says so"
