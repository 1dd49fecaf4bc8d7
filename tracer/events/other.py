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
    queue: Literal["record", "viewer"]
