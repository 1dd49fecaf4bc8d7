"""What is said of a turn that ended before the watchdog could look."""

from time import monotonic_ns
from typing import Any

from tracer.capture.loop.watchdog import Watchdog
from tracer.capture.probe import Probe


def test_a_turn_that_nobody_saw_is_told_by_its_number() -> None:
    told: list[Any] = []
    probe = Probe(told.append)
    probe.turn = 7
    dog = Watchdog(probe, 60, text=False)
    dog.start()
    dog.stop()
    now = monotonic_ns()

    dog.ended(now - 2 * dog.limit, now)

    (said,) = told
    assert (said.turn, said.thread, said.over) == (7, "loop", True)
    assert (said.culprit, said.req, said.task) == ("", None, None)
