"""A pytest plugin: our protocol classes stand in the places of uvicorn's.

Loaded before the suite's own modules are, which then import ours under the
names of `h11_impl` and `wsproto_impl`. With ASGI_TRACE_SUITE=uvicorn they
stay uvicorn's, and only the tests of other classes are left out, in both.
"""

import os
from typing import Any

import pytest
import uvicorn.protocols.http.h11_impl as http_module
import uvicorn.protocols.websockets.wsproto_impl as ws_module

import tracer.capture.server

KINDS = {
    "http_protocol_cls": "uvicorn.protocols.http.h11_impl:H11Protocol",
    "ws_protocol_cls": "uvicorn.protocols.websockets.wsproto_impl:WSProtocol",
}

if os.environ.get("ASGI_TRACE_SUITE") != "uvicorn":
    for module, name in (
        (http_module, "H11Protocol"),
        (ws_module, "WSProtocol"),
    ):
        setattr(module, name, getattr(tracer.capture.server, name))


def is_of_others(item: Any) -> bool:
    """Say whether a test is one of a class that nobody takes the place of."""
    given = getattr(item, "callspec", None)
    params = {} if given is None else given.params
    return any(
        params.get(name, wanted) != wanted for name, wanted in KINDS.items()
    )


def complete_transport(item: Any) -> None:
    """Give the suite's transport what asyncio's have, and a trace asks for."""
    mock = vars(item.module).get("MockWriteTransport")
    if mock is not None:
        mock.get_write_buffer_size = lambda transport: 0


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    for each in items:
        complete_transport(each)
    others = [each for each in items if is_of_others(each)]
    config.hook.pytest_deselected(items=others)
    items[:] = [each for each in items if not is_of_others(each)]
