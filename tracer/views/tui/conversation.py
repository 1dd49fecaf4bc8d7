"""A WebSocket's story becomes a conversation: who said what, and how much.

Only what is new in the story is looked at, and only the lines on the screen
are made: a chat of many thousand messages costs no more than a short one.
"""

from bisect import bisect_right
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.strip import Strip

from tracer.model.filter import Filter
from tracer.model.sockets import Said, Socket, said_of
from tracer.views.tui.lines import Lines
from tracer.views.tui.messages import PaneChosen, Sought
from tracer.views.tui.moment import Moment
from tracer.views.tui.pieces import Line, duration, fit, many, millis, pad

ALL = Filter()
EVENTS_PANE = 2
WIDE = 50
"""Cells from which on the bytes on the wire have room, too."""
WAYS = {"in": ("◄", "connection"), "out": ("►", "good"), None: ("✗", "bad")}
NOBODY = "No request yet."
NONE = "This request asked for no WebSocket."
HINT = "In the list of requests, those that did have WS for a verb."
QUIET = frozenset({"part", "ping", "pong"})
"""What the app never hears of."""
BAD = frozenset({"limit", "timeout", "invalid", "failed"})
NORMAL = 1000
"""The code of an end that both wanted."""
HANDSHAKES = frozenset({"accepted", "refused", "denied", "invalid", "failed"})


