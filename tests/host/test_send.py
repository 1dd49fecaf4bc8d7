"""A view sends our clients: both ends in one trace, and none left behind."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from live import Live, gone, serving, wait_gone
from trouble import APP

from tracer.client.scenario import scenarios
from tracer.events.client import ClientConnected, ClientEvent
from tracer.events.commands import GoAll
from tracer.events.log import Decoder
from tracer.host.clients import MOST, reachable
from tracer.host.process import Process
from tracer.host.replay import FileFeed
from tracer.model.trace import Trace

GET = ["connected", "sent", "first_byte", "chunk", "response", "closed"]


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    with serving(tmp_path, APP, record=str(tmp_path / "out.jsonl")) as live:
        yield live


def clients_of(live: Live) -> list[ClientEvent]:
    return [each for each in live.seen if isinstance(each, ClientEvent)]


def ended(live: Live, number: int) -> bool:
    return live.kinds.count("client.closed") == number


def pids(live: Live) -> list[int]:
    return [each.process.pid for each in live.feed._clients._at_work]


def test_both_ends_stand_in_one_trace_on_one_axis(
    live: Live, tmp_path: Path
) -> None:
    assert live.port
    assert live.feed.send("get", "/", 0) is None
    live.until(lambda: ended(live, 1))

    told = dict.fromkeys(each.kind for each in clients_of(live))
    assert [each.removeprefix("client.") for each in told] == GET
    assert {each.thread for each in clients_of(live)} == {"client-1"}
    at = {each.kind: each.t for each in live.seen}
    assert (
        at["client.sent"] < at["data_received"] < at["client.first_byte"]
        <= at["client.response"] < at["client.closed"] < at["connection_lost"]
    )  # fmt: skip
    live.feed.stop()
    live.drain()
    data = (tmp_path / "out.jsonl").read_bytes()
    assert [*map(repr, Decoder().feed(data))] == [*map(repr, live.seen)]

    trace = Trace()
    trace.feed(live.seen)
    line = trace.clients.beside(1)
    assert line is not None
    assert (line.scenario, line.statuses, line.by) == ("get", (200,), "client")
    assert len(trace.clients.exchange(1, 1)) == len(line.events) - 2


def test_the_connections_of_all_clients_are_numbered_together(
    live: Live,
) -> None:
    assert live.port
    assert live.feed.send("at-once", "/", 3) is None
    assert live.feed.send("at-once", "/", 2) is None
    live.until(lambda: ended(live, 5))

    made = [e for e in clients_of(live) if isinstance(e, ClientConnected)]
    assert {each.thread for each in made} == {
        "client-1", "client-2", "client-3", "client-4", "client-5",
    }  # fmt: skip
    assert len({each.address for each in made}) == 5


def test_why_nothing_can_be_sent_is_a_sentence(live: Live) -> None:
    send = live.feed.send
    assert send("get", "/", 0) == (
        "the server does not listen yet: try again in a moment"
    )
    assert live.port
    assert (send("sing", "/", 0) or "").startswith("there is no scenario")
    assert send("get", "tea", 0) == "'tea' is no target: it begins with '/'"
    for _ in range(MOST):
        assert send("leave-before-answer", "/wait", 1000) is None
    assert send("get", "/", 0) == (
        f"{MOST} clients are at work: wait until one is done"
    )
    live.feed.stop()
    live.drain()
    assert send("get", "/", 0) == (
        "the server has ended, and nobody answers any more"
    )


def test_again_does_what_was_done_last(live: Live) -> None:
    assert live.port
    assert not live.feed.again()
    assert live.feed.send("head", "/", 0) is None
    assert live.feed.send("sing", "/", 0) is not None
    live.until(lambda: not live.feed.playing)
    assert live.feed.again()
    live.until(lambda: ended(live, 2))

    made = [e for e in clients_of(live) if isinstance(e, ClientConnected)]
    assert [each.scenario for each in made] == ["head", "head"]


@pytest.mark.parametrize("blocked", [False, True])
def test_no_client_is_left_behind(tmp_path: Path, blocked: bool) -> None:
    source = APP.replace(
        "        while (await", "        BLOCK\n        while (await", 1
    )
    block = "import time; time.sleep(60)" if blocked else "pass"
    with serving(tmp_path, source.replace("BLOCK", block)) as live:
        assert live.port
        for _ in range(3):
            assert live.feed.send("get", "/wait", 0) is None
        if not blocked:
            live.until(lambda: "receive.call" in live.kinds)
        live.until(lambda: "run_asgi.start" in live.kinds)
        left = pids(live)
        live.feed.close()
        assert len(left) == 3
        assert all(map(gone, left))


def test_no_client_outlives_a_parent_that_is_killed() -> None:
    """Its standard input ends: nothing else tells it."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb"), os.fdopen(writing, "wb"):
        process = Process("tracer.client", "--url", "http://127.0.0.1:1",
                          "--until-eof", "--patience", "60")  # fmt: skip
        process.hang_up()
        wait_gone(process.pid)
        process.wait()
        process.close()


def test_who_is_not_listening_holds_up_nobody(live: Live) -> None:
    """A stopped process reads nothing, and its pipe is soon full."""
    assert live.port
    os.kill(live.feed.pid, signal.SIGSTOP)
    try:
        begun = time.monotonic()
        for _ in range(20_000):
            assert live.feed.tell(GoAll())
        assert time.monotonic() - begun < 5
    finally:
        os.kill(live.feed.pid, signal.SIGCONT)
    assert live.feed.send("get", "/", 0) is None
    live.until(lambda: ended(live, 1))


def test_a_patient_one_waits_and_is_let_go_at_the_end() -> None:
    process = Process(
        "http.server", "--bind", "127.0.0.1", "0"
    )  # reads nothing
    try:
        told = threading.Event()

        def flood() -> None:
            for _ in range(300):
                process.tell_patiently(b"x" * 10_000)
            told.set()

        thread = threading.Thread(target=flood)
        thread.start()
        assert not told.wait(0.3)
        process.end((0.0, 5.0))
        assert told.wait(10)
        thread.join()
    finally:
        process.kill()
        process.close()


def test_the_scenarios_are_told_in_both_languages(live: Live) -> None:
    assert live.feed.scenarios() == tuple(
        (name, each.en, each.zh) for name, each in scenarios().items()
    )


def test_a_recording_answers_nobody(tmp_path: Path) -> None:
    path = tmp_path / "none.jsonl"
    path.write_text("")
    with FileFeed(path) as feed:
        assert feed.scenarios() == ()
        assert feed.send("get", "/", 0) == (
            "a recording answers nobody: serve the app to send to it"
        )


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("http://0.0.0.0:80", "http://127.0.0.1:80"),
        ("http://[::]:80", "http://[::1]:80"),
        ("http://127.0.0.1:80", "http://127.0.0.1:80"),
        ("http://localhost:80", "http://localhost:80"),
        ("http://[::1]:80", "http://[::1]:80"),
    ],
)
def test_all_interfaces_are_reached_on_this_machine(
    url: str, where: str
) -> None:
    assert reachable(url) == where
