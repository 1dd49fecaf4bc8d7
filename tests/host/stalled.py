"""A server whose viewer reads nothing until events are lost."""

import os
import socket
import subprocess
import sys
from pathlib import Path

from live import APP

from tracer.capture.options import Options
from tracer.events.log import Decoder, Record

LONG = "x" * 8000
"""A header that makes the events of a request large."""


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
