"""Feeds for the tests of the text view, and the page that they give."""

import io
import sys
from pathlib import Path
from typing import Any

from tracer.events import Header
from tracer.events.commands import Command
from tracer.events.log import Decoder, Record
from tracer.views.feed import Scenario
from tracer.views.text import run

MODEL = Path(__file__).parent.parent / "model"
TEAHOUSE = MODEL / "teahouse.jsonl"

# The model's tests know how to make any record at all: `model_records`.
sys.path.append(str(MODEL))

HEADER = Header(
    started="2026-01-01T00:00:00+00:00",
    clock="CLOCK_MONOTONIC",
    clock0=0,
    pid=1,
    app="app:app",
    versions={},
    redacted=(),
)


class ListFeed:
    """A feed of records that are all there, given `step` at a time."""

    def __init__(
        self, records: list[Record], *, live: bool = False, step: int = 100
    ) -> None:
        self.records = records
        self.live = live
        self.title = "a list"
        self.header: Header | None = HEADER
        self.problem: str | None = None
        self.progress: float | None = None
        self._step = step
        self._next = 0

    def take(self) -> list[Record]:
        """Give the next few."""
        start, self._next = self._next, self._next + self._step
        return self.records[start : self._next]

    def wait(self, timeout: float) -> None:
        """There is always something, or the end."""

    @property
    def ended(self) -> bool:
        """Whether all were given."""
        return self._next >= len(self.records)

    @property
    def waiting(self) -> bool:
        """Nothing runs."""
        return False

    def renewed(self) -> str | None:
        """Nothing starts again."""
        return None

    def stop(self) -> None:
        """Nothing runs."""

    def again(self) -> bool:
        """There are no clients."""
        return False

    def tell(self, command: Command) -> bool:
        """There is nobody who could obey."""
        return False

    def scenarios(self) -> tuple[Scenario, ...]:
        """There are no clients."""
        return ()

    def send(self, scenario: str, target: str, count: int) -> str | None:
        """There is no server to send to."""
        return "a list has no server"


def teahouse_feed(*, live: bool = False, step: int = 100) -> ListFeed:
    """The recorded run of the demo, see `tests/model`."""
    records = Decoder().feed(TEAHOUSE.read_bytes())
    return ListFeed(records, live=live, step=step)


def page(feed: ListFeed, **options: Any) -> str:  # noqa: ANN401
    """All that the text view writes."""
    stream = io.StringIO()
    assert run(feed, stream=stream, **options) == 0
    return stream.getvalue()
