"""The loop, its tasks and worker threads as lanes: who ran, who waited.

Read `lane` first (one task's life in segments), then `tasks` (steps become
segments), `threads` (jobs and their pool), `blocked` (who held the loop, who
waited meanwhile), and `lanes`, where they meet and are asked.
"""

from tracer.model.lanes.blocked import Card
from tracer.model.lanes.lane import Lane, Segment, State
from tracer.model.lanes.lanes import Lanes, Window
from tracer.model.lanes.threads import Gauge, Job

__all__ = [
    "Card",
    "Gauge",
    "Job",
    "Lane",
    "Lanes",
    "Segment",
    "State",
    "Window",
]
