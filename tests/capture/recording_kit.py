"""What the tests of the recording share: pipes read when a test wants it."""

import os

from tracer.capture.frames import Frames
from tracer.capture.outlet import File, Outlet
from tracer.events import Header, Tick
from tracer.events.log import Decoder, Record

HEADER = Header(
    started="2000-01-01T00:00:00Z",
    clock="monotonic",
    clock0=0,
    pid=1,
    app="app:app",
    versions={},
    redacted=("cookie",),
)


def tick(t: int, **envelope: int) -> Tick:
    return Tick(t, 0, 0, 0, t=t, thread="loop", **envelope)


class Pipe:
    """A pipe whose other end is read only when the test wants it."""

    def __init__(self) -> None:
        self._from, self.into = os.pipe()

    def bytes(self) -> bytes:
        """Wait for some bytes; none are its end."""
        data = os.read(self._from, 1 << 16)
        if not data:
            os.close(self._from)
        return data

    def leave(self) -> None:
        """Close the end that is read."""
        os.close(self._from)


class Viewer(Pipe):
    """An outlet, and the records that come out of it."""

    def __init__(self, limit: int = 1 << 20) -> None:
        super().__init__()
        self.outlet = Outlet("viewer", File(self.into), limit)
        self.decoder = Decoder()

    def read(self, *, until: int) -> list[Record]:
        """Read until so many records have come."""
        found: list[Record] = []
        while len(found) < until:
            data = self.bytes()
            assert data, "the pipe was closed before all had come"
            found += self.decoder.feed(data)
        return found

    def rest(self) -> list[Record]:
        """Read to the end, and close."""
        found: list[Record] = []
        while data := self.bytes():
            found += self.decoder.feed(data)
        return found


class Shipped(Pipe):
    """The recorder's end of a link, and the frames that come there."""

    def __init__(self) -> None:
        super().__init__()
        self._cut = Frames()

    def frames(self) -> list[bytes]:
        """Read to the end."""
        found: list[bytes] = []
        while data := self.bytes():
            found += self._cut.feed(data)
        return found
