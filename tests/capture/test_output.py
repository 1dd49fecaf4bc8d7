"""What is printed and logged becomes events of whoever printed it."""

import logging
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tracer.capture import redact
from tracer.capture.output import LONGEST, Logs, Pipe, Speaker, Stdio
from tracer.capture.probe import CURRENT, Note, Probe
from tracer.events import AppLog, AppOutput, Event


class Heard:
    """A probe that keeps its events, and a file for what is not an event."""

    def __init__(self, path: Path) -> None:
        self.events: list[Event] = []
        self.probe = Probe(self.events.append)
        self.speaker = Speaker(self.probe)
        self.path = path
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT)

    def stream(self, *, tee: bool = False) -> Stdio:
        return Stdio("stdout", self.fd, self.speaker, tee=tee)

    @property
    def said(self) -> list[tuple[str, int | None, str]]:
        return [
            (each.text, each.req, each.thread)
            for each in self.events
            if isinstance(each, AppOutput | AppLog)
        ]


@pytest.fixture
def heard(tmp_path: Path) -> Iterator[Heard]:
    redact.hide()
    made = Heard(tmp_path / "out")
    yield made
    os.close(made.fd)
    redact.hide()


def test_a_line_is_one_event_however_many_writes_it_takes(heard: Heard) -> None:
    out = heard.stream()

    print("a", 1, [2], file=out)
    print("two\nlines", file=out)
    print("no end", end="", file=out)
    print(" but now", file=out)

    assert [text for text, _, _ in heard.said] == [
        "a 1 [2]\n",
        "two\n",
        "lines\n",
        "no end but now\n",
    ]
    assert heard.path.read_bytes() == b""


def test_what_a_request_prints_carries_its_number(heard: Heard) -> None:
    out = heard.stream()
    token = CURRENT.set(Note(heard.probe, conn=1, req=7))
    print("begun", end="", file=out)
    CURRENT.reset(token)

    print("mine", file=out)
    out.flush()
    CURRENT.set(Note(heard.probe, conn=1, req=7))
    out.flush()
    CURRENT.set(None)

    assert heard.said == [("mine\n", None, "loop"), ("begun", 7, "loop")]


def test_a_line_without_its_end_is_told_after_a_while(heard: Heard) -> None:
    out = heard.stream()
    out.write("waiting")

    out.settle()
    assert heard.said == []
    out._since = dict.fromkeys(out._since, time.monotonic_ns() - 10**9)
    out.settle()

    assert heard.said == [("waiting", None, "other")]


def test_a_thread_with_a_copied_context_is_not_the_loop(heard: Heard) -> None:
    out = heard.stream()

    def work() -> None:
        CURRENT.set(Note(heard.probe, req=3))
        print("from a thread", file=out)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert heard.said == [("from a thread\n", 3, "other")]


def test_the_stream_is_a_text_stream_like_any_other(heard: Heard) -> None:
    out = heard.stream()

    assert out.fileno() == heard.fd
    assert not out.isatty()
    assert out.writable()
    assert out.encoding == "utf-8"
    assert out.write("four") == 4
    out.writelines(["a\n", "b\n"])
    out.buffer.write(b"bytes\n")
    with pytest.raises(TypeError):
        out.write(b"bytes")  # type: ignore[arg-type]  # on purpose
    assert [text for text, _, _ in heard.said] == ["foura\n", "b\n"]
    assert heard.path.read_bytes() == b"bytes\n"
    out.close()
    with pytest.raises(ValueError, match="closed"):
        out.write("x")


def test_with_tee_it_is_printed_as_well(heard: Heard) -> None:
    print("both", file=heard.stream(tee=True))

    assert [text for text, _, _ in heard.said] == ["both\n"]
    assert heard.path.read_bytes() == b"both\n"


def test_in_a_forked_process_it_only_prints(heard: Heard) -> None:
    out = heard.stream()
    out.passthrough()

    print("child", file=out)

    assert heard.said == []
    assert heard.path.read_bytes() == b"child\n"


def test_a_very_long_line_comes_in_pieces(heard: Heard) -> None:
    heard.stream().write("x" * (LONGEST + 5) + "\n")

    assert [len(text) for text, _, _ in heard.said] == [LONGEST, 6]


