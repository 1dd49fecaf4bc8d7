"""Whatever comes in as a command, the next one is still obeyed."""

from hypothesis import example, given
from hypothesis import strategies as st

from tracer.capture.gate import Gate
from tracer.capture.orders import Orders
from tracer.capture.probe import Probe
from tracer.events import Event
from tracer.events.commands import Break, Go, Hold, HoldLoop, Stop, Told, line
from tracer.events.terms import Term

WISHES = [
    line(each)
    for each in (
        Hold(1),
        Go(conn=2),
        HoldLoop(3.5),
        Break(1, "app.enter", (Term("kind", ("app.enter",)),)),
        Told(('{"kind":"client.sent","t":1,"thread":"client-1","n":1}',)),
    )
]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    whole = draw(st.sampled_from(WISHES))
    begin = draw(st.integers(0, len(whole)))
    end = draw(st.integers(begin, len(whole)))
    return whole[:begin] + draw(st.binary(max_size=4)) + whole[end:]


def obeyed(*lines: bytes) -> tuple[list[str], list[Event]]:
    events: list[Event] = []
    said: list[str] = []
    probe = Probe(events.append)
    stops: list[bool] = []
    orders = Orders(Gate(probe), probe, lambda: stops.append(True), said.append)
    orders.obey([*lines, line(Stop())])
    assert stops == [True]
    return said, events


@given(st.binary() | damaged())
@example(b"\xff")
@example(b'{"do":"\x80"}')
@example(b'{"a":' * 100_000)
@example(b'{"do":"told","lines":["' + b'{\\"a\\":' * 20_000 + b'"]}')
def test_what_nobody_understands_is_said_and_the_next_is_obeyed(
    data: bytes,
) -> None:
    if b"stop" not in data:
        obeyed(data)


def test_each_of_the_whole_ones_is_understood() -> None:
    said, events = obeyed(*WISHES)

    assert said == []
    assert [each.kind for each in events] == ["client.sent"]
