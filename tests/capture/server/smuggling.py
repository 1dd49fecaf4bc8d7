"""Requests that two servers could read in two ways, and what the RFC says.

Who stands before a server (a proxy, a cache) and reads a request otherwise
than the server does, can be made to let a second one through unseen. So each
of these is refused with 400, or read as the RFC says; and where the RFC says
so, the connection is closed after it.
"""

from typing import NamedTuple

HOST = b"host: a\r\n"
LENGTH = b"content-length: 5\r\n"
CHUNKED = b"transfer-encoding: chunked\r\n"
BODY = b"abcde"
SECOND = b"GET /second HTTP/1.1\r\nhost: a\r\n\r\n"

Heard = tuple[tuple[str, str, bytes], ...]
"""The requests that the app was asked: method, path and body."""

AFTER: Heard = (("GET", "/second", b""),)
ONE: Heard = (("POST", "/", b"abcde"),)
REFUSED: Heard = ()
GET: Heard = (("GET", "/", b""),)


class Shape(NamedTuple):
    """One request, after which a second one always follows.

    Args:
        name: What is odd about it.
        section: Where RFC 9112 speaks of it, and how.
        data: Its bytes.
        heard: What the app is asked; nothing: the answer is 400.
        closed: Whether the connection is closed after it.
        uvicorn: Whether uvicorn does the same; else it stands in the list of
            exceptions.
    """

    name: str
    section: str
    data: bytes
    heard: Heard = REFUSED
    closed: bool = True
    uvicorn: bool = True


def get(*lines: bytes, first: bytes = b"GET / HTTP/1.1") -> bytes:
    return b"\r\n".join([first, b"host: a", *lines, b"", b""])


def post(*lines: bytes, body: bytes = BODY) -> bytes:
    return get(*lines, first=b"POST / HTTP/1.1") + body


def chunks(raw: bytes) -> bytes:
    return post(b"transfer-encoding: chunked", body=raw)


def length(value: bytes, body: bytes = BODY) -> bytes:
    return post(b"content-length:" + value, body=body)


def coding(value: bytes, *more: bytes) -> bytes:
    body = b"5\r\nabcde\r\n0\r\n\r\n"
    return post(b"transfer-encoding:" + value, *more, body=body)


def kept(name: str, section: str, data: bytes, heard: Heard = ONE) -> Shape:
    """One that is read, and the second one after it."""
    return Shape(name, section, data, heard + AFTER, closed=False)


LENGTHS = [
    kept("a length", "6.2", length(b" 5")),
    kept("a length with zeros before it", "6.2: 1*DIGIT", length(b"005")),
    kept(
        "the same length twice in one field",
        "6.3: replace with a single valid field",
        length(b" 5, 5"),
    ),
    kept(
        "the same length in two fields",
        "6.3: replace with a single valid field",
        post(b"content-length: 5", b"content-length: 5"),
    ),
    *(
        Shape(f"a length of {value!r}", "6.3: MUST respond 400", length(value))
        for value in (
            b"", b" ", b" -5", b" +5", b" 5.0", b" 0x5", b" 5_0", b" 5 5",
            b" 5,", b" ,5", b" 5, 6", b" 5;", b" 5e0", b' "5"', b" 5\x005",
            b" \xc2\xb2", b" \xd9\xa5", b" 999999999999999999999",
            b" \x0b5", b" 5\r", b" 5\r\n ,6", b" none",
        )
    ),
    Shape(
        "two lengths",
        "6.3: MUST respond 400",
        post(b"content-length: 5", b"content-length: 6"),
    ),
    Shape(
        "two lengths that are one number",
        "6.3: MAY be refused",
        post(b"content-length: 5", b"content-length: 05"),
    ),
    Shape(
        "two lengths, one of them in capitals",
        "6.3: MUST respond 400",
        post(b"content-length: 0", b"CONTENT-LENGTH: 5"),
    ),
    kept(
        "a length on a folded line",
        "5.2: replace each obs-fold with a space",
        length(b"\r\n 5"),
    ),
]  # fmt: skip

