"""F28 to F38: a connection, and bytes on it."""

from facts_kit import Story, request, turns_between


def test_f28_ready_sockets_are_read_in_the_same_turn(house: Story) -> None:
    reads = house.of("data_received")

    # Those who wait in the selector; the others come from a new connection.
    for each in reads:
        (turn,) = house.of("loop.select", turn=each.turn)
        assert each.conn in {conn for _, _, conn in turn.ready}
    assert house.via("/a%20b?c=d").of("data_received")[1].n == len(
        request("/a%20b?c=d", "X-Y: Z")
    )
    # More was there, and yet one read brings no more than asyncio asks for.
    assert max(each.n for each in reads) <= 1 << 18


def test_f29_a_second_request_needs_no_other_socket(house: Story) -> None:
    connection = house.via("/?n=first")

    assert len(connection.of("scope.built")) == 5
    assert len(connection.of("accept")) == 1
    assert len(connection.of("selector.register", role="connection")) == 1
    assert len(house.of("scope.built")) > len(house.of("accept"))


def test_f30_a_callback_accepts_and_a_task_finishes_it(house: Story) -> None:
    callback = house.first("loop.accept")
    accepted = house.first("accept")
    (task,) = house.between(accepted, callback).of("task.created")

    assert callback.task is task.parent is None
    assert task.coro.endswith("_accept_connection2")
    made = house.conn(accepted.conn).one("connection_made")
    started = house.one("task.started", id=task.id)
    assert turns_between(accepted, callback, task, started, made) == [
        0, 0, 1, 2,
    ]  # fmt: skip
    assert house.between(started, made).first("protocol.created")
    most = max(house.of("loop.accept"), key=lambda each: each.n)
    made_for = house.before(most).of("task.created")[-most.n :]
    assert {each.coro for each in made_for} == {task.coro}
    assert {each.turn for each in made_for} == {most.turn}


def test_f31_the_loop_calls_the_transport_not_us(house: Story) -> None:
    for made in house.of("connection_made"):
        after = house.conn(made.conn).after(made)
        watched = after.first("selector.register", role="connection")
        assert watched.callback == "_SelectorSocketTransport._read_ready"
        assert watched.watches == "read"
        assert house.conn(made.conn).before(made).of("selector.register") == []


def test_f32_the_connection_outlives_its_request(
    bare: Story, workers: Story
) -> None:
    connection = bare.via("/listens")

    assert connection.one("conn.decision").keep is True
    armed = connection.one("keepalive.armed")
    fired = connection.one("keepalive.fired")
    lost = connection.one("connection_lost")
    assert armed.seconds == 0.05
    assert fired.t - armed.t >= 49_000_000
    assert armed.t < fired.t < lost.t
    assert connection.before(fired).of("connection_lost") == []
    # Where nobody says otherwise it is five seconds.
    options = workers.one("server.config").options
    assert options["timeout_keep_alive"] == 5


def test_f33_reads_are_neither_connections_nor_requests(house: Story) -> None:
    pieces = house.via("/tea?n=pieces")

    assert len(pieces.of("accept")) == 1
    first, second, third = [each.n for each in pieces.of("data_received")]
    asked = len(request("/tea?n=pieces"))
    # One request in two reads, then two requests in one.
    assert (first, second) == (9, asked - 9)
    assert third == 2 * len(request("/tea?n=one"))
    assert len(pieces.of("scope.built")) == 3


def test_f34_bytes_turn_the_idle_timer_off_first(house: Story) -> None:
    connection = house.via("/?n=first")
    second = connection.of("data_received")[1]

    told = connection.after(second)
    assert [each.kind for each in told.records[:2]] == [
        "keepalive.cancelled",
        "h11.event",
    ]
    assert told.first("keepalive.cancelled").turn == second.turn
    assert told.first("h11.event").name == "Request"


def test_f35_the_parsers_events_are_not_the_apps(house: Story) -> None:
    told = house.asked("/echo?n=two")

    parsed = [
        (each.name, each.n) for each in told.of("h11.event") if each.n
    ]  # fmt: skip
    given = [(each.type, each.n) for each in told.of("receive.return")]
    assert parsed == [("Data", 2), ("Data", 3)]
    assert given == [("http.request", 2), ("http.request", 3)]
    assert {each.layer for each in told.of("h11.event")} == {"h11"}
    assert {each.layer for each in told.of("receive.return")} == {"cycle"}
    # The parser said all of it outside of the app's task.
    assert {each.task for each in told.of("h11.event", name="Data")} == {None}


def test_f36_others_run_while_one_really_waits(house: Story) -> None:
    waiting = house.asked("/wait?for=waited")
    (other,) = house.reqs("/tea?n=meanwhile")
    started, answered = other.first("scope.built"), other.records[-1]

    slept = waiting.of("task.suspended", waits_for="sleep")
    woke = waiting.of("task.resumed", woken_by="timer")
    assert slept[0].t < started.t < answered.t < woke[-1].t
    assert len(slept) == len(woke)
    # Nobody runs while one only blocks.
    house.asked("/block").one("loop.blocked", over=True)
    block = house.asked("/block")
    enter, leave = block.one("endpoint.enter"), block.one("endpoint.exit")
    assert leave.t - enter.t > 100_000_000
    ran = [each.thread for each in house.between(enter, leave).records]
    assert "loop" not in ran


def test_f37_threads_are_real_ones(house: Story) -> None:
    first, second = house.asked("/meet?n=1"), house.asked("/meet?n=2")
    starts = [each.one("thread.start") for each in (first, second)]
    ends = [each.one("thread.end") for each in (first, second)]

    # Each waits in a barrier for the other, so both were in it at once.
    assert max(each.t for each in starts) < min(each.t for each in ends)
    assert len({each.thread for each in starts}) == 2
    assert "loop" not in {each.thread for each in starts}
    assert [each.outcome for each in ends] == ["returned", "returned"]


def test_f38_the_events_come_out_of_memory(house: Story) -> None:
    connection = house.via("/tea?n=one")
    read = connection.of("data_received")[2]

    told = connection.after(read)
    turn = [each for each in told.of("h11.event") if each.turn == read.turn]
    assert [each.name for each in turn] == [
        "Request", "EndOfMessage", "PAUSED",
    ]  # fmt: skip
    # The second request lies in the buffer, and no read brings it.
    paused = told.first("read.paused")
    assert paused.buffered == len(request("/tea?n=two"))
    parsed = told.of("h11.event", name="Request")[1]
    assert house.between(paused, parsed).of("data_received") == []
