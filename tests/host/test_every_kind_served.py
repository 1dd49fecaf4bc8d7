"""Each kind that the served process adds comes from a real socket.

The kinds of the server's own layers have a test like this beside the server.
"""

import pytest
from live import serving
from stalled import stalled

from tracer.events import KINDS, Dropped
from tracer.events.breaks import parse_break
from tracer.events.commands import Break, GoAll, Unbreak
from tracer.events.log import Record

WANTED = [
    kind
    for kind, cls in KINDS.items()
    if cls.layer in {"framework", "other"}
    or kind.startswith("thread.")
    or kind in {"line", "context.changed", "scope.changed", "loop.blocked"}
    or kind in {"protocol.switched", "ws.handshake", "ws.message", "ws.close"}
]

HANDSHAKE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)

SERVED = """
import logging, time
from contextvars import ContextVar
from typing import Annotated

from fastapi import BackgroundTasks, Depends, FastAPI, WebSocket

app = FastAPI(openapi_url=None)

async def opened():
    yield 1

@app.get("/page/")
def page(tasks: BackgroundTasks, one: Annotated[int, Depends(opened)]):
    tasks.add_task(print, "later")
    logging.getLogger("mine").warning("page asked for")
    MINE.set(1)
    return {"one": one}

@app.websocket("/ws")
async def ws(websocket: WebSocket):
    await websocket.accept()
    await websocket.send_text(await websocket.receive_text())
    await websocket.receive()

@app.get("/block")
async def block():
    time.sleep(0.2)

MINE = ContextVar("mine")
"""


@pytest.fixture(scope="module")
def read_late(tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    return stalled(tmp_path_factory.mktemp("stalled"))


@pytest.fixture(scope="module")
def said(
    tmp_path_factory: pytest.TempPathFactory, read_late: list[Record]
) -> set[str]:
    folder = tmp_path_factory.mktemp("served")
    stop = Break(1, "router.default", parse_break("router.default"))
    with serving(folder, SERVED, breaks=(stop,), lines=True) as live:
        with live.send("/nothing"):
            live.until(lambda: "held" in live.kinds)
            live.feed.tell(Unbreak(1))
            live.feed.tell(GoAll())
            live.until(lambda: "released" in live.kinds)
        for path in ("/page", "/page/", "/nothing", "/block"):
            live.get(path)
        with live.send("/ws", HANDSHAKE) as sock:
            sock.sendall(b"\x81\x82\0\0\0\0hi\x88\x80\0\0\0\0")
            live.until(lambda: live.kinds.count("ws.close") == 2)
        live.feed.stop()
        live.drain()
    return {*live.kinds, *(each.kind for each in read_late)}


@pytest.mark.parametrize("kind", WANTED)
def test_a_real_socket_produces(kind: str, said: set[str]) -> None:
    assert kind in said


def test_a_stalled_viewer_loses_as_many_as_it_is_told(
    read_late: list[Record],
) -> None:
    records = read_late
    lost = sum(each.n for each in records if isinstance(each, Dropped))
    assert lost == records[-1].seq - len(records)
    assert [each.seq for each in records] == sorted(
        each.seq for each in records
    )
