"""One request's state, made anew by each of its events."""

from collections.abc import Callable
from enum import Enum
from typing import Any

import msgspec
from msgspec.structs import replace

from tracer.events import (
    AppEnter,
    AppException,
    AppExit,
    BackgroundEnd,
    BackgroundStart,
    Bytes,
    ClientDisconnected,
    EndpointEnter,
    H11Error,
    HeadHeld,
    Held,
    MiddlewareEnter,
    MiddlewareExit,
    ReceiveCall,
    ReceiveReturn,
    Released,
    ResponseComplete,
    ResponseStart,
    RouteHandle,
    RunAsgiEnd,
    RunAsgiStart,
    ScopeBuilt,
    SendCall,
    TaskDone,
    TaskResumed,
    TaskStarted,
    TaskSuspended,
    ThreadEnd,
    ThreadQueued,
    ThreadStart,
    TransportWrite,
    WsHandshake,
)
from tracer.events.log import Record
from tracer.events.tasks import WaitsFor
from tracer.model import sockets
from tracer.model.sockets import Socket
from tracer.model.stage import (
    INSIDE,
    MAKES_BOXES,
    SERVER_BOXES,
    Box,
    Leg,
    Stop,
    inside,
    stop_of,
    with_box,
)
from tracer.model.times import Times

START = Stop(0, Leg.OUT)


class Outcome(Enum):
    """How a request stands.

    RUNNING: on its way. ANSWERED: the response is complete, the app is still
    at work (background tasks, middleware on the way back). DONE: both ended.
    FAILED: an exception reached the server. BROKEN: the response is not what
    it promised, or none came. LEFT: the client went away first. REFUSED: the
    bytes were no HTTP or no handshake, and no app was called.
    """

    RUNNING = "running"
    ANSWERED = "answered"
    DONE = "done"
    FAILED = "failed"
    BROKEN = "broken"
    LEFT = "left"
    REFUSED = "refused"


OVER = frozenset(set(Outcome) - {Outcome.RUNNING, Outcome.ANSWERED})
"""Nothing more will happen to such a request."""

_BRANCHES = {
    "complete": Outcome.DONE,
    "raised": Outcome.FAILED,
    "returned a value": Outcome.BROKEN,
    "no response": Outcome.BROKEN,
    "incomplete": Outcome.BROKEN,
    "disconnected": Outcome.LEFT,
}

OWN = frozenset({"child task", "child tasks", "gave way"})
"""Waits within a request: not for these does it wait as a whole."""
HEAD_HELD = "head held back"
"""What a request waits for whose head is to go out with its body."""
MOST_WAITS = 50
"""Suspended tasks of one request that are remembered."""


