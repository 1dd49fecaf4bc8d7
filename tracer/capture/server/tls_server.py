"""A listening socket becomes TLS connections, one handshake each.

asyncio's own server would do the same, and keep to itself which handshakes
fail, and why. This one is used traced or not, so that both do the same.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence
from ssl import SSLContext

from tracer.capture.loop import ListenSocket, connection_at, disclaim
from tracer.capture.probe import Note
from tracer.capture.server.tls import failure
from tracer.capture.sources import Places
from tracer.events import TlsFailed

AT_ONCE = 16
"""Connections that are taken before all else on the loop has a turn."""

BACK_OFF = 0.1
"""Seconds until it is tried again, where no more files can be opened."""


class TLSServer:
    """Accepts on one socket, and hands a protocol what has shaken hands.

    Source: asyncio, `Server`; `loop.connect_accepted_socket`
    """

    def __init__(
        self,
        sock: socket.socket,
        factory: Callable[[], asyncio.Protocol],
        context: SSLContext,
        timeout: float,
        note: Note | None,
    ) -> None:
        self.sockets: Sequence[socket.socket] = (sock,)
        self.sock = sock
        self.factory = factory
        self.context = context
        self.timeout = timeout
        self.note = note
        self.loop = asyncio.get_running_loop()
        if isinstance(sock, ListenSocket):
            sock.where = AT.accept
        # Kept, since the loop holds its tasks only weakly.
        self.handshakes: set[asyncio.Task[None]] = set()
        self.accepting = self.loop.create_task(self.accept())
        # Not before the loop has stopped watching it.
        self.accepting.add_done_callback(lambda _: sock.close())

    async def accept(self) -> None:
        """Take connections for ever; a handshake keeps no other waiting."""
        taken, failing = 0, False
        while True:
            try:
                conn, _ = await self.loop.sock_accept(self.sock)
            except ConnectionAbortedError:
                continue  # it had left before
            except OSError as error:
                if not failing:
                    self.complain(error)
                failing = True
                await asyncio.sleep(BACK_OFF)
                continue
            failing = False
            task = self.loop.create_task(self.shake_hands(conn))
            self.handshakes.add(task)
            task.add_done_callback(self.handshakes.discard)
            taken += 1
            if taken % AT_ONCE == 0:
                # While somebody is there, sock_accept() doesn't wait.
                await asyncio.sleep(0)

    def complain(self, error: OSError) -> None:
        """Say that there are too many files open, as asyncio does."""
        self.loop.call_exception_handler(
            {
                "message": "socket.accept() out of system resource",
                "exception": error,
            }
        )

    async def shake_hands(self, conn: socket.socket) -> None:
        """Make a protocol; it is connected once both sides have agreed."""
        fd = conn.fileno()
        number = None if self.note is None else connection_at(fd)
        made: list[asyncio.Protocol] = []

        def factory() -> asyncio.Protocol:
            made.append(self.factory())
            return made[0]

        try:
            await self.loop.connect_accepted_socket(
                factory,
                conn,
                ssl=self.context,
                ssl_handshake_timeout=self.timeout,
            )
        except (OSError, asyncio.CancelledError) as error:
            if self.note is not None and number is not None:
                disclaim(fd, number)
                note = self.note.about(conn=number)
                obj = getattr(made[0], "obj", 0)
                note(TlsFailed, AT.shake_hands, *failure(error), obj)
            if isinstance(error, asyncio.CancelledError):
                raise

    def close(self) -> None:
        """Accept nobody any more; who hasn't shaken hands by now is new."""
        self.sockets = ()
        self.accepting.cancel()
        # One that was begun in this turn takes its first step before that,
        # else nobody would close its connection.
        self.loop.call_soon(self.give_up)

    def give_up(self) -> None:
        """End the handshakes under way; asyncio closes their connections."""
        for task in self.handshakes:
            task.cancel()

    async def wait_closed(self) -> None:
        """Wait until all of that has ended."""
        await asyncio.gather(
            self.accepting, *self.handshakes, return_exceptions=True
        )


AT = Places(TLSServer)
