"""A recording as a whole, for programs that ask questions about it.

The views read theirs piece by piece instead, see `host.replay`.
"""

from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from tracer.events import Header
from tracer.events.log import Decoder, Record, open_trace, read_chunks
from tracer.model.trace import Trace


@dataclass(frozen=True, slots=True)
class Recording:
    """What stands in a file that `--record` has written.

    Attributes:
        header: Line 1.
        events: All the others, in the order of the file; kinds that this
            version doesn't know as `Unknown`.
        model: What they come to: requests, connections, findings.
        cut_off: Whether the last line was not whole, and is left out.
    """

    header: Header
    events: tuple[Record, ...]
    model: Trace
    cut_off: bool


def read(path: str | PathLike[str]) -> Recording:
    """Read a recording, plain or gzip.

    Raises:
        OSError: It can't be opened.
        tracer.events.log.TraceError: It is no recording, of a newer format,
            or has a broken line, whose number it tells.

    Source: ours.
    """
    decoder = Decoder()
    events: list[Record] = []
    with open_trace(Path(path)) as file:
        for piece in read_chunks(file, decoder):
            events += piece
    last, cut_off = decoder.finish()
    events += last
    assert decoder.header is not None  # else finish() has raised
    model = Trace(header=decoder.header, keep=len(events))
    model.feed(events)
    model.end()
    return Recording(decoder.header, tuple(events), model, cut_off)
