"""F57 to F79: the app's call, its ends, send() and receive()."""

from facts_kit import Story, status_of, turns_between, value_of

FLOOD = 1 << 24
"""Bytes that a client is sent before it reads."""


def test_f57_the_app_is_awaited_by_run_asgi(house: Story) -> None:
    told = house.asked("/?n=first")

    assert told.kinds("run_asgi.start", "app.enter", "run_asgi.end") == [
        "run_asgi.start",
        "app.enter",
        "run_asgi.end",
    ]
    assert told.one("run_asgi.start").stand_in is None
    assert told.one("run_asgi.end").branch == "complete"
    (start,), (end,) = told.of("app.enter"), told.of("app.exit")
    assert told.between(start, end).of("send.call")


def test_f58_an_exception_before_the_start_is_answered(bare: Story) -> None:
    told = bare.asked("/raises")

    failed = told.one("app.exception")
    assert (failed.type, failed.response_started) == ("ValueError", False)
    assert {each.by for each in told.of("send.call")} == {"server"}
    assert told.one("response.start").status == 500
    assert told.one("run_asgi.end").branch == "raised"
    assert status_of(bare.got["raises"]) == 500


def test_f59_an_exception_after_the_start_closes(
    house: Story, bare: Story
) -> None:
    late = bare.asked("/raises_late")
    assert late.one("app.exception").response_started is True
    assert late.one("transport.close").reason == "raised"
    assert bare.got["raises_late"].endswith(b"\r\n\r\no")
    assert late.of("response.complete") == []

    # With Starlette it has always started: with its 500.
    boom = house.asked("/boom")
    assert boom.one("exception.handled").raised_again is True
    start = boom.one("response.start")
    assert start.status == 500
    assert "connection" not in {name for name, _, _ in start.headers}
    assert boom.one("app.exception").response_started is True
    complete = boom.one("response.complete")
    assert boom.after(complete).one("transport.close").reason == "raised"
    assert house.got["boom"].endswith(b"sorry")


def test_f60_who_returns_a_value_is_hung_up_on(bare: Story) -> None:
    told = bare.asked("/returns")

    assert told.one("run_asgi.end").branch == "returned a value"
    complete = told.one("response.complete")
    close = told.one("transport.close")
    assert close.reason == "returned a value"
    assert told.before(close).of("response.complete") == [complete]
    assert bare.got["returns"].endswith(b"\r\n\r\nok")


def test_f61_no_response_becomes_a_500(bare: Story) -> None:
    told = bare.asked("/says_nothing")

    assert told.one("run_asgi.end").branch == "no response"
    assert {each.by for each in told.of("send.call")} == {"server"}
    assert told.one("response.start").status == 500
    assert status_of(bare.got["says_nothing"]) == 500


def test_f62_half_a_response_stays_half(bare: Story) -> None:
    told = bare.asked("/stops")

    assert told.one("run_asgi.end").branch == "incomplete"
    assert told.one("transport.close").reason == "incomplete"
    assert told.of("response.complete") == []
    # One chunk, and no last one.
    assert bare.got["stops"].endswith(b"\r\n\r\n2\r\nok\r\n")


def test_f63_the_cycle_lets_go_of_its_protocol(house: Story) -> None:
    cycles = {each.req for each in house.of("cycle.created")}

    ended = [
        (each.kind, each.req)
        for each in house.of("run_asgi.end", "cycle.released")
        if each.req in cycles
    ]
    assert [kind for kind, _ in ended] == [
        "run_asgi.end",
        "cycle.released",
    ] * len(cycles)
    assert [req for _, req in ended[::2]] == [req for _, req in ended[1::2]]


def test_f64_send_waits_for_a_client_to_read(house: Story) -> None:
    told = house.asked("/flood")

    paused = told.first("write.paused")
    asleep = told.after(paused).first(
        "task.suspended", waits_for="client to read"
    )
    resumed = told.after(asleep).first("write.resumed")
    awake = told.after(asleep).first("task.resumed")
    assert paused.t <= asleep.t < resumed.t <= awake.t
    # It had not sent all of it by then, and did so at last.
    before = sum(each.n or 0 for each in told.before(asleep).of("send.call"))
    assert before < told.one("response.complete").n == FLOOD
    assert told.between(asleep, awake).of("send.call") == []


