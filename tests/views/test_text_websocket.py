"""The text view on a WebSocket: a line for each message, and how it ended."""

import pytest
from text_feeds import ListFeed, page
from websocket_talk import chat, refused

from tracer.events import ClientDisconnected
from tracer.events.log import Record


def told(records: list[Record], **options: str) -> list[str]:
    """The lines of request 1, without turn, time and kind."""
    lines = page(ListFeed(records), **options).splitlines()
    return [each[42:].strip() for each in lines if each.startswith("#1")]


def test_messages_have_arrows_by_their_way() -> None:
    assert told(chat(), depth="story", filter="kind=ws.*") == [
        "← Accepted, to speak chat: from here on frames go both ways",
        "← To the client, text, 7 bytes: welcome",
        "→ The client asks whether the server is still there",
        "← The server answers the client's ping",
        "→ A frame of a text message, 3 bytes; 3 bytes so far",
        "→ The last frame of a text message, 2 bytes; 5 bytes in all",
        "→ From the client, text, 5 bytes (7 packed): green",
        "← To the client, text, 18 bytes: a cup of green tea",
        "← The app closes, code 4000: we close at six",
        "→ The client answers with a Close frame, code 4000",
    ]


@pytest.mark.parametrize(
    ("lang", "result"),
    [
        (
            "en",
            "#1   ✓ 101 · done · messages: 1 in, 2 out · open for 22.000 ms"
            " · closed by the app with 4000: we close at six",
        ),
        (
            "zh",
            "#1   ✓ 101 · 完成 · 消息：收 1 条，发 2 条 · 打开了 22.000 ms"
            " · 由应用以 4000 关闭：we close at six",
        ),
    ],
)
def test_the_end_says_how_much_was_said_and_who_closed(
    lang: str, result: str
) -> None:
    lines = page(ListFeed(chat()), depth="story", lang=lang).splitlines()
    assert result in lines
    assert any(each.startswith("━━ #1 WS /chat ━━") for each in lines)


def test_a_lost_and_a_refused_one_say_so() -> None:
    lines = page(ListFeed(refused()), depth="story").splitlines()
    assert "#1   ✓ 403 · done · never opened" in lines
    records = chat()
    first = next(n for n, each in enumerate(records) if each.kind == "ws.close")
    lost = ClientDisconnected(
        t=99_000_000, seq=99, thread="loop", conn=1, req=1
    )
    lines = page(ListFeed([*records[:first], lost]), depth="story").splitlines()
    assert (
        "#1   ✗ 101 · the client left · messages: 1 in, 2 out"
        " · open for 84.000 ms · lost without a Close frame"
    ) in lines
