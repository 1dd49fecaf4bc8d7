"""The event loop under a lens: turns, accepted connections, steps of tasks.

A loop that is traced runs as any other: the same callbacks in the same turns.
What is added looks at what passes anyway: the selector counts its calls, the
listening socket its connections, and a coroutine stands around each task's
own. Nothing here knows HTTP. Read `traced` first, then `selector`, `accept`,
`steps`, `stops`, `chain`, `waits` and `wakers`.
"""

from tracer.capture.loop.accept import (
    ListenSocket,
    claim,
    connection_at,
    disclaim,
)
from tracer.capture.loop.lines import Lines, LinesError
from tracer.capture.loop.selector import Lens
from tracer.capture.loop.steps import StepCoro
from tracer.capture.loop.traced import (
    LensLoop,
    TracedLoop,
    new_loop,
    traced_loop_factory,
)
from tracer.capture.loop.watchdog import Watchdog

__all__ = [
    "Lens",
    "LensLoop",
    "Lines",
    "LinesError",
    "ListenSocket",
    "StepCoro",
    "TracedLoop",
    "Watchdog",
    "claim",
    "connection_at",
    "disclaim",
    "new_loop",
    "traced_loop_factory",
]
