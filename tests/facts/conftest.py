"""The runs that the facts are seen in, each made once for all tests.

Where the tests run in several processes, the first that needs a run makes it
and the others read what it told.
"""

import fcntl
import os
import pickle
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import facts_bare
import facts_kit
import facts_workers
import pytest
from facts_house import tea_house
from facts_kit import Story

from tracer.views.facts import choose


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Story]:
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent

    def give(name: str, make: Callable[[Path], Story]) -> Story:
        kept = base / f"facts-{name}.pickle"
        with (base / f"facts-{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not kept.exists():
                story = make(Path(tempfile.mkdtemp(dir=base)))
                kept.write_bytes(pickle.dumps((story.records, story.got)))
        return Story(*pickle.loads(kept.read_bytes()))  # noqa: S301  # ours

    return give


def run(name: str, make: Callable[[Path], Story]) -> object:
    def fixture(once: Callable[..., Story]) -> Story:
        return once(name, make)

    return pytest.fixture(scope="session", name=name)(fixture)


house = run("house", tea_house)
bare = run("bare", lambda _: facts_bare.bare())
full = run("full", lambda _: facts_bare.full())
exact = run("exact", lambda _: facts_bare.exact())
refuses = run("refuses", lambda _: facts_bare.refuses())
taken = run("taken", lambda _: facts_bare.taken())
unix = run("unix", facts_bare.unix)
by_fd = run("by_fd", lambda _: facts_bare.handed("fd"))
inherited = run("inherited", lambda _: facts_bare.handed("sockets"))
workers = run("workers", facts_workers.workers)
cancelled = run("cancelled", lambda _: facts_bare.cancelled())


@pytest.fixture(autouse=True)
def looked_at_what_the_table_names(
    request: pytest.FixtureRequest,
) -> Iterator[None]:
    """A test of a fact was given each kind that the table has for it."""
    facts_kit.LOOKED.clear()
    yield
    number = re.match(r"test_([fn]\d+)_", request.node.name)
    if number is not None:
        (fact,) = choose([number[1]], "en")
        assert set(fact.seen) - facts_kit.LOOKED == set()
