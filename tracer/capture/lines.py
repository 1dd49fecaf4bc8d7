"""Rows become lines: numbered, and in order within each thread.

A line is the same as the one that `events.log` writes of the row's event. No
event is made for it, but a struct that takes the row by position, in half the
time: this is most of what the recorder does.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from tracer.capture.rows import HEAD, THREAD, read_code
from tracer.events import Event

_ENVELOPE = ("seq", "t", "turn", "task", "where", "thread", "conn", "req")
"""In the order of a row; where its code stands, `seq` is put."""

_json = msgspec.json.Decoder(dict[str, Any])

AT_ONCE = 4096
"""Values looked at in one go: so few that they stay in the processor's cache
until their lines are written."""

_GIVEN = object()
"""The default of what has none, in a struct that is made by position."""


class _Form(NamedTuple):
    """How rows of one code become lines."""

    size: int
    make: Callable[..., object]
    """Takes the row."""


class _Forms(dict[int, _Form]):
    """The forms of the codes that have come so far."""

    def __missing__(self, code: int) -> _Form:
        cls, size = read_code(code)
        fields = _payload(cls)
        required = sum(field.required for field in fields)
        make = _line_of(cls)
        if not required <= size <= len(fields):
            make = functools.partial(_misfit, cls)
        form = self[code] = _Form(HEAD + size, make)
        return form


def _payload(cls: type[Event]) -> list[msgspec.structs.FieldInfo]:
    return [
        field
        for field in msgspec.structs.fields(cls)
        if field.name not in _ENVELOPE
    ]


@functools.cache
def _line_of(cls: type[Event]) -> Callable[..., object]:
    """Give a struct that is written as `cls` is, and made of a row."""
    fields: list[Any] = [(name, Any, None) for name in _ENVELOPE]
    for field in _payload(cls):
        default: object = _GIVEN if field.required else field.default
        if default == ():  # which has become a list on its way
            default = msgspec.field(default_factory=list)
        fields.append((field.name, Any, default))
    return msgspec.defstruct(
        cls.__name__,
        fields,
        gc=False,
        omit_defaults=True,
        tag_field="kind",
        tag=cls.kind,
    )


def _misfit(cls: type[Event], *row: object) -> dict[str, object]:
    """Say that a row was said wrongly: a fault of ours, and no reason to end.

    The envelope is all that is known of it.
    """
    known = zip(_ENVELOPE, row, strict=False)
    return {
        "kind": "app.log",
        "level": "ERROR",
        "logger": "asgi_trace.recorder",
        "text": f"an event of the kind {cls.kind} could not be written:"
        " its row has too few or too many values",
        **{name: value for name, value in known if value is not None},
    }


class Lines:
    """Numbers what was said.

    Attributes:
        seq: The last number that was given.
        zero: What the clock said when the trace began.
    """

    def __init__(self, zero: int) -> None:
        self.seq = 0
        self.zero = zero
        self._forms = _Forms()
        self._newest = 0  # the greatest `t` so far
        self._last: dict[str, int] = {}  # the greatest of each thread

    def number(self, rows: list[Any], at: int) -> tuple[list[object], int]:
        """Make lines of the rows that begin at `at`, for a while.

        Args:
            rows: A flat list, see `rows`.
            at: Where to begin; what stands there is used up.

        Returns:
            The lines, and where to go on.
        """
        lines: list[object] = []
        add, forms, last = lines.append, self._forms, self._last
        seq, newest, zero = self.seq, self._newest, self.zero
        end = min(len(rows), at + AT_ONCE)
        while at < end:
            code = rows[at]
            if type(code) is not int:
                self.seq, self._newest = seq, newest
                add(self._whole(code))
                seq, newest = self.seq, self._newest
                at += 1
                continue
            size, make = forms[code]
            t = rows[at + 1] - zero
            thread = rows[at + THREAD]
            if t < newest:
                t = max(t, last.get(thread, 0))
            else:
                newest = t
            last[thread] = t
            seq += 1
            rows[at], rows[at + 1] = seq, t
            begin, at = at, at + size
            add(make(*rows[begin:at]))
        self.seq, self._newest = seq, newest
        return lines, at

    def own(self, event: Event) -> object:
        """Make a line of an event of the recorder's own."""
        return self._whole(msgspec.to_builtins(event))

    def _whole(self, said: dict[str, Any] | bytes) -> dict[str, Any]:
        """Number a whole event; `dropped` stands for those that it counts."""
        fields = _json.decode(said) if isinstance(said, bytes) else said
        if fields["kind"] == "dropped" and fields["queue"] == "recorder":
            self.seq += fields["n"]
        self.seq += 1
        thread = fields["thread"]
        t = max(fields["t"], self._last.get(thread, 0))
        self._last[thread] = t
        self._newest = max(self._newest, t)
        return {**fields, "seq": self.seq, "t": t}
