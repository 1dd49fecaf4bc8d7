"""The tables against those who are described by them."""

import itertools
from typing import Any

import h11
import pytest
from h11 import _state
from wsproto import ConnectionType, WSConnection
from wsproto import events as ws
from wsproto.connection import ConnectionState
from wsproto.utilities import LocalProtocolError

from tracer.events.states import (
    CLIENT_NEXT,
    DONE,
    ENDINGS,
    RESPONSE_EXPECTS,
    RESPONSE_NEXT,
    SERVER_NEXT,
    SOCKET_CLOSE,
    SOCKET_ENDINGS,
    SOCKET_EXPECTS,
    SOCKET_NEXT,
    STATE_CHANGES,
    STREAMING,
    WAITING,
    ResponseState,
    SocketState,
)

OUR_MACHINES = {_state.CLIENT: CLIENT_NEXT, _state.SERVER: SERVER_NEXT}


@pytest.mark.parametrize("role", OUR_MACHINES)
def test_h11s_machines_are_drawn_as_they_are(role: Any) -> None:  # noqa: ANN401
    theirs = {}
    for state, moves in _state.EVENT_TRIGGERED_TRANSITIONS[role].items():
        for event, after in moves.items():
            # A pair is (event, who or what): the client's Request as the
            # server sees it, or an answer that switches protocols.
            name = event[0] if isinstance(event, tuple) else event
            if after is not h11.SWITCHED_PROTOCOL:
                theirs[state.__name__, name.__name__] = after.__name__
    assert OUR_MACHINES[role] == theirs


def test_h11s_moves_without_an_event_are_drawn_as_they_are() -> None:
    drawn = {
        (client, server): (client_after, server_after)
        for client, server, client_after, server_after, why in STATE_CHANGES
        if why == "the other side is gone"
    }
    theirs = {}
    for (client, server), after in _state.STATE_TRIGGERED_TRANSITIONS.items():
        if after.get(_state.CLIENT) is h11.SWITCHED_PROTOCOL:
            continue
        theirs[client.__name__, server.__name__] = (
            after.get(_state.CLIENT, client).__name__,
            after.get(_state.SERVER, server).__name__,
        )
    assert drawn == theirs


def test_the_other_moves_are_those_that_h11_makes() -> None:
    """Those that stand in h11's code and not in its table."""
    seen = set()
    for keep_alive, switching in itertools.product([True, False], repeat=2):
        for client, server in itertools.product(
            [h11.IDLE, h11.SEND_BODY, h11.DONE, _state.MIGHT_SWITCH_PROTOCOL],
            [h11.SEND_RESPONSE, h11.SEND_BODY, h11.DONE],
        ):
            machine = _state.ConnectionState()
            machine.states = {_state.CLIENT: client, _state.SERVER: server}
            machine.keep_alive = keep_alive
            if switching:
                machine.pending_switch_proposals = {_state._SWITCH_UPGRADE}
            machine._fire_state_triggered_transitions()
            after = machine.states
            if after[_state.CLIENT] is not client:
                change = (client.__name__, after[_state.CLIENT].__name__)
                seen.add(("client", *change))
            if after[_state.SERVER] is not server:
                change = (server.__name__, after[_state.SERVER].__name__)
                seen.add(("server", *change))
    drawn = set()
    for theirs, ours, theirs_after, ours_after, why in STATE_CHANGES:
        if why in {"the other side is gone", "start_next_cycle()"}:
            continue
        if theirs_after != "*":
            drawn.add(("client", theirs, theirs_after))
        if ours_after != "*":
            drawn.add(("server", ours, ours_after))
    # Both at once, when the switch was refused and keep-alive is off.
    both = {("client", "MIGHT_SWITCH_PROTOCOL", "MUST_CLOSE")}
    assert seen == drawn | both


def test_a_new_cycle_begins_where_the_table_says() -> None:
    machine = _state.ConnectionState()
    machine.states = {_state.CLIENT: h11.DONE, _state.SERVER: h11.DONE}
    machine.start_next_cycle()
    after = tuple(each.__name__ for each in machine.states.values())
    assert ("DONE", "DONE", *after, "start_next_cycle()") in STATE_CHANGES


