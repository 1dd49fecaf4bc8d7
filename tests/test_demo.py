"""The demo's two halves fit each other, under a server that isn't ours."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import uvicorn

from tracer.client import demo_app_dir

ANSWERS = """\
GET / 200 10 bytes
GET /teas/42?size=2 200 27 bytes
POST /teas 202 20 bytes
GET /kitchen 307 0 bytes
GET /kitchen/ 200 15 bytes
GET /kitchen/pour 200 18 bytes
GET /teas/7 200 16 bytes
GET /kitchen/pour 200 18 bytes
GET /coffee 404 9 bytes
GET /teas/1 404 19 bytes
GET /spill 500 21 bytes
"""


@contextmanager
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Serve the demo's app in a thread; give its port."""
    monkeypatch.syspath_prepend(str(demo_app_dir()))
    monkeypatch.delitem(sys.modules, "app", raising=False)
    config = uvicorn.Config("app:app", http="h11", log_config=None)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=[[listening]])
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(20)
            sys.modules.pop("app", None)
    assert not thread.is_alive()


def test_the_script_gets_the_answers_it_is_meant_to_show(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with served(monkeypatch) as port:
        options = ["-v", "--pace=0.01", f"--url=http://127.0.0.1:{port}"]
        client = subprocess.run(
            [sys.executable, "-m", "tracer.client", *options],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert (client.returncode, client.stderr) == (0, "")
    assert client.stdout == ANSWERS
    assert "matcha is ready\n" in capsys.readouterr().out


def test_its_source_fits_the_source_pane() -> None:
    lines = (demo_app_dir() / "app.py").read_text().splitlines()

    assert len(lines) <= 100
    assert max(map(len, lines)) <= 80


def test_it_can_be_served_by_anybody(tmp_path: os.PathLike[str]) -> None:
    """It needs Starlette and nothing of ours."""
    code = (
        "import sys; sys.path[0] = sys.argv[1]; import app;"
        "print('tracer' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(demo_app_dir())],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=True,
    )
    assert done.stdout == "False\n"
