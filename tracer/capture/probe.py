"""say(): stamps what happened and appends it. Never waits, never raises.

What is traced talks to a `Note`; a note talks to one callable that takes a
row, see `rows`. Who is not traced has no note, and pays a comparison with
None.
"""

from collections.abc import Callable
from contextvars import ContextVar
from itertools import count
from threading import get_ident
from time import monotonic_ns
from typing import Any, Literal

from tracer.capture.rows import Row, code_of, codes_of, event_of
from tracer.events import Event

Emit = Callable[[Event], object]
Say = Callable[[Row], object]
Kind = Callable[..., Event]

now = monotonic_ns
"""The clock of a row."""

_BARE, _ONE, _TWO, _THREE, _FOUR, _FIVE = map(codes_of, range(6))


def _nothing(said: object) -> None:
    """Take what nobody hears."""


class Probe:
    """What all notes of one trace share: the clock and the loop's state.

    Attributes:
        say: Takes a row, as soon as it was said. Called from the loop's
            thread and from worker threads.
        emit: Takes a whole event, from whoever has one.
        zero: What the monotonic clock said when the trace began.
        turn: The loop's turn now; None while nobody counts turns.
        task: Number of the task whose step is running on the loop.
        step: The coroutine around that task, whose note says whose it is.
        lens: How much of the loop is shown: see `Options.lens`.
        gate: Who holds requests still; None while nobody is to be held, so
            that a stage pays for one comparison.
        watch: Who sees that a turn holds the loop too long, see
            `capture.loop.watchdog`; None while nobody watches.
        conns: How many connections were accepted, the last one's number.
        reqs: How many requests have come, the last one's number.
        objs: How many protocol objects were made, the last one's number.
        jobs: How many functions were given to worker threads.
        workers: Names of the worker threads, by their idents.
        next_worker: Numbers a new one, in one step: they may come at once.
    """

    __slots__ = (
        "conns",
        "emit",
        "gate",
        "jobs",
        "lens",
        "next_worker",
        "objs",
        "reqs",
        "say",
        "step",
        "task",
        "turn",
        "watch",
        "workers",
        "zero",
    )

    def __init__(self, emit: Emit, say: Say | None = None) -> None:
        """Give what is said to somebody.

        Args:
            emit: Takes events.
            say: Takes rows; None: they become events at once, for `emit`.
        """
        self.emit = emit
        self.say = self._say if say is None else say
        self.zero = monotonic_ns()
        self.turn: int | None = None
        self.task: int | None = None
        self.step: Any = None
        self.lens: Literal["off", "on", "full"] = "off"
        self.gate: Any = None
        self.watch: Any = None
        self.conns = 0
        self.reqs = 0
        self.objs = 0
        self.jobs = 0
        self.workers: dict[int, str] = {}
        self.next_worker = count(1).__next__

    def _say(self, row: Row) -> None:
        self.emit(event_of(row, self.zero))

    def be_silent(self) -> None:
        """Say nothing from now on, as in a process that was forked."""
        self.emit = self.say = _nothing

    def next_conn(self) -> int:
        """Number a new connection."""
        self.conns += 1
        return self.conns

    def next_req(self) -> int:
        """Number a new request."""
        self.reqs += 1
        return self.reqs

    def next_obj(self) -> int:
        """Number a new protocol object."""
        self.objs += 1
        return self.objs

    def next_job(self) -> int:
        """Number a call in a worker thread."""
        self.jobs += 1
        return self.jobs


