"""Responses, routes and connections: what is found, and what looks alike."""

import pytest
from findings_cases import (
    MS,
    about,
    at,
    found,
    head,
    rules,
    scope,
    select,
)

from tracer import events as e
from tracer.events.log import Record
from tracer.model.findings import Finding

# The response


def test_an_error_page_is_no_broken_response() -> None:
    assert rules(
        at(1, e.ExceptionRaised, "ValueError", "no", "a:1"),
        head(2, 500),
        at(3, e.AppException, "ValueError", "no", "a:1", True),
    ) == ["app-exception"]


def test_an_exception_of_an_app_whose_inside_is_not_seen() -> None:
    assert rules(
        head(2),
        at(3, e.AppException, "ValueError", "no", "a:1", True),
    ) == ["app-exception", "exception-after-start"]


def test_an_exception_after_the_whole_response_has_not_broken_it() -> None:
    both = found(
        head(1),
        at(2, e.ResponseComplete, 3),
        at(3, e.ExceptionRaised, "ValueError", "no", "a:1"),
        at(4, e.AppException, "ValueError", "no", "a:1", True),
    )
    assert both[-1].facts["whole"] is True


def test_a_background_task_after_the_response_holds_nobody() -> None:
    assert not found(
        at(1, e.ResponseComplete, 2),
        at(1, e.BackgroundStart, "mail"),
        at(500, e.BackgroundEnd, "mail"),
    )


def test_a_middleware_may_answer_by_itself() -> None:
    assert not found(
        at(1, e.RunAsgiStart),
        at(2, e.MiddlewareEnter, "Guard", 1),
        at(3, e.RunAsgiEnd, "complete"),
    )


def test_an_endpoint_that_says_nothing_is_no_middlewares_fault() -> None:
    assert rules(
        at(1, e.RunAsgiStart),
        at(2, e.MiddlewareEnter, "Guard", 1),
        at(2, e.RouterEnter, "http", "/", 1),
        at(3, e.RunAsgiEnd, "no response"),
    ) == ["response-incomplete"]


def test_under_another_server_the_apps_end_tells_that_nothing_came() -> None:
    def foreign(*records: Record) -> list[str]:
        return rules(
            at(1, e.AppEnter, "App", "http", conn=None),
            at(2, e.MiddlewareEnter, "Mute", 1, conn=None),
            *records,
            at(4, e.AppExit, "App", conn=None),
        )

    around = at(0, e.MiddlewareEnter, "Late", 0, conn=None)
    silent = at(1, e.AppEnter, "App", "http", conn=None)
    assert rules(around, silent, at(4, e.AppExit, "App", conn=None)) == []
    send = at(3, e.SendCall, "http.response.start", None, None, 200, conn=None)
    assert foreign() == ["response-incomplete", "middleware-swallowed"]
    assert foreign(send) == []


def test_what_send_has_refused_is_told_once() -> None:
    refused = "nothing more", "http.response.body"
    assert rules(
        head(1),
        at(2, e.SendRejected, *refused),
        at(3, e.ExceptionRaised, "RuntimeError", "no", "a:1"),
        at(4, e.AppException, "RuntimeError", "no", "a:1", True),
    ) == ["send-rejected", "app-exception"]


def test_what_took_long_because_we_held_it_is_no_finding() -> None:
    held = at(2, e.Held, "background.start", "hold")
    assert not found(
        at(1, e.BackgroundStart, "mail"), held, at(900, e.ResponseComplete, 2)
    )
    assert rules(
        at(1, e.RunAsgiStart),
        held,
        at(3, e.ClientDisconnected),
        at(900, e.RunAsgiEnd, "disconnected"),
    ) == ["client-left"]


def test_a_background_task_for_a_client_that_left_is_no_finding() -> None:
    def left(*records: Record) -> list[str]:
        return rules(
            at(1, e.RunAsgiStart),
            at(1, e.EndpointEnter, "f", "function", "async"),
            at(2, e.EndpointExit, "f"),
            at(3, e.ClientDisconnected),
            *records,
            at(900, e.RunAsgiEnd, "disconnected"),
        )

    dropped = at(800, e.SendDropped, "http.response.body")
    assert left() == ["client-left"]
    assert left(dropped) == ["client-left", "went-on-alone"]


# Routing


HTTPS = (("host", "a"), ("x-forwarded-proto", "https"))


@pytest.mark.parametrize(
    ("headers", "location"),
    [
        (HTTPS, "/b"),
        (HTTPS, "https://a/b"),
        (HTTPS, "//a/b"),
        (HTTPS, "http://[bad"),
        ((("host", "a"),), "http://a/b"),
        ((("host", "a"), ("x-forwarded-host", "a")), "http://a/b"),
        ((("host", "a"), ("x-forwarded-host", "c")), "http://else/b"),
    ],
)
def test_a_redirect_that_keeps_the_origin_is_no_finding(
    headers: tuple[tuple[str, str], ...], location: str
) -> None:
    assert not found(
        scope(0, "/", headers), head(1, 307, ("location", location, "app"))
    )


