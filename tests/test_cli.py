"""The command line: what it says and with which code, as its user sees it."""

import contextlib
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tracer.cli import checks, main
from tracer.cli.parser import make_parser
from tracer.cli.serving import numbered, watched_by

APP = """
async def app(scope, receive, send):
    assert scope["type"] == "http"
    print("hello")
    await send({"type": "http.response.start", "status": 200,
                "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})
"""
HERE = str(Path(__file__).parent)
SENTENCE = re.compile(r"asgi-trace: [^\n]+\n")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "served.py").write_text(APP)
    return tmp_path


def run(
    *arguments: str | Path, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "tracer", *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=cwd,
    )


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    line = ["-m", "tracer", "serve", "served:app", "--port", "0"]
    return subprocess.Popen(
        [sys.executable, "-P", *line, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["dance"], "argument COMMAND: invalid choice: 'dance'"),
        (["serve"], "the following arguments are required: APP"),
        (["serve", "a:b", "--port", "70000"], "70000 is not 0 to 65535"),
        (["serve", "a:b", "--port", "x"], "invalid number value: 'x'"),
        (["serve", "a:b", "--header", "x"], "'x' is not like 'Name: value'"),
        (["serve", "a:b", "--workers", "4"], "there is no --workers: a trace"),
        (["serve", "a:b", "--slow", "2"], "there is no --slow: slow motion is"),
        (["serve", "a:b", "--break", "app.enter"], "--break needs the TUI"),
        (["demo", "--break", "app.enter"], "--break needs the TUI"),
        (
            ["serve", "a:b", "--env-file", "/nowhere"],
            "--env-file /nowhere can't",
        ),
        (["serve", "a:b", "--reload-dir", "."], "means nothing without --rel"),
        (["serve", "a:b", "--reload", "--reload-dir", "/no"], "/no is no fold"),
        (["serve", "a:b", "--python", "/nowhere"], "there is no such program"),
        (["serve", "a:b", "--log-level", "loud"], "invalid choice: 'loud'"),
        (["serve", "a:b", "--http=h11"], "there is no --http: the parser"),
        (["serve", "a:b", "--nonsense"], "unrecognized arguments"),
        (["serve", "ab"], "'ab' is no module:attribute"),
        (["serve", "a:b", "--view", "tui"], "the TUI needs a terminal, and"),
        (["serve", "a:b", "--filter", "nope=1"], "--filter: "),
        (["serve", "a:b", "--record", "/nowhere/x"], "there is no folder"),
        (["serve", "a:b", "--record", HERE], "it is a folder"),
        (["serve", "a:b", "--app-dir", "/nowhere"], "is no folder"),
        (["replay", "/nowhere/x"], "there is no recording /nowhere/x"),
        (["replay", HERE], "is a folder, and no recording"),
        (["replay", __file__], "this is no asgi-trace recording"),
    ],
)
def test_wrong_usage_is_one_sentence_and_code_2(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2

    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("view", ["text", "none"])
@pytest.mark.parametrize(
    ("text", "spec", "sentence"),
    [
        ("", "nope:app", "there is no module 'nope'"),
        ("", "served:app", "the module 'served' has no 'app'; nothing"),
        ("1/0", "served:app", "importing served raised ZeroDivisionError"),
        ("app = 3", "served:app", "served:app is no ASGI app: a value of"),
        ("def app(): ...", "served:app", "looks like a factory: --factory"),
    ],
)
def test_an_app_that_cannot_be_had_is_code_3_in_every_view(
    tmp_path: Path, view: str, text: str, spec: str, sentence: str
) -> None:
    (tmp_path / "served.py").write_text(text)

    done = run("serve", spec, "--view", view, "--port", "0", cwd=tmp_path)

    assert done.returncode == 3
    assert done.stderr.count(sentence) == 1
    assert ("1/0" in done.stderr) == (text == "1/0")
    assert "tracer/" not in done.stderr


@pytest.mark.parametrize("view", ["text", "none"])
def test_a_port_in_use_is_code_3(folder: Path, view: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run(
            "serve", "served:app", "--view", view, f"--port={port}", cwd=folder
        )

    assert done.returncode == 3
    assert f"port {port} on 127.0.0.1 is in use" in done.stderr
    assert "choose another with --port" in done.stderr


def url_in(stream: object, stop: str = "http://") -> str:
    for line in stream:  # type: ignore[attr-defined]  # a pipe's lines
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        if found is not None:
            return found[0]
    raise AssertionError("it never said where it listens")


def get(url: str) -> bytes:
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), 30) as sock:
        sock.sendall(
            b"GET /it HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
        )
        answer = b""
        while data := sock.recv(1 << 16):
            answer += data
    return answer


