"""The two ends of a connection find each other, whichever is told first."""

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from tracer.events import (
    Accept,
    ClientChunk,
    ClientClosed,
    ClientConnected,
    ClientFirstByte,
    ClientRefused,
    ClientResponse,
    ClientSent,
    Event,
    H11Error,
)
from tracer.events.cycle import ScopeBuilt
from tracer.model import clients
from tracer.model.clients import Clients
from tracer.model.trace import Trace

HERE = "127.0.0.1:50001"


def scope(conn: int, req: int, t: int) -> ScopeBuilt:
    said = ("GET", "/", "/", "", "", "1.1", "http", "", "", (), (), 1)
    return ScopeBuilt(*said, t=t, thread="loop", conn=conn, req=req)


def accepted(conn: int, address: str, t: int) -> Accept:
    return Accept(address, 9, t=t, thread="loop", conn=conn)


def connected(thread: str, address: str, t: int) -> ClientConnected:
    return ClientConnected(address, 5, "get", t=t, thread=thread)


WHO = "client-1"
CLIENT: list[Event] = [
    connected(WHO, HERE, 100),
    ClientSent(80, "head", t=110, thread=WHO, nth=1),
    ClientFirstByte(20, t=130, thread=WHO, nth=1),
    ClientChunk(200, t=130, thread=WHO, nth=1),
    ClientResponse(200, 7, 20, t=130, thread=WHO, nth=1),
    ClientSent(90, "head", t=140, thread=WHO, nth=2),
    ClientChunk(30, t=150, thread=WHO, nth=2),
    ClientResponse(404, 9, 10, t=150, thread=WHO, nth=2),
    ClientClosed("client, half", t=160, thread=WHO),
    ClientClosed("server", t=170, thread=WHO),
]
SERVER: list[Event] = [
    accepted(3, HERE, 105),
    scope(3, 11, 115),
    scope(3, 14, 145),
]


def fold(*records: Event) -> Clients:
    made = Clients()
    for each in records:
        made.take(each)
    return made


def test_a_line_has_all_that_its_client_told() -> None:
    line = fold(*CLIENT).lines[WHO]

    assert (line.asked, line.connected, line.half, line.closed) == (
        95, 100, 160, 170,
    )  # fmt: skip
    assert (line.address, line.scenario, line.by) == (HERE, "get", "server")
    assert (line.sent, line.read, line.statuses) == (170, 230, (200, 404))
    assert (line.events, line.more) == (tuple(CLIENT), 0)
    assert line.conn is None
    assert line.of(2) == tuple(CLIENT[5:8])


@given(st.integers(0, 2**13 - 1))
def test_both_ends_are_one_in_any_order(choices: int) -> None:
    server, client, mixed = [*SERVER], [*CLIENT], list[Event]()
    while server or client:
        first = server if (choices & 1 and server) or not client else client
        choices >>= 1
        mixed.append(first.pop(0))
    both = fold(*mixed)

    line = both.beside(3)
    assert line is not None
    assert (line.thread, line.conn) == (WHO, 3)
    assert both.exchange(3, 11) == tuple(CLIENT[1:5])
    assert both.exchange(3, 14) == tuple(CLIENT[5:8])
    assert both.exchange(3, 12) == both.exchange(4, 11) == ()
    asked = [both.request_of(each) for each in line.events]
    assert asked == [11, 11, 11, 11, 11, 14, 14, 14, 14, 14]


def test_an_address_that_is_used_again_is_another_connection() -> None:
    later = connected("client-2", HERE, 905)
    both = fold(accepted(1, HERE, 50), later, accepted(8, HERE, 910))

    assert both.beside(1) is None
    assert both.lines["client-2"].conn == 8


def test_strangers_and_what_was_refused_have_no_other_end() -> None:
    refused = ClientRefused("Connection refused", t=7, thread="client-1")
    both = fold(accepted(1, "127.0.0.1:1", 5), refused)

    assert both.beside(1) is None
    line = both.lines["client-1"]
    assert (line.refused, line.closed) == ("Connection refused", 7)
    assert both.request_of(refused) is None


def test_bytes_that_are_no_http_are_a_request_of_their_own() -> None:
    error = H11Error("illegal", 400, t=120, thread="loop", conn=3)
    both = fold(*CLIENT[:2], SERVER[0], error)

    assert both.request_of(CLIENT[1]) == -3  # type: ignore[arg-type]  # a client's


def test_it_stays_bounded() -> None:
    made = Clients()
    for number in range(3 * clients.LINES):
        address, t = f"127.0.0.1:{number}", number * 10
        made.take(connected(f"client-{number}", address, t))
        made.take(accepted(number, address if number % 2 else "x", t))
        made.take(scope(number, number, t))
        made.take(ClientClosed("client", t=t, thread=f"client-{number}"))

    kept = (made.lines, made._of_conn, made._reqs, made._accepted)
    assert all(len(each) <= clients.LINES for each in kept)
    assert len(made._waiting) <= clients.LINES
    last = 3 * clients.LINES - 1
    assert made.lines[f"client-{last}"].conn == last

    for t in range(2 * clients.EVENTS):
        made.take(ClientChunk(1, t=t, thread=f"client-{last}"))
    line = made.lines[f"client-{last}"]
    assert (len(line.events), line.read) == (clients.EVENTS, 1000)
    assert line.more == 1000 + 2 - clients.EVENTS


def test_a_trace_has_its_clients_and_a_copy_its_own() -> None:
    trace = Trace()
    trace.feed([*SERVER[:2], *CLIENT[:2]])
    copy = trace.copy()
    trace.feed(CLIENT[2:])

    assert copy.clients.exchange(3, 11) == (CLIENT[1],)
    assert len(trace.clients.exchange(3, 11)) == 4


def test_the_order_of_the_ends_of_many_does_not_matter() -> None:
    ends = [accepted(n, f"h:{n}", 100) for n in (1, 2)]
    told = [connected(f"client-{n}", f"h:{n}", 99) for n in (1, 2)]
    for order in permutations([*ends, *told]):
        made = fold(*order)
        assert [made.lines[f"client-{n}"].conn for n in (1, 2)] == [1, 2]
