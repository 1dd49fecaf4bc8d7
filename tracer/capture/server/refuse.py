"""What the server answers by itself: to invalid bytes, to too much work.

The user's app is not asked.
"""

import logging

import h11

from tracer.capture import redact
from tracer.capture.probe import CURRENT, Note
from tracer.capture.server.asgi import Message, Receive, Scope, Send
from tracer.capture.server.head import STATUS_PHRASES
from tracer.capture.server.writer import END, Writer
from tracer.events import Bytes, LimitCheck, LimitRejected

HEAD_LIMIT = 16 * 1024
"""Bytes of an unfinished head (or chunk's line) that are kept; as h11 has it.

What is longer is refused as invalid.
"""

INVALID = "Invalid HTTP request received."
TOO_LATE = "The request's head did not arrive in time."
CAN_ANSWER = frozenset({h11.IDLE, h11.SEND_RESPONSE})
"""Our states in which a 400 can be sent.

In the others a response is under way or over: a second one would be read as
part of the first.
"""

SERVER_ERROR: tuple[Message, Message] = (
    {
        "type": "http.response.start",
        "status": 500,
        "headers": [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"connection", b"close"),
        ],
    },
    {
        "type": "http.response.body",
        "body": b"Internal Server Error",
        "more_body": False,
    },
)
"""What the server sends for an app that has failed to answer."""
UNAVAILABLE: tuple[Message, Message] = (
    {
        "type": "http.response.start",
        "status": 503,
        "headers": [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", b"19"),
            (b"connection", b"close"),
        ],
    },
    {
        "type": "http.response.body",
        "body": b"Service Unavailable",
        "more_body": False,
    },
)
"""What the server sends when it is full."""

OWN = {
    id(start): (start["type"], None, None, start["status"], "server")
    for start, _ in (SERVER_ERROR, UNAVAILABLE)
} | {
    id(body): (body["type"], len(body["body"]), False, None, "server")
    for _, body in (SERVER_ERROR, UNAVAILABLE)
}
"""Messages that the server sends, by identity: the payload of `send.call`.

No app can have made one of them: they live as long as the process.
"""


def send_400(writer: Writer, where: int | None, to_head: bool = False) -> None:
    """Answer bytes that are no HTTP, if that can be done, and close.

    Args:
        writer: Writes the answer.
        where: The place that speaks.
        to_head: They came as the body of a HEAD, whose answer has none.

    Source: uvicorn, `H11Protocol.send_400_response`
    """
    if writer.conn.our_state in CAN_ANSWER:
        _send(writer, where, 400, "" if to_head else INVALID)
        writer.close(where, "invalid HTTP")
    else:
        writer.abort(where, "invalid HTTP, and too late")


def send_408(writer: Writer, where: int | None, came: int) -> None:
    """Answer a head of which some bytes came, but not all in time; close.

    Source: RFC 9110, section 15.5.9
    """
    if came:
        _send(writer, where, 408, TOO_LATE)
        writer.close(where, "the head took too long")
    else:
        writer.hang_up(where, "no request came")


def _send(writer: Writer, where: int | None, status: int, said: str) -> None:
    head = h11.Response(
        status_code=status,
        headers=[
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"connection", b"close"),
        ],
        reason=STATUS_PHRASES[status],
    )
    output = writer.write(head, "head", where)
    if (note := writer.note) is not None:
        text = redact.head(output)
        note.four(Bytes, where, "out", "head", text, len(output))
    writer.write(h11.Data(data=said.encode("ascii")), "body", where)
    if note is not None and said:
        note.four(Bytes, where, "out", "body", said, len(said))
    writer.write(END, "end", where)


def warn(logger: logging.Logger, said: str, note: Note | None) -> None:
    """Log a line about a request, or about a connection that has none.

    The context may be that of the request before on the connection: what
    comes after it is read in its task.
    """
    before = CURRENT.set(note)
    try:
        logger.warning(said)
    finally:
        CURRENT.reset(before)


def is_full(
    connections: int,
    tasks: int,
    limit: int,
    note: Note | None,
    where: int | None,
) -> bool:
    """Tell whether so much is open that the answer is 503.

    The connection that asks counts itself, and so do idle ones.

    Source: uvicorn, `H11Protocol.handle_events`
    """
    full = connections >= limit or tasks >= limit
    if note is not None:
        note(LimitCheck, where, connections, tasks, limit)
        if full:
            note(LimitRejected, where)
    return full


async def service_unavailable(
    scope: Scope,
    receive: Receive,
    send: Send,
) -> None:
    """Answer 503: an ASGI app that stands in for the user's own.

    Source: uvicorn, `service_unavailable`
    """
    for message in UNAVAILABLE:
        await send(message)