class Request(msgspec.Struct, frozen=True):
    """A request and its response, so far.

    Attributes:
        number: Its number in the trace; negative (the connection's) for
            bytes that were no HTTP and never became a request.
        conn: Its connection's number, None under a foreign server.
        method: As it came.
        path: As the app sees it, decoded.
        query: The query string, redacted.
        status: Of the response, once it is fixed.
        outcome: How it stands.
        rail: The boxes on its way, the app's real ones as they are met.
        at: Where on the rail it stands now.
        waiting: What it waits for, in the words of the field; empty: nothing.
        step: Number of its task that runs on the loop now; None: none does.
        waits: Which of its tasks are suspended, and for what each waits,
            the newest last; of very many, the newest.
        held: The stage at which it is held still; empty: it isn't.
        depth: Innermost middleware entered and not yet left; -1 for none.
        route: The route that handles it.
        endpoint: The user's function.
        error: Type of the exception that reached the server.
        bytes_in: Bytes of its body read so far.
        bytes_out: Bytes of its response's body.
        times: Its milestones.
        last: `t` of its newest event.
        events: How many events it has.
        apps: How many ASGI apps it is in: a mounted one counts, too.
        socket: The WebSocket that it asked for; None: it is plain HTTP.
    """

    number: int
    conn: int | None
    times: Times
    method: str = ""
    path: str = ""
    query: str = ""
    status: int | None = None
    outcome: Outcome = Outcome.RUNNING
    rail: tuple[Box, ...] = SERVER_BOXES
    at: Stop = START
    waiting: str = ""
    step: int | None = None
    waits: tuple[tuple[int, WaitsFor], ...] = ()
    held: str = ""
    depth: int = -1
    route: str = ""
    endpoint: str = ""
    error: str = ""
    bytes_in: int = 0
    bytes_out: int = 0
    last: int = 0
    events: int = 0
    apps: int = 0
    socket: Socket | None = None

    @property
    def label(self) -> str:
        """`#7`, or `c3` for what was no request."""
        return f"#{self.number}" if self.number > 0 else f"c{-self.number}"

    @property
    def target(self) -> str:
        """Path and query, as a person writes them."""
        return f"{self.path}?{self.query}" if self.query else self.path

    @property
    def verb(self) -> str:
        """Its method; `WS` for one that asked for a WebSocket."""
        return self.method if self.socket is None else "WS"

    @property
    def doing(self) -> str:
        """Where it is, in one or two words, for a narrow column."""
        if self.held:
            return "held"
        if self.socket is not None and (stands := self.socket.doing):
            return stands
        waiting = self.waiting or self.awaited
        if self.outcome is Outcome.ANSWERED:
            return waiting or "after response"
        if self.outcome is not Outcome.RUNNING:
            return str(self.outcome.value)
        return waiting or self.rail[self.at.box].name

    @property
    def awaited(self) -> str:
        """What it is all waiting for; empty while one of its tasks runs.

        Of several tasks one usually waits for another. So it is the newest
        reason that is none of their own.
        """
        if self.step is not None:
            return ""
        found = [why for _, why in self.waits if why not in OWN]
        return f"awaits {found[-1]}" if found else ""


def advance(request: Request, record: Record) -> Request:
    """The request after one more event of it.

    Any record will do, in any order: what makes no sense moves nothing.
    """
    rail, at, t = request.rail, request.at, record.t
    if record.kind in MAKES_BOXES:
        rail = with_box(rail, record, request.depth)
        if at.box >= len(rail):
            at = Stop(len(rail) - 1, at.leg)
    socket = sockets.after(request.socket, record)
    at = stop_of(record, rail, at, request.depth)
    if socket is not None and socket.is_open and record.kind in INSIDE:
        at = inside(rail, at, entered=bool(request.endpoint))
    moved = replace(
        request,
        rail=rail,
        at=at,
        socket=socket,
        last=t if t > request.last else request.last,
        events=request.events + 1,
    )
    rule = _RULES.get(type(record))
    return rule(moved, record) if rule else moved


def _when(request: Request, **milestone: int) -> Times:
    return replace(request.times, **milestone)


def _completed(request: Request, record: ResponseComplete) -> Request:
    running = request.outcome is Outcome.RUNNING
    return replace(
        request,
        bytes_out=record.n,
        outcome=Outcome.ANSWERED if running else request.outcome,
        times=_when(request, complete=record.t),
    )


def _ended(request: Request, record: RunAsgiEnd) -> Request:
    return replace(
        request,
        outcome=_BRANCHES.get(record.branch, Outcome.DONE),
        waiting="",
        times=_when(request, ended=record.t),
    )


def _suspended(request: Request, record: TaskSuspended) -> Request:
    others = _others(request, record.id)[1 - MOST_WAITS :]
    waits = (*others, (record.id, record.waits_for))
    return replace(request, step=None, waits=waits)


def _runs(request: Request, record: TaskStarted | TaskResumed) -> Request:
    waits = _others(request, record.id)
    return replace(request, step=record.id, waits=waits)


def _ran(request: Request, record: TaskDone) -> Request:
    return replace(request, step=None, waits=_others(request, record.id))


def _others(request: Request, task: int) -> tuple[tuple[int, WaitsFor], ...]:
    return tuple(each for each in request.waits if each[0] != task)


def _out_of_app(request: Request, record: AppExit) -> Request:
    apps = max(request.apps - 1, 0)
    if apps or request.times.app is not None:
        return replace(request, apps=apps)  # `run_asgi.end` will tell
    # Under a server that isn't ours, the outermost app's end is the end.
    return replace(
        request,
        apps=apps,
        outcome=Outcome.FAILED if record.raised else Outcome.DONE,
        error=record.raised or request.error,
        waiting="",
        times=_when(request, ended=record.t),
    )


