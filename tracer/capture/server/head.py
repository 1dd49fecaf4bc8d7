"""A response's head: its reason phrase, and who added which header."""

from http import HTTPStatus
from typing import Literal

from tracer.capture import redact

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


def origins(
    defaults: list[Header], *, dated: bool, total: int, mirrored: bool
) -> list[Origin]:
    """Say who added each of the `total` headers that go to h11, in order."""
    tick = 1 if dated and defaults else 0
    app = total - len(defaults) - mirrored
    found: list[Origin] = ["tick"] * tick
    found += ["config"] * (len(defaults) - tick)
    found += ["app"] * app
    found += ["mirrored"] * mirrored
    return found


def credited(
    headers: list[Header], who: list[Origin], head: bytes
) -> tuple[tuple[str, str, str], ...]:
    """Give each header of the head that was written, with its origin.

    h11 may drop, move or add headers and does not say so: what stands in the
    head and was not given to it is its own.

    Args:
        headers: What h11 was given; not changed.
        who: The origin of each, shape as `headers`.
        head: What h11 made of it.

    Source: h11, `Connection._clean_up_response_headers_for_sending`
    """
    lines = head.split(b"\r\n")[1:-2]
    given = [b"%s: %s" % (bytes(name), bytes(value)) for name, value in headers]
    credits_: list[Origin] = who if lines == given else []
    if not credits_:
        left = list(zip(given, who, strict=True))
        for line in lines:
            credits_.append(_take(left, line))
    pairs = []
    for line in lines:
        name, _, value = line.partition(b": ")
        pairs.append((name, value))
    shown = redact.headers(pairs)
    return tuple(
        (name, value, origin)
        for (name, value), origin in zip(shown, credits_, strict=True)
    )


def _take(left: list[tuple[bytes, Origin]], line: bytes) -> Origin:
    for index, (each, origin) in enumerate(left):
        if each.lower() == line.lower():
            del left[index]
            return origin
    return "h11"


def content_type(headers: list[Header]) -> bytes:
    """Give the value of Content-Type, or nothing."""
    for name, value in headers:
        if name.lower() == b"content-type":
            return bytes(value)
    return b""
