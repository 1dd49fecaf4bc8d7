"""In which pieces the records come, and where they are cut, is all one."""

from collections.abc import Sequence

from findings_cases import CASES, about, at, numbered
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tracer import events as e
from tracer.events.log import Record
from tracer.model.findings import Findings
from tracer.model.trace import FIRST, NEWEST, Trace


@st.composite
def runs(draw: st.DrawFn) -> list[Record]:
    """Some of the cases, one among the other, each with numbers of its own."""
    chosen = draw(st.lists(st.sampled_from(list(CASES.values())), max_size=6))
    rows = [
        [_of(each, at) for each in records]
        for at, (records, _) in enumerate(chosen)
    ]
    mixed: list[Record] = []
    while rows:
        row = draw(st.sampled_from(rows))
        mixed.append(row.pop(0))
        rows = [each for each in rows if each]
    return numbered(mixed)


def _of(record: Record, run: int) -> Record:
    moved = {
        name: number + 10 * run
        for name in ("req", "conn", "task")
        if (number := getattr(record, name)) is not None
    }
    return replace(record, **moved)


@given(runs(), st.integers(1, 5))
@settings(max_examples=150)
def test_the_pieces_they_come_in_make_no_difference(
    records: list[Record], size: int
) -> None:
    whole, pieces = Trace(), Trace()
    whole.feed(records)
    for start in range(0, len(records), size):
        pieces.feed(records[start : start + size])
    whole.end()
    pieces.end()
    assert pieces.findings == whole.findings
    assert pieces.found == whole.found


def test_a_flood_of_one_rule_leaves_what_is_rare_in_sight() -> None:
    trace = Trace()
    many = 3 * (FIRST + NEWEST)
    left = [at(1, e.ClientDisconnected, req=n) for n in range(many)]
    trace.feed([about(0, e.LifespanStartupFailed, "no"), *left])

    rare, *kept = trace.findings
    whose = [each.req or 0 for each in kept]
    assert rare.rule == "lifespan-failed"
    assert whose[:FIRST] == [*range(FIRST)]
    assert whose[-NEWEST:] == [*range(many - NEWEST, many)]
    assert whose == sorted(whose)
    assert len(kept) < FIRST + NEWEST * 5 / 4
    assert trace.found == {"lifespan-failed": 1, "client-left": many}


@given(runs(), st.integers(0, 40))
@settings(max_examples=100)
def test_a_copy_goes_its_own_way(records: list[Record], cut: int) -> None:
    first = Findings()
    _see(first, records[:cut])
    copy = first.copy()
    assert copy == first

    after = _see(first, records[cut:])

    assert _see(copy, records[cut:]) == after
    assert copy == first


def _see(findings: Findings, records: Sequence[Record]) -> list[object]:
    return [each for one in records for each in findings.see(one, one.req)]
