"""Which file a process writes, and when: the recording of a guest."""

# ruff: noqa: ANN401  (ASGI's messages pass through here)

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tracer
from tracer.capture import guest
from tracer.capture.frameworks import uninstrument
from tracer.capture.guest import claim, numbered
from tracer.capture.probe import Note
from tracer.events import EofReceived


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    yield
    uninstrument()


@pytest.mark.parametrize(
    ("name", "second"),
    [
        ("out.jsonl", "out.2.jsonl"),
        ("out.jsonl.gz", "out.2.jsonl.gz"),
        ("out", "out.2"),
    ],
)
def test_a_number_stands_before_what_the_name_ends_with(
    name: str, second: str
) -> None:
    assert numbered(Path("folder") / name, 2) == Path("folder") / second


def test_a_file_that_somebody_writes_is_not_taken_again(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    first, held = claim(path)
    second, also_held = claim(path)
    os.close(held)
    again, last = claim(path)
    os.close(also_held)
    os.close(last)

    assert [first, second, again] == [path, tmp_path / "out.2.jsonl", path]
    assert path.stat().st_mode & 0o777 == 0o600


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        return
    await send({"type": "http.response.start", "status": 204})
    await send({"type": "http.response.body"})


def test_who_only_imports_the_app_writes_no_file(tmp_path: Path) -> None:
    tracer.trace(app, record=tmp_path / "out.jsonl")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["none/out.jsonl", "."])
def test_a_file_that_cannot_be_there_is_refused_at_once(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(OSError, match="folder"):
        tracer.trace(app, record=tmp_path / name)


def test_a_file_that_cannot_be_opened_costs_the_app_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    traced = tracer.trace(app, record=folder / "out.jsonl")
    folder.rmdir()

    sent = [drive(traced), drive(traced)]

    assert [each["status"] for each, _ in sent] == [204, 204]
    (said,) = {e.message for e in caplog.records if e.name == "asgi_trace"}
    assert said.startswith(f"can't record to {folder / 'out.jsonl'}: ")


def test_what_is_said_before_a_file_that_cannot_be_opened_is_let_go(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    found = guest.guest_for(folder / "out.jsonl")
    folder.rmdir()
    found.listen()
    Note(found.probe)(EofReceived, None)

    found.begins()
    Note(found.probe)(EofReceived, None)

    assert found._before == []


def drive(traced: Any) -> list[Any]:
    """Call the app as a server would that knows no loop of asyncio's."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError

    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    with pytest.raises(StopIteration):
        traced(scope, receive, send).send(None)
    return sent


def test_what_was_said_is_there_after_a_kill_and_each_fork_has_its_file(
    tmp_path: Path,
) -> None:
    code = Path(__file__).with_name("guest_forks.py")
    done = subprocess.run(
        [sys.executable, str(code), str(tmp_path / "out.jsonl")],
        check=False,
        timeout=30,
        cwd=tmp_path,
    )

    assert done.returncode == -9
    found = {
        name: tracer.read(tmp_path / name)
        for name in ("out.jsonl", "out.2.jsonl")
    }
    paths = [
        [each.path for each in one.model.requests.values()]
        for one in found.values()
    ]
    assert paths == [["/parent"], ["/child"]]
    pids = {each.header.pid for each in found.values()}
    assert len(pids) == 2


def test_the_recording_is_made_once_for_a_file(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"

    assert guest.guest_for(path) is guest.guest_for(str(path))
