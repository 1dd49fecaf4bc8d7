"""Which files make an app start again: as uvicorn decides it."""

import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uvicorn.config import Config
from uvicorn.supervisors.watchfilesreload import FileFilter

from tracer.host.watching import Watched

PATTERNS = st.sampled_from(
    ["*.py", "*.toml", ".*", "~*", "app.py", "t*", "*.py[cod]", "sub/*.py"]
)
NAMES = st.sampled_from(
    [
        "app.py", "app.pyc", ".hidden.py", "~app.py", "a.toml", "sub/app.py",
        "t.py", "shut/app.py", "shut/deep/a.toml", ".sw.py", "README.md",
    ]
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("watched").resolve()
    for each in ("sub/deep", "shut/deep", "other"):
        (made / each).mkdir(parents=True)
    return made


@given(
    st.lists(PATTERNS, max_size=3, unique=True),
    st.lists(PATTERNS, max_size=3, unique=True),
    st.booleans(),
    NAMES,
)
def test_it_counts_what_uvicorn_counts(
    folder: Path,
    includes: list[str],
    excludes: list[str],
    shut: bool,
    name: str,
) -> None:
    excludes = [*excludes, *([str(folder / "shut")] if shut else [])]
    path = folder / name
    config = Config(
        "a:b", reload=True, log_config=None, reload_dirs=[str(folder)],
        reload_includes=includes, reload_excludes=excludes,
    )  # fmt: skip
    theirs = FileFilter(config)
    fit = [each for each in theirs.includes if path.match(each)]
    # Theirs is a set: which of several patterns is asked first is chance.
    exact = [each for each in fit if str(path).endswith(each)]

    ours = Watched([str(folder)], includes, excludes).counts(path)

    assert ours == (bool(exact) or theirs(path))


def test_the_folders_are_uvicorns(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    for dirs, includes, excludes in (
        ([], [], []),
        (["sub", "sub/deep"], [], []),
        (["sub"], ["oth*"], []),
        (["sub", "shut"], ["other"], ["shut"]),
        (["sub/deep"], [], ["sub"]),
        (["nowhere"], [], []),
    ):
        config = Config(
            "a:b", reload=True, log_config=None, reload_dirs=dirs,
            reload_includes=includes, reload_excludes=excludes,
        )  # fmt: skip

        ours = Watched(dirs, includes, excludes).folders

        assert ours == sorted(config.reload_dirs)


def test_a_file_that_counts_is_named_as_from_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    stop = threading.Event()
    deadline = time.monotonic() + 30
    seen: tuple[str, ...] = ()
    changes = Watched(delay=0).changes(stop)
    next(changes)  # from here on it watches

    (tmp_path / "notes.txt").write_text("no")
    (tmp_path / "app.py").write_text("yes")
    while not seen:
        assert time.monotonic() < deadline
        seen = next(changes)
    stop.set()

    assert seen == ("app.py",)
    assert list(changes) in ([], [()])