CODINGS = [
    kept("chunked", "6.1", coding(b" chunked")),
    kept("chunked in capitals", "7: case-insensitive", coding(b" CHUNKED")),
    kept(
        "chunked on a folded line",
        "5.2: replace each obs-fold with a space",
        coding(b"\r\n\tchunked"),
    ),
    *(
        Shape(
            f"a coding of {value!r}",
            "6.3: MUST respond 400 and close; 6.1 SHOULD 501",
            coding(value),
        )
        for value in (
            b"", b" gzip", b" identity", b" xchunked", b" chunked2",
            b" chunked, identity", b" identity, chunked", b" chunked,",
            b" chunked, chunked", b' "chunked"', b" chunked;q=1",
            b" \x0bchunked", b" chunked\x00", b" chun\r\n ked",
            b" chunked\r", b" \xa0chunked",
        )
    ),
    Shape(
        "two codings",
        "6.1: not applied more than once",
        coding(b" chunked", CHUNKED.strip()),
    ),
    Shape(
        "two codings, one unknown",
        "6.3: MUST respond 400",
        coding(b" x", CHUNKED.strip()),
    ),
    Shape(
        "a coding and a length",
        "6.1: MUST close after responding; 6.3: the coding wins",
        coding(b" chunked", b"content-length: 3"),
        ONE,
        uvicorn=False,
    ),
    Shape(
        "a length and a coding",
        "6.1: MUST close after responding; 6.3: the coding wins",
        post(b"content-length: 3", b"Transfer-Encoding: Chunked",
             body=b"5\r\nabcde\r\n0\r\n\r\n"),
        ONE,
        uvicorn=False,
    ),
    Shape(
        "a coding and a wrong length",
        "6.3: MUST respond 400",
        coding(b" chunked", b"content-length: x"),
    ),
    Shape(
        "a coding under HTTP/1.0",
        "6.1: MUST close after processing",
        b"POST / HTTP/1.0\r\nconnection: keep-alive\r\n" + CHUNKED
        + b"\r\n5\r\nabcde\r\n0\r\n\r\n",
        ONE,
    ),
    Shape(
        "a coding and a length under HTTP/1.0",
        "6.1: MUST close after processing",
        b"POST / HTTP/1.0\r\nconnection: keep-alive\r\n" + CHUNKED + LENGTH
        + b"\r\n5\r\nabcde\r\n0\r\n\r\n",
        ONE,
    ),
    kept(
        "a name that only looks like a coding's",
        "5.1: an unknown field is no framing; no body",
        get(b"transfer_encoding: chunked"),
        GET,
    ),
]  # fmt: skip

CHUNK_SHAPES = [
    *(
        kept(f"chunks: {raw!r}", section, chunks(raw))
        for section, raw in (
            ("7.1", b"2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n"),
            ("7.1: the last is 1*0", b"5\r\nabcde\r\n000\r\n\r\n"),
            ("7.1: HEXDIG", b"00000005\r\nabcde\r\n0\r\n\r\n"),
            ("7.1.1: MUST ignore", b"5;a=b\r\nabcde\r\n0;c\r\n\r\n"),
            ("7.1.1: MUST ignore", b'5;a="\\"b;"\r\nabcde\r\n0\r\n\r\n'),
            ("2.2: a bare CR is a space", b"5;a\rb\r\nabcde\r\n0\r\n\r\n"),
            ("7.1.2: MAY discard", b"5\r\nabcde\r\n0\r\na: b\r\n\r\n"),
            (
                "6.5.1: a length in a trailer MUST NOT be merged",
                b"5\r\nabcde\r\n0\r\ncontent-length: 9\r\n\r\n",
            ),
            ("7.1.1: BWS", b"5 \r\nabcde\r\n0\r\n\r\n"),
        )
    ),
    *(
        Shape(f"no chunks: {raw!r}", section, chunks(raw))
        for section, raw in (
            ("7.1: no size", b"\r\nabcde\r\n0\r\n\r\n"),
            ("7.1: no size", b";a\r\nabcde\r\n0\r\n\r\n"),
            ("7.1: HEXDIG", b"g\r\nabcde\r\n0\r\n\r\n"),
            ("7.1: HEXDIG", b"0x5\r\nabcde\r\n0\r\n\r\n"),
            ("7.1: HEXDIG", b"+5\r\nabcde\r\n0\r\n\r\n"),
            ("7.1: HEXDIG", b"-5\r\nabcde\r\n0\r\n\r\n"),
            ("7.1: HEXDIG", b"5_0\r\nabcde\r\n0\r\n\r\n"),
            ("7.1: HEXDIG", b"\xd9\xa5\r\nabcde\r\n0\r\n\r\n"),
            ("7.1: HEXDIG", b"5\x00\r\nabcde\r\n0\r\n\r\n"),
            ("7.1: no space before it", b" 5\r\nabcde\r\n0\r\n\r\n"),
            ("7.1: no overflow", b"f" * 21 + b"\r\nabcde\r\n0\r\n\r\n"),
            ("7.1: no overflow", b"0" * 21 + b"5\r\nabcde\r\n0\r\n\r\n"),
            ("7.1.1: BWS, refused", b"5 ;a\r\nabcde\r\n0\r\n\r\n"),
            ("7.1: CRLF ends it", b"5\nabcde\n0\n\n"),
            ("7.1: CRLF ends it", b"5\rabcde\r\n0\r\n\r\n"),
            ("7.1: CRLF ends it", b"5;a\nabcde\r\n0\r\n\r\n"),
            ("7.1: CRLF after the data", b"5\r\nabcdef\r\n0\r\n\r\n"),
            ("7.1: CRLF after the data", b"5\r\nabcde0\r\n\r\n"),
            ("7.1: CRLF after the data", b"5\r\nabcde\n0\r\n\r\n"),
            ("7.1: more than is said", b"4\r\nabcde\r\n0\r\n\r\n"),
            ("7.1: less than is said", b"7\r\nabcde\r\n0\r\n\r\n"),
            ("7.1.2: no field", b"5\r\nabcde\r\n0\r\nno field\r\n\r\n"),
            ("5.1: a space", b"5\r\nabcde\r\n0\r\na : b\r\n\r\n"),
        )
    ),
]

