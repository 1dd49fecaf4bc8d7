"""A loop under a lens, and what was said on it."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Literal, TypeVar

from tracer.capture.loop import traced_loop_factory
from tracer.capture.probe import Probe
from tracer.events import TaskResumed, TaskSuspended

Result = TypeVar("Result")
Lens = Literal["off", "on", "full"]

Factory = Callable[[], asyncio.AbstractEventLoop]


class Watched:
    """Runs a coroutine on a loop under a lens; keeps what was said."""

    def __init__(self, lens: Lens = "on", factory: Any = None) -> None:  # noqa: ANN401
        self.events: list[Any] = []
        self.probe = Probe(self.events.append)
        self.probe.lens = lens
        make = factory or (lambda probe: traced_loop_factory(probe)())
        self.factory: Factory = lambda: make(self.probe)

    def run(self, main: Coroutine[Any, Any, Result]) -> Result:
        with asyncio.Runner(loop_factory=self.factory) as runner:
            result = runner.run(main)
            self.said = list(self.events)  # without the loop's own end
        assert self.probe.task is None  # every step has given back
        assert self.probe.step is None
        return result

    def of(self, kind: str, **fields: object) -> list[Any]:
        return [
            each
            for each in self.said
            if each.kind == kind
            and all(getattr(each, name) == fields[name] for name in fields)
        ]

    def stops(self, number: int = 1) -> list[tuple[str, str]]:
        """What a task waited for, and who waited; turns given way left out."""
        return [
            (each.waits_for, each.by)
            for each in self.said
            if isinstance(each, TaskSuspended)
            and each.id == number
            and each.waits_for != "gave way"
        ]

    def wakes(self, number: int = 1) -> list[tuple[str, int | None]]:
        """Who woke a task: what it was, and its number if it was a task."""
        return [
            (each.woken_by, each.by)
            for each in self.said
            if isinstance(each, TaskResumed) and each.id == number
        ]


def watch(main: Coroutine[Any, Any, object], lens: Lens = "on") -> Watched:
    """Run it under a lens."""
    found = Watched(lens)
    found.run(main)
    return found
