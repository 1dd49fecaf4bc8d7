"""Secrets are hidden here, before an event exists. Nothing later sees them.

Bytes go in as they came, text comes out in which each character is one byte
and `[hidden]` stands for what nobody should see. `names` says which names
are secret; what has no name is left as it is, but for values that were
hidden a moment ago: an app that prints its request's token prints
`[hidden]`.
"""

import re
import threading
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Hashable, Iterable
from typing import Any, Generic, TypeVar
from urllib.parse import unquote_plus

from tracer.capture.bodies import spans_of
from tracer.capture.names import HEADERS, NAMES, SHORT, STEMS, is_secret
from tracer.capture.patterns import OFFER, Span, form_spans, offered, text_spans

HIDDEN = "[hidden]"
"""Stands where a value stood."""

PREVIEW = 1024
"""Bytes of a body that are kept."""

# As numbers: looked for as bytes, a single one takes four times as long.
_EQUALS, _AT = b"=@"
_BRIEF = 256  # bytes of a text that is kept as harmless
_MANY = 512  # of them
_LARGEST = 4096  # bytes of what is kept with its text
_REMEMBERED = 64
_SHORTEST = 6  # a shorter value would be found in harmless text
_AUTHORITY = re.compile(rb"(://)[^/?#@\s]*@")


class _State:
    """What was chosen at start, and what was hidden lately."""

    def __init__(self) -> None:
        self.hiding = True
        self.harmless: set[bytes] = set()
        self.values: dict[str, None] = {}
        self.again: Values = ()

    def forget(self) -> None:
        self.harmless.clear()
        self.values.clear()
        self.again = ()
        for each in _kept:
            each.forget()


class _Met(threading.local):
    """What was hidden while a text is made to be kept, in this thread."""

    values: list[str] | None = None


Values = tuple[str, ...]

_state = _State()
_met = _Met()


def reveal() -> None:
    """Hide nothing from now on: `--reveal`."""
    _state.hiding = False
    _state.forget()


def hide() -> None:
    """Hide again, and forget what was hidden; how every process starts."""
    _state.hiding = True
    _state.forget()


Raw = TypeVar("Raw", bound=Hashable)
Text = TypeVar("Text")


class Kept(Generic[Raw, Text]):
    """A function whose latest results are remembered.

    A client sends the same head again and again, and an app answers with the
    same few. What was hidden in a text is met again whenever the text is:
    a secret that keeps coming must be known when it comes elsewhere.

    Args:
        make: Makes the text. It must depend on its first argument alone;
            others are there to save work.
        most: So many are kept; what comes from outside must not pile up.
    """

    def __init__(self, make: Callable[..., Text], most: int = 256) -> None:
        self._make = make
        self._most = most
        self._known: dict[Raw, tuple[Text, Values]] = {}
        _kept.append(self)

    def known(self, raw: Raw) -> Text | None:
        """Give the text if it is kept."""
        known = self._known.get(raw)
        if known is None:
            return None
        made, values = known
        if values:
            _meet_again(values)
        return made

    def __call__(self, raw: Raw, *others: object) -> Text:
        """Give the text."""
        known = self._known.get(raw)
        if known is None:
            return self._keep(raw, others)
        made, values = known
        if values:
            _meet_again(values)
        return made

    def _keep(self, raw: Raw, others: tuple[object, ...]) -> Text:
        before, _met.values = _met.values, []
        try:
            made = self._make(raw, *others)
        finally:
            met, _met.values = _met.values, before
        values = tuple(dict.fromkeys(met))
        if before is not None:
            before += values
        if _size(raw) <= _LARGEST:
            if len(self._known) >= self._most:
                self._known.clear()
            self._known[raw] = made, values
        return made

    def forget(self) -> None:
        """Make all anew: something else is hidden now."""
        self._known.clear()


_kept: list[Kept[Any, Any]] = []


