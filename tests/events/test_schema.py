"""The JSON Schema says of every line what the structs say, and no less."""

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_log import ANY, HEADER

from tracer.events import KINDS, Unknown
from tracer.events.log import Record, encode
from tracer.events.schema import schema

SCHEMA = schema()
CHECK = jsonschema.Draft202012Validator(SCHEMA)


def lines(records: list[Record]) -> list[dict[str, Any]]:
    return [
        json.loads(line) for line in encode([HEADER, *records]).splitlines()
    ]


@settings(max_examples=40)
@given(st.lists(ANY, max_size=3))
def test_every_line_that_we_write_conforms(records: list[Record]) -> None:
    for line in lines(records):
        CHECK.validate(line)


def test_the_schema_itself_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert len(SCHEMA["$defs"]) >= len(KINDS) + 1


def test_a_kind_of_tomorrow_needs_only_the_envelope() -> None:
    fields = {
        "kind": "from.tomorrow",
        "seq": 1,
        "t": 5,
        "thread": "loop",
        "x": 1,
    }

    _, line = lines([Unknown(kind="from.tomorrow", fields=fields)])

    CHECK.validate(line)


@pytest.mark.parametrize(
    "line",
    [
        {"kind": "tick", "t": 1, "thread": "loop"},
        {"kind": "tick", "t": "1", "thread": "loop", "counter": 1,
         "connections": 1, "tasks": 1, "total_requests": 1},
        {"kind": "from.tomorrow", "t": 1},
        {"t": 1, "thread": "loop"},
        [],
    ],
)  # fmt: skip
def test_what_is_no_line_of_a_trace_does_not_conform(line: object) -> None:
    with pytest.raises(jsonschema.ValidationError):
        CHECK.validate(line)
