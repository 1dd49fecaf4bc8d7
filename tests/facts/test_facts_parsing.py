"""F39 to F56: one h11 event at a time, to the request's task."""

from itertools import pairwise

from facts_kit import Story, status_of, turns_between, value_of

RUN_ASGI = "RequestResponseCycle.run_asgi"
LIMIT = 65536  # bytes of a body before reading stops


def test_f39_what_is_no_http_gets_a_400(house: Story) -> None:
    error = house.one("h11.error")
    connection = house.conn(error.conn)

    assert error.status == 400
    assert status_of(house.got["garbage"]) == 400
    head = connection.first("bytes", direction="out", of="head")
    assert "date:" not in head.text.lower()
    close = connection.one("transport.close")
    made = connection.one("connection_made")
    # Only those are made that were going to accept.
    created = house.between(made, close).of("task.created", coro=RUN_ASGI)
    assert created == []
    (logged,) = connection.of("app.log")
    assert (logged.level, logged.text) == (
        "WARNING",
        "Invalid HTTP request received.",
    )


def test_f40_need_data_ends_the_round(house: Story) -> None:
    pieces = house.via("/tea?n=pieces")
    first, second, _ = pieces.of("data_received")

    round_ = pieces.between(first, second)
    assert round_.names() == ["NEED_DATA"]
    for each in house.of("h11.event", name="NEED_DATA"):
        following = house.conn(each.conn).after(each).of("h11.event")
        if following:
            reads = house.between(each, following[0])
            assert reads.of("data_received", "cycle.next")


def test_f41_who_comes_early_waits_unread(house: Story) -> None:
    first, second = house.asked("/tea?n=one"), house.asked("/tea?n=two")
    connection = house.via("/tea?n=one")
    (paused,) = connection.of("h11.event", name="PAUSED")

    stop = connection.one("read.paused")
    assert (stop.reason, stop.turn) == ("pipelining", paused.turn)
    answered = first.one("response.complete")
    resumed = connection.one("read.resumed")
    assert paused.t < answered.t < resumed.t < second.first("scope.built").t


def test_f42_names_are_lowered_and_the_target_is_split(house: Story) -> None:
    told = house.asked("/a%20b?c=d")

    raw = told.first("bytes", direction="in", of="head").text
    assert raw == "GET /a%20b?c=d HTTP/1.1\r\nHost: h\r\nX-Y: Z\r\n\r\n"
    scope = told.one("scope.built")
    assert scope.headers == (("host", "h"), ("x-y", "Z"))
    assert scope.raw_path.endswith("/a%20b")
    assert scope.query == "c=d"


def test_f43_all_that_an_app_is_told_of_a_request(house: Story) -> None:
    scope = house.asked("/?n=first").one("scope.built")
    connection = house.via("/?n=first").one("connection_made")

    assert (scope.method, scope.http_version, scope.scheme) == (
        "GET",
        "1.1",
        "http",
    )
    assert (scope.client, scope.server) == (
        connection.client,
        connection.server,
    )
    assert scope.client != scope.server
    # As the app found it: 2.3 decides what send() does for a lost client.
    found = house.got["/called"].rpartition(b"\r\n")[2].decode()
    versions = house.one("server.config").versions
    assert versions["asgi"] == f"3.0 (HTTP {found})"
    assert found == "2.3"


def test_f44_the_root_path_stands_in_front(house: Story) -> None:
    told = house.asked("/a%20b?c=d")

    scope = told.one("scope.built")
    assert scope.root_path == "/house"
    assert scope.path == "/house/a b"
    assert scope.raw_path == "/house/a%20b"
    # The client has sent neither of them with it.
    assert "/house" not in told.first("bytes", direction="in").text


def test_f45_each_request_has_its_own_copy_of_the_state(house: Story) -> None:
    assert house.one("lifespan.startup.complete").state == ("shelf",)
    scopes = [
        house.asked(f"/state?n={n}").one("scope.built") for n in "12"
    ]  # fmt: skip

    assert {each.state for each in scopes} == {("shelf",)}
    assert scopes[0].state_obj != scopes[1].state_obj
    # Each found the same object, and nothing that the other had left.
    answers = [
        house.got[f"state {n}"].rpartition(b"\r\n")[2] for n in "12"
    ]  # fmt: skip
    assert answers[0] == answers[1]
    assert answers[0].startswith(b"2 ")


def test_f46_only_a_websocket_is_handed_over(house: Story) -> None:
    other, chat = house.asked("/tea?n=h2c"), house.asked("/chat?n=ws")

    declined = other.one("upgrade.decision")
    assert (declined.wanted, declined.accepted) == ("h2c", False)
    assert other.first("app.log").text == "Unsupported upgrade request."
    assert other.one("run_asgi.end").branch == "complete"
    assert status_of(house.got["h2c"]) == 200
    # h11 waits for the answer, as it does for one who comes early.
    assert house.via("/tea?n=h2c").of("h11.event", name="PAUSED")

    taken = chat.one("upgrade.decision")
    assert (taken.wanted, taken.accepted) == ("websocket", True)
    shaken = chat.after(taken).one("ws.handshake")
    assert (shaken.outcome, shaken.status) == ("accepted", 101)
    assert chat.of("cycle.created") == []
    assert house.got["websocket"].startswith(b"HTTP/1.1 101 ")
    assert house.got["chat"] == b"\x81\x02hi\x88\x02\x03\xe8"


