"""Where the secrets stand in a body's text, by what kind of body it is.

JSON, forms and multipart are read by their own rules, and read even where
they are cut off; anything else is searched like a log line.
"""

import json
import re

from tracer.capture.names import is_secret
from tracer.capture.patterns import Span, form_spans, merged, text_spans

_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*("?)', re.DOTALL)
_COLON = re.compile(r"\s*:\s*")
_SCALAR = re.compile(r"[^\s,\]}]+")
_PIECE = re.compile(r'["\[\]{}]')
_PART = re.compile(
    r'\bname="?([^";\r\n]*)"?[^\r\n]*(?:\r\n[^\r\n]+)*\r\n\r\n'
    r"(.*?)(?=\r\n--|\Z)",
    re.DOTALL | re.IGNORECASE,
)


def spans_of(said: str, content_type: str) -> list[Span]:
    """The values to hide in a body, or in as much of it as has come."""
    if "json" in content_type or said.lstrip()[:1] in {"{", "["}:
        return json_spans(said)
    if "urlencoded" in content_type:
        return form_spans(said)
    if "multipart" in content_type:
        return [
            found.span(2) for found in _PART.finditer(said)
            if is_secret(found[1]) and found[2]
        ]  # fmt: skip
    return text_spans(said)


def json_spans(said: str) -> list[Span]:
    """The values of the secret fields, whole objects and lists included.

    The text may end anywhere. A value that has only begun is hidden as far
    as it goes.

    Source: RFC 8259
    """
    found: list[Span] = []
    at = 0
    while string := _STRING.search(said, at):
        at = string.end()
        colon = _COLON.match(said, at)
        if not string[1] or colon is None:
            continue
        if is_secret(_unescaped(string[0])):
            begin, at = colon.end(), _value_end(said, colon.end())
            if at > begin and said[begin:at] not in {"null", '""'}:
                found.append((begin, at))
    return merged(found)


def _unescaped(string: str) -> str:
    try:
        name = json.loads(string)
    except ValueError:
        return string.strip('"')
    return str(name)


def _value_end(said: str, begin: int) -> int:
    """Where the value that begins here ends, or the text does."""
    first = said[begin : begin + 1]
    if first == '"':
        string = _STRING.match(said, begin)
        assert string is not None
        return string.end()
    if first not in {"{", "["}:
        scalar = _SCALAR.match(said, begin)
        return scalar.end() if scalar else begin
    depth, at = 0, begin
    while piece := _PIECE.search(said, at):
        at = piece.end()
        if piece[0] == '"':
            string = _STRING.match(said, piece.start())
            assert string is not None
            at = string.end()
            continue
        depth += 1 if piece[0] in "[{" else -1
        if depth == 0:
            return at
    return len(said)
