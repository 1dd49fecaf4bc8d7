"""Filling the explanations: from an event to one harmless line."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import inspect

from tracer.events import (
    KINDS,
    AccessLog,
    AppOutput,
    AppSnapshot,
    BodyBuffered,
    ConnDecision,
    DataReceived,
    EndpointExit,
    Event,
    H11Event,
    KeepaliveArmed,
    LifespanStartupComplete,
    LimitCheck,
    ReceiveReturn,
    RouteMatch,
    RunAsgiEnd,
    SendCall,
    ServerStopped,
    ShutdownStep,
    StackBuilt,
    ThreadStart,
    Tick,
    TransportWrite,
    Unknown,
)
from tracer.model.safe import safe
from tracer.views.explain import LANGUAGES, load

HOSTILE = "{n} {0.__class__} [b]x[/b] \x1b[31m\x9d\u202e\r\n\u2028\x85end"

ENVELOPE: dict[str, Any] = {"t": 5, "thread": "loop"}

Values = st.SearchStrategy[Any]
Make = Callable[[Any, Values], Values]

MAKES: dict[type[inspect.Type], Make] = {
    inspect.LiteralType: lambda t, _: st.sampled_from(t.values),
    inspect.BoolType: lambda _, __: st.booleans(),
    inspect.IntType: lambda _, __: st.integers() | st.integers(0, 10**12),
    inspect.FloatType: lambda _, __: st.floats(),
    inspect.StrType: lambda _, text: text,
    inspect.NoneType: lambda _, __: st.none(),
    inspect.UnionType: lambda t, text: st.one_of(
        [values(each, text) for each in t.types]
    ),
    inspect.VarTupleType: lambda t, text: st.lists(
        values(t.item_type, text), max_size=5
    ).map(tuple),
    inspect.TupleType: lambda t, text: st.tuples(
        *(values(each, text) for each in t.item_types)
    ),
    inspect.DictType: lambda t, text: st.dictionaries(
        text, values(t.value_type, text), max_size=5
    ),
}
"""Any value of a type, given what its texts are."""


def values(field: inspect.Type, text: Values) -> Values:
    return MAKES[type(field)](field, text)


def events(text: Values) -> st.SearchStrategy[Event]:
    """Any event at all, with such texts in it."""

    def of(kind: str) -> st.SearchStrategy[Event]:
        info = inspect.type_info(KINDS[kind])
        assert isinstance(info, inspect.StructType)
        made = {f.name: values(f.type, text) for f in info.fields}
        return st.builds(KINDS[kind], **made)

    return st.sampled_from(sorted(KINDS)).flatmap(of)


@given(events(st.text() | st.just(HOSTILE)), st.sampled_from(LANGUAGES))
def test_any_event_gives_one_harmless_line_and_its_paragraphs(
    event: Event, lang: str
) -> None:
    explanations = load(lang)

    line = explanations.now(event, safe)

    assert line.strip()
    assert line.splitlines() == [line]
    assert not set(line) & set("\x1b\x9d\u202e\r\n\u2028\x85")
    assert explanations.why(event.kind, event).startswith(
        explanations.why(event.kind)
    )
    assert (explanations.article(event.kind, event) or "") in (
        explanations.article(event.kind) or ""
    )


@given(events(st.just(HOSTILE)), st.sampled_from(LANGUAGES))
def test_every_text_in_a_sentence_went_through_safe(
    event: Event, lang: str
) -> None:
    line = load(lang).now(event, lambda _: "<made safe>")

    assert "[b]x[/b]" not in line
    assert "__class__" not in line


def test_braces_in_a_value_stay_what_they_are() -> None:
    event = AccessLog("{n} {text} {0.__class__} {", **ENVELOPE)

    assert load("en").now(event) == "Logged: {n} {text} {0.__class__} {"


def test_the_lines_of_a_text_become_one() -> None:
    event = AppOutput(
        "stdout", "  one\r\n\n\ttwo\x1cthree\u2028four\n", **ENVELOPE
    )

    assert load("en").now(event) == "Printed: one two three four"


@pytest.mark.parametrize(
    ("event", "english"),
    [
        (DataReceived(1, **ENVELOPE),
         "1 byte arrived in one read; nothing is parsed yet"),
        (DataReceived(262_144, **ENVELOPE),
         "262,144 bytes arrived in one read; nothing is parsed yet"),
        (Tick(12, 1, 0, 2000, **ENVELOPE),
         "Tick 12: 1 connection, 0 tasks, 2,000 requests so far"),
        (LifespanStartupComplete((), **ENVELOPE),
         "The app says that it is ready"),
        (LifespanStartupComplete(("db", "cache"), **ENVELOPE),
         "The app is ready and shares with each request: db, cache"),
        (StackBuilt(("A", "B", "C", "D", "E"), (), **ENVELOPE),
         "The middleware are wrapped around the router: A, B, C, +2"),
        (AppSnapshot("Starlette", ("/", "/a"), ("M",), (), **ENVELOPE),
         "Starlette has 2 routes and 1 middleware"),
        (ThreadStart("slow", 850, t=5, thread="worker-2"),
         "slow starts in worker-2, 850 ns after it asked"),
        (ThreadStart("slow", 48_900, t=5, thread="worker-2"),
         "slow starts in worker-2, 49 µs after it asked"),
        (ThreadStart("slow", 4_520_000, t=5, thread="worker-2"),
         "slow starts in worker-2, 4.5 ms after it asked"),
        (ThreadStart("slow", 1_999_999_999_999, t=5, thread="worker-2"),
         "slow starts in worker-2, 2,000 s after it asked"),
        (KeepaliveArmed(5.0, **ENVELOPE),
         "Nothing to do here: closing in 5 seconds unless bytes come"),
        (KeepaliveArmed(0.25, **ENVELOPE),
         "Nothing to do here: closing in 0.25 seconds unless bytes come"),
        (TransportWrite(0, "end", **ENVELOPE),
         "The end of the message needs no bytes of its own"),
        (TransportWrite(5, "end", **ENVELOPE),
         "Written: 5 bytes that mark the end of the message"),
        (H11Event("Request", "DONE", "SEND_RESPONSE",
                  detail="GET /hi HTTP/1.1", **ENVELOPE),
         "h11: a request's head is complete: GET /hi HTTP/1.1"),
        (H11Event("Data", "SEND_BODY", "SEND_RESPONSE", n=7, **ENVELOPE),
         "h11: a piece of the request's body, 7 bytes"),
        (LimitCheck(2, 1, 2, **ENVELOPE),
         "Open: 2 connections, 1 task; the limit is 2"),
        (RunAsgiEnd("no response", **ENVELOPE),
         "The app returned and had sent nothing: the server sends a 500"),
        (ReceiveReturn("http.request", 0, False, **ENVELOPE),
         "The app got an empty http.request: no more body"),
        (ReceiveReturn("http.request", 1, False, **ENVELOPE),
         "The app got 1 byte of body, which was the last"),
        (ReceiveReturn("http.disconnect", 0, False, **ENVELOPE),
         "The app got http.disconnect"),
        (SendCall("http.response.start", status=200, **ENVELOPE),
         "The app sends http.response.start, with status 200"),
        (SendCall("http.response.body", n=2, more_body=False, **ENVELOPE),
         "The app sends 2 bytes of body, the last"),
        (SendCall("http.response.body", more_body=False, **ENVELOPE),
         "The app sends a body that is not of bytes, the last"),
        (SendCall("http.response.start", status=500, by="server", **ENVELOPE),
         "The server itself sends http.response.start, with status 500"),
        (SendCall("http.response.trailers", **ENVELOPE),
         "The app sends http.response.trailers"),
        (RouteMatch("/items", "PARTIAL", **ENVELOPE),
         "/items fits in its path, not in its method"),
        (RouteMatch("/items/", "FULL", 2, **ENVELOPE),
         "With the other final slash, /items/ fits"),
        (EndpointExit("hi", returned="JSONResponse", **ENVELOPE),
         "hi returned JSONResponse; nothing was sent by that"),
        (EndpointExit("hi", returned="NoneType", **ENVELOPE),
         "hi returned None; nothing was sent by that"),
        (EndpointExit("hi", raised="KeyError", **ENVELOPE),
         "hi raised KeyError"),
        (ConnDecision(False, "the client asked", **ENVELOPE),
         "The connection will be closed: the client asked"),
        (ShutdownStep("wait_tasks", 1, **ENVELOPE),
         "Shutdown: waiting for 1 task to finish"),
        (ServerStopped(0, **ENVELOPE), "The server has ended in order"),
        (ServerStopped(3, **ENVELOPE),
         "The server has ended, with exit code 3"),
    ],
)  # fmt: skip
def test_a_sentence_is_filled_from_the_event(
    event: Event, english: str
) -> None:
    assert load("en").now(event) == english


@pytest.mark.parametrize(
    ("event", "chinese"),
    [
        (DataReceived(262_144, **ENVELOPE),
         "一次读取到 262,144 字节；还没有解析任何内容"),
        (BodyBuffered(1, 1, **ENVELOPE),
         "为 receive() 存下 1 字节请求体，共 1 字节"),
        (RouteMatch("/items", "FULL", **ENVELOPE),
         "/items 完全匹配：查找结束"),
        (StackBuilt(("A", "B", "C", "D"), (), **ENVELOPE),
         "中间件一层层包在路由器外面：A、B、C、+1"),
    ],
)  # fmt: skip
def test_a_sentence_is_filled_in_chinese_too(
    event: Event, chinese: str
) -> None:
    assert load("zh").now(event) == chinese


def test_what_is_true_of_one_value_only_is_said_of_that_value() -> None:
    explanations = load("en")
    ended = H11Event("EndOfMessage", "DONE", "SEND_RESPONSE", **ENVELOPE)
    more = H11Event("NEED_DATA", "IDLE", "IDLE", **ENVELOPE)

    assert "For a GET it comes right after" in explanations.why(
        "h11.event", ended
    )
    assert explanations.why("h11.event", more) == explanations.why("h11.event")
    article = explanations.article("h11.event", ended)
    assert article is not None
    assert article.startswith("The article calls this the event that ASGI has")
    assert article in (explanations.article("h11.event") or "")


def test_an_unknown_kind_is_said_to_be_unknown() -> None:
    event = Unknown(kind="quantum.leap", fields={"kind": "quantum.leap"})

    for lang in LANGUAGES:
        explanations = load(lang)
        assert "quantum.leap" in explanations.now(event)
        assert explanations.title("quantum.leap") == explanations.unknown.title
        assert explanations.why("quantum.leap", event)
        assert explanations.source("quantum.leap")
        assert explanations.article("quantum.leap", event) is None
        assert explanations.facts("quantum.leap") == ()


def test_a_value_that_no_case_fits_falls_back_to_the_title() -> None:
    event = RunAsgiEnd("evaporated", **ENVELOPE)  # type: ignore[arg-type] # as a later version may write it

    assert load("en").now(event) == load("en").title("run_asgi.end")
