"""A selector that sees each turn of the loop: how long it waits, for whom."""

import selectors
from time import monotonic_ns

from tracer.capture.probe import Probe


class Lens(selectors.DefaultSelector):
    """A selector that counts the loop's turns: one `select()` is one turn.

    Source: asyncio, `BaseEventLoop._run_once`
    """

    def __init__(self, probe: Probe) -> None:
        super().__init__()
        self._probe = probe
        probe.turn = 0

    def select(
        self, timeout: float | None = None
    ) -> list[tuple[selectors.SelectorKey, int]]:
        watch = self._probe.watch
        if watch is not None:
            now = monotonic_ns()
            left, watch.left_at = watch.left_at, 0
            if left and now - left > watch.limit:
                watch.ended(left, now)
        ready = super().select(timeout)
        if watch is not None:
            watch.left_at = monotonic_ns()
        # Counted here and not before the wait: what a worker thread says
        # meanwhile belongs to the turn that has ended.
        self._probe.turn += 1  # type: ignore[operator]  # set to 0 above
        return ready

    def close(self) -> None:
        if (watch := self._probe.watch) is not None:
            watch.stop()
        super().close()
