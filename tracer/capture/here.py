"""`--view none`: the server in this very process, the terminal to the app.

Without `--record` nothing is traced, nothing installed and nothing paid. As
`python -m tracer.capture.here` it is a process of its own, which the command
line starts anew or in another interpreter; it ends when that one does.
"""

import functools
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import BinaryIO

import msgspec

from tracer.capture import redact, serve
from tracer.capture.child import TERMINATED, terminate
from tracer.capture.link import start_recorder
from tracer.capture.options import Options
from tracer.capture.output import ACCESS, SERVER, Logs, Speaker, Stdio
from tracer.capture.probe import Probe
from tracer.capture.writer import Writer, header_of


def serve_here(options: Options) -> int:
    """Serve until stopped, and give the exit code."""
    _log_to_terminal()
    if options.record is None:
        return _run(options, None, None)
    if options.reveal:
        redact.reveal()
    header = header_of(
        options.app, serve.versions(), redact.hidden(), os.getpid()
    )
    try:
        link = start_recorder(header, record=options.record, keep=options.keep)
    except OSError as error:
        _say(f"can't record to {options.record}: {error.strerror}")
        return serve.USAGE
    root = Path(options.app_dir).resolve()
    writer = Writer(
        link, header.clock0, root=root, text=options.source, complain=_say
    )
    probe = writer.probe
    logs = _overhear(Speaker(probe), writer, root)
    writer.each_time(functools.partial(_look, probe), first=True)
    signal.signal(signal.SIGTERM, terminate)
    writer.start()
    try:
        return _run(options, probe, logs)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        writer.stop()


def _look(probe: Probe) -> None:
    """Have the writer's thread see who holds the loop, as the child's does."""
    if (watch := probe.watch) is not None:
        watch.look()


def _run(options: Options, probe: Probe | None, logs: Logs | None) -> int:
    problems = _Problems() if logs is None else logs
    try:
        server = serve.build(options, probe)
    except SystemExit as ended:
        return TERMINATED if ended.code == TERMINATED else serve.OURS
    except BaseException as error:  # noqa: BLE001  # told, not lost
        trace, sentence, code = serve.failure(error)
        sys.stderr.write(trace)
        _say(sentence)
        return code
    code = serve.run(server)
    if code == serve.NOT_STARTED:
        _say(serve.not_started(options, problems.problem))
    return code


def _overhear(speaker: Speaker, writer: Writer, root: Path) -> Logs:
    """What is printed and logged goes where it went, and to the trace."""
    logs = Logs(speaker, root)
    logs.install(quiet=False)
    streams = [
        Stdio("stdout", 1, speaker, tee=True),
        Stdio("stderr", 2, speaker, tee=True),
    ]
    sys.stdout, sys.stderr = streams
    for stream in streams:
        writer.each_time(stream.settle)
        # Nobody writes the events of a forked process.
        os.register_at_fork(after_in_child=stream.passthrough)
    return logs


class _Problems(logging.Handler):
    """Keeps why the server could not start, where nothing is traced."""

    problem: BaseException | None = None

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        logging.getLogger(SERVER).addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        if isinstance(record.msg, OSError):
            self.problem = record.msg


class _Lines(logging.Formatter):
    """`INFO:     ` and what was said."""

    def format(self, record: logging.LogRecord) -> str:
        return f"{record.levelname + ':':<9} {super().format(record)}"


def _log_to_terminal() -> None:
    """The server's lines as uvicorn prints them, and where.

    Source: uvicorn, `LOGGING_CONFIG`
    """
    for name, stream in ((SERVER, sys.stderr), (ACCESS, sys.stdout)):
        handler = logging.StreamHandler(stream)
        handler.setFormatter(_Lines())
        logger = logging.getLogger(name)
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False


def _say(sentence: str) -> None:
    sys.stderr.write(f"asgi-trace: {sentence}\n")


def main() -> int:
    """Serve as the first line on a pipe says, until stopped or orphaned."""
    fd = int(sys.argv.pop(1))
    os.set_inheritable(fd, False)
    pipe = os.fdopen(fd, "rb")
    options = msgspec.json.decode(pipe.readline(), type=Options)
    threading.Thread(
        target=_end_with, args=(pipe,), name="asgi-trace parent", daemon=True
    ).start()
    return serve_here(options)


def _end_with(pipe: BinaryIO) -> None:
    pipe.read()
    os.kill(os.getpid(), signal.SIGTERM)  # else the port would stay taken


if __name__ == "__main__":
    sys.exit(main())
