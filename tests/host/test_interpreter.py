"""--python: is it an interpreter that the app can be traced in?"""

import stat
import subprocess
import sys
import sysconfig
from importlib.metadata import version
from pathlib import Path

import pytest
from live import Live

from tracer.capture.options import Options
from tracer.host.child import LiveFeed
from tracer.host.interpreter import (
    NEEDED,
    UnfitError,
    examine,
    locate,
    wanted_versions,
)

APP = """
import sys

async def app(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": sys.prefix.encode()})
"""


def program(folder: Path, text: str) -> str:
    """A program that answers as somebody's interpreter might."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def says(version: str, packages: str) -> str:
    told = f"asgi-trace[{version}, {packages}]"
    return f"echo 'a word of sitecustomize'; echo '{told}'"


ALL = (
    '{"h11": "0.16.0", "msgspec": "0.20.0", "starlette": "1.0.0rc1",'
    ' "wsproto": "1.3"}'
)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (says("[3, 9, 2]", "{}"),
         "is Python 3.9.2, and 3.11 or newer is needed"),
        (says("[3, 11, 0]", "{}"),
         "has no h11, no msgspec, no starlette, no wsproto: {} -m pip install"
         " 'h11>=0.16' 'msgspec>=0.20' 'starlette>=1.0' 'wsproto>=1"),
        (says("[3, 14, 0]", ALL.replace("1.0.0rc1", "0.46.2")),
         "has starlette 0.46.2: {} -m pip install 'starlette>=1.0'"),
        ("exit 7", "is no Python that works: it ended with exit code 7"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_a_sentence_that_says_what_does(
    tmp_path: Path, text: str, sentence: str
) -> None:
    path = program(tmp_path, text)

    with pytest.raises(UnfitError) as raised:
        examine(path)

    assert f"--python {path} {sentence.format(path)}" in str(raised.value)


def test_what_fits_is_taken_as_it_is(tmp_path: Path) -> None:
    examine(program(tmp_path, says("[3, 11, 0]", ALL)))
    examine(sys.executable, ["uvloop"])

    with pytest.raises(UnfitError, match="no uvloop"):
        examine(program(tmp_path, says("[3, 11, 0]", ALL)), ["uvloop"])


def test_what_is_needed_is_what_the_package_asks_for() -> None:
    wanted = wanted_versions((*NEEDED, "unheard-of"))

    assert wanted.pop("unheard-of") == "0"
    assert "0" not in wanted.values()
    assert all(version(name) for name in wanted)


def test_an_interpreter_is_found_by_its_name_its_path_or_its_environment(
    tmp_path: Path,
) -> None:
    with pytest.raises(UnfitError, match="there is no such program"):
        locate(str(tmp_path / "python"))
    with pytest.raises(UnfitError, match="a folder without bin/python"):
        locate(str(tmp_path))
    (tmp_path / "bin").mkdir()
    link = tmp_path / "bin" / "python"
    link.symlink_to(sys.executable)

    assert locate(str(tmp_path)) == str(link)
    assert locate(str(link)) == str(link)
    assert Path(locate("sh")).is_absolute()


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with what is needed, and without asgi-trace."""
    made = tmp_path_factory.mktemp("environment")
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", str(made)], check=True
    )
    (packages,) = made.glob("lib/python*/site-packages")
    theirs = sysconfig.get_path("purelib")
    (packages / "theirs.pth").write_text(theirs)
    return made


def test_the_app_runs_there_and_is_traced_and_recorded(
    tmp_path: Path, environment: Path
) -> None:
    python = locate(str(environment))
    examine(python)
    (tmp_path / "served.py").write_text(APP)
    told = Options(
        app="served:app", app_dir=str(tmp_path), port=0,
        record=str(tmp_path / "out.jsonl"),
    )  # fmt: skip

    with LiveFeed("served:app", told.line(), python=python) as feed:
        live = Live(feed)
        assert f"\n{environment}\r".encode() in live.get("/")
        feed.stop()
        live.drain()

    assert {"response.complete", "server.stopped"} <= {*live.kinds}
    files = {getattr(each, "file", "") for each in live.seen}
    assert "tracer/capture/server/protocol.py" in files
    assert str(tmp_path) not in (tmp_path / "out.jsonl").read_text()
