"""The child and the half that starts it: records, output, commands, ends."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from live import APP, Live, assert_free, serving, wait_gone

from tracer.capture.options import Options
from tracer.events import AppLog, AppOutput, ServerStopped
from tracer.events.schema import schema

RAISES = """
async def app(scope, receive, send):
    message = await receive()
    await send({"type": "lifespan.startup.failed", "message": "no database"})
"""


def outputs(live: Live) -> list[tuple[str, str, int | None]]:
    return [
        (each.stream, each.text, each.req)
        for each in live.seen
        if isinstance(each, AppOutput)
    ]


def test_a_request_is_told_in_the_feed_and_in_the_recording(
    tmp_path: Path,
) -> None:
    path = tmp_path / "out.jsonl"
    with serving(tmp_path, record=str(path)) as live:
        assert live.get("/").endswith(b"ok")
        live.feed.stop()
        live.drain()

        assert live.feed.problem is None
        assert live.feed.returncode == 0
        assert live.feed.last_words == ""
    assert live.feed.header is not None
    assert live.feed.header.app == "served:app"
    assert any(isinstance(each, ServerStopped) for each in live.seen)
    assert {"accept", "scope.built", "response.complete", "server.stopped"} < {
        *live.kinds
    }
    assert [each.seq for each in live.seen] == [*range(1, len(live.seen) + 1)]
    recorded = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert [each["kind"] for each in recorded[1:]] == live.kinds
    check = jsonschema.Draft202012Validator(schema())
    for line in recorded:
        check.validate(line)


def test_a_recording_can_be_studied_elsewhere(tmp_path: Path) -> None:
    """No absolute path of this machine stands in it."""
    path = tmp_path / "out.jsonl"
    with serving(tmp_path, record=str(path)) as live:
        live.get("/log")
        live.feed.stop()
        live.drain()

    text = path.read_text()
    assert str(tmp_path) not in text
    assert sys.prefix not in text
    assert '"file":"served.py"' in text


def test_what_a_request_prints_and_logs_is_its_own(tmp_path: Path) -> None:
    with serving(tmp_path) as live:
        for path in ("/print", "/stderr", "/log", "/input"):
            live.get(path)
        live.until_text("''")

        assert outputs(live) == [
            ("stdout", "one 2\n", 1),
            ("stdout", "no end", 1),
            ("stderr", "careful\n", 2),
            ("stderr", "to whom\n", 3),  # logging's last resort
            ("stdout", "''\n", 4),
        ]
        (said,) = [
            (each.level, each.text, each.req)
            for each in live.seen
            if isinstance(each, AppLog) and each.logger == "mine"
        ]
        assert said == ("WARNING", "to whom", 3)


def test_what_goes_round_python_is_seen_too(tmp_path: Path) -> None:
    with serving(tmp_path) as live:
        live.get("/raw")
        live.get("/shell")
        live.get("/fork")
        live.get("/thread")
        live.get("/unended")

        assert live.until_text("raw").req is None
        live.until_text("from a shell")
        live.until_text("forked")
        live.until_text("a thread")
        assert live.until_text("lonely").req == 5
        # What a pipe holds is read at once: a busy reader joins some of them.
        whole = "".join(text for _, text, _ in outputs(live))
        assert sorted(whole.replace("lonely", "lonely\n").splitlines()) == [
            "a thread",
            "forked",
            "from a shell",
            "lonely",
            "raw \\xff",
        ]


def test_a_secret_that_the_app_prints_is_hidden(tmp_path: Path) -> None:
    with serving(tmp_path, record=str(tmp_path / "out.jsonl")) as live:
        live.get("/secret", "Authorization: Bearer hunter2hunter2\r\n")
        live.until_text("[hidden]")

    assert "hunter2" not in (tmp_path / "out.jsonl").read_text()


def test_reveal_hides_nothing_and_the_header_says_so(tmp_path: Path) -> None:
    with serving(tmp_path, reveal=True) as live:
        live.get("/secret", "Authorization: Bearer hunter2hunter2\r\n")
        live.until_text("Bearer hunter2hunter2\n")

        assert live.feed.header is not None
        assert live.feed.header.redacted == ()


def test_breakpoint_says_where_it_works(tmp_path: Path) -> None:
    with serving(tmp_path) as live:
        assert live.get("/break").endswith(b"ok")

        live.until_text("--view none to debug")


@pytest.mark.parametrize(
    ("source", "options", "sentence", "words"),
    [
        ("1/0", {}, "importing served raised ZeroDivisionError at", "1/0"),
        ("def app(:", {}, "importing served raised SyntaxError at", "app(:"),
        ("import sys; print('bye'); sys.exit(7)", {},
         "importing served ended the program: sys.exit(7)", "SystemExit"),
        ("other = 1", {}, "the module 'served' has no 'app'", ""),
        ("def app(): 1/0", {"factory": True},
         "calling the factory served:app raised ZeroDivisionError at", "1/0"),
        (APP, {"lifespan": "on"}, "the app's startup failed",
         "RuntimeError: no lifespan"),
        (RAISES, {}, "the app's startup failed", "no database"),
        (APP, {"host": "203.0.113.1"}, "203.0.113.1 is no address of", ""),
    ],
)  # fmt: skip
def test_an_app_that_cannot_be_started_is_one_sentence(
    tmp_path: Path,
    source: str,
    options: dict[str, Any],
    sentence: str,
    words: str,
) -> None:
    with serving(tmp_path, source, **options) as live:
        live.drain()

        assert live.feed.returncode == 3
        assert (live.feed.problem or "").startswith(sentence)
        assert words in live.feed.last_words
        assert "tracer/" not in live.feed.last_words


def test_a_port_in_use_names_who_has_it(tmp_path: Path) -> None:
    with (
        serving(tmp_path) as first,
        serving(tmp_path, port=first.port) as second,
    ):
        second.drain()

        assert second.feed.returncode == 3
        problem = second.feed.problem or ""
        assert problem.startswith(f"port {first.port} on 127.0.0.1 is in use")
        if Path("/proc/net/tcp").exists():
            assert f"by process {first.feed.pid} (" in problem


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)]
)
def test_a_signal_ends_it_in_order_and_is_seen(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    with serving(tmp_path) as live:
        port = live.port
        live.feed.signal(number)
        live.drain()

        assert live.feed.returncode == code
        assert live.feed.problem is None
        assert live.kinds.count("signal") == 1
        assert "server.stopped" in live.kinds
        assert_free(port)


def test_a_second_interrupt_forces(tmp_path: Path) -> None:
    with serving(tmp_path) as live, live.send("/wait"):
        live.until(lambda: "run_asgi.start" in live.kinds)
        live.feed.signal(signal.SIGINT)
        live.until(lambda: "shutdown.step" in live.kinds)
        live.feed.signal(signal.SIGINT)
        live.drain()

        assert live.feed.returncode == 130
        assert live.kinds.count("signal") == 2


def test_a_stop_does_not_wait_for_ever_for_a_request(tmp_path: Path) -> None:
    with serving(tmp_path) as live, live.send("/wait"):
        live.until(lambda: "run_asgi.start" in live.kinds)
        live.feed.stop()
        live.drain()

        assert live.feed.returncode == 130
        assert "server.stopped" in live.kinds


def test_a_blocked_loop_cannot_survive_a_stop(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with serving(tmp_path, record=str(path)) as live, live.send("/block"):
        port = live.port
        live.until(lambda: "run_asgi.start" in live.kinds)
        live.feed.stop()
        live.drain()

        assert live.feed.returncode == 130
        assert_free(port)
    assert b'"run_asgi.start"' in path.read_bytes()


def test_a_stop_while_the_app_is_imported_ends_it_at_once(
    tmp_path: Path,
) -> None:
    source = "print('begun', flush=True)\nimport time\ntime.sleep(120)"
    with serving(tmp_path, source) as live:
        live.until_text("begun")
        live.feed.stop()
        live.drain()

        assert live.feed.returncode == 0


def test_a_crash_is_a_sentence_and_its_last_words_are_kept(
    tmp_path: Path,
) -> None:
    with serving(tmp_path) as live, live.send("/dump"):
        live.drain()

        assert live.feed.returncode == -signal.SIGSEGV
        assert (live.feed.problem or "").startswith(
            "the server was killed by SIGSEGV"
        )
        assert "Segmentation fault" in live.feed.last_words


def test_an_app_that_ends_the_process_is_a_sentence(tmp_path: Path) -> None:
    with serving(tmp_path) as live, live.send("/exit"):
        live.drain()

        assert live.feed.returncode == 9
        assert live.feed.problem == (
            "the server ended with exit code 9; the events until then are all"
            " here"
        )


def test_a_child_needs_no_parent_of_ours_and_obeys_its_stdin(
    tmp_path: Path,
) -> None:
    (tmp_path / "served.py").write_text(APP)
    options = Options(app="served:app", port=0, app_dir=str(tmp_path))
    commands = options.line() + b'{"do":"dance"}\n{"do":"stop"}\n'

    done = subprocess.run(
        [sys.executable, "-P", "-m", "tracer.capture.child"],
        input=commands,
        capture_output=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0
    assert done.stdout.startswith(b'{"kind":"trace"')
    assert b"a command that nobody understands" in done.stderr


def test_options_that_are_none_are_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "tracer.capture.child"],
        input=b"hello\n",
        capture_output=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 2
    assert b"asgi-trace: no options came on standard input" in done.stderr
    assert b"Traceback" not in done.stderr


def test_an_app_named_like_a_module_of_ours_is_the_users(
    tmp_path: Path,
) -> None:
    for name in ("tracer", "h11", "msgspec", "signal"):
        (tmp_path / f"{name}.py").write_text("1/0")
    source = "import os; os.chdir('/')\n" + APP
    before = Path.cwd()
    os.chdir(tmp_path)
    try:
        with serving(tmp_path, source) as live:
            assert live.get("/").endswith(b"ok")
    finally:
        os.chdir(before)


def test_the_clients_play_when_the_server_listens_and_once_more(
    tmp_path: Path,
) -> None:
    def answered() -> int:
        return live.kinds.count("connection_lost")

    with serving(tmp_path, client=("--pace", "0.01")) as live:
        live.until(answered)
        live.until(lambda: not live.feed.playing)
        first = live.kinds.count("accept")
        assert live.feed.again()
        live.until(lambda: live.kinds.count("accept") > first)


def test_no_clients_can_play_where_there_are_none(tmp_path: Path) -> None:
    with serving(tmp_path) as live:
        assert live.port
        assert not live.feed.again()


def test_what_the_app_left_running_does_not_keep_the_feed_open(
    tmp_path: Path,
) -> None:
    with serving(tmp_path) as live:
        live.get("/orphan")
        live.until(lambda: outputs(live))
        orphan = int(outputs(live)[0][1])
        live.feed.stop()
        live.drain()

    os.kill(orphan, signal.SIGKILL)
    wait_gone(orphan)