class Note:
    """Says what happened to one subject: the server, a connection, a request.

    `note(DataReceived, AT.data_received, len(data))` stamps and says what
    becomes `DataReceived(n=len(data))`, and so does `note.one(...)`, in half
    the time: what is said in every request is said by `bare`, `one`, ...
    `five`, which are named by how many fields the payload has.

    Attributes:
        conn: The connection's number, or None.
        req: The request's number, or None.
        thread: `loop` or `worker-N`.
        asked: Method and path of the request, as they came: for comparison
            only, never for an event. None until they are known.
        trail: What the request has met inside its app; None before that. It
            belongs to `capture.frameworks`.
    """

    __slots__ = ("asked", "conn", "probe", "req", "thread", "trail")

    def __init__(
        self,
        probe: Probe,
        conn: int | None = None,
        req: int | None = None,
        thread: str = "loop",
    ) -> None:
        self.probe = probe
        self.conn = conn
        self.req = req
        self.thread = thread
        self.asked: tuple[str, str] | None = None
        self.trail: Any = None

    def __call__(self, cls: Kind, where: int | None, *payload: object) -> None:
        probe = self.probe
        probe.say(
            (
                code_of(cls, len(payload)),
                now(),
                probe.turn,
                probe.task,
                where,
                self.thread,
                self.conn,
                self.req,
                *payload,
            )
        )

    # The same for so many fields of payload. Written out, since a star builds
    # the tuple twice, and `note(...)` goes by way of C.

    def bare(self, cls: Kind, where: int | None, /) -> None:
        probe = self.probe
        probe.say(
            (
                _BARE[cls],
                now(),
                probe.turn,
                probe.task,
                where,
                self.thread,
                self.conn,
                self.req,
            )
        )

    def one(self, cls: Kind, where: int | None, a: object, /) -> None:
        probe = self.probe
        probe.say(
            (
                _ONE[cls],
                now(),
                probe.turn,
                probe.task,
                where,
                self.thread,
                self.conn,
                self.req,
                a,
            )
        )

    def two(
        self, cls: Kind, where: int | None, a: object, b: object, /
    ) -> None:
        probe = self.probe
        probe.say(
            (
                _TWO[cls],
                now(),
                probe.turn,
                probe.task,
                where,
                self.thread,
                self.conn,
                self.req,
                a,
                b,
            )
        )

    def three(
        self, cls: Kind, where: int | None, a: object, b: object, c: object, /
    ) -> None:
        probe = self.probe
        probe.say(
            (
                _THREE[cls],
                now(),
                probe.turn,
                probe.task,
                where,
                self.thread,
                self.conn,
                self.req,
                a,
                b,
                c,
            )
        )

    def four(  # noqa: PLR0913, PLR0917
        self,
        cls: Kind,
        where: int | None,
        a: object,
        b: object,
        c: object,
        d: object,
        /,
    ) -> None:
        probe = self.probe
        probe.say(
            (
                _FOUR[cls],
                now(),
                probe.turn,
                probe.task,
                where,
                self.thread,
                self.conn,
                self.req,
                a,
                b,
                c,
                d,
            )
        )

    def five(  # noqa: PLR0913, PLR0917
        self,
        cls: Kind,
        where: int | None,
        a: object,
        b: object,
        c: object,
        d: object,
        e: object,
        /,
    ) -> None:
        probe = self.probe
        probe.say(
            (
                _FIVE[cls],
                now(),
                probe.turn,
                probe.task,
                where,
                self.thread,
                self.conn,
                self.req,
                a,
                b,
                c,
                d,
                e,
            )
        )

    def about(
        self, *, conn: int | None = None, req: int | None = None
    ) -> "Note":
        """A note on a connection, or on a request of this one's connection."""
        return Note(
            self.probe,
            self.conn if conn is None else conn,
            self.req if req is None else req,
            self.thread,
        )


class WorkerNote(Note):
    """Speaks for a request from a worker thread: no task's step runs there.

    Threads are named in the order in which they are first used. What comes
    back from the worker to the loop (`anyio.from_thread.run`) brings the
    worker's context, and so this note, with it; it then speaks as the loop.
    """

    __slots__ = ("ident", "loop")

    def __init__(self, note: Note) -> None:
        self.ident = get_ident()
        workers = note.probe.workers
        name = workers.get(self.ident)
        if name is None:
            number = note.probe.next_worker()
            name = workers.setdefault(self.ident, f"worker-{number}")
        super().__init__(note.probe, note.conn, note.req, name)
        self.trail = note.trail
        self.asked = note.asked
        self.loop = note

    def __call__(self, cls: Kind, where: int | None, *payload: object) -> None:
        if get_ident() != self.ident:
            self.loop(cls, where, *payload)
            return
        probe = self.probe
        probe.say(
            (
                code_of(cls, len(payload)),
                now(),
                probe.turn,
                None,
                where,
                self.thread,
                self.conn,
                self.req,
                *payload,
            )
        )

    bare = one = two = three = four = five = __call__


CURRENT: ContextVar[Note | None] = ContextVar("asgi_trace_note", default=None)
"""The note of the request that is being served; None: not traced.

The server sets it anew in each request's task, and never "if none is set":
a reader callback that was resumed from a request's task runs in that task's
context, and so would the next request on the connection (CPython #140947).
"""
