"""Clients of ours at work: started, listened to, and ended for certain.

What each of them says happened is passed on to the traced process, which
writes it into the same trace. Their connections are numbered here, since
no client knows of the others.
"""

import ipaddress
import signal
import threading
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

import msgspec

from tracer.events.commands import Told
from tracer.events.commands import line as line_of
from tracer.host.process import Process

MODULE = "tracer.client"

MOST = 8
"""Clients that may be at work at once: each is a process."""

_READ = 1 << 16  # bytes


class TooManyError(Exception):
    """So many are at work already; one sentence for the user."""


class Clients:
    """All clients of one server.

    Attributes:
        number: How many connections they have opened so far, in all.
    """

    def __init__(self, tell: Callable[[bytes], object]) -> None:
        """Start none yet.

        Args:
            tell: Takes a line for the traced process; it may wait.
        """
        self.number = 0
        self._tell = tell
        self._lock = threading.Lock()
        self._ended = False
        self._at_work: list[_Client] = []

    @property
    def busy(self) -> bool:
        """Whether any of them is at work."""
        with self._lock:
            return any(each.at_work for each in self._at_work)

    def start(self, url: str, arguments: Sequence[str]) -> None:
        """Start one against the traced server; nothing after the end.

        Raises:
            TooManyError: Others must end first.
            OSError: It can't be started.
        """
        with self._lock:
            if self._ended:
                return
            self._at_work = [each for each in self._at_work if each.at_work]
            if len(self._at_work) >= MOST:
                raise TooManyError(
                    f"{MOST} clients are at work: wait until one is done"
                )
            # One that is refused is no stranger: its server is ours.
            told = ("--url", reachable(url), "--anywhere", "--events")
            process = Process(MODULE, *told, "--until-eof", *arguments)
            self._at_work.append(_Client(process, self._next, self._tell))

    def stop(self) -> None:
        """Ask all of them to end; no other can be started. Returns at once."""
        with self._lock:
            self._ended = True
            for each in self._at_work:
                each.process.signal(signal.SIGTERM)

    def close(self) -> None:
        """End all of them, and wait for that."""
        self.stop()
        for each in self._at_work:
            each.close()
        self._at_work = []

    def _next(self) -> int:
        with self._lock:
            self.number += 1
            return self.number


class _Client:
    """One of them, and the thread that listens to it."""

    def __init__(
        self,
        process: Process,
        number: Callable[[], int],
        tell: Callable[[bytes], object],
    ) -> None:
        self.process = process
        self._number = number
        self._tell = tell
        self._names: dict[str, str] = {}
        self._listener = threading.Thread(
            target=self._listen, name="asgi-trace client", daemon=True
        )
        self._listener.start()

    @property
    def at_work(self) -> bool:
        """Whether there is more to come from it."""
        return self._listener.is_alive()

    def close(self) -> None:
        self.process.end((1.0, 1.0))
        self._listener.join()

    def _listen(self) -> None:
        rest = b""
        while data := self.process.out.read1(_READ):  # type: ignore[attr-defined]  # buffered
            *whole, rest = (rest + data).split(b"\n")
            lines = tuple(self._renamed(each) for each in whole)
            if lines:
                self._tell(line_of(Told(lines)))
        self.process.wait()
        self.process.close()

    def _renamed(self, said: bytes) -> str:
        """The same event, with the connection's number in the trace."""
        event = msgspec.json.decode(said, type=dict[str, object])
        own = str(event["thread"])
        if own not in self._names:
            self._names[own] = f"client-{self._number()}"
        event["thread"] = self._names[own]
        return msgspec.json.encode(event).decode()


def reachable(url: str) -> str:
    """Where to connect to for a server that listens on such an address.

    "On all interfaces" is nowhere to connect to; this machine is one of them.

    Source: RFC 1122, section 3.2.1.3; RFC 4291, section 2.5.2.
    """
    parts = urlsplit(url)
    try:
        address = ipaddress.ip_address(parts.hostname or "")
    except ValueError:
        return url
    if not address.is_unspecified:
        return url
    here = "127.0.0.1" if address.version == 4 else "[::1]"  # noqa: PLR2004
    return f"http://{here}:{parts.port}"
