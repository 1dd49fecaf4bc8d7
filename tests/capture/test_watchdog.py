"""A turn that ended before the watchdog could look, and a thread that did."""

import logging
import threading
import time
from time import monotonic_ns
from typing import Any

import pytest

from tracer.capture.loop import LensLoop, Watchdog
from tracer.capture.probe import Probe

PATIENCE = 10.0


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


def watching() -> int:
    names = [each.name for each in threading.enumerate()]
    return names.count("asgi-trace watchdog")


def test_a_loop_whose_thread_has_ended_is_watched_no_more(
    caplog: pytest.LogCaptureFixture,
) -> None:
    made: list[LensLoop] = []

    def make() -> None:
        probe = Probe(lambda event: None)
        probe.lens = "on"
        probe.watch = Watchdog(probe, 0.01, text=False)
        made.append(LensLoop(probe))

    before = watching()
    with caplog.at_level(logging.ERROR, "asgi_trace"):
        maker = threading.Thread(target=make)
        maker.start()
        maker.join()
        deadline = time.monotonic() + PATIENCE
        while watching() > before:
            assert time.monotonic() < deadline
            time.sleep(0.002)
        # It runs all the same, in another thread than it was made in.
        made[0].call_later(0, time.sleep, 0.03)
        made[0].call_later(0.04, made[0].stop)
        made[0].run_forever()
        made[0].close()

    assert caplog.records == []
