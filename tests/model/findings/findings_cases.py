"""Each rule as a few records that it is about, and what it says of them."""

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

from msgspec.structs import replace

from tracer import events as e
from tracer.events.log import Record
from tracer.model.findings import Finding
from tracer.model.trace import Trace

MS = 1_000_000


def at(
    ms: float,
    cls: Callable[..., e.Event],
    *payload: object,
    req: int | None = 1,
    conn: int | None = 1,
    **envelope: Any,  # noqa: ANN401
) -> e.Event:
    """An event so many milliseconds after the trace began."""
    envelope = {"thread": "loop", "req": req, "conn": conn, **envelope}
    return cls(*payload, t=int(ms * MS), **envelope)


def about(
    ms: float,
    cls: Callable[..., e.Event],
    *payload: object,
    **envelope: Any,  # noqa: ANN401
) -> e.Event:
    """The same, about no request and no connection."""
    return at(ms, cls, *payload, **{"req": None, "conn": None, **envelope})


def numbered(records: Sequence[Record]) -> list[Record]:
    """The records as they stand in a log."""
    numbers = count(1)
    return [replace(each, seq=next(numbers)) for each in records]


def found(*records: Record, end: bool = False) -> list[Finding]:
    """What is found in records that come in this order."""
    trace = Trace()
    trace.feed(numbered(records))
    if end:
        trace.end()
    return trace.findings


def rules(*records: Record, end: bool = False) -> list[str]:
    """The rules that fire, in their order."""
    return [each.rule for each in found(*records, end=end)]


def of_case(rule: str) -> Finding:
    """The one finding of a rule in its case; others may go with it."""
    (one,) = [each for each in found(*CASES[rule][0]) if each.rule == rule]
    return one


def scope(
    ms: float,
    path: str = "/",
    headers: tuple[tuple[str, str], ...] = (),
    **envelope: Any,  # noqa: ANN401
) -> e.Event:
    payload = ("GET", path, path, "", "", "1.1", "http", "", "", headers, (), 1)
    return at(ms, e.ScopeBuilt, *payload, **envelope)


def head(
    ms: float, status: int = 200, *headers: tuple[str, str, str]
) -> e.Event:
    return at(ms, e.ResponseStart, status, headers)


def tick(ms: float, **envelope: Any) -> e.Event:  # noqa: ANN401
    return about(ms, e.Tick, 1, 0, 0, 0, **envelope)


def select(
    ms: float,
    turn: int,
    *ready: tuple[str, int, int | None],
) -> e.Event:
    return about(ms, e.LoopSelect, 0, ready, turn=turn)


Case = tuple[tuple[Record, ...], dict[str, object]]

