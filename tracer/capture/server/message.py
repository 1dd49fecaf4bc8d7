"""A message of the app's, told in numbers: `send.call`."""

from tracer.capture.probe import Note
from tracer.capture.server.asgi import Message
from tracer.capture.server.refuse import OWN
from tracer.events import SendCall


def note_send(note: Note, message: Message, where: int | None) -> None:
    """Say what the app, or the server in its place, wants to be sent."""
    if id(message) in OWN:
        note(SendCall, where, *OWN[id(message)])
    elif message["type"] == "http.response.body":
        body = message.get("body", b"")
        # What the app sends may be wrong, and is not ours to judge.
        size = len(body) if isinstance(body, (bytes, bytearray)) else None
        more_body = bool(message.get("more_body", False))
        note.three(SendCall, where, message["type"], size, more_body)
    else:
        kind, status = message["type"], message.get("status")
        # As above: what stands in the trace has the type it must have.
        status = status if isinstance(status, int) else None
        note.four(SendCall, where, str(kind), None, None, status)
