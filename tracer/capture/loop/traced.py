"""asyncio's own loop, made so that its turns and tasks can be seen."""

import asyncio
import selectors
from collections.abc import Callable
from typing import Any

from tracer.capture.loop.selector import Lens
from tracer.capture.loop.steps import StepCoro
from tracer.capture.probe import Probe


class TracedLoop(asyncio.SelectorEventLoop):
    """asyncio's own loop, which says when tasks are made, begin and end.

    `create_task` is overridden, and no task factory set: so a factory of the
    user's own works as before, and is given the coroutine that we watch.
    """

    selector_name = selectors.DefaultSelector.__name__

    def __init__(self, probe: Probe) -> None:
        super().__init__(Lens(probe))
        self._probe = probe
        self._tasks_made = 0
        if (watch := probe.watch) is not None:
            watch.start()

    def create_task(  # any keywords: each Python has more of them
        self,
        coro: Any,  # noqa: ANN401  # as is what anybody gives it
        **kwargs: Any,  # noqa: ANN401
    ) -> asyncio.Task[Any]:
        """Make a task whose steps are seen.

        Source: asyncio, `loop.create_task`
        """
        if not asyncio.iscoroutine(coro):
            return super().create_task(coro, **kwargs)  # and let it complain
        self._tasks_made += 1
        step = StepCoro(coro, self._probe, self._tasks_made)
        task = super().create_task(step, **kwargs)
        step.announce(task.get_name())
        return task


def traced_loop_factory(
    probe: Probe,
) -> Callable[[], asyncio.SelectorEventLoop]:
    """Give the `loop_factory` of a traced run.

    Source: asyncio, `Runner(loop_factory=...)`
    """
    return lambda: TracedLoop(probe)
