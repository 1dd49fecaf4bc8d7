"""The traced process: `python -m tracer.capture.child`, options on stdin.

Standard output carries the trace and standard error our last words, both
under private numbers; the app gets pipes in their places, and an empty
standard input. Each further line on stdin is a command, its end means: stop.
"""

import atexit
import faulthandler
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, BinaryIO, NoReturn

import msgspec

from tracer.capture import redact, serve
from tracer.capture.gate import Gate
from tracer.capture.link import start_recorder
from tracer.capture.options import Options
from tracer.capture.orders import Orders
from tracer.capture.output import Logs, Pipe, Speaker, Stdio
from tracer.capture.server import Server
from tracer.capture.terminal import Terminal
from tracer.capture.writer import Writer, header_of

GRACE = 2.0
"""Seconds that a stop waits for requests to end before it forces."""

FORCED = 1.0
"""Seconds that a forced stop may take before the process is ended."""

TERMINATED = 128 + signal.SIGTERM

NO_TERMINAL = (
    "asgi-trace: breakpoint() needs the terminal, which the view has; run with"
    " --view none to debug\n"
)


class Channels:
    """Private copies of what the parent gave us; the app never sees them.

    Attributes:
        commands: Options first, then commands, from the parent.
        trace: File descriptor of the viewer's pipe, until the recorder has it.
        words: That of the standard error that the parent keeps.
    """

    def __init__(self) -> None:
        self.commands: BinaryIO = os.fdopen(os.dup(0), "rb", closefd=True)
        self.trace = os.dup(1)
        self.words = os.dup(2)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        faulthandler.enable(self.words)

    def say(self, sentence: str, trace: str = "") -> None:
        """Write a sentence that the parent shows."""
        text = f"{trace}asgi-trace: {sentence}\n"
        try:
            os.write(self.words, text.encode("utf-8", "backslashreplace"))
        except OSError:
            return  # the parent is gone, nobody is left to tell

    def hand_over(self) -> None:
        """Leave the viewer's pipe to the recorder: its end is the trace's."""
        os.close(self.trace)

    def after_fork(self) -> None:
        """In a forked process: leave the parent's channels alone."""
        os.close(self.words)


class Stopper:
    """Ends the server when asked to: in order, then by force, then anyhow.

    Attributes:
        server: What is to be stopped; None while the app is imported.
    """

    def __init__(
        self,
        end: Callable[[int], None],
        terminal: Terminal | None,
        gate: Gate,
    ) -> None:
        self.server: Server | None = None
        self._gate = gate
        self._end = end
        self._terminal = terminal
        self._asked = threading.Event()

    def listen(self, commands: BinaryIO, orders: Orders) -> None:
        """Obey the commands that come, until they end."""
        orders.obey(commands)
        if not self.asked and self._terminal is not None:
            self._terminal.restore()  # the parent died without a word
        self.stop()

    def stop(self) -> None:
        """Stop within seconds, whatever the app does. Returns at once."""
        if self._asked.is_set():
            return
        self._asked.set()
        threading.Thread(
            target=self._insist, name="asgi-trace stop", daemon=True
        ).start()

    def _insist(self) -> None:
        if (server := self.server) is None:
            self._end(serve.DONE)  # nothing was served that could be lost
            return
        server.should_exit = True
        self._gate.free_loop()
        wait = threading.Event().wait
        wait(GRACE)
        # Still here: a daemon thread doesn't outlive the main one.
        server.force_exit = True
        wait(FORCED)
        self._end(serve.INTERRUPTED)

    @property
    def asked(self) -> bool:
        """Whether somebody wants an end."""
        return self._asked.is_set()


