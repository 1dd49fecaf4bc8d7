"""What comes back is understood the same, however it is cut."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tracer.client.answers import Answer, Answers, Asked

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
CHUNKED = (
    b"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3\r\nabc\r\n0\r\n\r\n"
)
TO_THE_END = b"HTTP/1.0 200 OK\r\n\r\nall of it"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n\x81\x00"


def answers(*methods: str, upgrade: bool = False) -> Answers:
    made = Answers()
    made.asked.extend(
        Asked(method, "/", 0, nth, upgrade)
        for nth, method in enumerate(methods, 1)
    )
    return made


def feed(to: Answers, *parts: bytes) -> list[str]:
    """Feed parts and then the end; what was told, in words."""
    return [_said(each) for part in parts for each in to.feed(part)]


def _said(each: Answer | None) -> str:
    if each is None:
        return "begins"
    return f"{each.nth}: {each.status} {each.reason}, {each.n} {each.start!r}"


@given(st.lists(st.integers(0, 400), max_size=6))
def test_answers_may_be_cut_anywhere(cuts: list[int]) -> None:
    text = OK + CONTINUE + CHUNKED + HEAD + TO_THE_END
    ends = sorted({0, len(text), *(each % len(text) for each in cuts)})
    parts = [text[a:b] for a, b in pairwise(ends)]
    to = answers("GET", "POST", "HEAD", "GET")

    assert feed(to, *parts, b"") == [
        "begins", "1: 200 OK, 2 b'hi'",
        "begins", "2: 100 Continue, 0 b''", "2: 404 Not Found, 3 b'abc'",
        "begins", "3: 200 OK, 0 b''",
        "begins", "4: 200 OK, 9 b'all of it'",
    ]  # fmt: skip
    assert (to.problem, to.last, [*to.asked]) == ("", True, [])


@given(st.binary(max_size=60))
def test_whatever_comes_it_is_understood_or_not(data: bytes) -> None:
    to = answers("GET")

    told = feed(to, data, b"")
    assert (to.problem != "") is (not told or told == ["begins"])


def test_what_is_no_http_has_no_status() -> None:
    to = answers("GET")

    assert feed(to, b"SSH-2.0-OpenSSH\r\n\r\n") == ["begins"]
    assert to.problem == "the answer is no HTTP"
    assert feed(to, OK) == []


def test_an_end_too_early_is_named() -> None:
    silent, cut = answers("GET"), answers("GET")

    assert feed(silent, b"") == []
    assert silent.problem == "before it answered"
    assert feed(cut, OK[:-1], b"") == ["begins"]
    assert cut.problem == "in the middle of an answer"


def test_a_break_makes_no_answer_whole() -> None:
    silent, cut, done = answers("GET"), answers("GET"), answers("GET")
    feed(cut, TO_THE_END)
    feed(done, OK)

    assert silent.cut_off() == "before it answered"
    assert cut.cut_off() == "in the middle of an answer"
    assert done.cut_off() == ""


def test_another_protocol_is_the_last_answer() -> None:
    asked, unasked = answers("GET", upgrade=True), answers("GET")

    assert feed(asked, SWITCH, b"\x82\x00") == [
        "begins",
        "1: 101 Switching Protocols, 0 b''",
    ]
    assert asked.last
    assert feed(unasked, SWITCH) == ["begins"]
    assert unasked.problem == "the answer is no HTTP"


def test_after_connection_close_nothing_more_is_answered() -> None:
    to = answers("GET", "GET")
    last = OK.replace(b"Content", b"Connection: close\r\nContent")

    assert len(feed(to, last)) == 2
    assert to.last
