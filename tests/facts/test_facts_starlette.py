"""F80 to F100: Starlette, its router, and the endpoint."""

from facts_kit import Story, in_order, status_of, turns_between, value_of

STACK = (
    "ServerErrorMiddleware",
    "Added",
    "Outer",
    "Inner",
    "ExceptionMiddleware",
)


def verdicts(told: Story) -> list[tuple[str, str]]:
    return [(each.route, each.verdict) for each in told.of("route.match")]


def answers(told: Story) -> list[tuple[str, str]]:
    """Who made a response of which exception."""
    return [(each.type, each.by) for each in told.of("exception.handled")]


def test_f80_the_call_arrives_in_starlette(house: Story) -> None:
    for told in (house.asked("/?n=first"), house.asked("/nothing")):
        start, entered = told.one("run_asgi.start"), told.one("app.enter")
        assert (entered.name, entered.type) == ("Starlette", "http")
        assert start.turn == entered.turn
        assert told.between(start, entered).records == []


def test_f81_an_app_is_routes_middleware_and_handlers(house: Story) -> None:
    app = house.one("app.snapshot")

    assert app.name == "Starlette"
    assert len(app.routes) == house.first("router.enter").routes
    # What add_middleware adds goes in front.
    assert app.middleware == STACK[1:-1]
    assert set(app.handlers) == {"Exception", "418"}
    assert house.before(app).of("app.enter", "server.run") == []


def test_f82_a_500_goes_around_your_middleware(house: Story) -> None:
    handlers = house.one("stack.built").handlers
    assert "Exception -> ServerErrorMiddleware" in handlers
    assert "418 -> ExceptionMiddleware" in handlers

    boom, teapot = house.asked("/boom"), house.asked("/teapot")
    handled = boom.one("exception.handled")
    assert handled.by == "ServerErrorMiddleware"
    left = [each.name for each in boom.before(handled).of("middleware.exit")]
    assert left == ["ExceptionMiddleware", "Inner", "Outer", "Added"]
    assert value_of(house.got["boom"], b"x-outer") is None
    # Others are handled further in, and come out through your middleware.
    handled = teapot.one("exception.handled")
    assert teapot.before(handled).of("middleware.exit") == []
    assert value_of(house.got["/teapot"], b"x-outer") == b"1"


def test_f83_the_router_is_in_the_middle(house: Story) -> None:
    assert house.one("stack.built").layers == STACK

    told = house.asked("/?n=first")
    entered = told.of("middleware.enter")
    assert tuple(each.name for each in entered) == STACK
    assert [each.depth for each in entered] == [0, 1, 2, 3, 4]
    assert told.before(told.one("router.enter")).of("middleware.enter") == (
        entered
    )


def test_f84_the_first_call_builds_the_stack(house: Story) -> None:
    built = house.one("stack.built")

    assert house.between(house.one("lifespan.startup"), built).of(
        "app.enter", type="lifespan"
    )
    assert house.before(built).of("scope.built", "middleware.enter") == []
    assert house.after(built).first("middleware.enter").task == built.task
    assert status_of(house.got["/late"]) == 200
    assert b"Cannot add middleware" in house.got["/late"]


def test_f86_what_was_added_last_is_outermost(house: Story) -> None:
    assert house.one("stack.built").layers == STACK

    # add_middleware(Added) was called after the app was made with two.
    told = house.asked("/?n=first")
    names = [each.name for each in told.of("middleware.enter")]
    assert names.index("Added") < names.index("Outer") < names.index("Inner")
    added = house.asked("/late")
    assert [each.name for each in added.of("middleware.enter")] == names


def test_f87_request_response_hides_the_three(house: Story) -> None:
    function, raw = house.asked("/?n=first"), house.asked("/called")

    # The router has passed all three on to each: only one takes them.
    for told, mode in ((function, "async"), (raw, "raw")):
        assert told.one("endpoint.enter").mode == mode
        assert in_order(told, "router.enter", "endpoint.enter")
    returned = function.one("endpoint.exit")
    assert returned.returned == "PlainTextResponse"
    assert function.before(returned).of("response.call", "send.call") == []
    sent = raw.of("send.call", "response.call")
    assert sent == raw.before(raw.one("endpoint.exit")).of(
        "send.call", "response.call"
    )


