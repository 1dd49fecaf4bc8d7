"""uvloop under the lens: what is seen of it, and what is said not to be."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio.to_thread
import pytest
from lens_kit import Lens, Watched

from tracer.cli import checks
from tracer.events.log import Decoder

libuv = pytest.importorskip("tracer.capture.loop.libuv")

PATIENCE = 30  # seconds


def watched(main: Any, lens: Lens = "on") -> Watched:  # noqa: ANN401
    found = Watched(lens, libuv.new_uvloop)
    found.run(main)
    return found


async def fail() -> None:
    raise ValueError("no")


async def several() -> None:
    await asyncio.sleep(0.001)
    await asyncio.create_task(asyncio.sleep(0), name="child")
    await anyio.to_thread.run_sync(int)
    async with asyncio.timeout(5):
        await asyncio.to_thread(int)
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=ours)
    loop.call_later(0.001, theirs.send, b"x")
    await reader.read(1)
    writer.close()
    theirs.close()
    loop.set_exception_handler(lambda *_: None)
    asyncio.create_task(fail())  # noqa: RUF006
    await asyncio.sleep(0)
    await asyncio.sleep(0)


def test_stops_are_seen_and_what_woke_a_task_where_python_did_it() -> None:
    seen = watched(several())
    assert [each for each in seen.stops() if each[0] != "future"] == [
        ("sleep", "asyncio.sleep"),
        ("child task", "several"),
        ("worker thread", "anyio.to_thread.run_sync"),
        ("worker thread", "asyncio.to_thread"),
        ("stream data", "asyncio.StreamReader.read"),
    ]
    woken = [each for each in seen.wakes() if each[0] != "turn"]
    assert [each for each in woken if each[0] != "callback"] == [
        ("timer", None),
        ("task", 2),
        ("thread", None),
        ("thread", None),
        ("socket", None),
    ]
    (lost,) = seen.of("task.lost")
    assert lost.error == "ValueError"


def test_no_turn_is_made_up() -> None:
    seen = watched(several())
    assert {each.turn for each in seen.said} == {None}
    kinds = {each.kind for each in seen.said}
    assert kinds.isdisjoint({"loop.select", "selector.register"})


def test_without_the_lens_tasks_begin_and_end() -> None:
    seen = watched(several(), "off")
    kinds = {each.kind for each in seen.said}
    assert kinds == {"task.created", "task.started", "task.done"}


APP = """
import asyncio

async def app(scope, receive, send):
    assert scope["type"] == "http"
    await asyncio.sleep(0.001)
    kind = type(asyncio.get_running_loop()).__mro__
    body = str(any(each.__module__ == "uvloop" for each in kind)).encode()
    await send({"type": "http.response.start", "status": 200,
                "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})
"""


def served(folder: Path, *options: str) -> bytes:
    """Serve on uvloop, ask once, and give the answer."""
    (folder / "served.py").write_text(APP)
    line = ["-m", "tracer", "serve", "served:app", "--port", "0"]
    with subprocess.Popen(
        [sys.executable, "-P", *line, "--loop", "uvloop", *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=folder,
    ) as process:
        assert process.stdout is not None
        for text in process.stdout:
            _, found, rest = text.partition("http://127.0.0.1:")
            if found:
                break
        port = int("".join(each for each in rest[:5] if each.isdigit()))
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
            answer = b""
            while not answer.endswith((b"True", b"False")):
                answer += sock.recv(1000)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE)
    return answer.rpartition(b"\r\n")[2]


def test_it_serves_and_says_what_cannot_be_seen(tmp_path: Path) -> None:
    recording = tmp_path / "out.jsonl"
    answer = served(tmp_path, "--view", "text", "--record", str(recording))
    assert answer == b"True"
    records: list[Any] = Decoder().feed(recording.read_bytes())
    (made,) = (each for each in records if each.kind == "loop.created")
    assert (made.name, made.selector) == ("uvloop.Loop", "libuv")
    assert made.unseen.startswith("uvloop's turns")
    (config,) = (each for each in records if each.kind == "server.config")
    assert config.loop == "uvloop"
    (stop,) = (
        each
        for each in records
        if each.kind == "task.suspended" and each.req == 1
    )
    assert (stop.waits_for, stop.turn) == ("sleep", None)


def test_it_serves_untraced(tmp_path: Path) -> None:
    assert served(tmp_path, "--view", "none") == b"True"


def test_where_it_is_not_installed_a_sentence_says_how(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert checks.wrong_loop("uvloop") is None
    monkeypatch.setattr(checks, "find_spec", lambda name: None)
    assert checks.wrong_loop("asyncio") is None
    assert checks.wrong_loop("uvloop") == (
        "--loop uvloop: it is not installed; pip install 'asgi-trace[uvloop]'"
    )


@pytest.mark.parametrize("name", ["module:make_loop", "auto", "none"])
def test_a_loop_of_the_users_own_is_refused_with_a_sentence(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tracer", "serve", "a:b", "--loop", name],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith(
        f"asgi-trace: argument --loop: {json.dumps(name)[1:-1]!r} is neither"
        " asyncio nor uvloop"
    )