def test_a_request_is_told_as_text_recorded_and_told_again(
    folder: Path,
) -> None:
    process = start(folder, "--record", "out.jsonl", "--depth", "events")
    assert process.stdout is not None
    assert get(url_in(process.stdout)).endswith(b"ok")
    process.send_signal(signal.SIGINT)
    told, said = process.communicate(timeout=60)

    assert process.returncode == 0
    assert said == ""
    assert "GET /it" in told
    assert "response.complete" in told
    again = run("replay", "out.jsonl", "--depth", "events", cwd=folder)
    assert (again.returncode, again.stderr) == (0, "")
    assert "response.complete" in again.stdout
    lines = (folder / "out.jsonl").read_text().splitlines()
    assert json.loads(lines[0])["app"] == "served:app"


def test_without_a_view_the_app_has_the_terminal_and_is_recorded_too(
    folder: Path,
) -> None:
    process = start(folder, "--view", "none", "--record", "out.jsonl")
    assert process.stderr is not None
    assert get(url_in(process.stderr)).endswith(b"ok")
    process.send_signal(signal.SIGTERM)
    printed, _ = process.communicate(timeout=60)

    assert process.returncode == 143
    assert printed.splitlines()[0] == "hello"
    assert '"GET /it HTTP/1.1" 200' in printed
    kinds = [
        json.loads(line)["kind"]
        for line in (folder / "out.jsonl").read_text().splitlines()
    ]
    assert {"trace", "app.output", "app.log", "server.stopped"} < {*kinds}


def test_without_a_view_and_a_recording_nothing_is_traced(
    folder: Path,
) -> None:
    process = start(folder, "--view", "none", "--no-access-log")
    assert process.stderr is not None
    assert get(url_in(process.stderr)).endswith(b"ok")
    process.send_signal(signal.SIGINT)
    printed, _ = process.communicate(timeout=60)

    assert process.returncode == 0
    assert printed == "hello\n"


@pytest.mark.parametrize("busy", [True, False])
def test_who_stops_reading_ends_it_quietly(folder: Path, *, busy: bool) -> None:
    """As `| head` and `| less` do, even if nothing more happens."""
    process = start(folder, "--view", "text")
    assert process.stdout is not None
    assert process.stderr is not None
    url = url_in(process.stdout)
    process.stdout.close()
    if busy:
        with contextlib.suppress(OSError):  # it may be gone already
            get(url)

    assert process.wait(60) == 0
    assert process.stderr.read() == ""
    process.stderr.close()


def test_a_name_that_is_no_text_is_wrong_usage(folder: Path) -> None:
    done = run("serve", "served:app", "--record", b"\xff".decode(
        "utf-8", "surrogateescape"), cwd=folder)  # fmt: skip

    assert done.returncode == 2
    assert done.stderr.endswith("is not UTF-8\n")


def test_the_third_interrupt_ends_it_at_once(folder: Path) -> None:
    (folder / "served.py").write_text(
        "import time, signal\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "print('stuck', flush=True)\ntime.sleep(120)\n"
    )
    process = start(folder, "--view", "text")
    assert process.stdout is not None
    for line in process.stdout:
        if "stuck" in line:
            break
    for _ in range(3):
        process.send_signal(signal.SIGINT)
        time.sleep(0.1)  # else two of them may arrive as one
    process.communicate(timeout=60)

    assert process.returncode == 130


def test_a_file_that_is_no_recording_is_not_overwritten(folder: Path) -> None:
    path = folder / "thesis.txt"
    path.write_text("years of work")

    done = run("serve", "served:app", "--record", path, cwd=folder)

    assert done.returncode == 2
    assert "exists and is no asgi-trace recording" in done.stderr
    assert path.read_text() == "years of work"