FIELDS = [
    Shape("a space before the colon", "5.1: MUST 400", get(b"a : b")),
    Shape("a tab before the colon", "5.1: MUST 400", get(b"a\t: b")),
    Shape(
        "a space before a length's colon",
        "5.1: MUST 400",
        post(b"content-length : 5"),
    ),
    Shape(
        "a space before a coding's colon",
        "5.1: MUST 400",
        post(b"transfer-encoding : chunked", body=b"0\r\n\r\n"),
    ),
    Shape("no name", "5.1", get(b": b")),
    Shape("no colon", "5.1", get(b"transfer-encoding")),
    Shape("NUL in a name", "5.1: token", get(b"a\x00: b")),
    Shape("NUL in a value", "RFC 9110, 5.5: MUST 400", get(b"a: b\x00c")),
    Shape("a bare CR in a value", "2.2: MUST 400", get(b"a: b\rc: d")),
    Shape("a bare CR ends a line", "2.2: MUST 400", get(b"a: b\rhost: c")),
    Shape("a bare CR in a name", "2.2: MUST 400", get(b"a\rb: c")),
    Shape("a name that is not ASCII", "5.1: token", get(b"\xc3\xa4: b")),
    Shape("a slash in a name", "5.1: token", get(b"a/b: c")),
    Shape(
        "a space before the first field",
        "2.2: MUST reject or consume",
        b"GET / HTTP/1.1\r\n host: a\r\n\r\n",
    ),
    Shape(
        "a folded line before all fields",
        "2.2: MUST reject or consume",
        b"GET / HTTP/1.1\r\n transfer-encoding: chunked\r\nhost: a\r\n\r\n",
    ),
    kept("a folded line", "5.2: a space", get(b"a: b", b" c"), GET),
    kept(
        "a length that is a folded line of another field",
        "5.2: a space, so it is no length",
        get(b"a: b", b" content-length: 5"),
        GET,
    ),
    kept(
        "bare LF ends a line",
        "2.2: MAY be recognized",
        b"GET / HTTP/1.1\nhost: a\n\n",
        GET,
    ),
    kept(
        "bare LF ends some lines, and a length counts",
        "2.2: MAY be recognized",
        b"POST / HTTP/1.1\r\nhost: a\na: b\ncontent-length: 5\r\n\n" + BODY,
    ),
    kept("no value", "5: field-value may be empty", get(b"a:"), GET),
]

