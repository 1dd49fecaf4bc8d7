"""Where the secrets stand in text: forms, log lines, anything with names.

Each function gives the spans of the values to hide, in order. What comes
later in the text never changes a span that began before: bodies come in
pieces, and what was said can't be taken back.
"""

import re
from urllib.parse import unquote_plus

from tracer.capture.names import is_secret

Span = tuple[int, int]
"""From and to, as indexes into the text."""

_FIELD = re.compile(r"([^&=]*)=([^&]*)")

_NAME = re.compile(
    r"""(?<![\w%]) ([A-Za-z_%][\w.%\-\[\]]{0,127}) \\?["']? \s{0,4}
        (?: [:=] \s{0,4} | =>\s{0,4} )""",
    re.VERBOSE,
)
_VALUE = re.compile(
    r"""  \\?"[^"\\\r\n]*(?:\\.[^"\\\r\n]*)*
        | \\?'[^'\\\r\n]*(?:\\.[^'\\\r\n]*)*
        | (?:Bearer|Basic|Digest|Token|Negotiate)\ +[^\s"',]+
        | [^\s"'&;,)\]}>]+""",
    re.VERBOSE | re.IGNORECASE,
)
_LINE = re.compile(
    r"\b(?:authorization|cookie)\s{0,4}[:=]\s{0,4}(?P<value>[^\r\n'\"]+)",
    re.IGNORECASE,
)
_SCHEME = re.compile(
    r"\b(?:bearer|basic)\ +(?P<value>[\w\-.~+/=]{6,})", re.IGNORECASE
)
_USERINFO = re.compile(r"://(?P<value>[^/?#@\s\"']+)@")


_TOKEN = re.compile(r"[^\s,:]+")
_JWT = re.compile(r"eyJ[\w-]+\.")

OFFER = b"sec-websocket-protocol"
"""Name of the header for which `offered` is."""


def offered(said: str) -> list[Span]:
    """The tokens among a WebSocket's subprotocols.

    A page can set no header of a handshake, so clients offer `bearer, TOKEN`
    or `base64url.bearer.authorization.k8s.io.TOKEN`.

    Source: ours. RFC 6455, section 11.3.4, knows names only.
    """
    found = []
    after = False
    for each in _TOKEN.finditer(said):
        *names, last = each[0].split(".")
        if after or _JWT.match(each[0]):
            found.append(each.span())
        elif any(map(is_secret, names)):
            found.append((each.end() - len(last), each.end()))
        after = after or is_secret(each[0])
    return found


def form_spans(said: str) -> list[Span]:
    """The values of the secret fields of a form or a query string.

    Source: WHATWG URL, section 5.1, application/x-www-form-urlencoded
    """
    return [
        found.span(2)
        for found in _FIELD.finditer(said)
        if found[2] and is_secret(unquote_plus(found[1], "latin-1"))
    ]


def text_spans(said: str) -> list[Span]:
    """What looks like a secret with its name before it, in any text."""
    # The values are matched apart from the names: that of a harmless name
    # may be an address with a secret one in it.
    found = [
        value.span()
        for each in _NAME.finditer(said)
        if is_secret(unquote_plus(each[1]))
        and (value := _VALUE.match(said, each.end()))
    ]
    for pattern in (_LINE, _SCHEME, _USERINFO):
        found += [each.span("value") for each in pattern.finditer(said)]
    return merged(found)


def merged(spans: list[Span]) -> list[Span]:
    """The spans in order, those that touch or overlap as one."""
    whole: list[Span] = []
    for begin, end in sorted(spans):
        if whole and begin <= whole[-1][1]:
            whole[-1] = (whole[-1][0], max(end, whole[-1][1]))
        else:
            whole.append((begin, end))
    return whole
