"""The long run: the tea house in a process of its own, and all its guests."""

import base64
import os
import signal
import socket
import threading
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

from facts_kit import Client, Story, guests, request

from live import Live, serving  # isort: skip  # found by facts_kit

ROOT = "/house"


class House:
    """A run under way: who visits it, and what they got."""

    def __init__(
        self, live: Live, folder: Path, visit: Callable[[], Client]
    ) -> None:
        self.live = live
        self.folder = folder
        self.client = visit
        self.got: dict[str, Any] = {}

    def wait(
        self, kind: str, about: Client | str = "", n: int = 1, **fields: object
    ) -> None:
        """Wait for an event, on a client's connection or of a target.

        With `n`, for so many of them.
        """

        def told() -> bool:
            story = Story(self.live.seen)
            if isinstance(about, Client):
                story = story.of_client(about.name)
            elif about:
                found = [each.records for each in story.reqs(about)]
                story = Story(chain.from_iterable(found))
            return len(story.of(kind, **fields)) >= n

        self.live.until(told)

    def touch(self, flag: str) -> None:
        (self.folder / flag).touch()

    def get(self, target: str, *headers: str, method: str = "GET") -> bytes:
        """Ask on a connection of its own, and wait for its end."""
        client = self.client()
        client.ask(target, "connection: close", *headers, method=method)
        got = client.rest()
        self.got[target if method == "GET" else f"{method} {target}"] = got
        return got


def tea_house(folder: Path) -> Story:
    source = (Path(__file__).parent / "facts_app.py").read_text()
    told: dict[str, Any] = {
        "root_path": ROOT,
        "headers": (("x-house", "teas"),),
        "timeout_keep_alive": 60,  # however long the guests take
    }
    with (
        serving(folder, source, **told) as live,
        guests(live.port) as visit,
    ):
        house = House(live, folder, visit)
        for part in (lives, parts, bodies, threads, leaving, answers, blocked):
            part(house)
        ends(house)
        house.got["pid"] = live.feed.pid
        house.got["header"] = live.feed.header
        house.got["exit"] = live.feed.returncode
    return Story(live.seen, house.got)


def lives(house: House) -> None:
    """Several requests on one connection."""
    client = house.client()
    house.got["home"] = client.get("/?n=first")
    house.got["split"] = client.get("/a%20b?c=d", "X-Y: Z")
    client.ask("/tea?n=head", method="HEAD")
    house.got["head"] = client.read_to(b"\r\n\r\n")
    for n in "12":
        house.got[f"state {n}"] = client.get(f"/state?n={n}")
    for close in ("close", "Close"):
        client = house.client()
        house.got[close] = client.get(f"/tea?n={close}", f"Connection: {close}")
        assert client.closed()


def parts(house: House) -> None:
    """Requests that come in pieces, together, or not as HTTP."""
    client, asked = house.client(), request("/tea?n=pieces")
    client.send(asked[:9])
    house.wait("data_received", client)
    client.send(asked[9:])
    client.answer()
    client.send(request("/tea?n=one") + request("/tea?n=two"))
    client.answer(), client.answer()
    client = house.client()
    client.send(b"garbage\r\n\r\n")
    house.got["garbage"] = client.rest()
    client = house.client()
    upgrade = ("Connection: Upgrade", "Upgrade: h2c")
    house.got["h2c"] = client.get("/tea?n=h2c", *upgrade)
    chat(house)


def chat(house: House) -> None:
    key = base64.b64encode(bytes(16)).decode()
    client = house.client()
    client.ask(
        "/chat?n=ws", "Connection: Upgrade", "Upgrade: websocket",
        "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}",
    )  # fmt: skip
    house.got["websocket"] = client.read_to(b"\r\n\r\n")
    client.send(b"\x81\x82\0\0\0\0hi")
    house.got["chat"] = client.read_to(b"\x03\xe8")
    client.close()


def bodies(house: House) -> None:
    """Bodies of requests: whole, in pieces, asked for, and unread."""
    client = house.client()
    five = "Content-Length: 5"
    client.ask("/echo?n=one", five, method="POST", body=b"12345")
    client.answer()
    client.ask("/echo?n=two", five, method="POST", body=b"12")
    house.wait("receive.call", "/echo?n=two")
    client.send(b"345")
    client.answer()
    client.ask("/slow?for=pieces", five, method="POST")
    for n, piece in enumerate((b"12", b"345"), 1):
        client.send(piece)
        house.wait("body.buffered", "/slow?for=pieces", n)
    house.touch("pieces")
    client.answer()
    expects = "Expect: 100-continue"
    client.ask("/echo?n=expects", five, expects, method="POST")
    house.got["continue"] = client.read_to(b"100 Continue\r\n\r\n")
    client.send(b"12345")
    client.answer()
    client.ask("/whole?n=hasty", five, expects, method="POST")
    house.got["hasty"] = client.answer()
    client.send(b"12345")
    house.wait("body.ignored", "/whole?n=hasty")
    house.got["after hasty"] = client.get("/tea?n=hasty")


