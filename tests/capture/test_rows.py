"""Rows, and what becomes of them: events here, lines in the recorder."""

from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tracer.capture.lines import Lines
from tracer.capture.rows import (
    code_of,
    codes_of,
    event_of,
    pack,
    read_code,
    split,
    time_of,
)
from tracer.events import (
    KINDS,
    AppLog,
    AppOutput,
    ContextChanged,
    DataReceived,
    EofReceived,
    Event,
    Signal,
    TaskDone,
    Tick,
)
from tracer.events.log import encode

LOOP = "loop", None, None
ENVELOPE = set(Event.__struct_fields__)

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=())),
    st.lists(st.tuples(st.text(), st.integers())).map(tuple),
    st.dictionaries(st.text(), st.integers()),
)
NUMBERS = st.none() | st.integers(1, 1 << 40)


def fields_of(cls: type[Event]) -> tuple[int, int]:
    """How many fields a payload must have, and may have."""
    fields = [
        each
        for each in msgspec.structs.fields(cls)
        if each.name not in ENVELOPE and each.name != "nth"
    ]
    return sum(each.required for each in fields), len(fields)


@st.composite
def rows(draw: st.DrawFn) -> tuple[Any, ...]:
    """A row of any kind, with values that its fields needn't allow."""
    cls = draw(st.sampled_from(list(KINDS.values())))
    least, most = fields_of(cls)
    size = draw(st.integers(least, most))
    payload = draw(st.lists(VALUES, min_size=size, max_size=size))
    thread = draw(st.sampled_from(["loop", "worker-1", "other"]))
    return (
        code_of(cls, size),
        draw(st.integers(5, 1 << 60)),
        draw(NUMBERS),
        draw(NUMBERS),
        draw(NUMBERS),
        thread,
        draw(NUMBERS),
        draw(NUMBERS),
        *payload,
    )


def shipped(flat: list[Any], zero: int) -> list[dict[str, Any]]:
    """Pack, unpack, make lines: what stands in a recording at last."""
    coming = msgspec.msgpack.decode(pack(flat, zero))
    lines, at, made = Lines(zero), 0, []
    while at < len(coming):
        some, at = lines.number(coming, at)
        made += some
    text = msgspec.json.Encoder().encode_lines(made)
    return [msgspec.json.decode(each) for each in text.splitlines()]


def written(event: Event) -> dict[str, Any]:
    found = msgspec.json.decode(encode([event]))
    assert isinstance(found, dict)
    return found


@example(
    [(code_of(ContextChanged, 3), 5, *[None] * 3, "loop", *[None] * 4, ())]
)
@given(st.lists(rows(), max_size=8))
def test_a_line_is_what_its_event_would_be_written_as(
    said: list[tuple[Any, ...]],
) -> None:
    zero = 5
    flat = [value for row in said for value in row]
    events = [event_of(row, zero) for row in said]

    lines = shipped(flat, zero)

    expected, last = [], dict[str, int]()
    for seq, event in enumerate(events, 1):
        last[event.thread] = t = max(event.t, last.get(event.thread, 0))
        expected.append({**written(event), "t": t, "seq": seq})
    assert lines == expected
    assert [list(row) for row in split(flat)] == [list(row) for row in said]


def test_a_row_is_an_event_at_once_for_who_wants_it() -> None:
    row = (code_of(DataReceived, 1), 81, 12, 3, 7, "loop", 1, 2, 80)

    assert event_of(row, 80) == DataReceived(
        80, t=1, turn=12, thread="loop", conn=1, req=2, task=3, where=7
    )
    assert time_of(row, 80) == 1
    assert read_code(code_of(Tick, 4)) == (Tick, 4)
    assert codes_of(0)[EofReceived] == code_of(EofReceived, 0)


def test_no_kind_has_more_fields_than_a_code_can_count() -> None:
    assert {
        kind: fields_of(cls)[1]
        for kind, cls in KINDS.items()
        if fields_of(cls)[1] > 31
    } == {}


def test_defaults_are_left_out_whether_they_were_said_or_not() -> None:
    short = (code_of(TaskDone, 2), 1, 0, 3, None, *LOOP, 3, "returned")
    whole = (code_of(TaskDone, 3), 2, 0, 3, None, *LOOP, 3, "returned", None)

    one, two = shipped([*short, *whole], 0)

    assert "error" not in one
    assert {**one, "seq": 2, "t": 2} == two


def test_whole_events_stand_among_rows() -> None:
    row = (code_of(EofReceived, 0), 6, 1, None, None, "loop", 1, None)
    event = AppLog("INFO", "app", "hello", t=5, thread="worker-1")

    assert shipped([event, *row, event], 1) == [
        {**written(event), "seq": 1},
        {**written(event_of(row, 1)), "seq": 2},
        {**written(event), "seq": 3},
    ]


def test_time_never_falls_within_a_thread_when_a_signal_interrupts() -> None:
    code = code_of(EofReceived, 0)
    other = AppLog("INFO", "app", "", t=3, thread="worker-1")
    # Stamped 6, then interrupted by a handler that is stamped 8.
    signal = Signal("SIGINT", False, t=8, thread="loop")
    flat = [code, 5, 1, None, None, *LOOP, signal, other]
    flat += [code, 6, 1, None, None, *LOOP]

    assert [(each["thread"], each["t"]) for each in shipped(flat, 0)] == [
        ("loop", 5),
        ("loop", 8),
        ("worker-1", 3),
        ("loop", 8),
    ]


@pytest.mark.parametrize("as_row", [True, False])
@pytest.mark.parametrize(
    ("value", "found"),
    [("\ud800!", "\\ud800!"), (1 << 70, 1 << 70), (object(), None)],
)
def test_what_msgpack_refuses_is_not_lost(
    *, value: object, found: object, as_row: bool
) -> None:
    def say(text: Any) -> list[Any]:  # noqa: ANN401  # any value may come
        if not as_row:
            return [AppOutput("stdout", text, t=2, thread="loop")]
        code = code_of(AppOutput, 2)
        return [code, 2, None, None, None, *LOOP, "stdout", text]

    lines = shipped([*say("x"), *say(value), *say("z")], 0)

    assert [each["seq"] for each in lines] == [1, 2, 3]
    assert [lines[0]["text"], lines[2]["text"]] == ["x", "z"]
    if type(value) is object:
        assert lines[1]["kind"] == "app.log"
        assert lines[1]["text"] == (
            "an event of the kind app.output could not be written: TypeError"
        )
    else:
        assert lines[1]["text"] == found
