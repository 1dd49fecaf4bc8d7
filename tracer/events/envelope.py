"""The envelope that every event travels in: when, whose and where.

What happened is the business of the layers' files beside this one. This file
doesn't know a single kind.
"""

from typing import Any, ClassVar, Literal

import msgspec

Layer = Literal[
    "server",
    "loop",
    "connection",
    "h11",
    "cycle",
    "framework",
    "websocket",
    "client",
    "other",
]


class Event(
    msgspec.Struct,
    frozen=True,
    gc=False,
    kw_only=True,
    omit_defaults=True,
    tag_field="kind",
):
    """What one stage said: the envelope here, the payload in the subclass.

    A payload's fields are positional and required; the envelope's are
    keywords, and those that don't apply are left out when written. A payload
    never holds an object of the traced program: text and numbers only, taken
    and redacted at once, since the program goes on changing its own.

    Source: ours.
    """

    kind: ClassVar[str] = ""
    """The kind, as it stands in the trace; also the tag of the class."""
    layer: ClassVar[Layer] = "other"

    seq: int = 0
    """Order of writing, from 1; 0 until the writer has stamped it."""
    t: int
    """Nanoseconds since the trace began, monotonic."""
    turn: int | None = None
    """Turn of the event loop, 0 before the first; None where unknowable."""
    thread: str
    """`loop`, `worker-N` or `client-N`.

    Beside them `other` for threads that serve no request, and `output`,
    `writer` and `watchdog` for our own; `recorder` and `host` are processes.
    """
    conn: int | None = None
    """The connection's number, from 1 in order of `accept`."""
    req: int | None = None
    """The request's number, from 1 in order of arrival."""
    task: int | None = None
    """The task whose step was running; None in a plain callback."""
    where: int | None = None
    """Id of the source place that spoke, see `Source`."""


class Unknown(msgspec.Struct, frozen=True):
    """An event of a kind that this version doesn't know: kept, not lost.

    Written again, it gives the same object as was read.

    Source: ours.
    """

    layer: ClassVar[Layer] = "other"

    kind: str
    fields: dict[str, Any]
    """The whole object as it stood in the file."""

    @property
    def seq(self) -> int:
        return self._number("seq") or 0

    @property
    def t(self) -> int:
        return self._number("t") or 0

    @property
    def turn(self) -> int | None:
        return self._number("turn")

    @property
    def thread(self) -> str:
        thread = self.fields.get("thread")
        return thread if isinstance(thread, str) else "loop"

    @property
    def conn(self) -> int | None:
        return self._number("conn")

    @property
    def req(self) -> int | None:
        return self._number("req")

    @property
    def task(self) -> int | None:
        return self._number("task")

    @property
    def where(self) -> int | None:
        return self._number("where")

    def _number(self, name: str) -> int | None:
        value = self.fields.get(name)
        return value if type(value) is int else None
