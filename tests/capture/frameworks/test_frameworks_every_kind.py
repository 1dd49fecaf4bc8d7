"""No kind of the framework's layer is only on paper; nor is trio forgotten."""

from collections.abc import AsyncIterator
from importlib.util import find_spec
from typing import Annotated

import pytest
from fastapi import BackgroundTasks, Depends, FastAPI
from frameworks_seen import Seen, as_it_was  # noqa: F401

from tracer.events import KINDS

THREADS = {"thread.queued", "thread.start", "thread.end"}


async def opened() -> AsyncIterator[int]:
    yield 1


def page(
    tasks: BackgroundTasks, one: Annotated[int, Depends(opened)]
) -> dict[str, int]:
    tasks.add_task(dict)
    return {"one": one}


@pytest.mark.parametrize(
    "backend",
    [
        "asyncio",
        pytest.param(
            "trio",
            marks=pytest.mark.skipif(
                find_spec("trio") is None, reason="trio isn't installed"
            ),
        ),
    ],
)
def test_every_kind_of_the_frameworks_layer_can_be_seen(backend: str) -> None:
    app = FastAPI(openapi_url=None)
    app.get("/page/")(page)
    seen = Seen(app, backend=backend)
    kinds = {each.kind for each in seen.events}
    for path in ("/page", "/page/", "/nothing"):
        seen.get(path)
        kinds |= {each.kind for each in seen.events}

    framework = {k for k, cls in KINDS.items() if cls.layer == "framework"}
    assert framework | THREADS <= kinds
