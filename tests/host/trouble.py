"""An app to be troubled, and what both ends tell of one scenario."""

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from live import PATIENCE, Live

from tracer.client.address import resolve
from tracer.client.play import Player
from tracer.client.scenario import choose, find
from tracer.events import H11Event
from tracer.events.log import Record

# The client's tests know how to listen to one: `client_kit`.
sys.path.append(str(Path(__file__).parent.parent / "client"))

from client_kit import Notebook

APP = """
import asyncio

SEVEN = asyncio.Barrier(7)

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        raise RuntimeError("no lifespan")
    path, parts = scope["path"], [b"ok"]
    if path == "/ws":
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"]})
        return
    if path == "/body":
        n, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            n += len(message.get("body", b""))
            more = message.get("more_body", False)
        parts = [str(n).encode()]
    elif path == "/meet":
        await SEVEN.wait()
    elif path == "/big":
        parts = [bytes(1 << 20)] * 16
    elif path in ("/wait", "/drip"):
        if path == "/drip":
            await send({"type": "http.response.start", "status": 200,
                        "headers": []})
            await send({"type": "http.response.body", "body": b"drop",
                        "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass
        await send({"type": "http.response.body", "body": b"last"})
        return
    size = sum(map(len, parts))
    await send({"type": "http.response.start", "status": 200,
                "headers": [(b"content-length", b"%d" % size)]})
    for number, part in enumerate(parts, 1):
        await send({"type": "http.response.body", "body": part,
                    "more_body": number < len(parts)})
"""

SERVER = {"connection", "h11", "cycle"}
"""Layers that tell what the server does with a connection."""

ALIKE = {
    "accept", "protocol.created", "bytes", "cycle.created", "cycle.released",
    "access.log", "send.return", "limit.check", "run_asgi.start",
    "response.start", "h11.send", "response.complete", "send.call",
}  # fmt: skip
"""Said of each request alike; left out here."""


class Troubled:
    """What came of one scenario.

    Attributes:
        client: What happened to the client, but for its reads.
        answers: What it got: method, target, status and bytes of body.
        conns: What each connection of the server did, in order.
        records: All of the server's.
    """

    def __init__(
        self, live: Live, name: str, target: str, unit: float, **chosen: object
    ) -> None:
        watch, start = Notebook(), len(live.seen)
        place = resolve(f"http://127.0.0.1:{live.port}")
        steps = find(name).play(target, place.name, choose(**chosen))
        Player(place, watch, unit=unit, timeout=PATIENCE).play(steps)
        self.client = [each for each in watch.told if each != "chunk"]
        self.answers = watch.got
        number = sum(each == "connected" for each in watch.told)
        live.until(lambda: _over(live.seen[start:], number))
        self.records = live.seen[start:]
        made = [r.conn for r in self.records if r.kind == "connection_made"]
        self.conns = [[*_told(self.records, conn)] for conn in made]


def _over(records: list[Record], number: int) -> bool:
    """Whether so many connections are gone, and all that ran on them."""
    kinds = Counter(each.kind for each in records if each.conn is not None)
    return (
        kinds["connection_lost"] == number
        and kinds["run_asgi.start"] == kinds["run_asgi.end"]
        and kinds["keepalive.armed"] == kinds["keepalive.cancelled"]
    )


def _told(records: list[Record], conn: int | None) -> Iterator[str]:
    for each in records:
        if each.conn != conn or each.layer not in SERVER:
            continue
        if isinstance(each, H11Event):
            yield each.name
        elif each.kind not in ALIKE:
            yield each.kind
