"""The door: what comes through can be drawn, and stays as readable."""

import unicodedata

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_records import HOSTILE, RECORDS, teahouse

from tracer.events import H11Error, ScopeBuilt
from tracer.events.log import Record
from tracer.model.safe import LONGEST, MARKS, door, hexdump, safe, safe_lines

ANY = st.text(st.characters(codec=None)) | HOSTILE


@given(ANY)
@settings(max_examples=300)
def test_every_text_becomes_printable_and_then_stays_the_same(
    text: str,
) -> None:
    made = safe(text)
    assert made.isprintable()
    assert len(made) <= LONGEST
    assert safe(made) == made


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E)))
def test_plain_text_passes_as_it_is(text: str) -> None:
    assert safe(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31m", "␛[31m"),
        ("a\r\nb", "a␍␊b"),
        ("\x7f", "␡"),
        ("\x9b2J", r"\x9b2J"),
        ("\u202eevil", "<202E>evil"),
        ("\u200b", "<200B>"),
        ("\ufe0f", "<FE0F>"),
        ("\udc80", r"\x80"),
        ("\ud800", "<D800>"),
        ("\u3000x\xa0y", " x y"),
        ("茶 Tee té", "茶 Tee té"),
        ("a" + "\u0301" * 9, "a" + "\u0301" * MARKS),
        (None, "None"),
        ("x" * 3000, "x" * (LONGEST - 1) + "…"),
    ],
)
def test_what_could_move_the_cursor_is_made_visible(
    text: object, shown: str
) -> None:
    assert safe(text) == shown


def test_lines_are_split_and_tabs_widened() -> None:
    assert safe_lines("a\tb\r\n\x1bc\n") == ("a   b", "␛c", "")


@given(ANY)
def test_lines_are_safe(text: str) -> None:
    assert all(line.isprintable() for line in safe_lines(text))


def texts(value: object) -> list[str]:
    match value:
        case str():
            return [value]
        case dict():
            pairs = [*value.keys(), *value.values()]
            return [text for each in pairs for text in texts(each)]
        case list() | tuple():
            return [text for each in value for text in texts(each)]
        case _:
            return []


@given(RECORDS)
@settings(max_examples=400)
def test_a_record_comes_in_with_all_its_texts_safe(record: Record) -> None:
    let_in = door(record)
    assert type(let_in) is type(record)
    assert door(let_in) == let_in
    fields = msgspec.structs.asdict(let_in)
    if let_in.kind in {"bytes", "source", "app.output", "app.log"}:
        fields.pop("text")  # drawn by hexdump and safe_lines only
    assert all(text.isprintable() for text in texts(fields))


def test_a_harmless_record_is_let_in_as_it_is() -> None:
    _, records = teahouse()
    assert all(door(record) is record for record in records)


def test_a_hostile_record_is_changed_where_it_is_hostile_only() -> None:
    error = H11Error("bad \x1b", 400, t=1, thread="loop", conn=3)
    assert door(error) == H11Error("bad ␛", 400, t=1, thread="loop", conn=3)
    scope = ScopeBuilt(
        "GET", "/\x9b", "/", "", "", "1.1", "http", "c", "s",
        (("a", "\r\n"),), ("\u202e",), 1, t=1, thread="loop",
    )  # fmt: skip
    let_in = door(scope)
    assert isinstance(let_in, ScopeBuilt)
    assert (let_in.path, let_in.headers, let_in.state) == (
        r"/\x9b",
        (("a", "␍␊"),),
        ("<202E>",),
    )


@given(st.text(st.characters(max_codepoint=255), max_size=80), st.just(16))
def test_a_hexdump_has_every_byte(text: str, width: int) -> None:
    lines = hexdump(text, width)
    assert len(lines) == -(-len(text) // width)
    found = b""
    for index, line in enumerate(lines):
        assert line.isprintable()
        assert int(line[:6], 16) == index * width
        found += bytes.fromhex(line[8 : 8 + width * 3 - 1])
    assert found == text.encode("latin-1")


def test_a_hexdump_looks_like_one() -> None:
    assert hexdump("GET / HTTP/1.1\r\nx") == (
        "000000  47 45 54 20 2f 20 48 54 54 50 2f 31 2e 31 0d 0a"
        "  GET / HTTP/1.1··",
        "000010  78                                               x",
    )


def test_the_categories_are_pythons_own() -> None:
    for code in range(0x20, 0x3000):
        char = chr(code)
        if not char.isprintable():
            category = unicodedata.category(char)
            assert category[0] in "CZ", category
            assert safe(char) != char
