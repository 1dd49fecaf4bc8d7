"""--keep: the newest part of a recording, and what is made of it."""

import http.client
import os
import signal
from argparse import ArgumentTypeError
from pathlib import Path

import msgspec
import pytest
from live import serving
from test_kill import children, needs_proc

from tracer.capture.frames import Keep
from tracer.cli.keeping import keep, wrong_keep
from tracer.events import Header, ScopeBuilt
from tracer.events.log import Decoder, Record, open_trace, read_chunks
from tracer.host.replay import KEPT_FROM, FileFeed
from tracer.model.trace import Trace
from tracer.recording import read

TEAHOUSE = Path(__file__).parent.parent / "model" / "teahouse.jsonl"


@needs_proc
def test_a_recorder_killed_under_load_leaves_the_newest_part(
    tmp_path: Path,
) -> None:
    path, size = tmp_path / "out.jsonl", 400_000
    with serving(
        tmp_path, record=str(path), keep=Keep(bytes=size), access_log=False
    ) as live:
        client = http.client.HTTPConnection("127.0.0.1", live.port)
        (recorder,) = children(live.feed.pid)
        while b'"kept_from":1}' in path.read_bytes()[:4000]:
            client.request("GET", "/")
            client.getresponse().read()
            assert path.stat().st_size < 1.2 * size
        client.close()
        os.kill(recorder, signal.SIGKILL)
        live.until_text("the recorder was killed by SIGKILL")

    recording = read(path)
    first = recording.header.kept_from
    seqs = [each.seq for each in recording.events if each.kind != "source"]
    assert first > 1
    assert seqs == [*range(first, first + len(seqs))]
    requests = recording.model.requests.values()
    assert {each.status for each in requests if each.method} <= {200, None}
    assert recording.model.findings == []
    with FileFeed(path) as feed:
        while not feed.ended:
            feed.wait(0.1)
            feed.take()
    if not recording.cut_off:
        assert feed.problem == KEPT_FROM.format(first - 1)
    assert not feed.failed


def teahouse() -> tuple[Header, list[Record]]:
    decoder, found = Decoder(), list[Record]()
    with open_trace(TEAHOUSE) as file:
        for some in read_chunks(file, decoder):
            found += some
    assert decoder.header is not None
    return decoder.header, found


def test_wherever_its_beginning_ends_nothing_false_is_found() -> None:
    header, events = teahouse()

    def judged(first: int) -> tuple[set[tuple[str, int | None]], Trace]:
        places = [each for each in events[:first] if each.kind == "source"]
        cut = msgspec.structs.replace(header, kept_from=first + 1)
        trace = Trace(header=cut, keep=0)
        trace.feed([*places, *events[first:]])
        trace.end()
        return {(each.rule, each.req) for each in trace.findings}, trace

    whole, _ = judged(0)
    assert whole
    for first in range(1, len(events), 11):
        found, trace = judged(first)
        assert found <= whole
        scopes = [each for each in events[first:] if type(each) is ScopeBuilt]
        assert {each.req for each in scopes} <= set(trace.requests)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("200MB", Keep(bytes=200_000_000)),
        ("2gb", Keep(bytes=2_000_000_000)),
        ("1000KB", Keep(bytes=1_000_000)),
        ("90s", Keep(seconds=90)),
        ("10m", Keep(seconds=600)),
        ("2h", Keep(seconds=7200)),
    ],
)
def test_a_size_or_a_time_can_be_kept(text: str, expected: Keep) -> None:
    assert keep(text) == expected


@pytest.mark.parametrize("text", ["", "10", "10M", "-1m", "0m", "1.5GB", "m"])
def test_what_is_neither_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(ArgumentTypeError) as caught:
        keep(text)
    assert str(caught.value) == (
        f"{text!r} is neither a size like 200MB nor a time like 10m"
    )


def test_too_little_is_refused() -> None:
    with pytest.raises(ArgumentTypeError) as caught:
        keep("20KB")
    assert str(caught.value) == (
        "20KB is less than 1MB, which keeps next to nothing"
    )


def test_where_nothing_can_be_let_go_of_is_said_before_the_start(
    tmp_path: Path,
) -> None:
    path = tmp_path / "out.jsonl"

    assert wrong_keep(None) == (
        "--keep says how much of a recording is kept: add --record FILE"
    )
    assert wrong_keep("/dev/null") == (
        "--keep needs a file that can be replaced, and /dev/null is none"
    )
    assert wrong_keep(str(path)) is None
    (tmp_path / "out.jsonl.next").write_text("a letter")
    assert wrong_keep(str(path)) == (
        f"--keep would overwrite {path}.next, which is no asgi-trace"
        " recording: choose another name"
    )