def routed(path: str, *tried: Record, status: int = 404) -> tuple[Record, ...]:
    enter = at(1, e.RouterEnter, "http", path, 1)
    return (
        scope(0, path),
        enter,
        *tried,
        at(1, e.RouterDefault),
        head(2, status),
    )


def tried(route: str, scan: int = 1) -> Record:
    return at(1, e.RouteMatch, route, "NONE", scan)


def test_a_path_that_no_route_nearly_fits_is_no_finding() -> None:
    assert not found(*routed("/b", tried("GET /a/")))
    assert not found(*routed("/a", tried("GET /{x:mine}/")))
    assert not found(*routed("/", tried("GET /a/")))


def test_where_the_router_toggled_the_slash_itself_nothing_is_missing() -> None:
    both = tried("GET /a/"), tried("GET /a/", 2)
    assert not found(*routed("/a", *both))


def test_a_default_that_answers_all_is_no_404() -> None:
    assert not found(*routed("/a", tried("GET /a/"), status=200))


def test_a_pair_of_routes_is_told_once() -> None:
    again = [
        each
        for path in ("/x/1", "/x/2")
        for each in routed(path, tried("GET /{a}"), tried("GET /b"))
    ]
    assert rules(*again) == ["route-shadowed"]


def test_routes_of_another_router_come_after_none_of_this_one() -> None:
    inner = at(1, e.RouterEnter, "http", "/b", 1)
    assert not found(
        scope(0, "/a/b"),
        at(1, e.RouterEnter, "http", "/a/b", 1),
        tried("GET /{a}"),
        at(1, e.RouteHandle, "Mount /a", ()),
        inner,
        tried("GET /b"),
        at(1, e.RouteHandle, "GET /b", ()),
    )


# Connections and the end


def idle(*records: Record) -> list[Finding]:
    return found(
        at(0, e.ConnectionMade, 1, "127.0.0.1:7", "", 1, req=None),
        about(0, e.ClientConnected, "127.0.0.1:7", 1, thread="client-1"),
        at(10, e.KeepaliveArmed, 1.0, req=None),
        *records,
    )


FIRED = at(1010, e.KeepaliveFired, req=None)


def sent(ms: float) -> Record:
    return about(ms, e.ClientSent, 9, thread="client-1")


@pytest.mark.parametrize(
    "records",
    [(sent(1000), FIRED), (FIRED, sent(1000)), (FIRED, sent(1020))],
)
def test_a_request_of_our_client_that_was_never_read_is_lost(
    records: tuple[Record, ...],
) -> None:
    (one,) = idle(*records)
    assert (one.rule, one.conn) == ("keepalive-race", 1)
    assert (one.facts["how"], one.facts["ns"]) == ("lost", 10 * MS)


@pytest.mark.parametrize(
    "records",
    [
        (sent(900), FIRED),
        (FIRED, sent(1100)),
        (at(500, e.DataReceived, 9, req=None),
         at(500, e.KeepaliveCancelled, req=None)),
        (at(1000, e.KeepaliveCancelled, req=None),),
        (sent(1000), at(1005, e.DataReceived, 9, req=None), FIRED),
    ],
)  # fmt: skip
def test_what_is_far_from_the_timer_is_no_race(
    records: tuple[Record, ...],
) -> None:
    assert idle(*records) == []


def test_a_shutdown_that_is_quick_or_waits_for_nobody_is_no_finding() -> None:
    step = about(1, e.ShutdownStep, "wait_connections", 1)
    nobody = about(1, e.ShutdownStep, "wait_closed", 1)
    assert not found(step, about(300, e.LifespanShutdown), select(900, 9))
    assert not found(nobody, select(900, 9))
    assert rules(step, select(300, 9), end=True) == []


# WebSockets


def test_a_websocket_that_no_route_takes_has_lost_no_code_of_the_apps() -> None:
    assert not found(
        at(1, e.RouterDefault),
        at(1, e.SendCall, "websocket.close", code=1000),
        at(2, e.WsHandshake, "refused", 403, "REJECTING"),
    )


def test_who_closes_after_the_accept_has_lost_nothing() -> None:
    assert not found(
        at(1, e.WsHandshake, "accepted", 101, "OPEN"),
        at(2, e.SendCall, "websocket.close", code=4401),
        at(2, e.WsClose, 4401, "app", "", True, "LOCAL_CLOSING"),
        at(3, e.WsClose, 4401, "client", "", False, "CLOSED"),
        at(4, e.RunAsgiEnd, "complete"),
    )


def test_a_send_that_the_clients_leaving_refuses_is_no_fault_of_order() -> None:
    assert rules(
        at(1, e.ClientDisconnected, "websocket"),
        at(2, e.SendCall, "websocket.send", 2),
    ) == ["client-left"]
    assert rules(
        at(1, e.WsMessage, "out", 2, "text", "hi"),
        at(1, e.WsClose, 1001, "client", "", True, "REMOTE_CLOSING"),
        at(2, e.SendCall, "websocket.send", 2),
        at(2, e.SendRejected, "nothing: the client has left",
           "websocket.send", "ClientDisconnected"),
    ) == ["sent-to-nobody"]  # fmt: skip