def _size(raw: object) -> int:
    """How many bytes a text is made of, that stand in tuples, or alone."""
    if isinstance(raw, bytes | str):
        return len(raw)
    return sum(map(_size, raw)) if isinstance(raw, tuple) else 0


def _meet_again(values: Values) -> None:
    # The same request over and over: they are the latest already.
    if _state.again != values:
        for each in values:
            _keep(each)
        _state.again = values
    if _met.values is not None:
        _met.values += values


def hidden() -> tuple[str, ...]:
    """What a trace's header says is redacted; nothing after `reveal`."""
    every = dict.fromkeys((*HEADERS, *NAMES, *SHORT))
    return tuple(every) if _state.hiding else ()


def headers(
    pairs: Iterable[tuple[bytes, bytes]],
) -> tuple[tuple[str, str], ...]:
    """Headers as text, one character a byte, with the secret values hidden."""
    hiding = _state.hiding
    found = []
    for name, value in pairs:
        plain = name.decode("latin-1")
        shown = value.decode("latin-1")
        if hiding and is_secret(plain):
            _remember_header(shown)
            shown = HIDDEN
        elif hiding and (_EQUALS in value or _AT in value):
            shown = _line_value(value)  # Referer, Location, Link, Accept
        elif hiding and name.lower() == OFFER:
            shown = _forget(_mask(shown, offered(shown)))
        found.append((plain, shown))
    return tuple(found)


def query(raw: bytes) -> str:
    """A query string or form without the values of secret fields."""
    text = raw.decode("latin-1")
    if not may_hide(raw):
        return text
    return _mask(text, form_spans(text))


def path(raw: bytes) -> str:
    """A request target: path, query, and whatever stands before them.

    An absolute-form target may carry a user and a password.
    """
    if not may_hide(raw) and _AT not in raw:
        return raw.decode("latin-1")
    if _state.hiding:
        raw = _AUTHORITY.sub(rb"\1" + HIDDEN.encode() + b"@", raw)
    before, mark, after = raw.partition(b"?")
    return before.decode("latin-1") + mark.decode("latin-1") + query(after)


target = path


def _head(raw: bytes) -> str:
    """The raw text of a request's or response's head.

    Names decide, a folded line belongs to the name before it.
    """
    if not _state.hiding or (not may_hide(raw) and _AT not in raw):
        return raw.decode("latin-1")
    first, *lines = raw.split(b"\n")
    shown = [_first_line(first)]
    secret = False
    for line in lines:
        end = "\r" if line.endswith(b"\r") else ""
        if line[:1] in {b" ", b"\t"}:
            shown.append(f" {HIDDEN}{end}" if secret else _line_value(line))
            continue
        name, colon, value = line.partition(b":")
        secret = bool(colon) and is_secret(name.decode("latin-1").strip())
        if secret:
            _remember_header(value.decode("latin-1").strip())
            shown.append(f"{name.decode('latin-1')}: {HIDDEN}{end}")
        elif name.lower() == OFFER:
            offer = line.decode("latin-1")
            shown.append(_forget(_mask(offer, offered(offer))))
        else:
            shown.append((name + colon).decode("latin-1") + _line_value(value))
    return "\n".join(shown)


head: Kept[bytes, str] = Kept(_head)
"""The raw text of a request's or response's head, see `_head`."""


def _first_line(line: bytes) -> str:
    """A request line, whose target ends before the version; or a status."""
    before, blank, version = line.rpartition(b" ")
    if not version.startswith(b"HTTP/"):
        return path(line)
    return path(before) + (blank + version).decode("latin-1")


def _line_value(value: bytes) -> str:
    """A harmless header's value, which may hold an address with secrets."""
    if not may_hide(value) and _AT not in value:
        return value.decode("latin-1")
    value = _AUTHORITY.sub(rb"\1" + HIDDEN.encode() + b"@", value)
    shown = value.decode("latin-1")
    return _mask(shown, text_spans(shown))


