"""Records what the tests of the model and of the text view read.

One real run: our server, the demo app, a raw socket for each case. Run it
again, and the tests with GOLDENS=write, after a change to what is emitted:

    python tests/model/record_teahouse.py
"""

import runpy
import socket
import sys
import threading
import time
from pathlib import Path

from msgspec.structs import force_setattr

from tracer.capture.frameworks import watch
from tracer.capture.probe import Note, Probe
from tracer.capture.server import Config, Server
from tracer.capture.sources import describe
from tracer.events import Event, Header, ServerStarted, Source
from tracer.events.log import encode

HERE = Path(__file__).parent
DEMO = HERE.parent.parent / "lessons" / "demo"
TARGET = HERE / "teahouse.jsonl"

BODY = b'{"tea": "sencha"}'
AT_ONCE = (
    b"GET /kitchen/pour HTTP/1.1\r\nhost: x\r\n\r\n",
    b"GET /kitchen/ HTTP/1.1\r\nhost: x\r\n\r\n",
    b"POST /teas HTTP/1.1\r\nhost: x\r\ncontent-length: 17\r\n\r\n" + BODY,
    b"GET /spill HTTP/1.1\r\nhost: x\r\n\r\n",
    b"GET /teas/9 HTTP/1.1\r\nhost: x\r\n\r\n",
    b"\x16\x03\x01hello\r\n\r\n",
)


def ask(port: int, *requests: bytes, patience: float = 1.3) -> None:
    """Send requests one after the other; read until nothing comes."""
    with socket.create_connection(("127.0.0.1", port)) as wire:
        for request in requests:
            wire.sendall(request)
            wire.settimeout(patience)
            try:
                while wire.recv(65536):
                    pass
            except TimeoutError:
                pass


def visit(events: list[Event], server: Server) -> None:
    """Be all the clients, then stop the server."""
    while not (up := [e for e in events if isinstance(e, ServerStarted)]):
        time.sleep(0.02)
    port = int(up[0].url.rpartition(":")[2])
    second = b"GET /teas/42?milk=oat&token=s3cret HTTP/1.1\r\nhost: x\r\n\r\n"
    first = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
    ask(port, first, second, patience=0.2)
    clients = [threading.Thread(target=ask, args=(port, r)) for r in AT_ONCE]
    for client in clients:
        client.start()
        time.sleep(0.002)
    socket.create_connection(("127.0.0.1", port)).close()
    for client in clients:
        client.join()
    server.should_exit = True


def with_sources(events: list[Event]) -> list[Event]:
    """Put each place's record before the first event that names it."""
    records: list[Event] = []
    known = 0
    for event in events:
        while event.where is not None and known < event.where:
            known += 1
            file, line, name, text = describe(known, DEMO)
            said = Source(
                known, file, line, name, text, t=event.t, thread="loop"
            )
            records.append(said)
        records.append(event)
    for seq, record in enumerate(records, start=1):
        force_setattr(record, "seq", seq)
    return records


def main() -> None:
    """Record the run."""
    app = runpy.run_path(str(DEMO / "app.py"))["app"]
    events: list[Event] = []
    probe = Probe(events.append)
    probe.lens = "on"
    app = watch(app, probe)
    config = Config(
        app, app_name="app:app", port=0, note=Note(probe), timeout_keep_alive=1
    )
    server = Server(config)
    visitor = threading.Thread(target=visit, args=(events, server))
    visitor.start()
    server.run()
    visitor.join()
    header = Header(
        started="2026-01-01T00:00:00+00:00",
        clock="CLOCK_MONOTONIC",
        clock0=0,
        pid=1,
        app="app:app",
        versions={},
        redacted=("headers", "query"),
    )
    TARGET.write_bytes(encode([header, *with_sources(events)]))
    sys.stdout.write(f"{len(events)} events\n")


if __name__ == "__main__":
    main()
