"""uvloop's loop, as far as it can be seen: its tasks, and not its turns.

The turns are libuv's, in C. Only `--loop uvloop` imports this file, since
uvloop is an extra.
"""

import uvloop

from tracer.capture.loop.traced import SeenStops, SeenTasks
from tracer.capture.probe import Probe

UNSEEN = (
    "uvloop's turns, descriptors and accept() are libuv's, written in C: they"
    " are not shown, a blocked loop is not noticed, and what woke a task is"
    " known only where Python code did it"
)


class TracedUvloop(SeenTasks, uvloop.Loop):  # type: ignore[misc]  # see _Loop
    """uvloop's loop, whose tasks are numbered."""

    def __init__(self, probe: Probe) -> None:
        self.see(probe)
        super().__init__()


class LensUvloop(SeenStops, TracedUvloop):  # type: ignore[misc]  # see _Loop
    """uvloop's loop, which says each step of a task too."""


def new_uvloop(probe: Probe) -> TracedUvloop:
    """Make the loop that shows as much as `probe.lens` says."""
    return TracedUvloop(probe) if probe.lens == "off" else LensUvloop(probe)