class Body:
    """The preview of one body, whose bytes come in pieces.

    A secret may be split between two pieces, so what follows is judged by
    what came before. Only the first `PREVIEW` bytes are ever shown.
    """

    def __init__(self, content_type: bytes = b"") -> None:
        self._type = content_type
        self._raw = b""

    def feed(self, data: bytes) -> str:
        """Take the next piece; give what may be shown of it."""
        start = len(self._raw)
        if start >= PREVIEW or not data:
            return ""
        self._raw = self._raw + data[: PREVIEW - start]
        # What was hidden elsewhere is looked for within this piece only:
        # what was shown before can't be taken back.
        return _forget(_piece((self._raw, start, self._type)))


def _shown_piece(piece: tuple[bytes, int, bytes]) -> str:
    raw, start, kind = piece
    text = raw.decode("latin-1")
    if not may_hide(raw):
        return text[start:]
    return _mask(text, spans_of(text, kind.decode("latin-1").lower()), start)


_piece: Kept[tuple[bytes, int, bytes], str] = Kept(_shown_piece, 64)


def body(data: bytes, content_type: bytes = b"") -> str:
    """The preview of a body that came in one piece, see `Body`."""
    return Body(content_type).feed(data)


def text(said: str) -> str:
    """Log lines, output, messages: `name=value`, `Bearer ...`, addresses.

    Also every value that was hidden lately, whatever stands before it.
    """
    if not _state.hiding:
        return said
    if may_hide(said.encode("latin-1", "replace")) or "@" in said:
        said = _mask(said, text_spans(said))
    return _forget(said)


def may_hide(raw: bytes) -> bool:
    """One search before any work: is there anything like a secret name?

    An app says the same again and again, so what is short and was found
    harmless is kept.
    """
    if not _state.hiding or raw in _state.harmless:
        return False
    if STEMS.search(raw.lower()) is not None:
        return True
    if len(raw) <= _BRIEF:
        if len(_state.harmless) >= _MANY:
            _state.harmless.clear()
        _state.harmless.add(bytes(raw))
    return False


def _mask(said: str, spans: list[Span], start: int = 0) -> str:
    """Put `HIDDEN` for each span, and give the text from `start` on.

    A span that began before `start` was said then, and is only left out.
    """
    shown = []
    at = start
    for begin, end in spans:
        if end <= start:
            continue
        if begin > at:
            shown.append(said[at:begin])
        if begin >= start and end > begin:
            _remember(said[begin:end])
            shown.append(HIDDEN)
        at = max(at, end)
    shown.append(said[at:])
    return "".join(shown)


def _remember_header(value: str) -> None:
    """Keep the value, and the parts that an app would take out of it."""
    scheme, _, rest = value.partition(" ")
    if scheme.lower() == "basic":
        try:
            pair = b64decode(rest, validate=True).decode("latin-1")
        except (Base64Error, ValueError):
            pair = ""
        _remember(pair)
        _remember(pair.partition(":")[2])
    _remember(value)
    _remember(rest.strip())
    for part in value.split(";"):
        _remember(part.partition("=")[2].strip())


def _remember(value: str) -> None:
    plain = value.strip("\"'")
    for each in {plain, unquote_plus(plain), _as_utf8(plain)}:
        if len(each) < _SHORTEST or each.lower() in _HARMLESS:
            continue
        _keep(each)
        _state.again = ()
        if _met.values is not None:
            _met.values.append(each)


def _keep(value: str) -> None:
    _state.values.pop(value, None)  # the latest stands last
    _state.values[value] = None
    if len(_state.values) > _REMEMBERED:
        # From another thread the first may be gone already.
        _state.values.pop(next(iter(_state.values)), None)


def _as_utf8(value: str) -> str:
    """What the app makes of it, where each character here is one byte."""
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value


_HARMLESS = frozenset({"strict", "samesite", "httponly", HIDDEN})


def _forget(said: str) -> str:
    if not _state.values:
        return said
    for value in tuple(_state.values):
        if value in said:
            said = said.replace(value, HIDDEN)
    return said