def test_a_response_starts_streams_and_is_done() -> None:
    assert RESPONSE_NEXT == {
        (WAITING, "http.response.start", False): STREAMING,
        (STREAMING, "http.response.body", True): STREAMING,
        (STREAMING, "http.response.body", False): DONE,
    }


def test_what_is_expected_is_what_the_table_takes() -> None:
    taken = {state: kind for state, kind, _ in RESPONSE_NEXT}
    assert taken == RESPONSE_EXPECTS


def test_each_way_to_end_has_its_ending() -> None:
    every = itertools.product(
        ("returned", "returned a value", "raised"),
        ResponseState,
        (False, True),
    )
    assert list(ENDINGS) == list(every)
    assert {each.branch for each in ENDINGS.values()} == {
        "complete",
        "raised",
        "returned a value",
        "no response",
        "incomplete",
        "disconnected",
    }


# --- the WebSocket -----------------------------------------------------------


def in_state(state: SocketState) -> WSConnection:
    """Bring wsproto's machine into a state, as a server's does."""
    conn = WSConnection(ConnectionType.SERVER)
    client = WSConnection(ConnectionType.CLIENT)
    conn.receive_data(client.send(ws.Request(host="a", target="/")))
    list(conn.events())
    if state is SocketState.REJECTING:
        conn.send(ws.RejectConnection(has_body=True))
    elif state is not SocketState.CONNECTING:
        client.receive_data(conn.send(ws.AcceptConnection()))
        list(client.events())
    if state in {SocketState.LOCAL_CLOSING, SocketState.CLOSED}:
        conn.send(ws.CloseConnection(code=1000))
    if state in {SocketState.REMOTE_CLOSING, SocketState.CLOSED}:
        conn.receive_data(client.send(ws.CloseConnection(code=1000)))
        list(conn.events())
    assert conn.state.name == state
    return conn


SENT: dict[tuple[str, bool], ws.Event] = {
    ("websocket.accept", False): ws.AcceptConnection(),
    ("websocket.http.response.start", False): ws.RejectConnection(
        has_body=True
    ),
    ("websocket.http.response.body", True): ws.RejectData(
        data=b"", body_finished=False
    ),
    ("websocket.http.response.body", False): ws.RejectData(data=b""),
    ("websocket.send", False): ws.TextMessage(data=""),
}


def after_sending(conn: WSConnection, event: ws.Event) -> str | None:
    try:
        conn.send(event)
    except (LocalProtocolError, h11.LocalProtocolError):
        return None
    return conn.state.name


@pytest.mark.parametrize("state", SocketState)
def test_what_the_app_may_send_is_what_wsproto_can(state: SocketState) -> None:
    sent = dict(SENT)
    # One message stands for two of wsproto's.
    closes: ws.Event = ws.CloseConnection(code=1000)
    if state is SocketState.CONNECTING:
        closes = ws.RejectConnection(status_code=403)
    if state is not SocketState.REMOTE_CLOSING:  # there the server answers
        sent["websocket.close", False] = closes
    theirs = {
        (kind, more): after_sending(in_state(state), event)
        for (kind, more), event in sent.items()
    }
    ours = {
        key: after.value
        if (after := SOCKET_NEXT.get((state, *key))) is not None
        else None
        for key in sent
    }
    assert ours == theirs


@pytest.mark.parametrize("state", SocketState)
def test_a_close_frame_moves_it_as_it_moves_wsproto(
    state: SocketState,
) -> None:
    close = ws.CloseConnection(code=1000)
    after = SOCKET_CLOSE.get((state, "out"))
    theirs = after_sending(in_state(state), close)
    assert theirs == (None if after is None else after.value)
    if (after := SOCKET_CLOSE.get((state, "in"))) is not None:
        conn = in_state(state)
        conn.receive_data(b"\x88\x80\0\0\0\0")
        list(conn.events())
        assert conn.state.name == after


def test_the_states_of_a_websocket_are_wsprotos() -> None:
    assert {each.value for each in SocketState} == {
        each.name for each in ConnectionState
    }
    assert set(SOCKET_EXPECTS) == set(SocketState)


def test_each_way_to_end_a_websocket_has_its_ending() -> None:
    every = itertools.product(
        ("returned", "returned a value", "raised"), (None, *SocketState)
    )
    assert set(SOCKET_ENDINGS) == set(every)
