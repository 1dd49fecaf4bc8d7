"""WebSockets, folded: what was said, by whom, and how it ended."""

from msgspec.structs import replace
from websocket_talk import chat, refused

from tracer.events import ClientDisconnected, WsClose
from tracer.events.log import Record
from tracer.model.playback import score
from tracer.model.requests import Outcome, Request
from tracer.model.sockets import Said, Socket, advance, said_of
from tracer.model.stage import Leg, Part, Stop
from tracer.model.trace import Trace

MS = 1_000_000


def folded(records: list[Record]) -> Request:
    """Request 1, as these records leave it."""
    trace = Trace()
    trace.feed(records)
    return trace.requests[1]


def test_a_chat_is_counted_and_its_end_has_a_code_and_who_began_it() -> None:
    records = chat()
    opened, _, closed = [
        each.t for each in records if each.kind in {"ws.handshake", "ws.close"}
    ]
    request = folded(records)
    assert request.socket == Socket(
        state="CLOSED",
        handshake="accepted",
        subprotocol="chat",
        since=opened,
        until=closed,
        messages_in=1,
        messages_out=2,
        bytes_in=5,
        bytes_out=25,
        code=4000,
        by="app",
        reason="we close at six",
        answered=True,
    )
    assert (request.verb, request.method) == ("WS", "GET")
    assert (request.outcome, request.doing) == (Outcome.DONE, "closed 4000")


def test_a_chat_under_way_says_how_much_was_said() -> None:
    records = chat()
    first = next(n for n, each in enumerate(records) if each.kind == "ws.close")
    request = folded(records[:first])
    assert request.socket is not None
    assert request.socket.is_open
    assert request.doing == "1◄ 2► open"


def test_the_conversation_has_a_line_for_all_that_was_said() -> None:
    made = [said_of(each) for each in chat()]
    said = [replace_time(each) for each in made if each is not None]
    assert said == [
        Said(0, "out", "accepted", text="chat", code=101),
        Said(0, "out", "text", 7, text="welcome"),
        Said(0, "in", "ping", 3),
        Said(0, "out", "pong", 3),
        Said(0, "in", "part", 3),
        Said(0, "in", "part", 2, first=False),
        Said(0, "in", "text", 5, packed=7, text="green", frames=2),
        Said(0, "out", "text", 18, text="a cup of green tea"),
        Said(0, "out", "close", text="we close at six", by="app", code=4000),
        Said(0, "in", "close", by="client", code=4000, first=False),
    ]


def replace_time(said: Said) -> Said:
    """The same line, at no time."""
    values = {name: getattr(said, name) for name in Said.__slots__}
    return Said(**{**values, "t": 0})


def test_a_close_before_the_accept_is_no_websocket() -> None:
    request = folded(refused())
    assert request.socket is not None
    assert request.socket.handshake == "refused"
    assert not request.socket.was_open
    assert request.socket.until is not None
    assert (request.status, request.doing) == (403, "done")


def test_one_that_is_lost_has_an_end_and_no_code() -> None:
    records = chat()
    first = next(n for n, each in enumerate(records) if each.kind == "ws.close")
    lost = ClientDisconnected(t=99 * MS, seq=99, thread="loop", conn=1, req=1)
    request = folded([*records[:first], lost])
    assert request.socket is not None
    assert (request.socket.until, request.socket.code) == (99 * MS, None)
    assert not request.socket.is_open
    assert request.outcome is Outcome.LEFT


def test_a_beginning_that_was_let_go_is_no_fault() -> None:
    records = chat()
    for start in range(len(records)):
        rest = [replace(each) for each in records[start:]]
        socket = folded(rest).socket
        talked = any(each.layer == "websocket" for each in rest)
        assert (socket is not None) is (
            talked or any(each.kind == "scope.built" for each in rest)
        )
        if talked:
            assert socket is not None
            assert (socket.state, socket.code) == ("CLOSED", 4000)


def test_of_an_end_whose_beginning_is_gone_nobody_is_named() -> None:
    close = next(each for each in reversed(chat()) if isinstance(each, WsClose))
    alone = advance(Socket(), close)
    assert (alone.code, alone.by, alone.answered) == (4000, "", True)


def test_while_it_is_open_it_stays_in_the_endpoint() -> None:
    records = chat()
    request = folded(records)
    played = score(request_before(records), records)
    names = [box.part for box in played.rail]
    stops = [
        (record.kind, names[beat.stop.box], beat.stop.leg)
        for record, beat in zip(records, played.beats, strict=True)
        if record.kind in {"receive.call", "receive.return", "ws.message"}
    ]
    assert request.endpoint == "chat"
    assert stops == [
        # Before the accept it is a request like any other.
        ("receive.call", Part.CYCLE, Leg.OUT),
        ("receive.return", Part.CYCLE, Leg.OUT),
        ("ws.message", Part.CYCLE, Leg.BACK),
        ("receive.call", Part.ENDPOINT, Leg.OUT),
        ("ws.message", Part.CYCLE, Leg.OUT),
        ("receive.return", Part.ENDPOINT, Leg.OUT),
        ("ws.message", Part.CYCLE, Leg.BACK),
    ]
    ends = [beat.stop for beat in played.beats]
    assert ends[-1] == Stop(0, Leg.BACK)


def request_before(records: list[Record]) -> Request:
    """Request 1 before its first event."""
    trace = Trace()
    trace.feed(records)
    start = trace.start_of(1)
    assert start is not None
    return start