LINES = [
    Shape("two spaces", "3", get(first=b"GET  / HTTP/1.1")),
    Shape("a tab", "3", get(first=b"GET\t/ HTTP/1.1")),
    Shape("a space before it", "3", get(first=b" GET / HTTP/1.1")),
    Shape("a space after it", "3", get(first=b"GET / HTTP/1.1 ")),
    Shape("a space in the target", "3.2: 400", get(first=b"GET /a b HTTP/1.1")),
    Shape("a bare CR in it", "2.2", get(first=b"GET /\r HTTP/1.1")),
    Shape("NUL in the target", "3.2", get(first=b"GET /\x00 HTTP/1.1")),
    Shape("bytes in the target", "3.2", get(first=b"GET /\xff HTTP/1.1")),
    Shape("no version", "2.3", get(first=b"GET /")),
    Shape("HTTP/1.10", "2.3: one DIGIT", get(first=b"GET / HTTP/1.10")),
    Shape("http/1.1", "2.3: case-sensitive", get(first=b"GET / http/1.1")),
    Shape("HTTP/1,1", "2.3", get(first=b"GET / HTTP/1,1")),
    Shape("no token", "3.1", get(first=b"G{T / HTTP/1.1")),
    Shape("an empty line first", "2.2: SHOULD ignore one", b"\r\n" + get()),
]

HOSTS = [
    Shape("no Host", "3.2: MUST 400", b"GET / HTTP/1.1\r\n\r\n"),
    Shape("two Hosts", "3.2: MUST 400", get(b"host: b")),
    Shape("the same Host twice", "3.2: MUST 400", get(b"Host: a")),
    *(
        Shape(
            f"a Host of {value!r}",
            "3.2: MUST 400",
            b"GET / HTTP/1.1\r\nhost:" + value + b"\r\n\r\n",
            uvicorn=False,
        )
        for value in (
            b" a b", b" a/b", b" a@b", b" a,\\", b" a:b", b" [::1", b" a?b",
            b" a#b", b" http://a", b" a\xff", b" \x01", b" [::1]x", b" a:1:2",
        )
    ),
    kept(
        "an empty Host",
        "3.2: of a target without authority",
        b"GET / HTTP/1.1\r\nhost:\r\n\r\n",
        GET,
    ),
    Shape(
        "an absolute target without Host",
        "3.2: MUST 400",
        b"GET http://a/ HTTP/1.1\r\n\r\n",
    ),
    Shape(
        "an absolute target, and two Hosts",
        "3.2: MUST 400",
        b"GET http://a/ HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
    ),
    kept(
        "an absolute target, and another Host",
        "3.2.2: MUST ignore the Host",
        b"GET http://b/ HTTP/1.1\r\nhost: a\r\n\r\n",
        GET,
    )._replace(uvicorn=False),
    kept(
        "an absolute target in capitals",
        "3.2.2: MUST accept; RFC 3986, 3.1",
        b"GET HTTP://B:80/ HTTP/1.1\r\nhost: a\r\n\r\n",
        GET,
    )._replace(uvicorn=False),
    *(
        Shape(
            f"an absolute target {target!r}",
            section,
            b"GET " + target + b" HTTP/1.1\r\nhost: a\r\n\r\n",
            uvicorn=False,
        )
        for target, section in (
            (b"http:///", "RFC 9110, 4.2.1: empty host, MUST reject"),
            (b"http://:80/", "RFC 9110, 4.2.1: empty host, MUST reject"),
            (b"http://u@/", "RFC 9110, 4.2.1: empty host, MUST reject"),
            (b"http://a@b@c/", "3.2.2: no host"),
            (b"http://a,b\\/", "3.2.2: no host"),
            (b"http://a:b/", "3.2.2: no host"),
        )
    ),
    Shape(
        "an absolute target, and a Host that is none",
        "3.2: MUST 400",
        b"GET http://b/ HTTP/1.1\r\nhost: a b\r\n\r\n",
        uvicorn=False,
    ),
]  # fmt: skip

SHAPES = [*LENGTHS, *CODINGS, *CHUNK_SHAPES, *FIELDS, *LINES, *HOSTS]

ENDLESS = {
    "a request line": b"GET /" + b"a" * 20_000,
    "a field": b"GET / HTTP/1.1\r\nhost: a\r\na: " + b"b" * 20_000,
    "fields": b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 4_000,
    "a chunk's extension": chunks(b"5;" + b"a" * 20_000),
    "trailers": chunks(b"0\r\n" + b"a: b\r\n" * 4_000),
}
"""What never ends is refused before it is whole: RFC 9112, 3 and 7.1.1."""
