"""F1 to F27: the server's start, its housekeeping, and its end."""

import errno
import os
import platform
import signal
from importlib.metadata import version
from itertools import pairwise

from facts_kit import Story, in_order, status_of

from tracer.events import Header


def steps(story: Story) -> list[str]:
    return [each.step for each in story.of("shutdown.step")]


def lines(story: Story) -> list[str]:
    return [each.text for each in story.of("app.log")]


def test_f1_the_trace_says_what_runs(house: Story) -> None:
    config = house.one("server.config")

    assert (config.app, config.loop, config.http) == (
        "served:app",
        "asyncio",
        "h11",
    )
    assert config.versions["python"] == platform.python_version()
    for name in ("h11", "starlette"):
        assert config.versions[name] == version(name)
    assert config.options["root_path"] == "/house"


def test_f2_connections_tasks_and_requests_are_counted(house: Story) -> None:
    for tick in house.of("tick"):
        before = house.before(tick)
        opened = len(before.of("connection_made"))
        closed = len(before.of("connection_lost"))
        assert tick.connections == opened - closed
        assert tick.total_requests == len(before.of("conn.decision"))
    assert max(each.tasks for each in house.of("tick")) > 0
    assert {each.headers for each in house.of("tick.headers")} == {3}
    assert [each.forces for each in house.of("signal")] == [False, False]


def test_f3_the_runner_makes_the_loop_by_a_factory(house: Story) -> None:
    run, loop = house.one("server.run"), house.one("loop.created")

    assert house.before(loop).of("server.run") == [run]
    assert loop.name == "SelectorEventLoop"
    assert loop.turn == 0
    serve = house.first("task.created")
    assert (serve.coro, serve.parent) == ("Server.serve", None)


def test_f4_startup_main_loop_and_shutdown(house: Story) -> None:
    pid = house.got["pid"]
    header = house.got["header"]

    assert isinstance(header, Header)
    assert house.one("server.run").pid == header.pid == pid
    assert in_order(
        house, "server.run", "lifespan.startup", "server.started", "tick",
        "server.stopping", "shutdown.step", "server.stopped",
    )  # fmt: skip
    assert house.after(house.one("server.stopped")).of("tick") == []
    said = lines(house)
    assert f"Started server process [{pid}]" in said
    assert f"Finished server process [{pid}]" in said


def test_f5_the_app_starts_before_anything_listens(house: Story) -> None:
    assert in_order(
        house, "lifespan.startup", "lifespan.startup.complete", "listen.bound"
    )
    ready = house.one("lifespan.startup.complete")
    watched = house.of("selector.register", role="listener")
    assert watched == house.after(ready).of(
        "selector.register", role="listener"
    )


def test_f6_a_failed_startup_ends_the_process_at_once(refuses: Story) -> None:
    failed = refuses.one("lifespan.startup.failed")

    assert failed.message == "no water"
    assert refuses.one("server.stopped").exit_code == refuses.got["exit"] == 3
    assert refuses.after(failed).kinds("listen.bound", "tick") == []


def test_f7_each_protocol_is_made_of_the_same_parts(house: Story) -> None:
    created = [each.obj for each in house.of("protocol.created")]
    made = [each.obj for each in house.of("connection_made")]
    # A WebSocket's takes the place of the one that read its handshake.
    switched = [each.obj for each in house.of("protocol.switched")]

    assert created == sorted([*made, *switched])
    assert created == list(range(1, len(created) + 1))
    # They count the same connections, since they share one ServerState.
    open_now = 0
    for each in house.of("connection_made", "connection_lost"):
        open_now += 1 if each.kind == "connection_made" else -1
        assert each.connections == open_now


def test_f8_a_protocol_belongs_to_a_connection(house: Story) -> None:
    house.one("server.run")

    created = {each.obj for each in house.of("protocol.created")}
    objects = [each.obj for each in house.of("connection_made")]
    assert len(objects) == len(house.of("accept")) > 1
    assert len(set(objects)) == len(objects)
    assert set(objects) <= created


def test_f9_sockets_that_are_passed_in_are_served(inherited: Story) -> None:
    bound = inherited.one("listen.bound")

    assert bound.origin == "inherited"
    assert bound.address == f"127.0.0.1:{inherited.got['port']}"
    assert status_of(inherited.got["answer"]) == 200
    # Who has bound it has also said where it is.
    assert any("Started server process" in e for e in inherited.got["log"])
    assert not any("running on" in e for e in inherited.got["log"])


