"""Lines from the viewer become wishes for the gate, events, or the end."""

from collections.abc import Callable, Iterable

import msgspec

from tracer.capture.gate import Gate
from tracer.capture.probe import Probe
from tracer.events import (
    ClientChunk,
    ClientClosed,
    ClientConnected,
    ClientFirstByte,
    ClientRefused,
    ClientResponse,
    ClientSent,
)
from tracer.events.commands import AnyCommand, Stop, Told

Client = (
    ClientChunk
    | ClientClosed
    | ClientConnected
    | ClientFirstByte
    | ClientRefused
    | ClientResponse
    | ClientSent
)
"""All that a client may tell of: nobody else's events are its to make."""

_UNREADABLE = (msgspec.DecodeError, UnicodeError, RecursionError)
"""What bytes can be: no JSON or not what is expected, no text, too deep."""

_commands = msgspec.json.Decoder(AnyCommand)
_events = msgspec.json.Decoder(Client)
_SILENCE = dict.fromkeys(("turn", "conn", "req", "task", "where"))
"""What a client can't know."""


class Orders:
    """Obeys the viewer's commands, from a thread of its own.

    Args:
        gate: Gets what is about holding.
        probe: Gets the clients' events.
        stop: Ends the server.
        say: Tells the viewer in a sentence what was not understood.
    """

    def __init__(
        self,
        gate: Gate,
        probe: Probe,
        stop: Callable[[], None],
        say: Callable[[str], None],
    ) -> None:
        self._gate = gate
        self._probe = probe
        self._stop = stop
        self._say = say

    def obey(self, lines: Iterable[bytes]) -> None:
        """Obey line after line, until they end."""
        for line in lines:
            try:
                command = _commands.decode(line)
            except _UNREADABLE as error:
                self._say(f"a command that nobody understands: {error}")
                continue
            match command:
                case Stop():
                    self._stop()
                case Told():
                    self._tell(command)
                case _:
                    self._gate.tell(command)

    def _tell(self, told: Told) -> None:
        for line in told.lines:
            try:
                event = _events.decode(line)
            except _UNREADABLE as error:
                self._say(f"a client's event that is none: {error}")
                continue
            thread, dash, number = event.thread.partition("-")
            if (thread, dash) != ("client", "-") or not number.isdecimal():
                self._say(f"no client is called {event.thread!r}")
                continue
            t = max(0, event.t - self._probe.zero)
            self._probe.emit(
                msgspec.structs.replace(event, seq=0, t=t, **_SILENCE)
            )