def test_a_cut_off_recording_is_shown_and_a_broken_one_too(
    folder: Path,
) -> None:
    header = (
        b'{"kind":"trace","format":"asgi-trace/1","started":"2025-01-01T00:00'
        b':00+00:00","clock":"x","clock0":1,"pid":1,"app":"a:b","versions":{},'
        b'"redacted":[]}\n'
    )
    path = folder / "out.jsonl"

    path.write_bytes(header + b'{"kind":"ti')
    cut = run("replay", path)
    path.write_bytes(header + b"oops\n")
    broken = run("replay", path)

    assert (cut.returncode, broken.returncode) == (0, 2)
    assert "cut off in its last line" in cut.stderr
    assert "line 2 is broken" in broken.stderr


def test_the_demo_brings_its_own_app_and_client() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tracer", "demo", "--view", "text"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "response.complete" in line:
            break
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)

    assert process.returncode == 0
    assert said == ""


def test_the_schema_and_the_version_are_printed() -> None:
    schema = json.loads(run("schema").stdout)
    version = run("--version").stdout

    assert schema["title"] == "A line of an asgi-trace recording"
    assert version.startswith("asgi-trace ")
    assert "h11" in version


@pytest.mark.parametrize(
    "command", [[], ["serve"], ["demo"], ["replay"], ["findings"]]
)
def test_help_is_the_manual_at_80_columns(command: list[str]) -> None:
    told = run(*command, "--help").stdout

    assert "Exit codes: 0 done; 1 something was found" in told
    assert max(len(line) for line in told.splitlines()) <= 80


def test_reveal_is_loud(folder: Path) -> None:
    done = run("serve", "nope:app", "--reveal", cwd=folder)

    assert "passwords, tokens and cookies are NOT hidden" in done.stderr


def test_a_dumb_terminal_gets_text(folder: Path) -> None:
    """A pty on all three, but TERM says that it can't move a cursor."""
    parent, child = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "tracer", "serve", "nope:app"],
        stdin=child,
        stdout=child,
        stderr=child,
        cwd=folder,
        env={**os.environ, "TERM": "dumb"},
    )
    os.close(child)
    told = b""
    try:
        while data := os.read(parent, 1 << 16):
            told += data
    except OSError:
        pass  # Linux says EIO at the end of a pty
    os.close(parent)

    assert process.wait(60) == 3
    assert b"\x1b[?1049h" not in told
    assert b"there is no module 'nope'" in told


def test_a_fault_of_ours_is_one_sentence_and_code_4(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tracer.cli.commands.schema", lambda: 1 // 0)

    code = main(["schema"])

    assert code == 4
    said = capsys.readouterr().err
    assert SENTENCE.fullmatch(said)
    assert "ZeroDivisionError at test_cli.py" in said


SCRIBBLER = """
import os, stat

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        for fd in range(3, 30):
            try:
                if stat.S_ISFIFO(os.fstat(fd).st_mode):
                    os.write(fd, b"garbage\\n")
            except OSError:
                pass
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
"""


def test_a_trace_that_the_app_has_spoilt_is_code_4(folder: Path) -> None:
    (folder / "scribbler.py").write_text(SCRIBBLER)
    told = run(
        *["serve", "scribbler:app", "--port", "0", "--view", "text"], cwd=folder
    )
    assert told.returncode == 4
    assert told.stderr.startswith("the server's trace can't be read: ")
    assert "Traceback" not in told.stderr


@pytest.mark.parametrize(
    ("option", "coloured"), [("--use-colors", True), ("--no-use-colors", False)]
)
def test_colours_can_be_asked_for_in_a_pipe(
    option: str, coloured: bool
) -> None:
    recording = Path(HERE, "model", "teahouse.jsonl")

    done = run("replay", recording, "--view", "text", option)

    assert done.returncode == 0
    assert ("\x1b[" in done.stdout) is coloured


def test_the_environment_stays_as_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # The app inherits it, and Textual takes the screen's width from COLUMNS.
    monkeypatch.delenv("COLUMNS", raising=False)
    before = dict(os.environ)

    assert main(["serve", "--help"]) == 0

    assert dict(os.environ) == before
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


def test_a_breakpoint_that_can_hold_nobody_is_refused_with_the_nearest() -> (
    None
):
    assert checks.wrong_break(["send.call path=/a"], "tui") is None
    said = checks.wrong_break(["send.call", "route.match"], "tui")
    assert said == (
        "--break 'route.match': nobody can be held at route.match, where"
        " nothing may wait; the nearest stage that can is route.handle"
    )


def test_what_an_env_file_says_holds_for_the_app(folder: Path) -> None:
    """What is set already stays, and a name in it is looked up there first."""
    (folder / "settings").write_text("KEPT=no\nNEW=${KEPT}-1 # why\nHOME_=$X\n")
    (folder / "served.py").write_text(
        "import os\nprint(os.environ['KEPT'], os.environ['NEW'])\n1/0"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-m", "tracer", "serve", "served:app",
         "--view", "none", "--env-file", "settings"],
        env={**os.environ, "KEPT": "yes"},
        capture_output=True, text=True, check=False, cwd=folder,
    )  # fmt: skip

    assert done.stdout == "yes yes-1\n"
    assert done.returncode == 3


