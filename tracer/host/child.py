"""A traced server in a process of its own, as a feed of records.

The child is started here and ended here, whatever happens; what it writes is
read by a thread, what it says last is kept.
"""

import select
import signal
import threading
import time
from collections.abc import Sequence
from typing import Self

from tracer.client.scenario import checked, scenarios
from tracer.client.script import ScriptError
from tracer.events import AppLog, Header, ServerStarted
from tracer.events.commands import Command, Stop, line
from tracer.events.log import Decoder, Record, TraceError
from tracer.host.clients import Clients, TooManyError
from tracer.host.process import Process
from tracer.host.queue import Records

MODULE = "tracer.capture.child"
SENTENCE = "asgi-trace: "
"""How the child's own last words begin; what is before it is the user's."""

RECORDER = f"{SENTENCE}the recorder "
"""How they begin when its recorder has ended before it."""

PATIENCE = (5.0, 2.0)
"""Seconds after the stop was asked for, and after SIGTERM.

The child forces its own end after 3 seconds; this is for one that can't.
"""

ASKED_FOR = (130, 143)
"""Exit codes after SIGINT and SIGTERM, which somebody meant."""

_READ = 1 << 18  # bytes
_LOOK = 0.2  # seconds between two looks whether the child is still there


class LiveFeed:
    """Starts the server and gives its records, see `tracer.views.feed.Feed`.

    Attributes:
        live: True.
        title: The app, as its user calls it.
        header: Line 1, once it has come.
        url: Where the server listens, once it does.
        last_client: Arguments of the client that was started last.
    """

    live = True

    def __init__(
        self,
        title: str,
        options: bytes,
        *,
        client: Sequence[str] | None = None,
        python: str | None = None,
        inherits: Sequence[int] = (),
    ) -> None:
        """Start the child.

        Args:
            title: What is shown for it.
            options: The line that tells the child what to serve.
            client: Arguments for the scripted client, which is started when
                the server listens; None: there is none.
            python: The app's own interpreter; None: ours.
            inherits: Descriptors that it listens on.

        Raises:
            OSError: It can't be started.
        """
        self.title = title
        self.header: Header | None = None
        self.url: str | None = None
        self._client = self.last_client = client
        self._records = Records()
        self._decoder = Decoder()
        self._broken: str | None = None
        self._seq = 0  # of the last record
        self._stopping = threading.Event()
        self._killed = False
        self._process = Process(MODULE, python=python, inherits=inherits)
        self._process.tell(options)
        self._clients = Clients(self._process.tell_patiently)
        self._reader = threading.Thread(
            target=self._read, name="asgi-trace reader", daemon=True
        )
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    # What a view asks

    def take(self) -> list[Record]:
        """Give the records that have come since the last call."""
        return self._records.take()

    def wait(self, timeout: float) -> None:
        """Wait for records, for the end, or `timeout` seconds."""
        self._records.wait(timeout)

    @property
    def ended(self) -> bool:
        """Whether the child has ended and all its records were taken."""
        return self._records.ended

    @property
    def problem(self) -> str | None:
        """Why the server ended, where that was not in order."""
        code = self._process.returncode
        if self._broken is not None:
            return self._broken
        if code is None or code == 0 or not self._records.ended:
            return None
        for words in reversed(self._process.last_words.splitlines()):
            if words.startswith(SENTENCE):
                return words.removeprefix(SENTENCE)
        if self._stopping.is_set() or code in ASKED_FOR:
            return None
        how = f"ended with exit code {code}"
        if code < 0:
            how = f"was killed by {signal.Signals(-code).name}"
        return f"the server {how}; the events until then are all here"

    @property
    def broken(self) -> bool:
        """Whether its trace could not be read to the end."""
        return self._broken is not None

    @property
    def progress(self) -> float | None:
        """Nobody knows how long it will run."""
        return None

    @property
    def waiting(self) -> bool:
        """Once ended, it is over."""
        return False

    def renewed(self) -> str | None:
        """It is one run, and no other follows."""
        return None

    def stop(self) -> None:
        """Ask the server to end; it will, within seconds. Returns at once."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        threading.Thread(
            target=self._end, name="asgi-trace stop", daemon=True
        ).start()

    def tell(self, command: Command) -> bool:
        """Pass a wish on to the server; False: it has ended."""
        if self._process.returncode is not None:
            return False
        self._process.tell(line(command))
        return True

    def scenarios(self) -> tuple[tuple[str, str, str], ...]:
        """What `send` can do: names, and a sentence in each language."""
        known = scenarios().items()
        return tuple((name, each.en, each.zh) for name, each in known)

    def send(self, scenario: str, target: str, count: int) -> str | None:
        """Let a client do a scenario; say why if that isn't possible.

        Args:
            scenario: Its name.
            target: Path and query to ask for.
            count: How many requests; 0: as many as the scenario has.
        """
        try:
            target = checked(scenario, target, count)
        except ScriptError as error:
            return str(error)
        arguments = ["--pace", "1", "--patience", "0", "--scenario", scenario]
        arguments += ["--target", target]
        if count:
            arguments += ["--count", str(count)]
        problem = self._start_client(arguments)
        if problem is None:
            self.last_client = arguments
        return problem

    def again(self) -> bool:
        """Do once more what a client did last; False if there was none."""
        if self.last_client is None or self.url is None:
            return False
        if not self.playing:
            self._start_client(self.last_client)
        return True

    @property
    def playing(self) -> bool:
        """Whether a client of ours is at work."""
        return self._clients.busy

    # What the command line asks

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """The child's exit code; minus a signal; None while it runs."""
        return self._process.returncode

    @property
    def last_words(self) -> str:
        """What the child said on its standard error, tracebacks included."""
        return self._process.last_words

    def signal(self, number: int) -> None:
        """Pass a signal on, so that the trace shows what it does."""
        if number == signal.SIGTERM:
            self._stopping.set()
        self._process.signal(number)

    def end(self) -> None:
        """End it in order, or else by force, and wait for that.

        Its records can still be taken.
        """
        self._stopping.set()
        self._end()

    def close(self) -> None:
        """End everything that was started, and wait for it."""
        self._stopping.set()
        self._records.close()  # nobody takes any more: let the reader run
        self._end()
        self._reader.join()
        self._process.close()

    # Behind it

    def _end(self) -> None:
        self._clients.stop()
        self._process.tell(line(Stop()))
        self._process.end(PATIENCE)
        self._clients.close()

    def _read(self) -> None:
        out = self._process.out
        try:
            # A process that the app has forked may hold the pipe's other
            # end open, so its end is no sign; the child's is.
            while True:
                ready = select.select([out], [], [], _LOOK)[0]
                if ready:
                    data = out.read1(_READ)  # type: ignore[attr-defined]  # buffered
                    if not data:
                        break
                    self._give(self._decoder.feed(data))
                elif self._process.returncode is not None:
                    break
            self._await_end()
        except TraceError as error:
            self._broken = f"the server's trace can't be read: {error}"
            self._stopping.set()
            self._process.end(PATIENCE)
        finally:
            self._process.close()
            self._records.close()

    def _await_end(self) -> None:
        """Wait for the child's end; say it if only its recorder has ended."""
        while self._process.wait(_LOOK) is None:
            for words in self._process.last_words.splitlines():
                if words.startswith(RECORDER) and self.header is not None:
                    now = time.monotonic_ns() - self.header.clock0
                    sentence = words.removeprefix(SENTENCE)
                    said = AppLog(
                        "ERROR", "asgi_trace.host", sentence,
                        seq=self._seq + 1, t=now, thread="host",
                    )  # fmt: skip
                    self._records.put([said])
                    self._process.wait()

    def _give(self, records: list[Record]) -> None:
        self.header = self._decoder.header
        if records:
            self._seq = records[-1].seq
        if self.url is None:
            for record in records:
                if isinstance(record, ServerStarted):
                    self.url = record.url
                    if self._client is not None:
                        self._start_client(self._client)
        self._records.put(records)

    def _start_client(self, arguments: Sequence[str]) -> str | None:
        """Start a client, or say why there is none to be sent to."""
        if self._stopping.is_set() or self.returncode is not None:
            return "the server has ended, and nobody answers any more"
        if self.url is None:
            return "the server does not listen yet: try again in a moment"
        try:
            self._clients.start(self.url, arguments)
        except (TooManyError, OSError) as error:
            return str(error)
        return None
