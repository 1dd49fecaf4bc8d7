"""Where uvicorn breaks a MUST of RFC 9112 or 9110, and we keep it.

And where it sets no limit, which the RFC allows, and we do.

The comparison with uvicorn leaves these requests out, and asserts that both
servers answer as it says here: when uvicorn changes, this list must.
"""

from typing import NamedTuple


class Difference(NamedTuple):
    """One request that is answered in two ways.

    Args:
        name: What it is about.
        rule: The sentence of the RFC.
        request: The bytes.
        uvicorn: What the app `says` under uvicorn, or the status.
        ours: The same under ours.
        wait: Seconds until it is answered.
    """

    name: str
    rule: str
    request: bytes
    uvicorn: bytes
    ours: bytes
    wait: float = 0


RFC_EXCEPTIONS = [
    Difference(
        "an absolute target is a path, and its host is the host",
        "RFC 9112, 3.2.2: a server MUST accept the absolute-form in requests"
        " [and] MUST ignore the received Host header field and instead use"
        " the host information of the request-target",
        b"GET http://example.org/a%20b?c HTTP/1.1\r\nhost: other\r\n\r\n",
        b"path=http://example.org/a b host=other",
        b"path=/a b host=example.org",
    ),
    Difference(
        "an invalid Host is refused",
        "RFC 9112, 3.2: a server MUST respond with a 400 status code to any"
        " request message that contains a Host header field with an invalid"
        " field value",
        b"GET / HTTP/1.1\r\nhost: a b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 400 Bad Request\r\n",
    ),
    Difference(
        "an absolute target without a host is refused",
        "RFC 9110, 4.2.1: a recipient that processes such a URI reference"
        " [with an empty host identifier] MUST reject it as invalid",
        b"GET http:///a HTTP/1.1\r\nhost: a\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 400 Bad Request\r\n",
    ),
    Difference(
        "a length given in two ways ends the connection",
        "RFC 9112, 6.1: the server MUST close the connection after responding"
        " to such a request",
        b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n"
        b"transfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"kept open",
        b"closed",
    ),
    Difference(
        "a head that doesn't come is not waited for",
        "RFC 9110, 15.5.9: 408 indicates that the server did not receive a"
        " complete request message within the time that it was prepared to"
        " wait",
        b"GET / HTTP/1.1\r\nhost:",
        b"kept open",
        b"HTTP/1.1 408 Request Timeout\r\n",
        wait=61,
    ),
]
