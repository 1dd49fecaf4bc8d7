"""TLS on the screen: what was agreed on, and who could not agree."""

from tui_kit import Maker, Stage, play

from tracer.events import Accept, ConnectionMade, TlsFailed, TlsHandshake
from tracer.events.log import Record


def shaken() -> list[Record]:
    """One connection that is encrypted, and two that failed."""
    make = Maker()
    make.start()
    make.who = {"conn": 1}
    make(Accept, "127.0.0.1:50001", 9)
    make(TlsHandshake, "TLSv1.3", "TLS_AES_128", "", "CN=tea\x1b[31m")
    make(ConnectionMade, 1, "127.0.0.1:50001", "", 1)
    make.ask(1, 1, "/items/1")
    for conn in (2, 3):
        make.who = {"conn": conn}
        make(Accept, f"127.0.0.1:5000{conn}", 9)
        make(TlsFailed, "SSLError", f"no trust {conn}", conn + 20)
    return list(make.taken())


async def the_server(stage: Stage) -> None:
    await stage.press("8", "z")
    await stage.after()


def test_handshakes_are_counted_and_the_failed_ones_have_a_line_each() -> None:
    stage = play(the_server, shaken())
    lines = [line.strip("│ ") for line in stage.text.splitlines()]
    assert stage.app.trace.server.agreed == 1
    assert stage.app.trace.server.failed == 2
    wanted = [
        "TLS         1 agreed, 2 failed",
        "state       active",
        "speaks      HTTP/1.1 in TLSv1.3 TLS_AES_128, client CN=tea␛[31m",
    ]
    assert [line for line in lines if line in wanted] == wanted
    told = [line.split(maxsplit=1)[1] for line in lines if "no trust" in line]
    assert told == [
        "c3 The handshake failed: no trust 3",
        "c2 The handshake failed: no trust 2",
    ]


def test_without_tls_there_is_no_word_of_it() -> None:
    make = Maker()
    make.start()
    make.accept(1)
    make.ask(1, 1, "/items/1")
    stage = play(the_server, make.taken())
    assert "TLS" not in stage.text
    assert "speaks      HTTP/1.1 " in stage.text
