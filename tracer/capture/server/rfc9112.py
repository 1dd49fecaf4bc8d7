"""What RFC 9112 demands of a server, and neither h11 nor uvicorn does.

Each of these is a difference to uvicorn, and stands in the list that the
tests compare by (`rfc_exceptions.py`).
"""

import functools
import re

Header = tuple[bytes, bytes]

_ABSOLUTE = re.compile(rb"https?://(?:[^/?#@]*@)?([^/?#]*)(.*)", re.I | re.S)
_NAME = rb"[\w.~!$&'()*+,;=%-]*"
_IP_LITERAL = rb"\[[\w.:~!$&'()*+,;=-]+\]"
_HOST = re.compile(rb"(?:%s|%s)(?::\d*)?" % (_NAME, _IP_LITERAL), re.A)


def origin_form(target: bytes) -> tuple[bytes, bytes | None]:
    """Give a request's target as path and query, and the host it named.

    A proxy's client sends `GET http://host/path`, and a server must take it
    as `GET /path` to that host.

    Source: RFC 9112, section 3.2.2
    """
    if target.startswith(b"/"):
        return target, None  # as nearly all are
    found = _ABSOLUTE.fullmatch(target)
    if found is None:
        return target, None
    host, rest = found[1], found[2]
    return (rest if rest.startswith(b"/") else b"/" + rest), host


def with_host(headers: list[Header], host: bytes) -> list[Header]:
    """Put the target's host in place of the header's, which is ignored.

    But what is no host, whichever of the two it is, is put where
    `has_valid_host` refuses it.

    Source: RFC 9112, section 3.2.2; RFC 9110, section 4.2.1
    """
    received, others = b"", []
    for each in headers:
        if each[0] == b"host":
            received = each[1]
        else:
            others.append(each)
    if not _is_host(received):
        host = received
    elif not host or host.startswith(b":"):
        host = b"//" + host  # as the target has it
    return [(b"host", host), *others]


def has_valid_host(headers: dict[bytes, bytes]) -> bool:
    """Tell whether the Host header could be a host; else the answer is 400.

    That it's there and only once h11 sees to.

    Source: RFC 9112, section 3.2; RFC 3986, section 3.2.2
    """
    host = headers.get(b"host")
    return host is None or _is_host(host)


@functools.lru_cache(256)
def _is_host(value: bytes) -> bool:
    return _HOST.fullmatch(value) is not None


def is_ambiguous(headers: dict[bytes, bytes]) -> bool:
    """Tell whether a request gives its body's length in two ways.

    Whoever stands before us may have believed the other one, so what follows
    on this connection can't be trusted: it must be closed after the answer.

    Source: RFC 9112, section 6.1
    """
    return b"transfer-encoding" in headers and b"content-length" in headers
