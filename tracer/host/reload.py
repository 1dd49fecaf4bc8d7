"""A server that starts again when its files change, as one feed of many runs.

Each run is a process and a trace of its own. A thread watches, ends the old
run in order and starts the new one; the view goes over to it when it has
taken all of the old one.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from tracer.events import Header
from tracer.events.commands import Break, Command, Unbreak
from tracer.events.log import Record
from tracer.host.child import SENTENCE, LiveFeed
from tracer.host.watching import Watched

USAGE = 2
"""Exit code of a child that no change of the app's files can help."""

ENDED = "the server has ended"

SHOWN = 3
"""Files that are named when many have changed."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one start has to know.

    Attributes:
        number: From 1.
        port: Where the runs before listened; None: nowhere yet.
        breaks: The breakpoints that are set by now.
    """

    number: int
    port: int | None
    breaks: tuple[Break, ...]


class ReloadingFeed:
    """Run after run of an app, see `tracer.views.feed.Feed`.

    Attributes:
        live: True.
        title: The app, as its user calls it.
    """

    live = True
    progress = None

    def __init__(
        self,
        title: str,
        start: Callable[[Run], LiveFeed],
        watched: Watched,
        breaks: Iterable[Break] = (),
    ) -> None:
        """Start the first run, and watch.

        Args:
            title: What is shown for it.
            start: Starts a run.
            watched: Which files it is that change.
            breaks: The breakpoints of the first run.

        Raises:
            OSError: The first run can't be started.
        """
        self.title = title
        self._begin = start
        self._watched = watched
        self._breaks = {each.id: each for each in breaks}
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._port: int | None = None
        self._number = 0
        self._changed: tuple[str, ...] = ()
        self._switching = False
        self._waited = False
        self._failed: str | None = None
        self._shown = self._newest = self._start()
        self._watcher = threading.Thread(
            target=self._watch, name="asgi-trace reload", daemon=True
        )
        self._watcher.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    # What a view asks

    @property
    def header(self) -> Header | None:
        """Line 1 of the run that is shown."""
        return self._shown.header

    def take(self) -> list[Record]:
        """Give the records of this run that have come since the last call."""
        return self._shown.take()

    def wait(self, timeout: float) -> None:
        """Wait for records, or `timeout` seconds."""
        if self._shown.ended:
            self._over.wait(timeout)
        else:
            self._shown.wait(timeout)

    def renewed(self) -> str | None:
        """Go over to the newest run; say which files changed, if there is."""
        with self._lock:
            before = self._shown
            if before is self._newest or not before.ended:
                return None
            self._shown, said = self._newest, named(self._changed)
        before.close()
        return said

    @property
    def waiting(self) -> bool:
        """Whether nothing runs, and a change of a file would start it."""
        shown = self._shown
        return (
            shown.ended
            and not self._over.is_set()
            and not self._switching
            and shown is self._newest
            and shown.returncode != USAGE
        )

    @property
    def ended(self) -> bool:
        """Whether it is over, and all records of this run were taken."""
        shown = self._shown
        if not shown.ended:
            return False
        return self._over.is_set() or shown.returncode == USAGE

    @property
    def problem(self) -> str | None:
        """Why the run ended, where nobody meant it to."""
        if self._waited:
            return None
        if self.waiting:
            words = self._shown.last_words.strip().replace(SENTENCE, "")
            words = self._failed or words or self._shown.problem or ENDED
            return f"{words}\nIt starts again when a file changes."
        return self._shown.problem if self.ended else None

    def stop(self) -> None:
        """Ask the server to end, and start no other. Returns at once."""
        self._end()
        self._newest.stop()

    def tell(self, command: Command) -> bool:
        """Pass a wish on to the server; False: it has ended.

        Breakpoints stay, whichever server runs.
        """
        match command:
            case Break():
                self._breaks[command.id] = command
            case Unbreak():
                self._breaks.pop(command.id, None)
            case _:
                pass
        return self._newest.tell(command)

    def scenarios(self) -> tuple[tuple[str, str, str], ...]:
        """What `send` can do."""
        return self._newest.scenarios()

    def send(self, scenario: str, target: str, count: int) -> str | None:
        """Let a client do a scenario; say why if that isn't possible."""
        return self._newest.send(scenario, target, count)

    def again(self) -> bool:
        """Do once more what a client did last, whichever server it was."""
        return self._newest.again()

    # What the command line asks

    @property
    def returncode(self) -> int | None:
        """The last run's exit code; 0 if its user ended our waiting."""
        return 0 if self._waited else self._shown.returncode

    @property
    def last_words(self) -> str:
        """What the last run said, unless the view has told it."""
        return "" if self._waited else self._shown.last_words

    @property
    def broken(self) -> bool:
        """Whether the last run's trace could not be read to the end."""
        return self._shown.broken

    def signal(self, number: int) -> None:
        """Pass a signal on, and start no other server."""
        self._end()
        self._newest.signal(number)

    def close(self) -> None:
        """End everything that was started, and wait for it."""
        self._end()
        self._newest.close()
        self._watcher.join()
        self._shown.close()

    # Behind it

    def _end(self) -> None:
        with self._lock:
            self._waited = self._waited or self.waiting
            self._over.set()

    def _start(self) -> LiveFeed:
        self._number += 1
        breaks = tuple(self._breaks.values())
        return self._begin(Run(self._number, self._port, breaks))

    def _watch(self) -> None:
        for changed in self._watched.changes(self._over):
            if changed:
                self._switching = True
                self._restart(changed)
                self._switching = False

    def _restart(self, changed: tuple[str, ...]) -> None:
        before = self._newest
        before.end()
        if before.url is not None:
            self._port = urlsplit(before.url).port
        with self._lock:
            if self._over.is_set():
                return
            try:
                feed = self._start()
            except OSError as error:  # the interpreter itself may be gone
                self._failed = f"the server can't be started: {error}"
                return
            feed.last_client = before.last_client
            self._failed = None
            seen = before is self._shown
            self._newest, self._changed = feed, changed
        if not seen:
            before.close()  # the view was too slow to see anything of it


def named(files: Sequence[str]) -> str:
    """The first few of them."""
    more = len(files) - SHOWN
    said = ", ".join(files[:SHOWN])
    return said if more <= 0 else f"{said} and {more} more"