def threads(house: House) -> None:
    """Those who wait beside each other: in threads, and on the loop."""
    first, second = house.client(), house.client()
    first.ask("/meet?n=1")
    second.ask("/meet?n=2")
    first.answer(), second.answer()
    first.get("/plain?n=3")
    first.ask("/wait?for=waited")
    house.wait("endpoint.enter", "/wait?for=waited")
    second.get("/tea?n=meanwhile")
    house.touch("waited")
    first.answer()
    house.got["background"] = first.get("/background?for=over")
    house.got["beside"] = first.get("/tea?n=beside")
    house.touch("over")
    house.wait("background.end", "/background?for=over")


def leaving(house: House) -> None:
    """Clients that leave, or don't read."""
    client = house.client()
    client.ask("/wait?for=left")
    house.wait("endpoint.enter", "/wait?for=left")
    client.close()
    house.wait("client.disconnected", "/wait?for=left")
    house.touch("left")
    house.wait("run_asgi.end", "/wait?for=left")
    client = house.client()
    client.ask("/drip")
    client.read_to(b"drop\r\n")
    client.close()
    house.wait("run_asgi.end", "/drip")
    client = house.client()
    client.ask("/large", "connection: close")
    house.wait("transport.close", "/large")
    house.got["large"] = len(client.rest().partition(b"\r\n\r\n")[2])
    client = house.client()
    client.ask("/flood")
    house.wait("write.paused", "/flood")
    assert len(client.answer()) > 1 << 24


def answers(house: House) -> None:
    """What routing, exceptions and forms of endpoints come to."""
    for target in (
        "/nothing", "/teapot", "/late", "/page", "/whole", "/called", "/pour",
        "/pour/", "/partial", "/brew", "/plain?n=turns", "/tea?n=turns",
        "/chat?n=http", "/echo?n=get",
    ):  # fmt: skip
        house.get(target)
    for method, target in (
        ("POST", "/tea?n=405"), ("PUT", "/whole"), ("POST", "/page"),
        ("POST", "/partial"),
    ):  # fmt: skip
        house.get(target, method=method)
    client = house.client()
    client.ask("/boom")
    house.got["boom"] = client.rest()


def blocked(house: House) -> None:
    """What happens outside while an endpoint holds the loop."""
    holder = house.client()
    holder.ask("/block")
    house.live.until((house.folder / "blocked").exists)
    waiting = [house.client() for _ in range(3)]
    upload = house.client()
    sent = threading.Thread(target=_upload, args=(upload,))
    sent.start()
    assert house.live.feed.send("get", "/tea?n=queued", 1) is None
    house.wait("client.sent")
    house.wait("loop.blocked", "/block")
    house.touch("unblock")
    holder.answer()
    house.wait("read.paused", reason="body")
    house.touch("read")
    house.got["slow"] = upload.answer()
    sent.join()
    house.wait("client.response")
    for each in waiting:
        each.close()


def _upload(client: Client) -> None:
    size = 1 << 20
    length = f"Content-Length: {size}"
    client.ask("/slow?for=read", length, method="POST", body=bytes(size))


def ends(house: House) -> None:
    """Two SIGTERM, while one client is idle, one waits, and one has left."""
    live, pid = house.live, house.live.feed.pid
    left = house.client()
    left.get("/background?for=never")
    left.close()
    house.wait("connection_lost", left)
    idle, busy = house.client(), house.client()
    idle.get("/tea?n=idle")
    busy.ask("/wait?for=end")
    house.wait("endpoint.enter", "/wait?for=end")
    os.kill(pid, signal.SIGTERM)
    house.wait("shutdown.step", step="wait_connections")
    with socket.socket() as late:
        house.got["refused"] = late.connect_ex(("127.0.0.1", live.port))
    os.kill(pid, signal.SIGTERM)
    house.wait("signal", n=2)
    house.touch("end")
    house.got["busy"] = busy.answer()
    house.got["busy closed"] = busy.closed()
    house.got["idle closed"] = idle.closed()
    house.wait("shutdown.step", step="wait_tasks")
    house.touch("never")
    live.drain()