class Child:
    """What the traced process is made of, and the order it comes to life."""

    def __init__(self, channels: Channels, options: Options) -> None:
        self.channels = channels
        self.options = options
        self.writer = self._new_writer()
        self.probe = self.writer.probe
        self.speaker = Speaker(self.probe)
        self.gate = Gate(self.probe)
        self.stopper = Stopper(self._end, options.terminal, self.gate)
        for each in options.breaks:
            self.gate.tell(each)

    def _new_writer(self) -> Writer:
        options = self.options
        if options.reveal:
            redact.reveal()
        header = header_of(
            options.app, serve.versions(), redact.hidden(), os.getpid()
        )
        link = start_recorder(
            header,
            record=options.record,
            keep=options.keep,
            viewer=self.channels.trace,
            words=self.channels.words,
        )
        self.channels.hand_over()
        return Writer(
            link,
            header.clock0,
            root=Path(options.app_dir).resolve(),
            text=options.source,
            complain=self.channels.say,
        )

    def run(self) -> int:
        """Serve, and give the exit code."""
        self._take_output()
        atexit.register(self.writer.stop)  # first in, so last of all
        self.writer.start()
        signal.signal(signal.SIGTERM, terminate)
        orders = Orders(
            self.gate, self.probe, self.stopper.stop, self.channels.say
        )
        threading.Thread(
            target=self.stopper.listen,
            args=(self.channels.commands, orders),
            name="asgi-trace commands",
            daemon=True,
        ).start()
        try:
            server = serve.build(self.options, self.probe, self.gate)
        except SystemExit as ended:  # by SIGTERM
            return TERMINATED if ended.code == TERMINATED else serve.OURS
        except BaseException as error:  # noqa: BLE001  # told, not lost
            trace, sentence, code = serve.failure(error)
            self.channels.say(sentence, trace)
            return code
        return self._serve(server)

    def _serve(self, server: Server) -> int:
        self.stopper.server = server
        if (watch := self.probe.watch) is not None:
            self.writer.each_time(watch.look, first=True)
        if self.stopper.asked:
            server.should_exit = True
        code = serve.run(server)
        if code == serve.NOT_STARTED:
            self.channels.say(
                serve.not_started(self.options, self.logs.problem),
                "".join(self.logs.errors),
            )
        return code

    def _take_output(self) -> None:
        """From here on, what is printed and logged becomes events."""
        sys.stdout.flush()
        sys.stderr.flush()
        pipes = [
            Pipe("stdout", 1, self.speaker),
            Pipe("stderr", 2, self.speaker),
        ]
        streams = [
            Stdio("stdout", 1, self.speaker),
            Stdio("stderr", 2, self.speaker),
        ]
        sys.stdout, sys.stderr = streams
        root = Path(self.options.app_dir).resolve()
        self.logs = Logs(self.speaker, root)
        self.logs.install()
        self.pipes, self.streams = pipes, streams
        for stream in streams:
            self.writer.each_time(stream.settle)
        if "PYTHONBREAKPOINT" not in os.environ:
            sys.breakpointhook = no_breakpoint
        os.register_at_fork(after_in_child=self._after_fork)

    def _after_fork(self) -> None:
        for stream in self.streams:
            stream.passthrough()
        self.channels.after_fork()

    def settle(self) -> None:
        """Tell what the app has said up to now; before the last flush."""
        for stream in self.streams:
            stream.flush()
        for pipe in self.pipes:
            pipe.settle()

    def _end(self, code: int) -> None:
        """End the process at once, but with everything written."""
        self.settle()
        self.writer.stop(timeout=1.0)
        os._exit(code)


def no_breakpoint(*args: Any, **kwargs: Any) -> None:  # noqa: ANN401
    """What `breakpoint()` does here: say where it works."""
    sys.stderr.write(NO_TERMINAL)


def terminate(signum: int, frame: FrameType | None) -> NoReturn:
    """Answer SIGTERM: end in order, with everything written."""
    raise SystemExit(TERMINATED)


def main() -> int:
    """Read the options, serve, and give the exit code."""
    channels = Channels()
    try:
        options = msgspec.json.decode(
            channels.commands.readline(), type=Options
        )
        child = Child(channels, options)
    except msgspec.DecodeError as error:
        channels.say(f"no options came on standard input: {error}")
        return serve.USAGE
    except OSError as error:
        channels.say(f"can't record to {error.filename}: {error.strerror}")
        return serve.USAGE
    code = child.run()
    child.settle()
    return code


if __name__ == "__main__":
    sys.exit(main())