def _asked(request: Request, record: SendCall) -> Request:
    if request.times.app is not None or record.status is None:
        return request  # `response.start` will tell
    # What a server that isn't ours makes of it, nobody sees.
    known = request.status is not None
    return request if known else replace(request, status=record.status)


def _left(request: Request, _: ClientDisconnected) -> Request:
    over = request.times.ended is not None
    return request if over else replace(request, outcome=Outcome.LEFT)


def _refused(request: Request, record: H11Error) -> Request:
    if request.times.parsed is not None:
        # The garbage is in its body: the app was called, and goes on.
        return replace(request, status=request.status or record.status)
    return replace(
        request,
        status=record.status,
        method="—",
        path=record.message,
        outcome=Outcome.REFUSED,
    )


def _written(request: Request, _: TransportWrite) -> Request:
    held = request.waiting == HEAD_HELD
    return replace(request, waiting="") if held else request


def _shaken(request: Request, record: WsHandshake) -> Request:
    if record.outcome != "invalid":
        return request
    said = record.reason or "no handshake"
    return replace(request, method="—", path=said, outcome=Outcome.REFUSED)


def _carried(request: Request, record: Bytes) -> Request:
    if (record.direction, record.of) != ("in", "body"):
        return request
    return replace(request, bytes_in=request.bytes_in + record.n)


_RULES: dict[type[Record], Callable[[Request, Any], Request]] = {
    ScopeBuilt: lambda was, e: replace(
        was,
        method=e.method,
        path=e.path,
        query=e.query,
        times=_when(was, parsed=e.t),
        socket=Socket() if e.type == "websocket" else None,
    ),
    RunAsgiStart: lambda was, e: replace(was, times=_when(was, app=e.t)),
    ResponseStart: lambda was, e: replace(
        was, status=e.status, times=_when(was, response=e.t)
    ),
    ResponseComplete: _completed,
    RunAsgiEnd: _ended,
    AppException: lambda was, e: replace(was, error=e.type),
    ClientDisconnected: _left,
    H11Error: _refused,
    WsHandshake: _shaken,
    Bytes: _carried,
    AppEnter: lambda was, _: replace(was, apps=was.apps + 1),
    AppExit: _out_of_app,
    MiddlewareEnter: lambda was, e: replace(was, depth=e.depth),
    MiddlewareExit: lambda was, e: replace(was, depth=e.depth - 1),
    RouteHandle: lambda was, e: replace(was, route=e.route),
    EndpointEnter: lambda was, e: replace(was, endpoint=e.name),
    ReceiveCall: lambda was, e: replace(
        was, waiting="" if e.ready else "await receive"
    ),
    ReceiveReturn: lambda was, _: replace(was, waiting=""),
    SendCall: _asked,
    ThreadQueued: lambda was, _: replace(was, waiting="awaits thread"),
    ThreadStart: lambda was, _: replace(was, waiting="in thread"),
    ThreadEnd: lambda was, _: replace(was, waiting=""),
    HeadHeld: lambda was, _: replace(was, waiting=HEAD_HELD),
    TransportWrite: _written,
    BackgroundStart: lambda was, _: replace(was, waiting="background"),
    BackgroundEnd: lambda was, _: replace(was, waiting=""),
    TaskSuspended: _suspended,
    TaskStarted: _runs,
    TaskResumed: _runs,
    TaskDone: _ran,
    Held: lambda was, e: replace(was, held=e.stage),
    Released: lambda was, _: replace(was, held=""),
}
"""What each kind changes; a kind that isn't here only moves the request."""


def first(record: Record, number: int, rail: tuple[Box, ...]) -> Request:
    """A request as it stands before its first event.

    Args:
        record: That first event.
        number: The request's number.
        rail: The boxes that it is expected to meet.
    """
    return Request(
        number=number,
        conn=record.conn,
        times=Times(arrived=record.t),
        rail=rail,
        last=record.t,
    )
