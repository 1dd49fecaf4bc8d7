"""Run the screen in this terminal, and leave the terminal as it was."""

import asyncio
import signal
import sys
import threading
import traceback

from tracer.model.depth import Depth
from tracer.views.feed import Feed
from tracer.views.tui.app import TraceApp

ENDS = {
    signal.SIGTERM: 143,
    signal.SIGHUP: 129,
    signal.SIGINT: 130,
}
"""Signals that end us in order -> the exit code that says so.

Left alone, the first two would leave the terminal without its echo, on the
alternate screen and with the mouse reporting.
"""

OUR_FAULT = 4
"""Exit code of our own failure."""


class TerminalApp(TraceApp):
    """The app of a real terminal: it also answers signals."""

    def on_mount(self) -> None:
        super().on_mount()
        loop = asyncio.get_running_loop()
        for number, code in ENDS.items():
            loop.add_signal_handler(number, self.exit, code, code)


def run(
    feed: Feed,
    *,
    depth: str = "stages",
    filter: str = "",  # noqa: A002  # its name on the command line too
    lang: str = "en",
) -> int:
    """Show a feed until the user quits, a signal comes, or something breaks.

    Args:
        feed: Where the records come from; whoever made it closes it.
        depth: `story`, `stages` or `events`.
        filter: See `tracer.model.filter`.
        lang: Language of the explanations.

    Returns:
        The exit code: 0 after a quit, 129, 130 or 143 after a signal, 4 after
        a failure of our own, whose traceback is on stderr then.

    Raises:
        FilterError: A filter that makes no sense.

    Source: ours.
    """
    shown = Depth[depth.upper()]
    app = TerminalApp(feed, depth=shown, filter=filter, lang=lang)
    broken: list[threading.ExceptHookArgs] = []

    def in_thread(args: threading.ExceptHookArgs) -> None:
        # Printed now, it would be swallowed by the screen.
        broken.append(args)
        if app.is_running:
            app.call_from_thread(app.exit, OUR_FAULT, OUR_FAULT)

    before, threading.excepthook = threading.excepthook, in_thread
    try:
        code = app.run()
    finally:
        threading.excepthook = before
    for args in broken:
        traceback.print_exception(args.exc_value, file=sys.stderr)
    return OUR_FAULT if code is None or app.return_code == 1 else code
