"""`asgi-trace findings FILE`: what it prints, and with which code it ends."""

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tracer import events as e
from tracer.cli import main
from tracer.events import Header
from tracer.events.log import Record, encode

HEADER = Header(
    format="asgi-trace/1",
    started="2026-01-01T00:00:00+00:00",
    clock="monotonic",
    clock0=0,
    pid=1,
    app="app:app",
    versions={},
    redacted=(),
)
BAD = "exception-after-start"


def request(number: int) -> list[Record]:
    """One that failed after its response had begun."""

    def said(cls: Any, *payload: object) -> Record:  # noqa: ANN401
        at = {"t": number * 1_000_000, "thread": "loop"}
        event: Record = cls(*payload, **at, req=number, conn=1, where=1)
        return event

    paths = "GET", "/flow", "/flow", "", "", "1.1", "http", "", "", (), (), 1
    return [
        said(e.ScopeBuilt, *paths),
        said(e.ResponseStart, 200, ()),
        said(e.ExceptionRaised, "ValueError", "no", "app.py:3"),
        said(e.AppException, "ValueError", "no", "app.py:3", True),
        said(e.RunAsgiEnd, "raised"),
    ]


def recorded(path: Path, records: Sequence[Record]) -> Path:
    source = e.Source(1, "app.py", 2, "flow", None, t=0, thread="loop")
    numbered = [
        type(each)(**{n: getattr(each, n) for n in each.__struct_fields__}
                   | {"seq": seq})
        for seq, each in enumerate([source, *records], 1)
    ]  # fmt: skip
    path.write_bytes(encode([HEADER, *numbered]))
    return path


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    path = tmp_path / "bad.jsonl"
    return recorded(path, [each for n in range(1, 6) for each in request(n)])


def run(*arguments: object) -> int:
    return main(["findings", *map(str, arguments), "--lang", "en"])


def test_each_rule_is_a_paragraph(
    bad: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(bad, "--rule", BAD) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[:6] == [
        "✗ error: An error after the response had begun"
        " (exception-after-start, 5 times)",
        "  #1 GET /flow: ValueError came after the status had been sent:"
        " the response was cut off",
        "    seq 3          1.000 ms  response.start  app.py:2",
        "    seq 4          1.000 ms  exception.raised  app.py:2",
        "    seq 5          1.000 ms  app.exception  app.py:2",
        "  #2 GET /flow: ValueError came after the status had been sent:"
        " the response was cut off",
    ]
    assert lines[13] == "  … more like it: 2 (--all shows them)"
    assert lines[14].startswith("  → No handler can change a status")
    assert lines[14].endswith("(see app.exception)")


def test_all_of_them_are_shown_if_wanted(
    bad: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(bad, "--rule", BAD, "--all") == 1
    said = capsys.readouterr().out
    assert "more like it" not in said
    assert said.count("GET /flow") == 5


def test_for_programs_it_is_one_object(
    bad: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(bad, "--json") == 1
    whole = json.loads(capsys.readouterr().out)
    found = whole.pop("findings")
    assert whole == {
        "format": "asgi-trace-findings/1",
        "file": "bad.jsonl",
        "app": "app:app",
        "started": "2026-01-01T00:00:00+00:00",
        "events": 26,
        "cut_off": False,
        "dropped": 0,
        "counts": {"app-exception": 5, BAD: 5},
    }
    first = next(each for each in found if each["rule"] == BAD)
    assert first.pop("do").startswith("No handler can change")
    assert first == {
        "rule": BAD,
        "severity": "error",
        "inferred": False,
        "req": 1,
        "conn": 1,
        "request": {"method": "GET", "path": "/flow", "status": 200},
        "title": "An error after the response had begun",
        "sentence": "ValueError came after the status had been sent:"
        " the response was cut off",
        "explains": "app.exception",
        "facts": {"type": "ValueError", "message": "no", "whole": False},
        "proofs": [
            {
                "seq": seq,
                "t": 1_000_000,
                "kind": kind,
                "where": {"file": "app.py", "line": 2},
            }
            for seq, kind in (
                (3, "response.start"),
                (4, "exception.raised"),
                (5, "app.exception"),
            )
        ],
    }


def test_nothing_found_is_code_0_and_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(recorded(tmp_path / "good.jsonl", ())) == 0
    said = capsys.readouterr().out
    assert said == "No findings of severity warning or worse. Events read: 1.\n"


def test_what_is_milder_than_asked_for_is_counted_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    left: Record = e.ClientDisconnected(t=1, thread="loop", req=1, conn=1)
    path = recorded(tmp_path / "left.jsonl", [left])
    assert run(path, "--severity", "error") == 0
    assert "Milder ones, not shown: 1." in capsys.readouterr().out
    assert run(path) == 1
    assert run(path, "--rule", BAD) == 0


def test_a_cut_off_recording_is_judged_and_it_is_said(
    bad: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad.write_bytes(bad.read_bytes()[:-20])
    assert run(bad, "--json") == 1
    out, err = capsys.readouterr()
    assert json.loads(out)["cut_off"] is True
    assert err.startswith("asgi-trace: the recording is cut off")


def test_a_compressed_recording_is_read_too(bad: Path) -> None:
    packed = bad.with_suffix(".gz")
    packed.write_bytes(gzip.compress(bad.read_bytes()))
    assert run(packed) == 1


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "there is no recording"),
        (b"", "the file is empty"),
        (b"hello\n", "this is no asgi-trace recording"),
        (encode([HEADER]) + b"{bad}\n{}\n", "line 2 is broken"),
    ],
)
def test_what_is_no_recording_is_code_2_and_a_sentence(
    content: bytes | None,
    sentence: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "file.jsonl"
    if content is not None:
        path.write_bytes(content)
    assert run(path) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert sentence in err
    assert err.count("\n") == 1


def test_a_folder_is_no_recording(tmp_path: Path) -> None:
    assert run(tmp_path) == 2


def test_a_rule_that_there_is_not_is_wrong_usage(
    bad: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(bad, "--rule", "nonsense") == 2
    assert "nonsense" in capsys.readouterr().err


def test_it_speaks_chinese(
    bad: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["findings", str(bad), "--lang", "zh"])
    assert "✗ 错误: 响应开始之后出错" in capsys.readouterr().out
