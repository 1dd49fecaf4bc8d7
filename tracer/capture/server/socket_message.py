"""A WebSocket's ASGI messages, told in numbers: `send.call` and its like."""

from tracer.capture import redact
from tracer.capture.probe import Note
from tracer.capture.server.asgi import Message
from tracer.events import ReceiveReturn, SendCall


def note_send(note: Note, message: Message, where: int | None) -> None:
    """Say what the app wants to be sent.

    What it sends may be wrong, and is not ours to judge: what stands in the
    trace has the type that it must have.
    """
    status, code = message.get("status"), message.get("code")
    note(
        SendCall,
        where,
        str(message["type"]),
        _size(message),
        bool(message["more_body"]) if "more_body" in message else None,
        status if isinstance(status, int) else None,
        "app",
        code if isinstance(code, int) else None,
    )


def note_receive(
    note: Note, message: Message, first: str | None, where: int | None
) -> None:
    """Say what the app gets.

    Args:
        note: The request's.
        message: What it gets.
        first: Who began to close, if somebody has.
        where: The place that says so.
    """
    kind, reason = message["type"], None
    if kind == "websocket.disconnect":
        reason = redact.text(message.get("reason") or "") or WHY[first]
    n, code = _size(message) or 0, message.get("code")
    note.five(ReceiveReturn, where, kind, n, False, reason, code)


WHY = {
    "client": "the client has closed",
    "app": "the app has closed",
    "server": "the server has closed",
    None: "the connection is gone, without a Close frame",
}


def _size(message: Message) -> int | None:
    for key in ("bytes", "text", "body"):
        data = message.get(key)
        if isinstance(data, str):
            return len(data.encode("utf-8", "surrogatepass"))
        if isinstance(data, (bytes, bytearray)):
            return len(data)
    return None
