"""The vocabulary keeps what the design promises of each kind."""

import inspect
from typing import get_args

import msgspec
import pytest

from tracer.events import KINDS, Event, Layer


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_says_what_happened_and_by_whose_authority(
    kind: str,
) -> None:
    doc = inspect.getdoc(KINDS[kind])

    assert doc is not None
    summary, *rest = doc.split("\n\n")
    assert summary.endswith("."), "the first paragraph is a sentence"
    assert rest[-1].startswith("Source: "), "the last one names its source"


@pytest.mark.parametrize("kind", KINDS)
def test_the_class_is_the_kind_in_camel_case(kind: str) -> None:
    cls = KINDS[kind]
    words = kind.replace(".", "_").split("_")

    assert cls.kind == kind
    assert cls.__name__ == "".join(word.capitalize() for word in words)
    assert cls.layer in get_args(Layer)


@pytest.mark.parametrize("kind", KINDS)
def test_a_payload_is_text_and_numbers_only(kind: str) -> None:
    envelope = {each.name for each in msgspec.structs.fields(Event)}
    info = msgspec.inspect.type_info(KINDS[kind])
    assert isinstance(info, msgspec.inspect.StructType)

    for field in info.fields:
        if field.name not in envelope:
            assert _is_plain(field.type), f"{kind} {field.name}"


def _is_plain(kind: object) -> bool:
    match kind:
        case msgspec.inspect.UnionType(types=types):
            return all(_is_plain(each) for each in types)
        case msgspec.inspect.TupleType(item_types=items):
            return all(_is_plain(each) for each in items)
        case msgspec.inspect.VarTupleType(item_type=item):
            return _is_plain(item)
        case msgspec.inspect.DictType(key_type=key, value_type=value):
            return _is_plain(key) and _is_plain(value)
        case _:
            return isinstance(
                kind,
                msgspec.inspect.StrType
                | msgspec.inspect.IntType
                | msgspec.inspect.FloatType
                | msgspec.inspect.BoolType
                | msgspec.inspect.NoneType
                | msgspec.inspect.LiteralType,
            )


def test_every_event_that_moves_a_request_has_its_place_on_the_rail() -> None:
    from tracer.model.stage import STOPS  # noqa: PLC0415

    nobodys = {
        kind
        for kind, cls in KINDS.items()
        if cls.layer == "server" and kind != "conn.shutdown"
    } | {
        *("source", "dropped", "breakpoint.set", "breakpoint.cleared"),
        *("loop.select", "loop.accept", "accept.failed"),
    }

    assert set(STOPS) == set(KINDS) - nobodys
