"""What the app is given and what it says: scope, receive() and send()."""

from collections.abc import Hashable, Iterable
from typing import ClassVar

from tracer.events import (
    ReceiveCall,
    ReceiveReturn,
    ScopeBuilt,
    SendCall,
    SendDropped,
    SendRejected,
)
from tracer.events.log import Record
from tracer.views.tui.moment import Moment
from tracer.views.tui.pieces import Line, many, millis, pad
from tracer.views.tui.rows import Rows, played_of

KINDS = (
    "scope.built",
    "receive.call",
    "receive.return",
    "send.call",
    "send.rejected",
    "send.dropped",
)


class Asgi(Rows):
    """The messages in their order, and the scope below them."""

    HELP: ClassVar[str] = """
### ASGI

The server calls the app once a request: `await app(scope, receive, send)`.
`◄` is what `receive()` gave the app, `►` what the app gave to `send()`; below
them stands the scope. All that an ASGI app knows came in here.
"""

    def key(self, moment: Moment) -> Hashable:
        return tuple(played_of(moment, *KINDS))

    def rows(self, moment: Moment, width: int) -> Iterable[Line]:
        scope: ScopeBuilt | None = None
        yield (("receive() and send()", "strong"),)
        none = True
        for record in moment.played:
            if isinstance(record, ScopeBuilt):
                scope = record
            for line in _message(record):
                none = False
                at = millis(record.t - moment.began, 8)
                yield ((at + "  ", "muted"), *line)
        if none:
            yield (("no message yet", "muted"),)
        yield ()
        yield (("scope", "strong"),)
        if scope is None:
            yield (("not built yet", "muted"),)
        else:
            yield from _scope(scope)


def _message(record: Record) -> Iterable[Line]:
    match record:
        case ReceiveCall(ready=False):
            yield (("  receive() ", "muted"), ("waits", "warn"))
        case ReceiveReturn():
            said = f"  {_given(record)}"
            yield (("◄ ", "connection"), (record.type, ""), (said, "muted"))
        case SendCall():
            yield (("► ", "good"), (record.type, ""), (_said(record), "muted"))
        case SendRejected():
            said = (
                f"send() raised: expected {record.expected}, got {record.got}"
            )
            yield (("✗ ", "bad"), (said, "bad"))
        case SendDropped():
            yield (("✗ ", "warn"), (f"{record.type} dropped", "warn"))
        case _:
            pass


def _given(record: ReceiveReturn) -> str:
    match record.type:
        case "http.request":
            return f"{many(record.n, 'byte')}  more_body={record.more_body}"
        case "websocket.receive":
            return many(record.n, "byte")
        case "websocket.disconnect":
            return f"code={record.code}  {record.reason or ''}"
        case _:
            return record.reason or ""


def _said(record: SendCall) -> str:
    said = "" if record.code is None else f"  code={record.code}"
    if record.status is not None:
        said += f"  status={record.status}"
    if record.n is not None:
        said += f"  {many(record.n, 'byte')}"
    if record.more_body is not None:
        said += f"  more_body={record.more_body}"
    return said


def _scope(scope: ScopeBuilt) -> Iterable[Line]:
    shown = (
        ("type", scope.type),
        *((("method", scope.method),) if scope.type == "http" else ()),
        ("path", scope.path),
        ("raw_path", scope.raw_path),
        ("query_string", scope.query),
        ("root_path", scope.root_path),
        ("http_version", scope.http_version),
        ("scheme", scope.scheme),
        ("client", scope.client),
        ("server", scope.server),
        *(
            (("subprotocols", ", ".join(scope.subprotocols) or "none"),)
            if scope.type == "websocket"
            else ()
        ),
        ("headers", f"{len(scope.headers)}, see pane 7"),
        ("state", f"copy #{scope.state_obj}: {', '.join(scope.state) or '{}'}"),
    )
    for name, value in shown:
        yield (
            (pad(name, 14), "cycle"),
            (value or "''", "" if value else "muted"),
        )
