"""Frames become one message, within a limit."""

from io import BytesIO, StringIO

from wsproto.events import BytesMessage, TextMessage

from tracer.capture.probe import Note
from tracer.capture.server.asgi import Message
from tracer.capture.server.deflate import BoundedDeflate
from tracer.capture.server.previews import Sort, previewed
from tracer.capture.sources import Places
from tracer.events import WsFragment, WsMessage


class Incoming:
    """The message that is coming in.

    wsproto gives what each read has brought of a frame; the message is the
    sum of all, and a text may be split within a character.

    Attributes:
        length: Bytes so far; of a text, as UTF-8.

    Source: uvicorn, `WebsocketBuffer`
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._clear()

    def _clear(self) -> None:
        self.length = 0
        self._value: BytesIO | StringIO | None = None
        self._frames = 0
        self._frame = 0  # bytes of this frame

    def extend(
        self, event: TextMessage | BytesMessage, note: Note | None
    ) -> bool:
        """Take one more piece.

        Returns:
            Whether the message is still within the limit.
        """
        if self._value is None:
            text = isinstance(event, TextMessage)
            self._value = StringIO() if text else BytesIO()
        self._value.write(event.data)  # type: ignore[arg-type]  # its sort
        data = event.data
        n = len(data.encode()) if isinstance(data, str) else len(data)
        self.length += n
        self._frame += n
        if event.frame_finished:
            self._end_frame(event.message_finished, note)
        return self.length <= self.limit

    def _end_frame(self, last: bool, note: Note | None) -> None:
        self._frames += 1
        if note is not None and not (last and self._frames == 1):
            sort: Sort = "text" if self._is_text else "binary"
            sizes = self._frame, last, self.length
            note.five(WsFragment, AT.extend, "in", sort, *sizes)
        self._frame = 0

    @property
    def _is_text(self) -> bool:
        return isinstance(self._value, StringIO)

    def to_message(
        self, note: Note | None, deflate: BoundedDeflate | None
    ) -> Message:
        """Give the whole message to the app, and be ready for the next."""
        assert self._value is not None
        data = self._value.getvalue()
        if note is not None:
            n, sort, text = previewed(data)
            packed = None if deflate is None else deflate.packed
            frames = self._frames
            note(WsMessage, AT.to_message, "in", n, sort, text, frames, packed)
        self._clear()
        key = "text" if isinstance(data, str) else "bytes"
        return {"type": "websocket.receive", key: data}


AT = Places(Incoming)
