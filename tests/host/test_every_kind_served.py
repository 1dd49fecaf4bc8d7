"""Each kind that the served process adds comes from a real socket.

The kinds of the server's own layers have a test like this beside the server.
"""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from live import APP, serving

from tracer.capture.options import Options
from tracer.events import KINDS, Dropped
from tracer.events.breaks import parse_break
from tracer.events.commands import Break, GoAll, Unbreak
from tracer.events.log import Decoder, Record

WANTED = [
    kind
    for kind, cls in KINDS.items()
    if cls.layer in {"framework", "other"}
    or kind.startswith("thread.")
    or kind in {"line", "context.changed", "scope.changed", "loop.blocked"}
]

SERVED = """
import logging, time
from contextvars import ContextVar
from typing import Annotated

from fastapi import BackgroundTasks, Depends, FastAPI

app = FastAPI(openapi_url=None)

async def opened():
    yield 1

@app.get("/page/")
def page(tasks: BackgroundTasks, one: Annotated[int, Depends(opened)]):
    tasks.add_task(print, "later")
    logging.getLogger("mine").warning("page asked for")
    MINE.set(1)
    return {"one": one}

@app.get("/block")
async def block():
    time.sleep(0.2)

MINE = ContextVar("mine")
"""

LONG = "x" * 8000
"""A header that makes the events of a request large."""


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
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
        live.feed.stop()
        live.drain()
    lost = stalled(tmp_path_factory.mktemp("stalled"))
    return {*live.kinds, *(each.kind for each in lost)}


@pytest.mark.parametrize("kind", WANTED)
def test_a_real_socket_produces(kind: str, said: set[str]) -> None:
    assert kind in said


def test_a_stalled_viewer_loses_as_many_as_it_is_told(tmp_path: Path) -> None:
    records = stalled(tmp_path)

    lost = sum(each.n for each in records if isinstance(each, Dropped))
    assert lost == records[-1].seq - len(records)
    assert [each.seq for each in records] == sorted(
        each.seq for each in records
    )


def stalled(folder: Path) -> list[Record]:
    """Serve without reading the events until some are lost; then read all."""
    (folder / "served.py").write_text(APP)
    recording = folder / "all.jsonl"
    options = Options(
        app="served:app",
        port=0,
        app_dir=str(folder),
        record=str(recording),
        access_log=False,
    )
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "tracer.capture.child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(options.line())
        child.stdin.flush()
        pipe = child.stdout.fileno()
        decoder = Decoder()
        records: list[Record] = []
        while not any(each.kind == "server.started" for each in records):
            records += decoder.feed(os.read(pipe, 1 << 16))
        (url,) = (
            each.url  # type: ignore[union-attr]  # it is a ServerStarted
            for each in records
            if each.kind == "server.started"
        )
        flood(int(url.rpartition(":")[2]), recording)
        while not any(each.kind == "dropped" for each in records):
            records += decoder.feed(os.read(pipe, 1 << 16))
        child.stdin.close()
        while data := os.read(pipe, 1 << 16):
            records += decoder.feed(data)
    return records


def flood(port: int, recording: Path) -> None:
    """Ask for more than the viewer's queue and the pipe can hold."""
    request = f"GET / HTTP/1.1\r\nHost: h\r\nX-Long: {LONG}\r\n\r\n".encode()
    enough = 12 << 20  # bytes; the queue holds 8 MiB, the pipe 1 at most
    with socket.create_connection(("127.0.0.1", port), 30) as sock:
        while recording.stat().st_size < enough:
            sock.sendall(request)
            answer = b""
            while not answer.endswith(b"ok"):
                answer += sock.recv(1 << 16)
