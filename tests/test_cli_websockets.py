"""The options about WebSockets: what they take, and what is refused."""

import pytest

from tracer.capture.options import Options
from tracer.cli import main
from tracer.cli.commands import SERVER_OPTIONS
from tracer.cli.parser import make_parser


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], {}),
        (["--ws", "none"], {"ws": "none"}),
        (["--ws=wsproto"], {"ws": "wsproto"}),
        (["--ws-max-size", "100"], {"ws_max_size": 100}),
        (["--ws-ping-interval", "0"], {"ws_ping_interval": 0}),
        (["--ws-ping-timeout", "1.5"], {"ws_ping_timeout": 1.5}),
        (
            ["--ws-per-message-deflate", "False"],
            {"ws_per_message_deflate": False},
        ),
        (["--ws-per-message-deflate"], {}),
    ],
)
def test_they_go_to_the_server_as_uvicorns_users_say_them(
    arguments: list[str], told: dict[str, object]
) -> None:
    asked = make_parser("0").parse_args(["serve", "a:b", *arguments])
    given = {name: getattr(asked, name) for name in SERVER_OPTIONS}
    plain = Options(app="a:b")
    changed = {
        name: value
        for name, value in given.items()
        if name.startswith("ws") and value != getattr(plain, name)
    }
    assert changed == told


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--ws", "websockets"], "'websockets' is none of auto, none and"),
        (["--ws-max-queue", "3"], "one message waits at a time"),
        (["--ws-max-size", "0"], "--ws-max-size"),
        (["--ws-per-message-deflate=maybe"], "neither true nor false"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_code_2(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        raise SystemExit(main(["serve", "a:b", *arguments]))
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1
