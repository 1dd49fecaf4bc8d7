"""Each rule finds what it is about in a served app, and not its like."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from watched import BLOCKS, Watched, watching

from tracer.model.findings import Severity


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """The app of bad endpoints, after all of them were asked."""
    folder = tmp_path_factory.mktemp("broken")
    options: dict[str, Any] = {
        "slow_callback": 0.25,
        "ws": "none",
        "proxy_headers": False,
    }
    with watching(folder, "found_broken", **options) as watched:
        for path in PLAIN:
            watched.answered(path)
        for path in POSTED:
            watched.answered(path, method="POST", body="a body")
        each = [*PLAIN, *POSTED]
        watched.until(lambda _: all(map(watched.ended, each)))
        _in_vain(watched)
        _blocked(watched)
        _crowded(watched)
        for path in ("/goes_on", "/stops"):
            watched.leave(path, "endpoint.enter")
        _odd_heads(watched)
        watched.until(lambda _: watched.rules("/fires"))
        watched.live.feed.stop()
        watched.live.drain()
        watched.look().end()
        yield watched


PLAIN = (
    "/fine", "/sleeps", "/alone", "/fires", "/awaits", "/loses", "/hears",
    "/breaks", "/flows", "/raises", "/longer", "/shorter", "/exact",
    "/silent", "/talkative", "/collected", "/answers_first", "/dropped",
    "/hushed", "/ignored", "/early", "/redirects", "/strict/shelf/3",
    "/strict/none/3",
)  # fmt: skip
POSTED = (
    "/unread", "/reads", "/streams_twice", "/reads_twice", "/replayed",
    "/sleeps",
)  # fmt: skip


def _in_vain(watched: Watched) -> None:
    """A client that waits with its app for a body, and one that gives up."""
    with watched.ask("/drained", method="POST", body="a body"):
        watched.until(lambda _: watched.rules("/drained"))
    watched.until(lambda _: watched.ended("/drained"))
    with watched.ask("/drained?2", method="POST", body="a body"):
        watched.until_kind("/drained", "endpoint.enter", 2)
        time.sleep(0.05)  # long enough for a wait to be one
    watched.until(lambda _: watched.ended("/drained") == 2)


def _blocked(watched: Watched) -> None:
    """One request blocks the loop while another one comes."""
    with ExitStack() as stack:
        stack.enter_context(watched.ask("/blocks?for=0.6"))
        watched.until_kind("/blocks", "loop.blocked")
        stack.enter_context(watched.ask("/fine?waits"))
        watched.until_kind("/blocks", "run_asgi.end")
        watched.until(lambda _: watched.rules("/blocks"))


def _crowded(watched: Watched) -> None:
    """Three at once, for two threads."""
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(watched.ask("/crowded"))
        watched.until_kind("/crowded", "run_asgi.end", 3)


def _odd_heads(watched: Watched) -> None:
    proxied = "X-Forwarded-Proto: https\r\n"
    watched.get("/folder", proxied)
    watched.get("/redirects", proxied)
    upgrade = "Connection: Upgrade, close\r\nUpgrade: "
    watched.get("/pots/1", f"{upgrade}websocket\r\n")
    watched.get("/cups/1", f"{upgrade}h2c\r\n")


BAD = {
    "/loses": {"task-lost"},
    "/fires": {"task-outlived-request"},
    "/unread": {"body-unread"},
    "/streams_twice": {"body-read-twice", "app-exception"},
    "/drained": {"body-waited-in-vain", "client-left", "app-exception"},
    "/goes_on": {"went-on-alone", "client-left"},
    "/breaks": {"exception-after-start", "app-exception"},
    "/longer": {"content-length", "app-exception"},
    "/shorter": {"content-length", "app-exception"},
    "/silent": {"response-incomplete"},
    "/talkative": {"send-rejected", "app-exception"},
    "/collected": {"background-held-response"},
    "/dropped": {"middleware-swallowed", "response-incomplete"},
    "/hushed": {"middleware-swallowed", "response-incomplete"},
    "/ignored": {"middleware-swallowed", "response-incomplete"},
    "/strict/shelf/3": {"missing-slash"},
    "/folder": {"redirect-loses-origin"},
    "/pots/1": {"upgrade-refused"},
    "/blocks": {"loop-blocked"},
    "/crowded": {"thread-waited"},
    "/raises": {"app-exception"},
    "/stops": {"client-left"},
    "/sleeps": {"wrong-method"},
    "": {"route-shadowed"},
}
"""All that was found about the requests for a path; empty: about none."""

GOOD = (
    "/fine", "/alone", "/awaits", "/hears", "/reads", "/replayed",
    "/reads_twice", "/flows", "/exact", "/answers_first", "/early",
    "/strict/none/3", "/redirects", "/cups/1",
)  # fmt: skip
"""Neighbours of the bad ones, as like them as can be."""


@pytest.mark.parametrize(("path", "rules"), BAD.items())
def test_a_bad_endpoint_is_found(
    path: str, rules: set[str], broken: Watched
) -> None:
    assert broken.rules(path) == rules


@pytest.mark.parametrize("path", GOOD)
def test_a_good_neighbour_is_left_alone(path: str, broken: Watched) -> None:
    assert broken.ended(path)
    assert broken.rules(path) == set()


def test_a_wrong_method_is_told_of_and_no_more(broken: Watched) -> None:
    (found,) = [
        f for f in broken.trace.findings if broken.path(f.req) == "/sleeps"
    ]
    assert (found.rule, found.severity) == ("wrong-method", Severity.INFO)
    assert found.facts == {
        "method": "POST",
        "path": "/sleeps",
        "methods": "GET",
    }


def test_a_route_behind_another_is_found_by_looking(broken: Watched) -> None:
    (one,) = [f for f in broken.trace.findings if f.rule == "route-shadowed"]
    assert dict(one.facts) == {
        "first": "GET /cups/{cup}",
        "route": "GET /cups/best",
    }
    assert one.req is None


def test_who_waited_for_a_blocked_loop_is_known(broken: Watched) -> None:
    (found,) = [
        f
        for f in broken.trace.findings
        if (f.rule, broken.path(f.req)) == ("loop-blocked", BLOCKS)
    ]
    waited = [r.label for r in broken.trace.requests.values() if r.query]
    assert "time.sleep" in str(found.facts["culprit"])
    assert "found" not in str(found.facts["culprit"])
    assert found.facts["who"] in waited
    assert (found.facts["requests"], found.facts["over"]) == (1, True)
    assert float(found.facts["ns"]) > 0.5e9
    assert float(found.facts["tick"]) > 0.1e9


def test_who_only_waits_or_uses_a_thread_is_not_accused(
    broken: Watched,
) -> None:
    blocked = [f for f in broken.trace.findings if f.rule == "loop-blocked"]
    accused = {broken.path(f.req) for f in blocked}
    assert not accused & {"/sleeps", "/alone", "/crowded"}


def test_the_facts_say_what_was_wrong(broken: Watched) -> None:
    def facts(rule: str, path: str) -> dict[str, Any]:
        found = broken.trace.findings
        wanted = (
            f for f in found if f.rule == rule and broken.path(f.req) == path
        )
        return dict(next(wanted).facts)

    assert facts("content-length", "/longer") == {
        "how": "longer",
        "promised": "4",
        "sent": 5,
    }
    assert facts("content-length", "/shorter")["how"] == "shorter"
    assert facts("exception-after-start", "/breaks")["whole"] is False
    swallowed = [
        facts("middleware-swallowed", path)
        for path in ("/dropped", "/hushed", "/ignored")
    ]
    assert swallowed == [
        {"how": "response", "who": "Meddler"},
        {"how": "exception", "who": "Meddler"},
        {"how": "call", "who": "Meddler"},
    ]
    vain = facts("body-waited-in-vain", "/drained")
    assert (vain["taker"], vain["waiter"]) == ("Meddler", "reads")
    assert facts("task-outlived-request", "/fires")["name"] == "sleep"
    assert facts("thread-waited", "/crowded")["total"] == 2


def test_each_proof_stands_in_the_trace_and_is_about_its_request(
    broken: Watched,
) -> None:
    by_seq = {each.seq: each for each in broken.live.seen}
    for found in broken.trace.findings:
        seqs = [each.seq for each in found.proofs]
        assert all(by_seq[seq].kind for seq in seqs)
        assert {each.req for each in found.proofs} <= {found.req}
        assert seqs == sorted(seqs)


def test_a_server_that_ends_at_once_waits_for_nobody(broken: Watched) -> None:
    assert broken.trace.found["shutdown-waited"] == 0