def test_f88_the_router_keeps_the_lifespan(house: Story) -> None:
    assert house.one("app.snapshot").routes[:3] == (
        "GET /",
        "GET /a b",
        "POST /echo",
    )
    entered = house.first("router.enter")
    assert entered.type == "lifespan"
    ready = house.one("lifespan.startup.complete")
    assert ready.task == entered.task
    assert ready.state == ("shelf",)


def test_f89_the_router_puts_itself_into_the_scope(house: Story) -> None:
    entered = house.of("router.enter")
    assert {each.type for each in entered} == {
        "http",
        "lifespan",
        "websocket",
    }

    told = house.asked("/?n=first")
    router = told.one("router.enter")
    (changed,) = told.of("scope.changed", by="Router")
    assert {"router", "route", "endpoint"} <= set(changed.names)
    assert router.t < changed.t < told.one("route.handle").t


def test_f90_the_first_full_match_is_taken(house: Story) -> None:
    told = house.asked("/a%20b?c=d")

    assert verdicts(told) == [("GET /", "NONE"), ("GET /a b", "FULL")]
    assert told.one("route.handle").route == "GET /a b"
    asked = house.one("app.snapshot").routes
    everyone = house.asked("/tea?n=one").of("route.match")
    assert [each.route for each in everyone] == [*asked]


def test_f91_a_partial_match_is_kept_for_the_end(house: Story) -> None:
    brewed, refused = house.asked("/brew"), house.asked("/tea?n=405")

    fitting = [each for each in verdicts(brewed) if each[1] != "NONE"]
    assert fitting == [("POST /brew", "PARTIAL"), ("GET /brew", "FULL")]
    assert brewed.one("route.handle").route == "GET /brew"
    fitting = [each for each in verdicts(refused) if each[1] != "NONE"]
    assert fitting == [("GET /tea", "PARTIAL")]
    assert refused.one("route.handle").route == "GET /tea"
    assert refused.one("response.start").status == 405


def test_f92_the_redirect_may_lead_nowhere(house: Story) -> None:
    told, then = house.asked("/pour"), house.asked("/pour/")

    scans = {each.scan for each in told.of("route.match")}
    assert scans == {1, 2}
    fitting = told.of("route.match", scan=2)[-1]
    assert (fitting.route, fitting.verdict) == ("POST /pour/", "PARTIAL")
    assert told.of("route.match", scan=1, verdict="FULL") == []
    redirect = told.one("router.redirect")
    assert redirect.location.endswith("/house/pour/")
    assert told.one("response.start").status == 307
    assert value_of(house.got["/pour"], b"location") is not None
    assert then.one("response.start").status == 405


def test_f93_nothing_fits_and_the_default_raises(house: Story) -> None:
    told = house.asked("/nothing")

    assert {verdict for _, verdict in verdicts(told)} == {"NONE"}
    assert in_order(
        told, "router.default", "exception.raised", "exception.handled",
        "response.start",
    )  # fmt: skip
    assert told.one("exception.raised").type == "HTTPException"
    assert answers(told) == [("HTTPException", "ExceptionMiddleware")]
    assert told.one("response.start").status == 404


def test_f94_middleware_lie_before_the_router(house: Story) -> None:
    told = house.asked("/?n=first")
    assert in_order(told, "app.enter", "middleware.enter", "router.enter")

    # The path, the method, and the scope's type have to fit.
    route = "WebSocket /chat"
    assert (route, "NONE") in verdicts(house.asked("/chat?n=http"))
    (shaken,) = [
        each for each in verdicts(house.asked("/chat?n=ws")) if each[0] == route
    ]
    assert shaken[1] == "FULL"
    routes = dict(verdicts(house.asked("/echo?n=get")))
    assert routes["POST /echo"] == "PARTIAL"