def test_f10_two_processes_accept_from_one_socket(workers: Story) -> None:
    both = [workers, Story(workers.got["other"])]

    pids = [each.one("server.run").pid for each in both]
    assert pids == workers.got["pids"]
    assert len({*pids, os.getpid()}) == 3
    for each in both:
        bound = each.one("listen.bound")
        assert (bound.origin, bound.fd) == ("fd", workers.got["fd"])
        assert bound.address == f"127.0.0.1:{workers.got['port']}"
    # The kernel gave each connection to one of them.
    blocked, served = [each.one("accept").client for each in both]
    assert blocked != served
    assert both[1].one("scope.built").raw_path == "/tea"
    assert status_of(workers.got["answer"]) == 200


def test_f11_a_descriptor_is_taken_for_a_unix_socket(by_fd: Story) -> None:
    bound = by_fd.one("listen.bound")

    assert (bound.origin, bound.fd) == ("fd", by_fd.got["fd"])
    assert bound.address == f"127.0.0.1:{by_fd.got['port']}"
    assert bound.family == "AF_UNIX"
    assert any("running on" in each for each in by_fd.got["log"])
    assert status_of(by_fd.got["answer"]) == 200


def test_f12_a_unix_socket_has_a_path_and_a_mode(unix: Story) -> None:
    bound = unix.one("listen.bound")

    assert (bound.origin, bound.address) == ("unix", unix.got["path"])
    assert int(bound.mode, 8) == unix.got["mode"] == 0o666
    made = unix.one("connection_made")
    assert (made.client, made.server) == ("", unix.got["path"])


def test_f13_it_binds_and_tells_the_address(house: Story) -> None:
    bound, started = house.one("listen.bound"), house.one("server.started")

    assert (bound.origin, bound.backlog) == ("tcp", 2048)
    assert started.url == f"http://{bound.address}"
    assert in_order(house, "listen.bound", "server.started", "tick")
    assert any(f"running on {started.url} " in each for each in lines(house))
    assert house.first("connection_made").server == bound.address


def test_f14_a_port_that_is_taken_ends_it(taken: Story) -> None:
    failed = taken.one("listen.failed")

    assert "in use" in failed.error
    assert in_order(
        taken, "lifespan.startup.complete", "listen.failed",
        "lifespan.shutdown", "lifespan.shutdown.complete", "server.stopped",
    )  # fmt: skip
    assert taken.one("server.stopped").exit_code == taken.got["exit"] == 3


def test_f15_the_loop_watches_listener_and_connections(house: Story) -> None:
    (listener,) = house.of("selector.register", role="listener")
    ready = [
        each
        for each in house.of("loop.select")
        if ("listener", listener.fd, None) in each.ready
    ]
    accepts = house.of("loop.accept")
    assert [each.turn for each in ready] == [each.turn for each in accepts]
    # Those who came while the loop was blocked are taken all at once.
    assert max(each.n for each in accepts) >= 4
    assert sum(each.n for each in accepts) == len(house.of("accept"))
    for each in house.of("connection_lost"):
        told = house.conn(each.conn).before(each)
        watched = told.of("selector.register", "selector.unregister")
        assert watched[0].kind == "selector.register"
        assert watched[-1].kind == "selector.unregister"


def test_f16_a_tick_ten_times_a_second_sees_the_flag(house: Story) -> None:
    ticks = house.of("tick")

    assert [each.counter for each in ticks] == list(range(len(ticks)))
    assert all(b.t - a.t >= 99_000_000 for a, b in pairwise(ticks))
    # The signal only sets a flag; the next look at it is the last tick's.
    (first, _), stopping = house.of("signal"), house.one("server.stopping")
    assert len(house.between(first, stopping).of("tick")) <= 1
    assert stopping.t - first.t > 0
    assert house.after(stopping).of("tick") == []
    assert stopping.reason == "signal"


def test_f17_a_blocked_loop_has_no_tick(house: Story) -> None:
    over = house.asked("/block").one("loop.blocked", over=True)
    begun = over.since
    ticks = house.of("tick")

    assert over.ns > 100_000_000
    assert [each for each in ticks if begun < each.t < over.t] == []
    assert ticks[0].t < begun < ticks[-1].t
    assert {each.thread for each in ticks} == {"loop"}


def test_f18_the_tick_makes_response_headers(house: Story) -> None:
    renewed = house.of("tick.headers")

    ticks = [house.before(each).of("tick")[-1] for each in renewed]
    assert [each.counter % 10 for each in ticks] == [0] * len(ticks)
    for made in house.of("cycle.created"):
        latest = house.before(made).of("tick.headers")[-1]
        for start in house.req(made.req).of("response.start"):
            assert ("date", latest.date, "tick") in start.headers


