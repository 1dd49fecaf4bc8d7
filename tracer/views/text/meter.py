"""How much of a long recording was read, on stderr, where no line stands."""

import sys

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn
from rich.progress import TextColumn as Label


class Meter:
    """A bar that is there while one waits, and gone when lines come.

    Nothing is drawn where stderr is no terminal.
    """

    def __init__(self, words: str) -> None:
        self._words = words
        self._bar: Progress | None = None
        self._task = TaskID(0)

    def show(self, part: float) -> None:
        """Draw the bar, `part` (0 to 1) of it full."""
        if not sys.stderr.isatty():
            return
        if self._bar is None:
            self._bar = Progress(
                Label("{task.description}"),
                BarColumn(),
                TaskProgressColumn(),
                console=Console(stderr=True),
                transient=True,
                auto_refresh=False,
            )
            self._bar.start()
            self._task = self._bar.add_task(self._words, total=1.0)
        self._bar.update(self._task, completed=part, refresh=True)

    def hide(self) -> None:
        """Take the bar away, so that lines can be written."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