def test_f47_whoever_is_there_counts(full: Story) -> None:
    refused = full.asked("/refused")

    check = refused.one("limit.check")
    assert (check.connections, check.tasks, check.limit) == (5, 3, 5)
    refused.one("limit.rejected")
    # One of the five has never asked for anything.
    before = full.before(check)
    opened = {each.conn for each in before.of("connection_made")}
    asked = {each.conn for each in before.of("scope.built")}
    assert len(opened - asked) == 1
    # One less, and it is served.
    assert full.asked("/open").one("limit.check").connections == 4
    assert full.asked("/open").of("limit.rejected") == []


def test_f48_a_503_goes_the_ordinary_way(full: Story) -> None:
    refused = full.asked("/refused")

    assert refused.kinds(
        "limit.rejected", "cycle.created", "task.created", "run_asgi.start",
        "response.start",
    ) == [
        "limit.rejected", "cycle.created", "task.created", "run_asgi.start",
        "response.start",
    ]  # fmt: skip
    assert refused.one("run_asgi.start").stand_in == "service_unavailable"
    assert refused.one("response.start").status == 503
    answer = full.got["refused"]
    assert value_of(answer, b"connection") == b"close"


def test_f49_the_date_is_fixed_with_the_cycle(house: Story) -> None:
    for cycle in house.of("cycle.created"):
        made = dict(cycle.default_headers)
        latest = house.before(cycle).of("tick.headers")[-1]
        assert made["date"] == latest.date
        (start,) = house.req(cycle.req).of("response.start") or (None,)
        if start is not None:
            sent = {name: value for name, value, _ in start.headers}
            assert sent["date"] == made["date"]


def test_f50_nothing_is_called_yet(house: Story) -> None:
    told = house.asked("/?n=first")

    created = told.one("task.created")
    start = told.one("run_asgi.start")
    assert turns_between(created, start) == [1]
    assert told.one("conn.decision").keep is True
    assert house.via("/?n=first").after(start).of("scope.built")


def test_f51_the_app_runs_in_a_task_of_its_own(house: Story) -> None:
    told = house.asked("/?n=first")

    created = told.one("task.created")
    assert (created.coro, created.parent) == (RUN_ASGI, None)
    started = told.one("task.started")
    done = told.one("task.done")
    assert created.id == started.id == done.id == told.task()
    assert turns_between(created, started) == [1]
    assert done.outcome == "returned"
    # As many as there are requests: each has one.
    made = house.of("task.created", coro=RUN_ASGI)
    assert len(made) == len(house.of("cycle.created"))


def test_f52_data_goes_into_a_buffer(house: Story) -> None:
    told = house.asked("/echo?n=one")

    data = told.one("h11.event", name="Data")
    buffered = told.one("body.buffered")
    assert data.n == buffered.n == buffered.buffered == 5
    given = told.one("receive.return", type="http.request")
    assert data.t < buffered.t < told.one("receive.call").t < given.t


def test_f53_a_full_buffer_stops_the_reading(house: Story) -> None:
    told = house.asked("/slow?for=read")

    paused = told.first("read.paused", reason="body")
    assert paused.buffered > LIMIT
    filling = told.before(paused).of("body.buffered")
    assert filling[-1].buffered == paused.buffered
    # The limit is soft: a read is buffered whole, and looked at after it.
    assert all(each.buffered <= LIMIT for each in filling[:-1])
    assert paused.buffered - LIMIT <= filling[-1].n
    assert house.got["slow"].endswith(b"1048576")


def test_f54_the_end_of_the_message_is_the_clients(house: Story) -> None:
    told = house.asked("/?n=first")

    end = told.one("h11.event", name="EndOfMessage")
    start = told.one("run_asgi.start")
    assert told.before(end).of("run_asgi.start") == []
    assert turns_between(end, start) == [1]


def test_f55_a_body_that_nobody_read_is_ignored(house: Story) -> None:
    told = house.asked("/whole?n=hasty")
    connection = house.via("/whole?n=hasty")

    complete = told.one("response.complete")
    ignored = told.one("body.ignored")
    assert ignored.n == 5
    assert told.before(ignored).of("response.complete") == [complete]
    assert connection.before(ignored).of("cycle.next")[-1].t < complete.t
    following = connection.after(ignored).first("cycle.next")
    assert following.turn == ignored.turn
    assert status_of(house.got["after hasty"]) == 200


def test_f56_the_app_runs_until_it_has_to_wait(house: Story) -> None:
    whole, parts = house.asked("/echo?n=one"), house.asked("/echo?n=two")

    # In one packet: all was parsed before the app began.
    end = whole.one("h11.event", name="EndOfMessage")
    assert end.turn < whole.one("run_asgi.start").turn
    # In two: it waits for the second, and doesn't turn round meanwhile.
    asleep = parts.first("task.suspended", waits_for="request body")
    second = parts.of("h11.event", name="Data")[1]
    assert parts.one("run_asgi.start").t < asleep.t < second.t
    assert parts.between(asleep, second).of("task.resumed") == []
    for a, b in pairwise(parts.of("task.suspended", "task.resumed")):
        assert a.kind != b.kind