def test_f19_a_manager_is_notified_once_in_its_time(bare: Story) -> None:
    # The headers are renewed each second, the manager is told each hour.
    assert len(bare.of("tick.headers")) >= 2
    notify = bare.one("tick.notify")
    assert bare.before(notify).one("tick").counter == 0


def test_f20_the_limit_is_seen_at_a_tick_and_overshot(
    full: Story, exact: Story
) -> None:
    # A burst: five are served in one turn where two would have been enough.
    *before, last = full.of("tick")
    stopping = full.one("server.stopping")
    assert stopping.reason == "limit_max_requests"
    assert max(each.total_requests for each in before) < 2
    assert last.total_requests == 5
    assert full.between(last, stopping).records == []
    assert full.one("server.stopped").exit_code == 0

    # As many as the limit are enough.
    assert exact.got["ended"] is True
    stopping = exact.one("server.stopping")
    assert stopping.reason == "limit_max_requests"
    assert exact.before(stopping).of("tick")[-1].total_requests == 1


def test_f21_nobody_is_accepted_any_more(house: Story) -> None:
    stop = house.first("shutdown.step")

    assert (stop.step, stop.waiting) == ("stop_accepting", 1)
    assert house.got["refused"] == errno.ECONNREFUSED
    after = house.after(stop)
    assert after.of("accept") == []
    assert [each.status for each in after.of("response.start")] == [200]


def test_f22_the_listeners_are_waited_for_last(house: Story) -> None:
    assert steps(house) == [
        "stop_accepting",
        "close_connections",
        "wait_connections",
        "wait_tasks",
        "wait_closed",
    ]


def test_f23_the_idle_close_at_once_the_busy_after_it(house: Story) -> None:
    (idle,) = house.reqs("/tea?n=idle")
    (busy,) = house.reqs("/wait?for=end")
    outcome = {
        each.conn: each.outcome for each in house.of("conn.shutdown")
    }  # fmt: skip

    assert outcome[idle.records[0].conn] == "closed"
    assert outcome[busy.records[0].conn] == "after response"
    assert house.got["idle closed"] is house.got["busy closed"] is True
    gone = house.via("/tea?n=idle").one("connection_lost")
    answered = busy.one("response.complete")
    assert house.before(answered).of("connection_lost")[-1].t >= gone.t
    assert house.got["busy"].endswith(b"waited")
    house.via("/wait?for=end").after(answered).one("connection_lost")


def test_f24_the_wait_has_an_end(cancelled: Story) -> None:
    wait, cancel = [
        each
        for each in cancelled.of("shutdown.step")
        if each.step in {"wait_connections", "cancel_tasks"}
    ]

    assert (wait.waiting, cancel.waiting) == (1, 1)
    assert cancel.t - wait.t >= 99_000_000
    (failed,) = cancelled.of("app.exception")
    assert failed.type == "CancelledError"
    assert failed.message.endswith("timeout graceful shutdown exceeded")
    ended = cancelled.of("task.done")
    assert failed.task in {each.id for each in ended}
    assert status_of(cancelled.got["answer"]) == 500


def test_f25_tasks_are_waited_for_whose_connection_is_gone(
    house: Story,
) -> None:
    (wait,) = house.of("shutdown.step", step="wait_tasks")
    request = house.asked("/background?for=never")

    assert wait.waiting == 1
    gone = house.via("/background?for=never").one("connection_lost")
    begun, ended = (
        request.one("background.start"),
        request.one("background.end"),
    )
    assert begun.t < gone.t < wait.t < ended.t
    assert begun.task == ended.task == request.task()


def test_f26_only_a_second_sigint_forces(house: Story, workers: Story) -> None:
    heard = [(each.name, each.forces) for each in workers.of("signal")]
    assert heard == [("SIGINT", False), ("SIGINT", True)]
    stopped = workers.one("server.stopped")
    assert stopped.forced is True
    # A client still waited, and the app was not told.
    assert steps(workers)[-1] == "wait_connections"
    assert workers.of("lifespan.shutdown") == []
    assert b"waited" not in workers.got["cut"]

    heard = [(each.name, each.forces) for each in house.of("signal")]
    assert heard == [("SIGTERM", False), ("SIGTERM", False)]
    assert house.one("server.stopped").forced is False
    house.one("lifespan.shutdown")


def test_f27_the_app_is_told_last(house: Story) -> None:
    told = house.one("lifespan.shutdown")

    after = house.after(told)
    assert after.of("connection_lost", "tick") == []
    after.one("lifespan.shutdown.complete")
    opened = len(house.of("connection_made"))
    assert len(house.before(told).of("connection_lost")) == opened
    assert after.one("server.stopped").exit_code == 0
    # The signal is raised once more, so that who started it learns of it.
    assert house.got["exit"] == 128 + signal.SIGTERM