def test_secrets_are_hidden_in_what_is_printed(heard: Heard) -> None:
    redact.headers([(b"x-api-key", b"opensesame")])

    print("got opensesame, password=abc", file=heard.stream())

    assert [text for text, _, _ in heard.said] == [
        "got [hidden], password=[hidden]\n"
    ]


def piped(heard: Heard, *writes: bytes) -> list[str]:
    fd = os.dup(heard.fd)
    pipe = Pipe("stderr", fd, heard.speaker)
    for data in writes:
        os.write(fd, data)
    pipe.settle()
    os.close(fd)
    return [text for text, _, _ in heard.said]


def test_what_comes_by_the_descriptor_is_told_line_by_line(
    heard: Heard,
) -> None:
    told = piped(heard, b"one\ntw", b"o\n", b"\xff\n", "é".encode())

    assert "".join(told) == "one\ntwo\n\\xff\né"
    assert {(req, thread) for _, req, thread in heard.said} == {
        (None, "output")
    }


def test_a_pipe_that_is_written_to_is_read_without_being_asked(
    heard: Heard,
) -> None:
    fd = os.dup(heard.fd)
    Pipe("stderr", fd, heard.speaker)
    deadline = time.monotonic() + 10

    os.write(fd, b"no newline")
    while not heard.said and time.monotonic() < deadline:
        time.sleep(0.01)

    assert heard.said == [("no newline", None, "output")]
    os.close(fd)


@pytest.fixture
def logs(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> Logs:
    # What is set again here is put back after the test.
    original = logging.Logger.callHandlers
    monkeypatch.setattr(logging.Logger, "callHandlers", original)
    made = Logs(heard.speaker, Path("/the/app"))
    made.install(quiet=False)
    return made


def test_a_record_is_an_event_of_its_request(heard: Heard, logs: Logs) -> None:
    logger = logging.getLogger("tests.mine")
    CURRENT.set(Note(heard.probe, conn=1, req=4))
    logger.warning("password=%s", "abc")
    CURRENT.set(None)
    logger.debug("too fine")

    (event,) = heard.events
    assert isinstance(event, AppLog)
    assert (event.level, event.logger, event.text, event.req) == (
        "WARNING", "tests.mine", "password=[hidden]", 4,
    )  # fmt: skip
    assert logs.problem is None


def test_a_traceback_is_part_of_it_without_the_way_home(
    heard: Heard, logs: Logs
) -> None:
    code = compile("1/0", "/the/app/main.py", "exec")
    try:
        exec(code, {})  # noqa: S102
    except ZeroDivisionError:
        logging.getLogger("tests.mine").exception("failed")

    (text,) = [text for text, _, _ in heard.said]
    assert text.startswith("failed\nTraceback")
    assert 'File "main.py", line 1' in text
    assert "/the/app" not in text
    assert not logs.errors


def test_a_traceback_through_our_own_code_tells_no_home_either(
    heard: Heard, logs: Logs
) -> None:
    try:
        redact.head("no bytes")  # type: ignore[arg-type]  # it is to fail
    except (AttributeError, TypeError):
        logging.getLogger("tests.mine").exception("failed")

    (text,) = [text for text, _, _ in heard.said]
    assert 'File "tracer/capture/redact.py"' in text


def test_a_record_that_cannot_be_made_stops_nothing(
    heard: Heard, logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)

    logging.getLogger("tests.mine").warning("%d", "no number")

    assert [text for text, _, _ in heard.said] == [
        "a message that can't be made: TypeError"
    ]
    assert logs.problem is None


def test_the_servers_own_errors_are_kept_for_the_last_words(
    logs: Logs,
) -> None:
    error = OSError(98, "in use")
    logging.getLogger("asgi_trace.error").error("Exiting.")
    logging.getLogger("asgi_trace.error").error(error)

    assert logs.problem is error  # a sentence is made of it
    assert list(logs.errors) == ["Exiting.\n"]


def test_an_error_that_the_app_logs_is_not_the_servers(logs: Logs) -> None:
    logging.getLogger("tests.mine").error(ConnectionRefusedError(111, "db"))

    assert logs.problem is None
    assert not logs.errors


def test_basic_config_goes_on_working(logs: Logs) -> None:
    """A handler of ours on the root logger would turn it into nothing."""
    root = logging.getLogger()
    kept, root.handlers = root.handlers, []
    try:
        logging.basicConfig(stream=sys.__stderr__)
        assert len(root.handlers) == 1
    finally:
        root.handlers = kept
    assert logs.problem is None