CASES: dict[str, Case] = {
    "app-exception": (
        (at(1, e.AppException, "ValueError", "no", "app.py:1", False),),
        {
            "type": "ValueError",
            "message": "no",
            "at": "app.py:1",
            "response_started": False,
            "unheard": False,
        },
    ),
    "response-incomplete": (
        (at(1, e.RunAsgiEnd, "incomplete"),),
        {"branch": "incomplete"},
    ),
    "send-rejected": (
        (at(1, e.SendRejected, "nothing more", "http.response.body"),),
        {
            "expected": "nothing more",
            "got": "http.response.body",
            "raises": "RuntimeError",
        },
    ),
    "client-left": ((at(1, e.ClientDisconnected),), {"of": "response"}),
    "socket-silent": (
        (at(1, e.WsTimeout, "pong", 20.0),),
        {"of": "pong", "seconds": 20.0},
    ),
    "message-too-big": (
        (at(1, e.WsLimit, 1000, 1001, False),),
        {"n": 1001, "limit": 1000},
    ),
    "close-code-lost": (
        (
            at(1, e.SendCall, "websocket.close", code=4401),
            at(2, e.WsHandshake, "refused", 403, "REJECTING"),
        ),
        {"code": 4401, "status": 403},
    ),
    "sent-to-nobody": (
        (
            at(1, e.WsClose, 1000, "client", "", True, "REMOTE_CLOSING"),
            at(3, e.SendCall, "websocket.send", 2),
            at(4, e.SendCall, "websocket.send", 2),
        ),
        {"ns": 2 * MS},
    ),
    "message-unread": (
        (
            at(1, e.WsMessage, "in", 2, "text", "hi"),
            at(2, e.ReceiveReturn, "websocket.receive", 2, False),
            at(3, e.WsMessage, "in", 2, "text", "ho"),
            at(4, e.RunAsgiEnd, "complete"),
        ),
        {"n": 1},
    ),
    "middleware-http-only": (
        (
            at(1, e.MiddlewareEnter, "Guard", 1, True),
            at(2, e.MiddlewareEnter, "Guard", 1, True),
        ),
        {"name": "Guard"},
    ),
    "not-http": (
        (at(1, e.H11Error, "no HTTP", 400, req=None),),
        {"message": "no HTTP", "status": 400},
    ),
    "limit-rejected": ((at(1, e.LimitRejected),), {}),
    "lifespan-failed": (
        (about(1, e.LifespanStartupFailed, "no database"),),
        {"message": "no database"},
    ),
    "listen-failed": (
        (about(1, e.ListenFailed, "127.0.0.1:80", "in use"),),
        {"address": "127.0.0.1:80", "error": "in use"},
    ),
    "accept-failed": (
        (about(1, e.AcceptFailed, "EMFILE", 100),),
        {"error": "EMFILE", "times": 100},
    ),
    "events-dropped": (
        (about(1, e.Dropped, 3, "viewer"),),
        {"n": 3, "queue": "viewer"},
    ),
    "task-lost": (
        (at(1, e.TaskLost, 5, "ValueError"),),
        {"id": 5, "error": "ValueError"},
    ),
    "upgrade-refused": (
        (at(1, e.UpgradeDecision, "websocket", False, "none is spoken"),),
        {"wanted": "websocket", "reason": "none is spoken"},
    ),
    "body-read-twice": (
        (at(1, e.ExceptionRaised, "RuntimeError", "Stream consumed", "a:1"),),
        {"at": "a:1"},
    ),
    "loop-blocked": (
        (
            tick(0, turn=1),
            about(400, e.LoopBlocked, 50 * MS, 350 * MS, "a:1 f()", True,
                  turn=2, req=1),
            select(400, 3, ("connection", 8, 2), ("listener", 5, None)),
            scope(401, turn=3, req=2, conn=2),
            about(402, e.TaskResumed, 9, "timer", None, 90 * MS, turn=3, req=3),
            tick(403, turn=3),
            select(404, 9),
        ),
        {
            "ns": 350 * MS,
            "culprit": "a:1 f()",
            "requests": 2,
            "who": "#2, #3",
            "tick": 303 * MS,
            "many": False,
            "held_gil": False,
            "over": True,
        },
    ),
    "thread-waited": (
        (
            at(1, e.ThreadQueued, "f", 0, 1, 1),
            at(2, e.ThreadQueued, "g", 0, 1, 2, req=2),
            at(20, e.ThreadEnd, "f", "returned", 1),
            at(20, e.ThreadStart, "g", 18 * MS, 2, req=2),
        ),
        {"name": "g", "ns": 18 * MS, "total": 1},
    ),
    "task-outlived-request": (
        (
            at(1, e.TaskCreated, 5, "Task-5", "work", 4, task=4),
            at(2, e.RunAsgiEnd, "complete", task=4),
            tick(100),
        ),
        {"name": "work"},
    ),
    "body-unread": (
        (
            at(1, e.BodyBuffered, 3, 3),
            at(1, e.BodyBuffered, 2, 5),
            head(2),
            at(3, e.RunAsgiEnd, "complete"),
        ),
        {"n": 5},
    ),
    "body-waited-in-vain": (
        (
            at(1, e.RunAsgiStart, task=4),
            at(1, e.MiddlewareEnter, "Eater", 0, task=4),
            at(1, e.ReceiveReturn, "http.request", 3, False, task=4),
            at(2, e.EndpointEnter, "hungry", "function", "async", task=4),
            at(2, e.ReceiveCall, False, task=4),
            at(2, e.TaskSuspended, 4, "request body", task=4),
            tick(1500),
        ),
        {"taker": "Eater", "waiter": "hungry", "ns": 1498 * MS},
    ),
    "went-on-alone": (
        (
            at(1, e.RunAsgiStart),
            at(2, e.EndpointEnter, "long", "function", "async"),
            at(3, e.ClientDisconnected),
            at(93, e.EndpointExit, "long"),
            at(94, e.RunAsgiEnd, "disconnected"),
        ),
        {"name": "long", "ns": 90 * MS},
    ),
    "disconnect-hidden": (
        (
            at(1, e.RunAsgiStart, task=4),
            _asks := at(
                2,
                e.TaskCreated,
                6,
                "BaseHTTPMiddleware.__call__.<locals>.call_next.<locals>"
                ".receive_or_disconnect.<locals>.wrap",
                "run",
                5,
                task=5,
            ),
            at(3, e.ClientDisconnected),
            at(4, e.ReceiveReturn, "http.disconnect", 0, False, task=5),
            replace(_asks, t=5 * MS),
        ),
        {},
    ),
    "exception-after-start": (
        (
            head(1),
            at(2, e.ExceptionRaised, "ValueError", "no", "a:1"),
            at(3, e.AppException, "ValueError", "no", "a:1", True),
        ),
        {"type": "ValueError", "message": "no", "whole": False},
    ),
    "content-length": (
        (
            head(1, 200, ("content-length", "4", "app")),
            at(2, e.SendCall, "http.response.body", 5, False),
            at(3, e.SendRejected, "", "Too much data for declared"
               " Content-Length", "LocalProtocolError"),
        ),
        {"how": "longer", "promised": "4", "sent": 5},
    ),
    "background-held-response": (
        (
            at(1, e.BackgroundStart, "mail"),
            at(31, e.BackgroundEnd, "mail"),
            at(31, e.ResponseComplete, 2),
        ),
        {"name": "mail", "ns": 30 * MS},
    ),
    "middleware-swallowed": (
        (
            at(1, e.RunAsgiStart),
            at(1, e.MiddlewareEnter, "ServerErrorMiddleware", 0),
            at(2, e.MiddlewareEnter, "Mute", 1),
            at(3, e.RunAsgiEnd, "no response"),
        ),
        {"how": "call", "who": "Mute"},
    ),
    "missing-slash": (
        (
            scope(0, "/a"),
            at(1, e.RouterEnter, "http", "/a", 1),
            at(1, e.RouteMatch, "GET /{x}/", "NONE"),
            at(1, e.RouterDefault),
            head(2, 404),
        ),
        {"path": "/a", "other": "/a/", "route": "GET /{x}/"},
    ),
    "wrong-method": (
        (
            scope(0, "/a"),
            at(1, e.RouterEnter, "http", "/a", 2),
            at(1, e.RouteMatch, "POST,PUT /a", "PARTIAL"),
            at(1, e.RouteMatch, "DELETE /{a}", "PARTIAL"),
            at(1, e.RouteHandle, "POST,PUT /a", ()),
            head(2, 405),
        ),
        {"method": "GET", "path": "/a", "methods": "DELETE, POST, PUT"},
    ),
    "redirect-loses-origin": (
        (
            scope(0, "/a", (("host", "inside"), ("x-forwarded-proto", "https"),
                            ("x-forwarded-host", "outside, inside"))),
            head(1, 307, ("location", "http://inside/a/", "app")),
        ),
        {"location": "http://inside/a/", "lost": "both", "host": "outside"},
    ),
    "route-shadowed": (
        (about(0, e.AppSnapshot, "app", ("GET /{a}", "GET /b"), (), ()),),
        {"first": "GET /{a}", "route": "GET /b"},
    ),
    "handshake-refused": (
        (
            at(0, e.AppEnter, "app", "websocket", conn=None),
            at(1, e.RouterEnter, "websocket", "/ws", 1, conn=None),
            at(1, e.RouteMatch, "WebSocket /other", "NONE", conn=None),
            at(1, e.RouterDefault, conn=None),
        ),
        {"path": "/ws"},
    ),
    "keepalive-race": (
        (
            at(0, e.KeepaliveArmed, 5.0, req=None),
            at(4970, e.DataReceived, 9, req=None),
            at(4970, e.KeepaliveCancelled, req=None),
        ),
        {"how": "near", "ns": 30 * MS, "seconds": 5.0},
    ),
    "shutdown-waited": (
        (
            scope(0, "/slow"),
            about(1, e.ShutdownStep, "wait_connections", 1),
            select(700, 9),
        ),
        {
            "step": "wait_connections",
            "waiting": 1,
            "ns": 699 * MS,
            "who": "#1 GET /slow",
        },
    ),
}  # fmt: skip
"""By rule: records in their order, and the facts of the one finding."""
