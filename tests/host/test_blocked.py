"""A loop that is held too long: by whom, and who is not accused of it."""

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from live import Live, serving

from tracer.events import LoopBlocked, ScopeBuilt

SERVED = """
import asyncio, io, os, pdb, re, time, urllib.request
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

OK = PlainTextResponse("ok")

async def sleep(request):
    time.sleep(0.6)
    return OK

async def computes(request):
    end = time.monotonic() + 0.6
    while time.monotonic() < end:
        pass
    return OK

async def matches(request):
    re.match("(a+)+$", "a" * LONG + "b")
    return OK

async def sums(request):
    sum(range(MANY))
    return OK

async def asks(request):
    urllib.request.urlopen(request.query_params["url"]).read()
    return OK

async def many(request):
    async def one():
        time.sleep(0.02)
    await asyncio.gather(*(one() for _ in range(30)))
    return OK

class Slow(io.StringIO):
    def readline(self):
        time.sleep(0.6)
        return "c"

async def debugs(request):
    pdb.Pdb(stdin=Slow(), stdout=io.StringIO(), nosigint=True).set_trace()
    return OK

async def waits(request):
    await asyncio.sleep(0.6)
    return OK

def threads(request):
    time.sleep(0.6)
    return OK

async def fast(request):
    return OK

async def turns(request):
    print("turning", flush=True)
    while not os.path.exists("enough"):
        await asyncio.sleep(0)
    return OK

app = Starlette(routes=[
    Route(f"/{each.__name__}", each)
    for each in (sleep, computes, matches, sums, asks, many, debugs, waits,
                 threads, fast, turns)
])
"""

MEASURED = """
from math import ceil, log2

def took(call):
    took = []
    for _ in range(3):  # the least disturbed one counts
        before = time.monotonic()
        call()
        took.append(time.monotonic() - before)
    return min(took)

# One call each, which lasts for 0.4 s or more, even if we were disturbed now.
LONG = 18
while (once := took(lambda: re.match("(a+)+$", "a" * LONG + "b"))) < 0.05:
    LONG += 1
LONG += ceil(log2(0.8 / once))  # one more takes twice as long
MANY = 1_000_000
while (once := took(lambda: sum(range(MANY)))) < 0.05:
    MANY *= 2
MANY *= ceil(0.8 / once)
"""
"""How long a thing has to be to hold this machine's loop."""

LIMIT = 0.25  # seconds; a crowded machine may keep anybody waiting for 0.1

CULPRITS = {
    "sleep": ("time.sleep(0.6)", False),
    "computes": ("while time.monotonic() < end:", False),
    "matches": ('re.match("(a+)+$", "a" * LONG + "b")', True),
    "sums": ("sum(range(MANY))", True),
    "asks": (
        'urllib.request.urlopen(request.query_params["url"]).read()',
        False,
    ),
}
"""By endpoint: the line that holds the loop, and whether the GIL too."""

INNOCENT = ("waits", "threads", "fast", "debugs")
WAITING = ("/waits", "/threads")
"""Two of them, that keep nobody waiting."""


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("blocked")
    with (
        serving(folder, SERVED + MEASURED, slow_callback=LIMIT) as found,
        slow_server() as port,
    ):
        for name in CULPRITS:
            found.get(f"/{name}?url=http://127.0.0.1:{port}/")
        found.get("/many")
        with ThreadPoolExecutor(len(WAITING)) as pool:
            list(pool.map(found.get, WAITING))
        found.get("/fast")
        found.get("/debugs")
        found.feed.stop()
        found.drain()
        yield found


class slow_server:  # noqa: N801  # used as a function
    """Answers one request after a while."""

    def __enter__(self) -> int:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._answer)
        self._thread.start()
        port: int = self._listener.getsockname()[1]
        return port

    def _answer(self) -> None:
        with self._listener, self._listener.accept()[0] as conn:
            conn.recv(4096)
            time.sleep(0.6)  # it is the subject: a server that takes so long
            conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    def __exit__(self, *_: object) -> None:
        self._thread.join()


def said_of(live: Live, name: str) -> list[LoopBlocked]:
    """What was said of the turns in which the request to /name ran."""
    reqs = {
        each.req
        for each in live.seen
        if isinstance(each, ScopeBuilt) and each.path == f"/{name}"
    }
    return [
        each
        for each in live.seen
        if isinstance(each, LoopBlocked) and each.req in reqs
    ]


@pytest.mark.parametrize("name", CULPRITS)
def test_who_blocks_the_loop_is_named_by_the_line(
    live: Live, name: str
) -> None:
    said = said_of(live, name)
    text, held_gil = CULPRITS[name]
    last = said[-1]

    file, _, line = last.culprit.partition(" ")
    assert (file, line, last.over) == (f"served.py:{last.line}", text, True)
    assert last.held_gil == held_gil
    assert SERVED.splitlines()[(last.line or 0) - 1].strip() == text
    assert last.ns > LIMIT * 1e9
    assert last.t == last.since + last.ns
    assert any(each.startswith("served.py:") for each in last.stack)
    assert last.task is not None


@pytest.mark.parametrize("name", ["sleep", "computes", "asks"])
def test_it_is_said_once_while_it_lasts_and_once_at_its_end(
    live: Live, name: str
) -> None:
    during, end = said_of(live, name)

    assert (during.over, end.over) == (False, True)
    assert (during.since, during.culprit) == (end.since, end.culprit)
    assert (during.thread, end.thread) == ("watchdog", "loop")
    assert LIMIT * 1e9 <= during.ns < end.ns
    # Named while there was time to see it.
    assert during.ns < 0.5e9


def test_many_short_steps_in_one_turn_are_told_from_a_long_one(
    live: Live,
) -> None:
    for each in said_of(live, "many"):
        assert each.culprit.endswith("time.sleep(0.02)")
        assert each.ran is not None
        assert each.ran < each.ns / 3
    assert said_of(live, "many")[-1].over
    for each in said_of(live, "sleep"):
        assert each.ran is not None
        assert each.ran > 0.9 * said_of(live, "sleep")[0].ns


@pytest.mark.parametrize("name", INNOCENT)
def test_who_waits_or_is_debugged_is_not_accused(live: Live, name: str) -> None:
    assert said_of(live, name) == []


def test_nobody_is_blamed_for_what_nobody_did(live: Live) -> None:
    """No turn but those of the guilty was too long."""
    of_guilty = [*CULPRITS, "many"]
    known = [each for name in of_guilty for each in said_of(live, name)]
    assert [each for each in live.seen if each.kind == "loop.blocked"] == known


def test_a_stopped_process_accuses_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with serving(tmp_path, SERVED, slow_callback=LIMIT) as live:
        with live.send("/turns", "Connection: close\r\n") as sock:
            live.until_text("turning")
            for _ in range(3):
                os.kill(live.feed.pid, signal.SIGSTOP)
                time.sleep(0.5)  # it is the subject: so long nobody ran
                os.kill(live.feed.pid, signal.SIGCONT)
                live.get("/fast")
            (tmp_path / "enough").touch()
            assert sock.recv(1 << 16).startswith(b"HTTP/1.1 200 ")
        live.feed.stop()
        live.drain()
    assert "loop.blocked" not in live.kinds


def test_nobody_watches_unless_asked(tmp_path: Path) -> None:
    with serving(tmp_path, SERVED, slow_callback=0) as live:
        live.get("/sleep")
        live.feed.stop()
        live.drain()
    assert "loop.blocked" not in live.kinds