class Conversation(Lines):
    """One line for each message, ping, pong and Close frame."""

    CURSOR = True
    above = 2
    HELP: ClassVar[str] = """
### WebSocket

What the two sides said, in order: the milliseconds since the request's first
event, the way (`◄` from the client, `►` to it), what it was, its size, and
how it begins. Of a binary message the beginning stands in hexadecimal.

Faint are frames that the app never hears of: pings, pongs, and the parts of
a message that comes in several. `packed` is what went over the wire.

The two lines at the top say how it stands **now**, wherever the playhead is.
`up` and `down` move the playhead, `enter` shows the events around it.
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Events", show=False)
    ]

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._moment: Moment | None = None
        self._said: list[tuple[int, Said]] = []
        self._indexes: list[int] = []
        self._key: tuple[object, ...] = ()
        self._seen = self._played = 0
        self._socket: Socket | None = None
        self._filter = ALL

    # What changed?

    def show(self, moment: Moment) -> None:
        """Take a moment: add what was said, and move the mark."""
        number = moment.request.number if moment.request else None
        key = (number, self._filter)
        self._moment = moment
        if key != self._key or len(moment.story) < self._seen:
            self._key, self._said, self._indexes, self._seen = key, [], [], 0
            self.top = self.cursor = self._played = 0
            self.refresh()
        self._listen(moment)
        socket = moment.request.socket if moment.request else None
        if socket != self._socket:
            self._socket = socket
            self.repaint(0, 0, self.size.width, self.above)
        played = bisect_right(self._indexes, moment.index)
        if played != self._played:
            # The user may have moved the cursor already: what matters is
            # which lines are said now that were not, or the other way.
            first, last = sorted((played, self._played))
            for passed in range(max(first - 1, 0), last + 1):
                self.redraw(passed)
            self._played = played
        line = max(played - 1, 0)
        if line != self.cursor:
            self.redraw(self.cursor)
            self.cursor = line
            self.redraw(line)
        self.reveal(line)

    def _listen(self, moment: Moment) -> None:
        before = len(self._said)
        for index in range(self._seen, len(moment.story)):
            record = moment.story[index]
            if record.layer != "websocket":
                continue
            said = said_of(record)
            if said is not None and self._filter.wants_event(record):
                self._said.append((index, said))
                self._indexes.append(index)
        self._seen = len(moment.story)
        if len(self._said) != before:
            self.refresh()

    def filter(self, wanted: Filter) -> None:
        """List only what is wanted."""
        self._filter = wanted

    # The lines

    def render_line(self, y: int) -> Strip:
        if y >= self.above:
            return super().render_line(y)
        width = self.size.width
        return self.strip(self._head(y, width), width)

    def _head(self, y: int, width: int) -> Line:
        if self._moment is None or self._moment.request is None:
            return (((NOBODY, "")[y], "muted"),)
        if self._socket is None:
            return (((NONE, HINT)[y], "muted"),)
        if y == 0:
            return _standing(self._socket, width)
        return ((fit(_agreed(self._socket), width), "muted"),)

    def count(self) -> int:
        return len(self._said)

    def ground(self, index: int) -> str:
        if index != self.cursor or not self._said:
            return ""
        return "both" if self.has_focus else "playhead"

    def line(self, index: int, width: int) -> Line:
        assert self._moment is not None
        at, said = self._said[index]
        future = at > self._moment.index
        glyph, look = WAYS[said.way]
        sort, size, text = _words(said, wide=width >= WIDE)
        since = millis(said.t - self._moment.began, 8)
        tone = "faint" if future or said.sort in QUIET else ""
        if said.sort in BAD or (said.sort == "close" and said.code != NORMAL):
            tone = tone or "warn"
        room = max(width - 30, 0)
        return (
            ("►" if index == self.cursor else " ", "token"),
            (f"{since} ", "muted"),
            (f"{glyph} ", "faint" if future else look),
            (pad(sort, 9), tone or "websocket"),
            (pad(size, 7, right=True) + "  ", "faint" if future else "muted"),
            (fit(text, room), tone),
        )

    # What the user picks

    def cursor_moved(self) -> None:
        self.post_message(Sought(self._indexes[self.cursor]))

    def action_open(self) -> None:
        self.post_message(PaneChosen(EVENTS_PANE))


def _standing(socket: Socket, width: int) -> Line:
    """How it stands, and how much was said."""
    state, look = socket.state.lower().replace("_", " "), "good"
    if not socket.is_open and socket.until is not None:
        state = "closed" if socket.was_open else socket.handshake or "closed"
        look = "muted" if socket.was_open else "warn"
    counts = (
        f"  {socket.messages_in}◄ {many(socket.bytes_in, 'byte')}"
        f"  {socket.messages_out}► {many(socket.bytes_out, 'byte')}"
    )
    lasted = ""
    if socket.since is not None and socket.until is not None:
        lasted = f"  for {duration(socket.until - socket.since)}"
    room = max(width - len(state), 0)
    return ((state, look), (fit(counts + lasted, room), "muted"))


def _agreed(socket: Socket) -> str:
    """What was agreed on; once it is over, how it ended."""
    if socket.code is not None:
        by = f" by the {socket.by}" if socket.by else ""
        why = f": {socket.reason}" if socket.reason else ""
        unanswered = "" if socket.answered else ", not answered"
        return f"closed{by} with {socket.code}{unanswered}{why}"
    if socket.until is not None:
        lost = "lost without a Close frame"
        return lost if socket.was_open else "no frame can go either way"
    chosen = [f"speaks {socket.subprotocol}"] if socket.subprotocol else []
    return " · ".join([*chosen, *socket.extensions]) or "no subprotocol"


def _words(said: Said, *, wide: bool) -> tuple[str, str, str]:
    """What it was, its size or code, and what there is to read."""
    size = "" if said.n is None else f"{said.n:,} B".replace(",", " ")
    match said.sort:
        case "close":
            who = said.by if said.first else f"{said.by} answers"
            return "close", str(said.code), _joined(who, said.text)
        case "pong" if said.rtt is not None:
            return "pong", size, f"after {duration(said.rtt)}"
        case "part":
            return "part", size, "more to come" if said.first else "the last"
        case "limit":
            return "too big", size, f"{int(said.text):,} B allowed"
        case "timeout":
            return "no answer", "", f"within {said.text}"
        case sort if sort in HANDSHAKES:
            return sort, str(said.code), said.text
        case sort:
            notes = [f"{said.frames} frames"] if said.frames > 1 else []
            if wide and said.packed is not None:
                notes.append(f"{said.packed:,} packed")
            return sort, size, _joined(", ".join(notes), said.text, " · ")


def _joined(left: str, right: str, by: str = ": ") -> str:
    return f"{left}{by}{right}" if left and right else left or right
