"""Whose code a source place is, by the file that it stands in."""

import pytest

from tracer.events import Source
from tracer.model.source import source_place


@pytest.mark.parametrize(
    ("file", "owner"),
    [
        ("tracer/capture/server/protocol.py", "server"),
        ("tracer/capture/frameworks/patch.py", "server"),
        ("starlette/routing.py", "framework"),
        ("fastapi/dependencies/utils.py", "framework"),
        ("app.py", "app"),
        ("tracer/_lessons/demo/app.py", "app"),  # the demo, once installed
        ("tracer/routes.py", "app"),  # a user's own package of that name
    ],
)
def test_whose_code_it_is(file: str, owner: str) -> None:
    record = Source(1, file, 1, "f", t=0, thread="loop")
    assert source_place(record).owner == owner


@pytest.mark.parametrize(
    ("line", "index"), [(9, None), (10, 0), (11, 1), (12, None), (None, None)]
)
def test_a_line_of_the_file_is_found_in_the_text(
    line: int | None, index: int | None
) -> None:
    text = "def f():\n    return 1\n"
    record = Source(1, "app.py", 10, "f", text, t=0, thread="loop")
    assert source_place(record).at(line) == index
