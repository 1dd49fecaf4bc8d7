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
