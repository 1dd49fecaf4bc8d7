"""Our own exceptions: logged once each, and never given to the app."""

import logging
import sys

log = logging.getLogger("asgi_trace")

_faults: set[tuple[type | None, int]] = set()


def fault() -> None:
    """Log an exception of our own, the first time it comes.

    It is caught where it would else reach the app.
    """
    kind, _, trace = sys.exc_info()
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    found = kind, 0 if trace is None else trace.tb_lineno
    if found not in _faults:
        _faults.add(found)
        log.exception("asgi-trace failed; the app goes on, events are missing")
