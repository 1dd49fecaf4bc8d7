"""`--lines`: each line of the app's own functions, and of nobody else's."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from live import Live, serving

from tracer.events import Line, ScopeBuilt, Source

SERVED = """
import asyncio
from fastapi import Depends, FastAPI
from helper import helped

app = FastAPI(openapi_url=None)

class Around:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        before = 1  # Around
        await self.app(scope, receive, send)
        after = 2  # Around

app.add_middleware(Around)

@app.get("/plain")
async def plain():
    one = helped(1)  # plain
    await asyncio.sleep(0)  # plain
    return [n for n in (one,)]  # plain

def given():
    return 3  # given

async def opened():
    yield 4  # opened

@app.get("/thread")
def thread(three=Depends(given), four=Depends(opened)):
    def within():
        return three + four  # thread
    return within()  # thread

@app.get("/many")
async def many():
    n = 0  # many
    while n < 5000:
        n += 1
    return n

@app.get("/child")
async def child():
    async def inner():
        await asyncio.sleep(0)  # inner
        return 5  # inner
    return await asyncio.create_task(inner())

@app.get("/fails")
async def fails():
    raise ValueError("fails")  # fails
"""

HELPER = """
def helped(n):
    more = n + 1  # nobody asked for this one
    return more
"""


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("lines")
    (folder / "helper.py").write_text(HELPER)
    with serving(folder, SERVED, lines=True) as found:
        for name in ("plain", "thread", "many", "child", "fails", "plain"):
            found.get(f"/{name}")
        found.feed.stop()
        found.drain()
        yield found


def lines_of(live: Live, path: str) -> list[list[Line]]:
    """The lines of each request to a path."""
    requests = [
        each.req
        for each in live.seen
        if isinstance(each, ScopeBuilt) and each.path == path
    ]
    return [
        [e for e in live.seen if isinstance(e, Line) and e.req == req]
        for req in requests
    ]


def texts(lines: list[Line]) -> list[str]:
    rows = SERVED.splitlines()
    return [rows[each.line - 1].strip() for each in lines]


AROUND = "before = 1  # Around", "await self.app(scope, receive, send)"


def test_the_lines_of_middleware_and_endpoint_in_their_order(
    live: Live,
) -> None:
    for lines in lines_of(live, "/plain"):
        said = texts(lines)
        # A comprehension is a function of its own up to Python 3.11.
        once = [each for at, each in enumerate(said) if each != said[at - 1]]
        assert once == [
            *AROUND,
            "one = helped(1)  # plain",
            "await asyncio.sleep(0)  # plain",
            "return [n for n in (one,)]  # plain",
            "after = 2  # Around",
        ]
        assert {each.thread for each in lines} == {"loop"}
        assert all(each.task is not None for each in lines)
    assert len(lines_of(live, "/plain")) == 2


def test_lines_in_a_worker_thread_are_the_workers(live: Live) -> None:
    (lines,) = lines_of(live, "/thread")
    threads = [
        (each.thread.partition("-")[0], text)
        for each, text in zip(lines, texts(lines), strict=True)
    ]
    assert threads[:2] == [("loop", each) for each in AROUND]
    assert ("worker", "return 3  # given") in threads
    assert ("loop", "yield 4  # opened") in threads
    assert [each for each in threads if "thread" in each[1] or "def" in each[1]
            ] == [
        ("worker", "def within():"),
        ("worker", "return within()  # thread"),
        ("worker", "return three + four  # thread"),
    ]  # fmt: skip


def test_a_loop_of_many_lines_is_muted_and_goes_on(live: Live) -> None:
    (lines,) = lines_of(live, "/many")
    inside = [each for each in lines if not around(each)]
    assert len(inside) == 1000
    assert [each.muted for each in inside] == [False] * 999 + [True]
    assert texts(lines)[-1] == "after = 2  # Around"


def around(line: Line) -> bool:
    text = SERVED.splitlines()[line.line - 1]
    return "# Around" in text or "self.app" in text


def test_a_child_tasks_lines_are_its_requests(live: Live) -> None:
    (lines,) = lines_of(live, "/child")
    tasks = {text: each.task for each, text in zip(lines, texts(lines),
                                                   strict=True)}  # fmt: skip
    assert tasks["return 5  # inner"] is not None
    assert tasks["return 5  # inner"] != tasks["async def inner():"]


def test_an_exception_comes_through(live: Live) -> None:
    (lines,) = lines_of(live, "/fails")
    assert texts(lines)[-1] == 'raise ValueError("fails")  # fails'


def test_a_lines_place_is_its_function(live: Live) -> None:
    places = {e.id: e for e in live.seen if isinstance(e, Source)}
    for path in ("/plain", "/thread", "/child"):
        for lines in lines_of(live, path):
            for line in lines:
                assert line.where is not None
                place = places[line.where]
                assert place.file == "served.py"
                text = SERVED.splitlines()[line.line - 1]
                assert text in (place.text or "")


def test_without_the_option_there_are_none(tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text(HELPER)
    with serving(tmp_path, SERVED) as live:
        live.get("/plain")
        live.feed.stop()
        live.drain()
    assert "line" not in live.kinds


def test_who_has_the_place_already_is_told_of_in_a_sentence(
    tmp_path: Path,
) -> None:
    taken = (
        "import sys\nsys.settrace(lambda *_: None)\n"
        if sys.version_info < (3, 12)
        else "import sys\n"
        "for n in (3, 4): sys.monitoring.use_tool_id(n, 'mine')\n"
    )
    (tmp_path / "helper.py").write_text(HELPER)
    with serving(tmp_path, taken + SERVED, lines=True) as live:
        live.drain()
    assert live.feed.returncode == 2
    assert live.feed.last_words.startswith("asgi-trace: --lines needs ")
    assert len(live.feed.last_words.strip().splitlines()) == 1
