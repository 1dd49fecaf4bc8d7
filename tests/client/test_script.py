"""Scripts are data: read whole, or refused with the place at fault."""

import socket
from pathlib import Path

import pytest

from tracer.client import demo_app_dir
from tracer.client.__main__ import main
from tracer.client.script import (
    Close,
    Connect,
    ReadResponse,
    ScriptError,
    Send,
    Wait,
    load,
)

WHOLE = """
[other]
is = "not ours"

[[script.get]]
do = "connect"
conn = "c1"

[[script.get]]
do = "send"
conn = "c1"
target = "/"
method = "POST"
headers = { a = "b" }
body = ["x", "y"]
gap = 0.5

[[script.get]]
do = "wait"

[[script.get]]
do = "wait"
units = 2.5

[[script.get]]
do = "read_response"
conn = "c1"

[[script.get]]
do = "close"
conn = "c1"
"""


def test_each_step_is_read(tmp_path: Path) -> None:
    file = tmp_path / "script.toml"
    file.write_text(WHOLE)

    assert load(file, "get") == (
        Connect(conn="c1"),
        Send(
            conn="c1",
            target="/",
            method="POST",
            headers={"a": "b"},
            body=("x", "y"),
            gap=0.5,
        ),
        Wait(),
        Wait(units=2.5),
        ReadResponse(conn="c1"),
        Close(conn="c1"),
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[script", "is no script: Expected ']'"),
        ("a = 1", "is no script: Object missing required field `script`"),
        ("[script]\nb = []", "has no script 'a', only b"),
        ('script.a = [{do = "sing"}]', "Invalid value 'sing'"),
        ('script.a = [{do = "close"}]', "missing required field `conn`"),
        ('script.a = [{do = "wait", unit = 1}]', "unknown field `unit`"),
        ('script.a = [{do = "wait", units = -1}]', ">= 0"),
        ('script.a = [{do = "wait", units = "x"}]', "Expected `float`"),
    ],
)
def test_what_is_no_script_is_refused_with_the_reason(
    text: str, sentence: str, tmp_path: Path
) -> None:
    file = tmp_path / "script.toml"
    file.write_text(text)

    with pytest.raises(ScriptError) as caught:
        load(file, "a")

    assert sentence in str(caught.value)
    assert str(caught.value).startswith(str(file))


def test_a_file_that_is_not_there_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "none.toml"

    assert main(["--url", "http://127.0.0.1:1", "--script", str(file)]) == 2
    assert capsys.readouterr().err == (
        f"asgi-trace client: can't read {file}: No such file or directory\n"
    )


def test_a_request_that_h11_refuses_is_wrong_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "script.toml"
    file.write_text('script.demo = [{do="send", conn="a", target="a b"}]')
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        assert main(["--url", url, "--script", str(file)]) == 2

    assert "the script has a bad request: " in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [["--pace", "-1"], ["--pace", "nan"], ["--rounds", "0"], ["--pace", "x"]],
)
def test_numbers_out_of_range_are_wrong_usage(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--url", "http://127.0.0.1:1", *arguments])
    assert caught.value.code == 2


def test_the_demo_has_a_script_beside_its_app() -> None:
    assert (demo_app_dir() / "app.py").is_file()
    steps = load(demo_app_dir() / "script.toml", "demo")
    assert len([step for step in steps if isinstance(step, Send)]) == 11