def until(file: Path, text: str, times: int = 1) -> str:
    """Wait until a file has a text so many times; give all that it has."""
    deadline = time.monotonic() + 30
    while (said := file.read_text()).count(text) < times:
        assert time.monotonic() < deadline, said
        time.sleep(0.02)
    return said


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_without_a_view_it_starts_again_and_keeps_the_terminal(
    folder: Path, end: signal.Signals
) -> None:
    log = folder / "log.txt"
    with log.open("w") as said:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "tracer", "serve", "served:app",
             "--port", "0", "--view", "none", "--record", "out.jsonl",
             "--reload", "--reload-delay", "0", "--log-level", "info"],
            stdin=subprocess.DEVNULL, stdout=said, stderr=said, cwd=folder,
            start_new_session=True,
        )  # fmt: skip
    url = url_in(until(log, "Press CTRL+C").splitlines())
    assert get(url).endswith(b"ok")
    (folder / "served.py").write_text("1/0")
    until(log, "the server has ended; it starts again when a file changes")
    (folder / "served.py").write_text(APP.replace("ok", "no"))
    until(log, f"{url} (Press", 2)
    assert get(url).endswith(b"no")

    os.killpg(process.pid, end)  # as a terminal does, to both of them

    assert process.wait(30) == (0 if end is signal.SIGINT else 143)
    told = log.read_text()
    assert told.count("asgi-trace: reloaded: served.py\n") == 2
    assert told.count("ZeroDivisionError: division by zero") == 1
    assert told.count("Finished server process") == 2
    for name in ("out.jsonl", "out.3.jsonl"):
        kinds = (folder / name).read_text()
        assert '"kind":"response.complete"' in kinds
        assert '"kind":"server.stopped"' in kinds


def test_a_server_with_the_terminal_ends_with_who_started_it(
    folder: Path,
) -> None:
    process = start(folder, "--view", "none", "--reload")
    assert process.stderr is not None
    url = url_in(process.stderr)

    process.kill()

    said = process.stderr.read()  # to its end: nobody has it any more
    process.communicate()
    assert "Finished server process" in said
    with pytest.raises(ConnectionError):
        get(url)


def test_each_run_has_a_recording_of_its_own(folder: Path) -> None:
    for name, wanted in (
        ("out.jsonl", "out.2.jsonl"),
        ("out.jsonl.gz", "out.2.jsonl.gz"),
        ("out", "out.2"),
        (".trace.x", ".trace.2.x"),
    ):
        assert numbered(str(folder / name), 1) == str(folder / name)
        assert numbered(str(folder / name), 2) == str(folder / wanted)
    (folder / "out.2.jsonl").write_text("a thesis")

    assert numbered(str(folder / "out.jsonl"), 2).endswith("out.3.jsonl")


def test_an_app_from_elsewhere_is_watched_too(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for each in ("here/sub", "there"):
        (folder / each).mkdir(parents=True)
    monkeypatch.chdir(folder / "here")
    here, there = folder / "here", folder / "there"

    for said, watched in (
        ([], [here]),
        (["--app-dir", "../there"], [here, there]),
        (["--app-dir", "sub"], [here]),
        (["--app-dir", "../there", "--reload-dir", "sub"], [here / "sub"]),
    ):
        parsed = make_parser("").parse_args(["serve", "a:b", "--reload", *said])
        found = watched_by(parsed)
        assert found is not None
        assert found.folders == watched
