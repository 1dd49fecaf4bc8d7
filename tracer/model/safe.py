"""The one door for untrusted text: after it, any text may be drawn.

Paths, headers, bodies, exception messages and file names come from outside.
Drawn as they are, they could move the cursor, recolour the screen, open a
link or read backwards. What can do that is made visible here instead.
"""

import unicodedata
from operator import attrgetter, is_
from typing import Any, NewType

import msgspec

from tracer.events import KINDS, AppLog, AppOutput, Bytes, Event, Source
from tracer.events.log import Record

SafeStr = NewType("SafeStr", str)
"""Text that went through `safe`."""

LONGEST = 2000
"""Characters that are kept of one text."""

MARKS = 2
"""Combining marks that are kept in a row: more would climb over lines."""

TAB = "    "


def safe(text: object) -> SafeStr:
    """Make a text harmless to draw on one line, and keep it readable.

    Control characters become their pictures (`␛`, `␍`), those of C1 and
    stray bytes `\\x9d`, invisible and direction-changing ones `<202E>`,
    blanks of all widths the plain one. Texts over `LONGEST` characters are cut.

    Source: ours; Unicode Standard Annex #44 for the categories.
    """  # noqa: D301
    if not isinstance(text, str):
        text = str(text)
    text = _cut(text)
    if text.isascii() and text.isprintable():
        return SafeStr(text)
    made: list[str] = []
    marks = 0
    for char in text:
        category = unicodedata.category(char)
        marks = marks + 1 if category in {"Mn", "Me"} else 0
        if marks <= MARKS:
            made.append(_visible(char, category))
    return SafeStr(_cut("".join(made)))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def safe_lines(text: str) -> tuple[SafeStr, ...]:
    """Split a text of several lines, each of them safe, tabs widened."""
    return tuple(
        safe(line.expandtabs(len(TAB)))
        for line in text.replace("\r\n", "\n").split("\n")
    )


def _visible(char: str, category: str) -> str:
    code = ord(char)
    if category == "Cc":
        return _control(code)
    if category == "Cs":
        # A stray byte, as `surrogateescape` smuggles it through a str.
        low = 0xDC80 <= code <= 0xDCFF  # noqa: PLR2004
        return f"\\x{code - 0xDC00:02x}" if low else f"<{code:04X}>"
    if category == "Zs":
        return " "
    if category in {"Cf", "Co", "Cn", "Zl", "Zp"} or _selects_variant(code):
        return f"<{code:04X}>"
    return char


def _control(code: int) -> str:
    if code < 0x20:  # noqa: PLR2004
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"\\x{code:02x}"  # noqa: PLR2004


def _selects_variant(code: int) -> bool:
    return 0xFE00 <= code <= 0xFE0F or 0xE0100 <= code <= 0xE01EF  # noqa: PLR2004


def door(record: Record) -> Record:
    """Let a record in, with all its texts made safe.

    Three kinds keep their text as it is, since it has lines or is bytes:
    `Source`, `AppOutput` and `AppLog`, which are split by `safe_lines`, and
    `Bytes`, which only `hexdump` and `safe` may draw.

    Returns:
        The record itself where nothing had to be changed.
    """
    if not isinstance(record, Event):
        fields = _harmless(record.fields)
        return type(record)(kind=safe(record.kind), fields=fields)
    cls = type(record)
    names = _nested_of[cls]
    # Nearly all texts of nearly all events are harmless: one look is enough.
    if not _is_harmless("".join(_plain_texts[cls](record))):
        names += _plain_of[cls]
    if not names:
        return record
    changes = {}
    for name in names:
        value = getattr(record, name)
        if value and (made := _harmless(value)) is not value:
            changes[name] = made
    return msgspec.structs.replace(record, **changes) if changes else record


def _is_harmless(text: str) -> bool:
    return text.isascii() and text.isprintable() and len(text) <= LONGEST


def _harmless(value: Any) -> Any:  # noqa: ANN401
    """The same value with its texts safe; the very same if they all were."""
    if isinstance(value, str):
        return value if _is_harmless(value) else safe(value)
    match value:
        case tuple() | list():
            made = [_harmless(each) for each in value]
            if all(map(is_, made, value)):
                return value
            return type(value)(made)
        case dict():
            pairs = {_harmless(k): _harmless(v) for k, v in value.items()}
            return value if pairs == value else pairs
        case _:
            return value


_RAW = {
    (Bytes, "text"),
    (Source, "text"),
    (AppOutput, "text"),
    (AppLog, "text"),
}


def _has_text(field: msgspec.inspect.Field) -> bool:
    kinds: list[Any] = [field.type]
    while kinds:
        kind = kinds.pop()
        if isinstance(kind, msgspec.inspect.StrType):
            return True
        for name in ("types", "item_types"):
            kinds += getattr(kind, name, ())
        for name in ("item_type", "key_type", "value_type"):
            if (inner := getattr(kind, name, None)) is not None:
                kinds.append(inner)
    return False


def _text_fields(cls: type[Event], *, plain: bool) -> tuple[str, ...]:
    """Names of the fields that may hold text, with nothing else or with."""
    info = msgspec.inspect.type_info(cls)
    assert isinstance(info, msgspec.inspect.StructType)
    return tuple(
        field.name
        for field in info.fields
        if (cls, field.name) not in _RAW
        and _has_text(field)
        and isinstance(field.type, msgspec.inspect.StrType) is plain
    )


_plain_of = {cls: _text_fields(cls, plain=True) for cls in KINDS.values()}
_nested_of = {cls: _text_fields(cls, plain=False) for cls in KINDS.values()}
_plain_texts = {cls: attrgetter(*_plain_of[cls]) for cls in _plain_of}
"""All plain texts of an event at once; each event has one, its `thread`."""


def hexdump(text: str, width: int = 16) -> tuple[SafeStr, ...]:
    """Bytes (as text, one character each) as lines of a hex dump.

    Each line has the offset, `width` bytes in hex and what of them can be
    printed, `·` for the rest.

    Source: the format of `hexdump -C`.
    """
    data = text.encode("latin-1", "replace")
    lines = []
    for start in range(0, len(data), width):
        part = data[start : start + width]
        shown = "".join(
            chr(byte) if 0x20 <= byte < 0x7F else "·"  # noqa: PLR2004
            for byte in part
        )
        lines.append(
            SafeStr(f"{start:06x}  {part.hex(' '):<{width * 3 - 1}}  {shown}")
        )
    return tuple(lines)
