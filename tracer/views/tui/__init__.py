"""State becomes a screen: the terminal view of a trace, live or recorded.

Read `app` first (who owns what), then `player` (time becomes a moment),
`moment` (what every pane draws), `painted` and `lines` (how they draw), and
then any pane: `conveyor` with `track` and `standing` is the largest.
"""

from tracer.views.tui.app import TraceApp
from tracer.views.tui.run import run

__all__ = ["TraceApp", "run"]
