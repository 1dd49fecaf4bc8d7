"""What belongs to no stage: source texts, output, and what was lost."""

from typing import ClassVar, Literal

from tracer.events.envelope import Event, Layer


class OtherEvent(Event, frozen=True, gc=False):
    """Something beside the stages."""

    layer: ClassVar[Layer] = "other"


class Source(OtherEvent, tag="source", frozen=True, gc=False):
    """A source place that events point to with `where`, with its text.

    The text is that of the moment when the program was loaded. `file` is
    relative to its package or to the app's folder, never absolute.

    Source: ours.
    """

    id: int
    file: str
    line: int
    name: str
    text: str | None = None
    """None where no source exists, or with `--no-source`."""


class AppOutput(OtherEvent, tag="app.output", frozen=True, gc=False):
    """The app printed something.

    `req` is set where the request it came from is known: whatever a child
    process or C code prints has none.

    Source: ours.
    """

    stream: Literal["stdout", "stderr"]
    text: str


class AppLog(OtherEvent, tag="app.log", frozen=True, gc=False):
    """A record of Python's `logging`, the server's own lines included.

    Source: Python, `logging.LogRecord`
    """

    level: str
    logger: str
    text: str


class Dropped(OtherEvent, tag="dropped", frozen=True, gc=False):
    """A queue was full and lost `n` events; `seq` jumps by as many.

    Source: ours.
    """

    n: int
    queue: Literal["record", "viewer", "recorder"]
    """Of the two that the recorder writes to, or the one that leads to it."""


class BreakpointSet(OtherEvent, tag="breakpoint.set", frozen=True, gc=False):
    """From now on, requests that come to such a stage are held there.

    Source: ours.
    """

    id: int
    text: str
    """As its user wrote it: `endpoint.enter path=/items/*`."""


class BreakpointCleared(
    OtherEvent, tag="breakpoint.cleared", frozen=True, gc=False
):
    """A breakpoint holds nobody any more; whoever is held stays held.

    Source: ours.
    """

    id: int


class Held(OtherEvent, tag="held", frozen=True, gc=False):
    """A request stands still at a stage because its user wants to look.

    All others go on. Time goes on too: `timers` are the time-outs that run
    meanwhile, each with the seconds it has left: those that this request has
    armed, and the keep-alive of its connection. A client's are not known, and
    under uvloop none.

    The event at which it stands has been said. Only a `def` endpoint,
    dependency or handler says it afterwards, in the worker thread: nobody is
    held in a thread, so it stands before it asks for one.

    At `data_received` bytes are kept that nobody has parsed, and no more are
    read: that the client has left is not noticed before they are let go.
    With stage `loop` it is the whole loop that is held, and everybody waits.

    Source: ours.
    """

    stage: str
    """The kind of the event at which it stands: `endpoint.enter`."""
    by: Literal["hold", "step", "breakpoint"]
    breakpoint: int | None = None
    timers: tuple[tuple[str, float], ...] = ()


class Released(OtherEvent, tag="released", frozen=True, gc=False):
    """A request that was held goes on.

    `cancelled`: what it waits in was cancelled, by a time-out or a task
    group, or the connection was lost whose bytes were kept. A held loop goes
    on by itself after its time (`go`).

    Source: ours.
    """

    stage: str
    how: Literal["step", "go", "all", "cancelled", "shutdown"]
    ns: int
    """Nanoseconds that it was held."""
