"""N1 to N12: what the article leaves out, and the picture needs."""

import signal

from facts_kit import Story, status_of, turns_between


def test_n1_a_connection_has_two_ends(house: Story) -> None:
    accepted = [each.conn for each in house.of("accept")]

    made = [each.conn for each in house.of("connection_made")]
    lost = [each.conn for each in house.of("connection_lost")]
    assert accepted == made == sorted(lost)
    assert len(set(made)) == len(made)
    for each in made:
        story = house.conn(each)
        first, last = story.one("connection_made"), story.one("connection_lost")
        assert story.before(first).kinds("data_received", "h11.event") == []
        assert story.after(last).kinds("data_received", "h11.event") == []


def test_n2_the_idle_timer_is_armed_and_put_out(
    house: Story, bare: Story
) -> None:
    connection = house.via("/?n=first")
    timer = connection.kinds("keepalive.armed", "keepalive.cancelled")
    requests = len(connection.of("scope.built"))

    # Between two requests, and until the server ends.
    assert timer == ["keepalive.armed", "keepalive.cancelled"] * requests
    assert house.of("keepalive.fired") == []
    idle = bare.via("/listens")
    assert idle.kinds("keepalive.armed", "keepalive.fired") == [
        "keepalive.armed",
        "keepalive.fired",
    ]


def test_n3_the_turns_tell_what_ran_in_between(house: Story) -> None:
    in_loop = [
        each
        for each in house.records
        if each.thread == "loop" and each.kind not in {"app.log", "source"}
    ]
    ran = [each for each in in_loop if each.turn is not None]
    turns = [each.turn for each in ran if each.turn is not None]
    assert turns == sorted(turns)
    # Only what came before there was a loop has none.
    first = house.at[id(ran[0])]
    assert {each.kind for each in in_loop if each.turn is None} == {
        each.kind for each in house.records[:first]
        if each.kind not in {"app.log", "source"}
    }  # fmt: skip

    told = house.asked("/?n=first")
    connection = house.via("/?n=first")
    accept, made = connection.one("accept"), connection.one("connection_made")
    task = house.after(accept).first("task.started")
    read = connection.first("data_received")
    app = told.one("run_asgi.start")
    assert turns_between(accept, task, made) == [1, 2]
    assert turns_between(accept, read)[0] >= 3
    assert turns_between(read, app) == [1]
    # And the whole app in one turn, to the last write.
    assert {each.turn for each in told.of("transport.write")} == {app.turn}


def test_n4_a_task_says_what_it_waits_for(house: Story) -> None:
    told = house.asked("/wait?for=waited")

    slept, woke = told.of("task.suspended"), told.of("task.resumed")
    assert {each.waits_for for each in slept} == {"sleep"}
    assert {each.by for each in slept} == {"asyncio.sleep"}
    assert {each.woken_by for each in woke} == {"timer"}
    assert {each.id for each in (*slept, *woke)} == {told.task()}
    # An await that doesn't have to wait is none.
    assert house.asked("/echo?n=one").of("task.suspended") == []


def test_n5_the_kernel_connects_while_the_loop_is_blocked(
    house: Story,
) -> None:
    over = house.asked("/block").one("loop.blocked", over=True)
    connected = house.one("client.connected")

    assert over.since < connected.t - connected.ns
    assert connected.t < over.t
    (accepted,) = house.of("accept", client=connected.address)
    assert accepted.t > over.t


def test_n6_the_way_out_is_the_way_in_reversed(house: Story) -> None:
    told = house.asked("/?n=first")

    entered = [each.name for each in told.of("middleware.enter")]
    leave = told.of("middleware.exit")
    assert [each.name for each in leave] == entered[::-1]
    returned, call = told.one("endpoint.exit"), told.one("response.call")
    complete = told.one("response.complete")
    assert returned.t < call.t < complete.t < leave[0].t
    assert leave[-1].t < told.one("app.exit").t


def test_n7_three_places_answer_for_an_exception(house: Story) -> None:
    def handled(target: str) -> tuple[str, str, bool]:
        each = house.asked(target).one("exception.handled")
        return each.by, each.handler, each.raised_again

    assert handled("/teapot") == ("request_response", "short", False)
    assert handled("/nothing")[::2] == ("ExceptionMiddleware", False)
    assert handled("/boom") == ("ServerErrorMiddleware", "sorry", True)


def test_n8_a_background_task_keeps_only_its_own_task(house: Story) -> None:
    told = house.asked("/background?for=over")
    beside = house.asked("/tea?n=beside")

    complete = told.one("response.complete")
    begun, ended = told.one("background.start"), told.one("background.end")
    assert begun.task == ended.task == told.task() != beside.task()
    assert complete.t < begun.t
    # On the same connection, all of it while the other still runs.
    assert begun.conn == beside.records[0].conn
    assert begun.t < beside.one("scope.built").t
    assert beside.one("response.complete").t < ended.t


def test_n9_a_stream_is_cancelled_and_an_endpoint_is_not(house: Story) -> None:
    stream, plain = house.asked("/drip"), house.asked("/wait?for=left")

    stream.one("client.disconnected")
    plain.one("client.disconnected")
    ended = [each.outcome for each in stream.of("task.done")]
    assert "cancelled" in ended
    assert [each.outcome for each in plain.of("task.done")] == ["returned"]
    left = stream.one("client.disconnected")
    cancelled = [
        each for each in stream.of("task.done") if each.outcome == "cancelled"
    ]
    assert all(each.t > left.t for each in cancelled)


def test_n10_only_a_main_thread_hears_signals(
    house: Story, bare: Story
) -> None:
    heard = house.of("signal")
    assert [each.name for each in heard] == ["SIGTERM", "SIGTERM"]
    assert {each.thread for each in heard} == {"loop"}
    assert house.one("server.stopping").reason == "signal"

    # In a thread, no handler was installed, and a flag has ended it.
    assert bare.got["during"] == bare.got["handler"] == signal.SIG_DFL
    assert bare.one("server.stopping").reason == "should_exit"
    assert bare.of("signal") == []


def test_n11_close_is_not_the_end(house: Story) -> None:
    closed = house.of("transport.close")

    assert len(closed) > 1
    for each in closed:
        lost = house.conn(each.conn).after(each).one("connection_lost")
        assert turns_between(each, lost)[0] >= 1
    # What was written before it still arrives, though it takes many turns.
    large = house.via("/large")
    (close,) = large.of("transport.close")
    assert turns_between(close, large.one("connection_lost"))[0] > 1
    assert house.got["large"] == 1 << 22
    assert status_of(house.got["close"]) == 200


def test_n12_the_client_feels_more_than_the_server(house: Story) -> None:
    sent, first = house.one("client.sent"), house.one("client.first_byte")
    connected = house.one("client.connected")
    connection = house.of_client(connected.address)

    read = connection.one("data_received")
    written = connection.first("transport.write")
    over = house.asked("/block").one("loop.blocked", over=True)
    assert sent.t < over.t < read.t
    assert first.t - sent.t > written.t - read.t
    assert read.t - sent.t > over.t - sent.t > 0
