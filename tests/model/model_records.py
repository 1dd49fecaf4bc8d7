"""Records for the tests of what is folded: real ones, and any at all."""

from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from msgspec import inspect

from tracer.events import KINDS, Event, Header, Unknown
from tracer.events.log import Decoder, Record

TEAHOUSE = Path(__file__).parent / "teahouse.jsonl"

HOSTILE = st.one_of(
    st.text(max_size=8),
    st.text(st.characters(codec=None), max_size=8),
    st.sampled_from(
        ["\x1b[31m", "a\r\nb", "\x9b2J", "\u202eevil", "[red]x[/red]", "\udc80"]
    ),
)
NUMBERS = st.integers(0, 3) | st.integers(0, 2**40)
IDS = st.none() | st.integers(1, 3)


def teahouse() -> tuple[Header, list[Record]]:
    """The recorded run of the demo, see `record_teahouse`."""
    decoder = Decoder()
    records = decoder.feed(TEAHOUSE.read_bytes())
    assert decoder.header is not None
    return decoder.header, records


SIMPLE: dict[type, st.SearchStrategy[Any]] = {
    inspect.StrType: HOSTILE,
    inspect.BoolType: st.booleans(),
    inspect.IntType: NUMBERS,
    inspect.FloatType: st.floats(0, 1e6),
    inspect.NoneType: st.none(),
}


def values(kind: inspect.Type) -> st.SearchStrategy[Any]:
    """Any value of a field's type, as the decoder could give it."""
    match kind:
        case inspect.LiteralType():
            return st.sampled_from(kind.values)
        case inspect.UnionType():
            return st.one_of(*map(values, kind.types))
        case inspect.VarTupleType():
            return st.lists(values(kind.item_type), max_size=3).map(tuple)
        case inspect.TupleType():
            return st.tuples(*map(values, kind.item_types))
        case inspect.DictType():
            return st.dictionaries(
                values(kind.key_type), values(kind.value_type), max_size=3
            )
        case _:
            return SIMPLE[type(kind)]


ENVELOPE = {
    "seq": st.integers(0, 99),
    "t": st.integers(0, 50) | NUMBERS,
    "turn": IDS,
    "thread": st.sampled_from(["loop", "worker-1", "client-2"]) | HOSTILE,
    "conn": IDS,
    "req": IDS,
    "task": IDS,
    "where": IDS,
}


def events_of(cls: type[Event]) -> st.SearchStrategy[Event]:
    """Any event of one kind; its ids are few, so that they meet."""
    info = inspect.type_info(cls)
    assert isinstance(info, inspect.StructType)
    fields = {
        field.name: (
            ENVELOPE[field.name]
            if field.name in ENVELOPE
            else values(field.type)
        )
        for field in info.fields
    }
    return st.builds(cls, **fields)


UNKNOWN = st.builds(
    Unknown,
    kind=st.sampled_from(["quantum.leap", "ws.message"]) | HOSTILE,
    fields=st.dictionaries(
        st.sampled_from(["t", "conn", "req", "thread"]) | HOSTILE,
        st.integers(0, 3) | HOSTILE | st.lists(HOSTILE, max_size=2),
        max_size=4,
    ),
)

RECORDS: st.SearchStrategy[Record] = st.one_of(
    *[events_of(cls) for cls in KINDS.values()], UNKNOWN
)
"""Any record that a reader could get."""