def test_f65_who_has_left_is_sent_nothing_and_no_error(house: Story) -> None:
    told = house.asked("/wait?for=left")

    left = told.one("client.disconnected")
    dropped = told.after(left).of("send.dropped")
    assert [each.type for each in dropped] == [
        "http.response.start",
        "http.response.body",
    ]
    # The endpoint went on as if nothing had happened.
    assert told.after(left).one("endpoint.exit").raised is None
    assert told.one("task.done").outcome == "returned"
    assert told.one("run_asgi.end").branch == "disconnected"


def test_f66_the_start_comes_first(bare: Story) -> None:
    told = bare.asked("/body_first")

    rejected = told.one("send.rejected")
    assert (rejected.expected, rejected.got, rejected.raises) == (
        "http.response.start",
        "http.response.body",
        "RuntimeError",
    )
    # The app has caught it, and answered.
    assert told.after(rejected).one("response.start").status == 200
    assert bare.got["body_first"].endswith(b"ok")


def test_f67_an_early_answer_drops_the_100(house: Story) -> None:
    told = house.asked("/whole?n=hasty")

    assert told.one("cycle.created").expects_continue is True
    dropped = told.one("continue.dropped")
    assert told.of("continue.sent", "receive.call") == []
    assert dropped.t < told.one("response.start").t
    assert status_of(house.got["hasty"]) == 200


def test_f68_every_header_has_an_origin(house: Story, bare: Story) -> None:
    def origins(story: Story, target: str) -> list[tuple[str, str]]:
        start = story.asked(target).one("response.start")
        return [(name.lower(), origin) for name, _, origin in start.headers]

    plain = origins(house, "/?n=first")
    assert plain == [
        ("date", "tick"),
        ("server", "config"),
        ("x-house", "config"),
        ("content-length", "app"),
        ("content-type", "app"),
        ("x-outer", "app"),
    ]
    # Only lower-case "close" is mirrored; the others are h11's doing.
    assert origins(house, "/tea?n=close") == [
        *plain,
        ("connection", "mirrored"),
    ]
    assert origins(house, "/tea?n=Close") == [*plain, ("connection", "h11")]
    assert value_of(bare.got["1.0"], b"connection") == b"close"
    (old,) = [
        each.one("response.start")
        for each in bare.reqs("/keeps")
        if each.one("scope.built").http_version == "1.0"
    ]
    assert old.headers[-1] == ("Connection", "close", "h11")


def test_f69_the_access_line_comes_at_the_start(house: Story) -> None:
    for target in ("/?n=first", "/flood"):
        told = house.asked(target)
        start, body = told.of("send.call")[:2]
        assert (start.type, body.type) == (
            "http.response.start",
            "http.response.body",
        )
        (line,) = told.between(start, body).of("access.log")
        assert line.text.endswith(" 200")
    assert told.one("response.complete").t > line.t


