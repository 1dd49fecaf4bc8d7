"""Each command: a feed and a view are put together, and torn down again."""

import json
import os
import select
import signal
import stat
import sys
import threading
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from tracer.capture.importer import AppError, split
from tracer.capture.options import Options
from tracer.capture.terminal import terminal_of
from tracer.cli import checks, listening, serving
from tracer.cli.facts import facts
from tracer.cli.findings import findings
from tracer.cli.keeping import wrong_keep
from tracer.cli.say import DONE, OURS, USAGE, fail, say
from tracer.cli.served import LEVELS
from tracer.cli.websockets import WS_OPTIONS
from tracer.client import demo_app_dir
from tracer.events.breaks import parse_break
from tracer.events.commands import Break
from tracer.events.log import TraceError
from tracer.events.schema import schema
from tracer.host.child import SENTENCE, LiveFeed
from tracer.host.reload import ReloadingFeed
from tracer.host.replay import FileFeed
from tracer.model.filter import FilterError, parse_filter
from tracer.views.explain import pick_language

AnyLive = LiveFeed | ReloadingFeed

FORCE_AT = 3
"""The Ctrl+C that ends the child at once; the second asks it to hurry."""

DEMO_PACE = {"tui": "7", "text": "1.5"}
"""Seconds between the demo's requests: the picture of one takes so long."""

SERVER_OPTIONS = (
    "factory", "app_dir", "lifespan", "root_path", "host", "port", "backlog",
    "limit_concurrency", "limit_max_requests", "limit_max_requests_jitter",
    "reset_contextvars", *listening.NAMES, "timeout_keep_alive",
    "timeout_head", "join_head",
    "timeout_graceful_shutdown", "date_header", "server_header",
    "access_log", "h11_max_incomplete_event_size", "slow_callback", "lens",
    "lines",
    "loop", "log_level", *WS_OPTIONS,
)  # fmt: skip
"""They go to the child under the names that the command line gives them."""


def serve(options: Namespace) -> int:
    """`asgi-trace serve APP`."""
    wrong = _wrong(options) or _wrong_serving(options)
    if wrong is not None:
        return fail(wrong, USAGE)
    try:
        split(options.app)
    except AppError as error:
        return fail(str(error), USAGE)
    told = Options(
        app=options.app,
        headers=tuple(options.headers),
        **{name: getattr(options, name) for name in SERVER_OPTIONS},
        breaks=_breaks(options),
        environment=serving.environment(options.env_file),
        **_recording(options),
    )
    try:
        told.line()
    except UnicodeEncodeError:
        return fail("a name on the command line is not UTF-8", USAGE)
    if options.view == "none":
        return serving.in_foreground(options, told)
    return _live(options, serving.feed_of(options, told))


def demo(options: Namespace) -> int:
    """`asgi-trace demo`."""
    wrong = _wrong(options)
    if wrong is not None:
        return fail(wrong, USAGE)
    told = Options(
        app="app:app",
        app_dir=str(demo_app_dir()),
        port=options.port,
        breaks=_breaks(options),
        **_recording(options),
    )
    client = ("--until-eof", "--pace", DEMO_PACE[options.view])
    return _live(options, LiveFeed("demo", told.line(), client=client))


def replay(options: Namespace) -> int:
    """`asgi-trace replay FILE`."""
    wrong = _wrong(options)
    if wrong is not None:
        return fail(wrong, USAGE)
    path = Path(options.file)
    try:
        feed = FileFeed(path, options.request)
    except OSError as error:
        return fail(checks.wrong_file(error, path), USAGE)
    except TraceError as error:
        return fail(str(error), USAGE)
    with feed:
        feed.wait(1.0)
        if feed.failed and feed.header is None:
            return fail(feed.problem or "it is no recording", USAGE)
        shown = _show(feed, options)
        if feed.failed:
            return USAGE
        return DONE if feed.problem is not None else shown


def send(options: Namespace) -> int:
    """`asgi-trace send URL`."""
    # Imported only now: nobody else needs h11 here.
    from tracer.cli import send as sending  # noqa: PLC0415

    return sending.send(options)


def print_schema(options: Namespace) -> int:  # every command takes them
    """`asgi-trace schema`."""
    sys.stdout.write(json.dumps(schema(), indent=2) + "\n")
    sys.stdout.flush()
    return DONE


COMMANDS: dict[str, Callable[[Namespace], int]] = {
    "serve": serve,
    "demo": demo,
    "replay": replay,
    "findings": findings,
    "facts": facts,
    "send": send,
    "schema": print_schema,
}


def _breaks(options: Namespace) -> tuple[Break, ...]:
    """Those of the command line; the first has the number 1."""
    texts = enumerate(options.breaks, 1)
    return tuple(Break(n, text, parse_break(text)) for n, text in texts)


