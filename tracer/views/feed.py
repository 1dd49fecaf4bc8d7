"""Where a view's records come from, whoever sends them.

A running server, a file and a lesson look alike from here. Views are given
a feed; they never start, open or import the thing behind it.
"""

from collections.abc import Sequence
from typing import Protocol

from tracer.events import Header
from tracer.events.commands import Command
from tracer.events.log import Record

Scenario = tuple[str, str, str]
"""A scenario's name, and what it does in English and in Chinese."""


class Feed(Protocol):
    """A stream of records that a thread of its own fills.

    Source: ours.
    """

    live: bool
    """True for a running server, False for a recording."""
    title: str
    """What is shown, for the title bar: `app:app` or a file's name."""

    @property
    def header(self) -> Header | None:
        """Line 1, once it has come."""

    def take(self) -> list[Record]:
        """Give all records that have come since the last call; don't wait.

        At most some thousands at once, so that a tick stays short.
        """

    def wait(self, timeout: float) -> None:
        """Wait until `take` would give something, or the end, or `timeout`.

        `timeout` is in seconds.
        """

    @property
    def ended(self) -> bool:
        """Nothing more will come, and `take` has given everything."""

    @property
    def problem(self) -> str | None:
        """What went wrong, in one sentence for the user; None: nothing."""

    @property
    def progress(self) -> float | None:
        """How much of a recording was read, 0 to 1; None when live."""

    @property
    def waiting(self) -> bool:
        """No server runs, and a change of the app's files would start one.

        `problem` says why.
        """

    def renewed(self) -> str | None:
        """Go over to the next run, if the server was started again.

        That happens when all records of the run before were taken. What comes
        from then on is another trace, and its numbers begin anew.

        Returns:
            Which files had changed; None: it is the same run as before.
        """

    def stop(self) -> None:
        """Ask the server to shut down; a recording just ends. Returns at once.

        Records go on coming until `ended`.
        """

    def again(self) -> bool:
        """Let a client do once more what one did last.

        False where none did anything; while one is at work, nothing begins.
        """

    def tell(self, command: Command) -> bool:
        """Pass a wish on to the traced process; False: there is none.

        Returns at once; what came of it, the events tell.
        """

    def scenarios(self) -> Sequence[Scenario]:
        """What clients of ours can do; nothing where there is no server."""

    def send(self, scenario: str, target: str, count: int) -> str | None:
        """Let a client of ours do one of its scenarios. Returns at once.

        Args:
            scenario: Its name.
            target: Path and query to ask for.
            count: How many requests; of those at once, how many at once.
                0: as many as the scenario has.

        Returns:
            Why that isn't possible, in one sentence; None: it has begun.
        """
