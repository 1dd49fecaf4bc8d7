"""`asgi-trace send`: what is told, what is refused, and the exit codes."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from tracer.cli import main
from tracer.client.scenario import scenarios
from tracer.events import KINDS

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
HOSTILE = b"\x1b]0;pwned\x07\x1b[31m\x9b2J\xff\r\n\xe2\x80\xaeevil"


@contextmanager
def answering(reply: bytes, connections: int = 1) -> Iterator[str]:
    """A server that says one thing to each request, whatever it is."""

    def serve() -> None:
        for _ in range(connections):
            conn, _ = listening.accept()
            with conn, suppress(ConnectionError):  # it may leave any time
                conn.recv(65536)
                conn.sendall(reply)
                while conn.recv(65536):
                    pass

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        thread.join(20)
        assert not thread.is_alive()


def send(
    capsys: pytest.CaptureFixture[str], *arguments: str
) -> tuple[int, str, str]:
    code = main(["send", *arguments])
    said = capsys.readouterr()
    return code, said.out, said.err


def untimed(text: str) -> list[str]:
    """Its lines without times, and what depends on the port."""
    text = re.sub(r"\d+\.\d\d ms", "N ms", text)
    text = re.sub(r"sent \d+ B", "sent N B", text)  # with the port in it
    text = re.sub(r"127\.0\.0\.1:\d+", "HERE", text)
    return [each.strip() for each in text.splitlines()]


def test_each_moment_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with answering(OK) as url:
        code, out, err = send(capsys, f"{url}/tea?x=1")

    assert (code, err) == (0, "")
    assert untimed(out) == [
        "N ms  client-1   connected from HERE in N ms",
        "N ms  client-1   sent N B: head",
        "N ms  client-1   first byte, N ms after the last one sent",
        "N ms  client-1   read 40 B",
        "N ms  client-1   response 200 after N ms, body 2 B, OK",
        "hi",
        "N ms  client-1   closed by client",
    ]


def test_what_is_refused_by_the_server_is_shown_and_no_failure(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with answering(OK.replace(b"200 OK", b"503 No Tea")) as url:
        code, out, err = send(capsys, url, "--leave-after-head", "--gap=0.1")

    assert (code, err) == (0, "")
    assert "response 503" in out
    assert ", No Tea\n" in out


@pytest.mark.parametrize(
    "reply",
    [
        OK.replace(b": 2", b": %d" % len(HOSTILE))[:-2] + HOSTILE,
        HOSTILE + b"\r\n\r\n",
        OK.replace(b"OK", b"\x9b31m\xff"),
    ],
)
@pytest.mark.parametrize("colors", ["--use-colors", "--no-use-colors"])
def test_nothing_that_a_server_says_reaches_the_terminal_raw(
    reply: bytes, colors: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with answering(reply) as url:
        code, out, _ = send(capsys, url, colors)

    assert code == 0
    ours = re.sub(r"\x1b\[\d+m", "", out) if colors == "--use-colors" else out
    assert ours.replace("\n", "").isprintable()
    assert "\u202e" not in out
    assert ("\x1b[" in out) is (colors == "--use-colors")


def test_what_is_no_http_is_named_and_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with answering(b"220 mail.example ESMTP\r\n\r\n") as url:
        code, out, _ = send(capsys, url)

    assert code == 0
    assert untimed(out)[-2:] == [
        "220 mail.example ESMTP␍␊␍␊",
        "N ms  client-1   closed by client: the answer is no HTTP",
    ]


def test_json_is_what_the_trace_would_have(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    with answering(OK, 2) as url:
        assert main(["send", url, "--json", "--count", "2"]) == 0

    out = capfdbinary.readouterr().out
    told = [json.loads(line) for line in out.splitlines()]
    assert {each["kind"] for each in told} <= KINDS.keys()
    assert {each["thread"] for each in told} == {"client-1", "client-2"}
    assert [each["t"] for each in told] == sorted(each["t"] for each in told)
    sent = [each["nth"] for each in told if each["kind"] == "client.sent"]
    assert sent == [1, 1]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "no URL to send to; see asgi-trace send --help"),
        (["ftp://127.0.0.1"], "'ftp://127.0.0.1' is no http:// URL"),
        (["127.0.0.1:80"], "'127.0.0.1:80' is no http:// URL"),
        (["http://"], "'http://' is no http:// URL"),
        (["http://[::1"], "'http://[::1' is no URL: Invalid IPv6 URL"),
        (["http://127.0.0.1:99999"], "is no URL: Port out of range 0-65535"),
        (["https://127.0.0.1"], "only plain http:// is shown"),
        (["http://me@127.0.0.1"], "a URL with a user in it isn't sent"),
        (["http://192.0.2.1:1"], "192.0.2.1 is not this machine: use 127.0."),
        (["http://0.0.0.0:1"], "0.0.0.0 is not this machine: use 127.0.0.1"),
        (["http://[2001:db8::1]:1"], "2001:db8::1 is not this machine"),
        (["http://" + "a" * 70 + ":1"], "nobody is known as 'aaaa"),
        (["http://127.0.0.1:1", "--gargabe"],
         "unrecognized arguments: --gargabe; did you mean --garbage? See"
         " asgi-trace send --help\n"),
        (["http://127.0.0.1:1", "--get", "--post"], "not allowed with"),
        (["http://127.0.0.1:1", "--size", "9"], "this scenario has no size"),
        (["http://127.0.0.1:1", "--count", "x"], "invalid int value: 'x'"),
        (["http://127.0.0.1:1", "--count", "0"], "count can't be 0: Expected"),
        (["http://127.0.0.1:1", "--slow-body", "--gap", "nan"], "gap can't be"),
        (["http://127.0.0.1:1", "--target", "x"], "'x' is no target: it "),
        (["http://127.0.0.1:1", "--pace", "0"], "0 is no time to wait"),
    ],
)  # fmt: skip
def test_wrong_usage_is_one_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = send(capsys, *arguments)

    assert (code, out) == (2, "")
    assert err.startswith("asgi-trace: ")
    assert sentence in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "127.9.8.7"])
def test_where_nobody_listens_is_one_sentence(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    code, out, err = send(capsys, f"http://{name}:{port}")

    assert code == 1
    assert "client-1   not connected: Connection refused" in out
    assert err == (
        f"asgi-trace: no server answers on {name}:{port} (Connection refused)\n"
    )


def test_it_never_waits_for_ever(capsys: pytest.CaptureFixture[str]) -> None:
    """The server says a word, and no more."""
    with answering(b"HTTP/1.1 2") as url:
        code, out, err = send(capsys, url, "--timeout", "0.3")

    assert code == 1
    assert untimed(out)[-1] == "N ms  client-1   closed by client"
    assert err == "asgi-trace: it was not over after 0.3 s (--timeout)\n"


def test_a_big_upload_that_nobody_reads_ends_in_time(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        size = str(1 << 24)  # more than all buffers on the way
        code, out, _ = send(
            capsys, url, "--upload", "--size", size, "--timeout", "1"
        )

    assert code == 1
    assert "sent " in out


@pytest.mark.parametrize(("lang", "word"), [("en", "en"), ("zh", "zh")])
def test_the_list_has_each_with_its_sentence(
    lang: str, word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = send(capsys, "--list", "--lang", lang)

    assert code == 0
    for name, each in scenarios().items():
        assert f"--{name}\n    {getattr(each, word)}\n" in out
    assert "    --size 500  --pieces 5  --gap 0.4\n" in out


def test_the_help_has_each_with_its_sentence() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tracer", "send", "--help"],
        env={**os.environ, "COLUMNS": "400"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip

    for name, each in scenarios().items():
        assert re.search(rf"--{name}\s+{re.escape(each.en)}", done.stdout)
    assert "Exit codes:" in done.stdout


@contextmanager
def interrupted(*arguments: str, ignoring: bool) -> Iterator[str]:
    """Run `send`, send SIGINT after the first byte, give all it says.

    Args:
        arguments: Of `send`.
        ignoring: Whether it was started with SIGINT ignored, as a shell
            without job control starts what stands before a `&`. That is
            inherited, and so said here whatever pytest was started by.
    """
    action = signal.SIG_IGN if ignoring else signal.SIG_DFL
    before = signal.signal(signal.SIGINT, action)
    process = subprocess.Popen(
        [sys.executable, "-m", "tracer", "send", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    signal.signal(signal.SIGINT, before)
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if "first byte" in line:
                break
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=20)
        yield f"{process.returncode} {said.splitlines()[-1]}"
    finally:
        process.kill()
        process.communicate()


def test_an_interrupt_ends_it_quietly() -> None:
    with (
        answering(b"HTTP/1.1 2") as url,
        interrupted(url, ignoring=False) as said,
    ):
        assert said.startswith("130 ")
        assert said.endswith("closed by client")


def test_a_background_job_of_a_script_is_not_interrupted() -> None:
    """Ctrl+C at the terminal is not for it.

    Source: POSIX, Shell Command Language, section 2.12.
    """
    with (
        answering(b"HTTP/1.1 2") as url,
        interrupted(url, "--timeout", "0.5", ignoring=True) as said,
    ):
        assert said == "1 asgi-trace: it was not over after 0.5 s (--timeout)"


def test_a_reader_that_leaves_is_no_failure() -> None:
    with answering(OK) as url:
        command = f"{sys.executable} -m tracer send {url} | true"
        done = subprocess.run(
            ["bash", "-c", f"set -o pipefail; {command}"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")