def _recording(options: Namespace) -> dict[str, Any]:
    if options.reveal:
        say("--reveal: passwords, tokens and cookies are NOT hidden")
    record = options.record and str(Path(options.record).absolute())
    draws = options.view == "tui"
    return {
        "terminal": terminal_of(sys.stderr.fileno()) if draws else None,
        "record": record,
        "keep": options.keep,
        "source": options.source,
        "reveal": options.reveal,
    }


def _wrong(options: Namespace) -> str | None:
    """What doesn't fit together; also settles which view it is."""
    if options.view == "tui" and (why := _no_terminal()):
        return f"the TUI needs a terminal, and {why}: use --view text"
    if options.view is None:
        options.view = "text" if _no_terminal() else "tui"
    try:
        parse_filter(options.filter)
    except FilterError as error:
        return f"--filter: {error}"
    if (why := checks.wrong_loop(getattr(options, "loop", ""))) is not None:
        return why
    breaks = getattr(options, "breaks", ())
    if (why := checks.wrong_break(breaks, options.view)) is not None:
        return why
    record = getattr(options, "record", None)
    wrong = None if record is None else checks.wrong_record(Path(record))
    if wrong is None and getattr(options, "keep", None) is not None:
        return wrong_keep(record)
    return wrong


def _wrong_serving(options: Namespace) -> str | None:
    """The same, for what only `serve` can be told."""
    options.log_level = LEVELS.get(options.log_level)
    return (
        checks.wrong_folder(options.app_dir)
        or checks.wrong_environment(options.env_file)
        or checks.wrong_reload(options)
        or checks.wrong_python(options)
        or listening.wrong(options)
    )


def _no_terminal() -> str | None:
    for name in ("stdin", "stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None or not stream.isatty():
            return f"{name} is none"
    if os.environ.get("TERM") in {None, "", "dumb", "unknown"}:
        return f"TERM is {os.environ.get('TERM') or 'not set'}"
    return None


def _live(options: Namespace, feed: AnyLive) -> int:
    with feed, _signals_to(feed):
        if options.view == "text":
            _stop_when_nobody_reads(feed)
        shown = _show(feed, options)
        said = feed.problem if options.view == "text" else None
        feed.close()
    return _end(feed, shown, said)


def _stop_when_nobody_reads(feed: AnyLive) -> None:
    """As after `| less` was left: else we learned of it at the next event."""
    out = sys.stdout.fileno()
    if not stat.S_ISFIFO(os.fstat(out).st_mode):
        return
    reader = select.poll()
    reader.register(out, 0)  # an error is always told, and nothing else

    def wait() -> None:
        reader.poll()
        feed.stop()

    threading.Thread(target=wait, name="asgi-trace reader", daemon=True).start()


def _show(feed: AnyLive | FileFeed, options: Namespace) -> int:
    lang = pick_language(options.lang, os.environ)
    # Imported only now: the text view must not wait for Textual.
    if options.view == "tui":
        from tracer.views import tui  # noqa: PLC0415

        depth, wanted = options.depth, options.filter
        return tui.run(feed, depth=depth, filter=wanted, lang=lang)
    from tracer.views import text  # noqa: PLC0415

    return text.run(
        feed,
        depth=options.depth,
        filter=options.filter,
        lang=lang,
        stream=sys.stdout,
        color=options.use_colors,
    )


def _end(feed: AnyLive, shown: int, said: str | None) -> int:
    """Tell what the child said last, and choose the exit code.

    Args:
        feed: It has ended.
        shown: The view's own exit code.
        said: The problem that the view has told already.
    """
    code = feed.returncode
    problem = feed.problem
    told = [f"{SENTENCE}{said}"] if said else []
    lines = feed.last_words.splitlines()
    for line in lines:
        if line not in told:
            sys.stderr.write(f"{line}\n")
    if problem and problem != said and f"{SENTENCE}{problem}" not in lines:
        say(problem)
    if code is None or feed.broken:
        return OURS
    if code:
        return code if code > 0 else 128 - code
    # The text view's own 4 is about the feed, which ended well.
    return shown if said is None else DONE


@contextmanager
def _signals_to(feed: AnyLive) -> Iterator[None]:
    """Give SIGINT and SIGTERM to the child: the trace shows what they do."""
    count = 0

    def forward(number: int, frame: FrameType | None) -> None:
        nonlocal count
        count += number == signal.SIGINT
        if count < FORCE_AT:
            feed.signal(number)
            return
        feed.signal(signal.SIGKILL)
        raise KeyboardInterrupt  # and don't read what is still to come

    handled = (signal.SIGINT, signal.SIGTERM)
    before = {each: signal.signal(each, forward) for each in handled}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