def test_f70_h11_makes_the_bytes(house: Story) -> None:
    told = house.asked("/?n=first")

    sent = told.first("h11.send")
    written = told.first("transport.write")
    assert (sent.name, written.of) == ("Response", "head")
    head = house.got["home"][: sent.n]
    assert sent.n == written.n == len(head)
    assert head.endswith(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\n\r\n" not in head[:-4]


def test_f71_head_and_body_are_two_writes(house: Story) -> None:
    told = house.asked("/?n=first")

    calls = [
        (each.type, each.n, each.more_body) for each in told.of("send.call")
    ]
    assert calls == [
        ("http.response.start", None, None),
        ("http.response.body", 2, False),
    ]
    start, body = told.of("send.call")
    head, content = told.of("transport.write")[:2]
    assert (head.of, content.of, content.n) == ("head", "body", 2)
    assert start.t < head.t < body.t < content.t


def test_f72_head_is_answered_without_the_body(house: Story) -> None:
    told = house.asked("/tea?n=head")

    body = told.of("send.call")[1]
    assert body.n == 2
    written = {each.of: each.n for each in told.of("transport.write")}
    assert written["body"] == 0
    headers = {
        name: value for name, value, _ in told.one("response.start").headers
    }
    assert headers["content-length"] == "2"
    assert value_of(house.got["head"], b"content-length") == b"2"


def test_f73_the_last_body_completes_it(house: Story) -> None:
    told = house.asked("/?n=first")

    assert [each.name for each in told.of("h11.send")] == [
        "Response",
        "Data",
        "EndOfMessage",
    ]
    last = told.of("transport.write")[-1]
    assert (last.of, last.n) == ("end", 0)
    complete = told.one("response.complete")
    assert told.before(complete).of("transport.write")[-1] == last
    assert complete.n == 2
    # Of a response in chunks the end has bytes of its own.
    chunked = house.asked("/drip").of("transport.write")
    assert {each.of for each in chunked} == {"head", "body"}


def test_f74_nothing_can_be_sent_after_it(bare: Story) -> None:
    told = bare.asked("/goes_on")

    complete = told.one("response.complete")
    rejected = told.after(complete).one("send.rejected")
    assert (rejected.expected, rejected.got) == (
        "nothing more",
        "http.response.body",
    )
    assert told.after(rejected).one("transport.close").reason == "raised"
    assert bare.got["goes_on"].endswith(b"\r\n\r\nok")


def test_f75_the_connection_is_kept_or_closed(
    house: Story, bare: Story
) -> None:
    kept = house.asked("/?n=first").one("conn.decision")
    closed = house.asked("/tea?n=close").one("conn.decision")

    assert (kept.keep, closed.keep) == (True, False)
    assert kept.reason != closed.reason
    after = house.via("/?n=first").after(kept)
    assert after.first("keepalive.armed").seconds == 60
    after = house.via("/tea?n=close").after(closed)
    assert after.of("keepalive.armed") == []
    after.one("transport.close")
    # The timer is a real one: nobody came any more, and it has closed.
    idle = bare.via("/listens")
    armed = idle.one("keepalive.armed")
    assert idle.after(armed).one("keepalive.fired").t - armed.t > 49_000_000


def test_f76_the_first_receive_asks_for_the_body(house: Story) -> None:
    told = house.asked("/echo?n=expects")

    assert told.one("cycle.created").expects_continue is True
    call, sent = told.first("receive.call"), told.one("continue.sent")
    given = told.first("receive.return")
    assert call.t < sent.t < given.t
    assert house.got["continue"] == b"HTTP/1.1 100 Continue\r\n\r\n"
    # Whoever doesn't wait for it gets none.
    assert house.asked("/echo?n=one").of("continue.sent") == []


def test_f77_receive_waits_only_if_there_is_nothing(house: Story) -> None:
    at_once, waits = house.asked("/echo?n=one"), house.asked("/echo?n=two")

    call, given = at_once.one("receive.call"), at_once.one("receive.return")
    assert call.ready is True
    assert turns_between(call, given) == [0]
    assert [each.ready for each in waits.of("receive.call")] == [True, False]
    call, given = waits.of("receive.call")[1], waits.of("receive.return")[1]
    asleep, awake = [
        waits.between(call, given).one(kind)
        for kind in ("task.suspended", "task.resumed")
    ]
    assert (asleep.waits_for, awake.woken_by) == ("request body", "socket")
    assert turns_between(call, given)[0] > 0


def test_f78_the_end_of_it_is_a_disconnect(house: Story, bare: Story) -> None:
    told = bare.asked("/listens")

    # The second one was called before the response was complete.
    call = told.of("receive.call")[1]
    complete = told.one("response.complete")
    first, second = told.of("receive.return")
    assert first.type == "http.request"
    assert (second.type, second.reason) == (
        "http.disconnect",
        "the response is complete",
    )
    assert call.ready is False
    assert call.t < complete.t < second.t
    drip = house.asked("/drip").of("receive.return")[-1]
    assert (drip.type, drip.reason) == ("http.disconnect", "the client left")


def test_f79_several_pieces_are_one_message(house: Story) -> None:
    told = house.asked("/slow?for=pieces")

    parsed = told.of("h11.event", name="Data")
    assert [each.n for each in parsed] == [2, 3]
    buffered = told.of("body.buffered")
    assert [each.buffered for each in buffered] == [2, 5]
    given = told.one("receive.return", type="http.request")
    assert (given.n, given.more_body) == (5, False)
    # What has been given is no longer in the buffer.
    upload = house.asked("/slow?for=read")
    for each in upload.of("receive.return"):
        following = upload.after(each).of("body.buffered")
        assert not following or following[0].buffered == following[0].n
