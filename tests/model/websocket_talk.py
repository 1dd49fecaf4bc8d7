"""A WebSocket's records, as a small chat gives them."""

from typing import Any

from tracer.events import (
    Accept,
    AppEnter,
    AppExit,
    ConnectionLost,
    ConnectionMade,
    DataReceived,
    EndpointEnter,
    EndpointExit,
    MiddlewareEnter,
    MiddlewareExit,
    ReceiveCall,
    ReceiveReturn,
    ResponseStart,
    RouterEnter,
    RunAsgiEnd,
    RunAsgiStart,
    ScopeBuilt,
    SendCall,
    SendReturn,
    StackBuilt,
    TransportClose,
    TransportWrite,
    WsClose,
    WsFragment,
    WsHandshake,
    WsMessage,
    WsPing,
    WsPong,
)
from tracer.events.log import Record

SCOPE = (
    "GET", "/chat", "/chat", "", "", "1.1", "ws", "c", "s", (), (), 1,
    "websocket", ("chat",),
)  # fmt: skip
"""The payload of the scope's event."""


class Teller:
    """Stamps records of connection and request 1, a millisecond apart."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def __call__(self, cls: type[Any], *payload: object) -> None:
        """Tell one event."""
        seq = len(self.records) + 1
        self.records.append(
            cls(
                *payload,
                t=seq * 1_000_000,
                seq=seq,
                thread="loop",
                turn=seq,
                conn=1,
                req=1,
            )
        )


def beginning(tell: Teller) -> None:
    """Tell all up to the endpoint's first look at who is there."""
    tell(StackBuilt, ("Rings",), ())
    tell(Accept, "1.2.3.4:5", 7)
    tell(ConnectionMade, 1, "1.2.3.4:5", "s", 1)
    tell(DataReceived, 200)
    tell(ScopeBuilt, *SCOPE)
    tell(RunAsgiStart)
    tell(AppEnter, "Starlette", "websocket")
    tell(MiddlewareEnter, "Rings", 0, False)
    tell(RouterEnter, "websocket", "/chat", 2)
    tell(EndpointEnter, "chat", "function", "async")
    tell(ReceiveCall, True)
    tell(ReceiveReturn, "websocket.connect", 0, False)


def accepted(tell: Teller) -> None:
    """Tell that the app accepts."""
    tell(SendCall, "websocket.accept", None, None, None)
    tell(ResponseStart, 101, ())
    tell(WsHandshake, "accepted", 101, "OPEN", "chat")
    tell(TransportWrite, 180, "handshake")
    tell(SendReturn, "websocket.accept")


def answer(tell: Teller, text: str) -> None:
    """Tell that the app sends a text."""
    tell(SendCall, "websocket.send", None, len(text), None)
    tell(WsMessage, "out", len(text), "text", text)
    tell(TransportWrite, len(text) + 2, "frame")
    tell(SendReturn, "websocket.send")


def ending(tell: Teller) -> None:
    """Tell how the app gets back out."""
    tell(EndpointExit, "chat", "NoneType")
    tell(MiddlewareExit, "Rings", 0)
    tell(AppExit, "Starlette")
    tell(RunAsgiEnd, "complete")
    tell(TransportClose, "both sides have closed")
    tell(ConnectionLost, "closed", 0)


def chat() -> list[Record]:
    """A greeting, a message in two frames, a ping, and the app's close."""
    tell = Teller()
    beginning(tell)
    accepted(tell)
    answer(tell, "welcome")
    tell(ReceiveCall, False)
    tell(DataReceived, 30)
    tell(WsPing, "in", 3)
    tell(WsPong, "out", 3)
    tell(WsFragment, "in", "text", 3, False, 3)
    tell(WsFragment, "in", "text", 2, True, 5)
    tell(WsMessage, "in", 5, "text", "green", 2, 7)
    tell(ReceiveReturn, "websocket.receive", 5, False)
    answer(tell, "a cup of green tea")
    tell(SendCall, "websocket.close", None, None, None)
    tell(WsClose, 4000, "app", "we close at six", True, "LOCAL_CLOSING")
    tell(DataReceived, 8)
    tell(WsClose, 4000, "client", "", False, "CLOSED")
    ending(tell)
    return tell.records


def refused() -> list[Record]:
    """An app that closes with 4401 before it accepts."""
    tell = Teller()
    beginning(tell)
    tell(SendCall, "websocket.close", None, None, None)
    tell(ResponseStart, 403, ())
    tell(WsHandshake, "refused", 403, "CLOSED")
    ending(tell)
    return tell.records