def test_f95_what_a_route_is_made_of(house: Story) -> None:
    routes = house.one("app.snapshot").routes

    # Written as "post" in the app.
    assert "POST /echo" in routes
    # A partial of a coroutine function is awaited, not put into a thread.
    entered = house.reqs("/partial")[0].one("endpoint.enter")
    assert (entered.name, entered.mode) == ("echo", "async")
    # GET brings HEAD.
    assert house.asked("/tea?n=head").one("endpoint.enter").name == "home"


def test_f96_a_function_takes_get_and_nothing_else(house: Story) -> None:
    got, posted = house.reqs("/partial")

    assert got.one("route.match", verdict="FULL").route == "GET /partial"
    assert in_order(got, "endpoint.enter", "endpoint.exit", "response.call")
    assert posted.one("route.match", verdict="PARTIAL").route == (
        "GET /partial"
    )
    assert posted.of("endpoint.enter") == []


def test_f97_classes_are_made_and_instances_called(house: Story) -> None:
    def entered(target: str) -> tuple[str, str, str]:
        (found, *_) = [
            each.one("endpoint.enter")
            for each in house.reqs(target)
            if each.of("endpoint.enter")
        ]
        return found.name, found.form, found.mode

    assert entered("/page") == ("Page.get", "class", "async")
    assert entered("/whole") == ("Whole", "class", "raw")
    assert entered("/called") == ("Callable", "instance", "raw")
    # A class takes every method, and may answer 405 itself.
    asked = [each.one("scope.built").method for each in house.reqs("/whole")]
    assert asked == ["POST", "GET", "PUT"]
    for told in (*house.reqs("/whole"), *house.reqs("/page")):
        assert len(told.of("route.match", verdict="FULL")) == 1
    assert status_of(house.got["PUT /whole"]) == 200
    assert status_of(house.got["POST /page"]) == 405


def test_f98_a_405_is_raised_and_answered_further_out(house: Story) -> None:
    told = house.asked("/tea?n=405")

    assert in_order(
        told, "route.handle", "exception.raised", "exception.handled",
        "response.start",
    )  # fmt: skip
    raised = told.one("exception.raised")
    assert (raised.type, raised.message[:3]) == ("HTTPException", "405")
    assert answers(told) == [("HTTPException", "ExceptionMiddleware")]
    assert told.of("endpoint.enter") == []
    assert value_of(house.got["POST /tea?n=405"], b"allow") in {
        b"GET, HEAD",
        b"HEAD, GET",
    }


def test_f99_a_def_endpoint_hops_to_a_thread_and_back(house: Story) -> None:
    on_loop, in_thread = (
        house.asked("/tea?n=turns"),
        house.asked("/plain?n=turns"),
    )

    entered = in_thread.one("endpoint.enter")
    assert (entered.mode, on_loop.one("endpoint.enter").mode) == (
        "threadpool",
        "async",
    )
    queued = in_thread.one("thread.queued")
    assert (queued.thread, queued.total) == ("loop", 40)
    begun, ended = in_thread.one("thread.start"), in_thread.one("thread.end")
    assert begun.thread == ended.thread == entered.thread != "loop"
    turns = [
        turns_between(each.one("run_asgi.start"), each.one("run_asgi.end"))[0]
        for each in (on_loop, in_thread)
    ]
    assert turns[0] == 0
    assert turns[1] > 1


def test_f100_the_response_sends_the_messages(house: Story) -> None:
    told = house.asked("/background?for=over")

    assert told.kinds(
        "endpoint.exit", "response.call", "send.call", "background.start"
    ) == [
        "endpoint.exit",
        "response.call",
        "send.call",
        "send.call",
        "background.start",
    ]
    assert told.one("response.call").name == "PlainTextResponse"
    begun = told.one("background.start")
    assert (begun.name, begun.task) == ("later", told.task())
