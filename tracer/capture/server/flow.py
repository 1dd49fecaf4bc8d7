"""Back-pressure: when to stop reading from a client, when to stop the app.

Reading stops when the app doesn't take what has come; `send()` waits when
the client doesn't take what is going out. What the bytes mean is not known
here.
"""

import asyncio
from typing import Literal

from tracer.capture.probe import Note
from tracer.capture.sources import Places
from tracer.events import ReadPaused, ReadResumed, WritePaused, WriteResumed

HIGH_WATER_LIMIT = 65536
"""Bytes of a request's body that wait for the app before reading stops.

A soft limit: one more read may bring 256 KiB at once.
"""

Paused = Literal["body", "pipelining", "message"]
"""Why reading stops."""


class FlowControl:
    """Pauses and resumes one connection, in both directions.

    Attributes:
        note: Whose pauses these are: the connection's or its request's.

    Source: uvicorn, `FlowControl`
    """

    def __init__(self, transport: asyncio.Transport, note: Note | None) -> None:
        self.note = note
        self._transport = transport
        self.read_paused = False
        self.write_paused = False
        self._is_writable = asyncio.Event()
        self._is_writable.set()

    async def drain(self) -> None:
        """Wait until the client has taken enough."""
        await self._is_writable.wait()

    def pause_reading(self, reason: Paused, buffered: int) -> None:
        """Let bytes wait in the kernel; `buffered` bytes have been read."""
        if not self.read_paused:
            self.read_paused = True
            self._transport.pause_reading()
            if (note := self.note) is not None:
                note(ReadPaused, AT.pause_reading, buffered, reason)

    def resume_reading(self) -> None:
        """Read again, if reading was paused."""
        if self.read_paused:
            self.read_paused = False
            self._transport.resume_reading()
            if (note := self.note) is not None:
                note(ReadResumed, AT.resume_reading)

    def pause_writing(self) -> None:
        """Make `drain` wait: the transport's buffer is over its limit."""
        if not self.write_paused:
            self.write_paused = True
            self._is_writable.clear()
            if (note := self.note) is not None:
                size = self._transport.get_write_buffer_size()
                note(WritePaused, AT.pause_writing, size)

    def resume_writing(self) -> None:
        """Let `drain` return: the transport's buffer has emptied."""
        if self.write_paused:
            self.write_paused = False
            self._is_writable.set()
            if (note := self.note) is not None:
                note(WriteResumed, AT.resume_writing)


AT = Places(FlowControl)
