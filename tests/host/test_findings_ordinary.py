"""Nothing is found in ordinary apps, whatever they are asked for."""

import socket
from pathlib import Path

from live import Live, serving

from tracer.model.findings import Severity
from tracer.model.trace import Trace

HERE = Path(__file__).parent

ORIGIN = "Origin: http://page.example\r\n"
PREFLIGHT = f"{ORIGIN}Access-Control-Request-Method: GET\r\n"
FORM = "Content-Type: application/x-www-form-urlencoded\r\n"
JSON = "Content-Type: application/json\r\n"
PARTS = "Content-Type: multipart/form-data; boundary=xx\r\n"
UPLOAD = (
    "--xx\r\n"
    'Content-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
    "a file\r\n"
    "--xx--\r\n"
)

SEEN = "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT\r\n"

Asked = tuple[str, str, str, str]
"""Method, path, headers and body."""

STARLETTE: tuple[Asked, ...] = (
    ("GET", "/", "", ""),
    ("GET", "/", "Accept-Encoding: gzip\r\n", ""),
    ("HEAD", "/", "", ""),
    ("GET", "/", "X-Refuse: yes\r\n", ""),
    ("POST", "/echo", "X-Refuse: yes\r\n", "{}"),
    ("OPTIONS", "/", PREFLIGHT, ""),
    ("GET", "/", ORIGIN, ""),
    ("GET", "/sync", "", ""),
    ("GET", "/items/latest", "", ""),
    ("GET", "/items/3", "", ""),
    ("GET", "/items/404", "", ""),
    ("POST", "/form", FORM, "a=1&b=2"),
    ("POST", "/form", PARTS, UPLOAD),
    ("POST", "/echo", JSON, '{"a": 1}'),
    ("POST", "/echo", f"{JSON}Expect: 100-continue\r\n", '{"a": 1}'),
    ("PATCH", "/echo", "", ""),
    ("GET", "/accepted", "", ""),
    ("POST", "/accepted?async", "", ""),
    ("GET", "/stream", "", ""),
    ("GET", "/file", "", ""),
    ("GET", "/file", "Range: bytes=0-9\r\n", ""),
    ("GET", "/moved", "", ""),
    ("GET", "/empty", "", ""),
    ("GET", "/together", "", ""),
    ("GET", "/teapot", "", ""),
    ("GET", "/things", "", ""),
    ("GET", "/things/", "", ""),
    ("DELETE", "/things/", "", ""),
    ("PUT", "/things/", "", ""),
    ("GET", "/inner", "", ""),
    ("GET", "/inner/deep/down", "", ""),
    ("GET", "/inner/none", "", ""),
    ("GET", "/static/served.py", "", ""),
    ("HEAD", "/static/served.py", "", ""),
    ("GET", "/static/served.py", SEEN, ""),
    ("GET", "/static/none", "", ""),
    ("POST", "/none/at/all", "", "a body"),
)
FASTAPI: tuple[Asked, ...] = (
    ("GET", "/docs", "", ""),
    ("GET", "/openapi.json", "", ""),
    ("GET", "/teas", "", ""),
    ("GET", "/teas/", "", ""),
    ("GET", "/teas/?limit=0", "", ""),
    ("GET", "/teas/newest", "", ""),
    ("GET", "/teas/1", "", ""),
    ("GET", "/teas/2", "", ""),
    ("GET", "/teas/black", "", ""),
    ("GET", "/teas/1", "Authorization: wrong\r\n", ""),
    ("POST", "/teas/", JSON, '{"name": "oolong"}'),
    ("POST", "/teas/", JSON, '{"price": "none"}'),
    ("POST", "/teas/", f"{JSON}Authorization: wrong\r\n", '{"name": "x"}'),
    ("POST", "/form", FORM, "name=me"),
    ("POST", "/form", FORM, "other=me"),
    ("POST", "/upload", PARTS, UPLOAD),
    ("OPTIONS", "/teas/", PREFLIGHT, ""),
    ("HEAD", "/teas/", "", ""),
    ("GET", "/sync", "", ""),
    ("GET", "/stream", ORIGIN, ""),
    ("DELETE", "/sync", "", ""),
    ("GET", "/none", "", ""),
)


def test_an_ordinary_starlette_app_is_left_alone(tmp_path: Path) -> None:
    trace = asked(tmp_path, "found_starlette", STARLETTE)

    assert statuses(trace) == [
        200, 200, 200, 401, 401, 200, 200, 200, 200, 200, 404, 200, 200, 200,
        200, 405, 202, 202, 200, 200, 206, 303, 204, 200, 418, 404, 200, 204,
        405, 404, 200, 404, 200, 200, 304, 404, 405,
    ]  # fmt: skip
    assert found(trace) == []


def test_an_ordinary_fastapi_app_is_left_alone(tmp_path: Path) -> None:
    trace = asked(tmp_path, "found_fastapi", FASTAPI)

    assert statuses(trace) == [
        200, 200, 307, 200, 422, 200, 200, 404, 422, 401, 201, 422, 401, 200,
        422, 200, 200, 405, 200, 200, 405, 404,
    ]  # fmt: skip
    assert found(trace) == []


def found(trace: Trace) -> list[tuple[str, str, object]]:
    """What is worse than a hint."""
    return [
        (each.rule, trace.requests[each.req or 1].path, each.facts)
        for each in trace.findings
        if each.severity is not Severity.INFO
    ]


def statuses(trace: Trace) -> list[int | None]:
    return [each.status for each in trace.requests.values()]


def asked(folder: Path, name: str, requests: tuple[Asked, ...]) -> Trace:
    """Serve an app, ask for everything, and shut it down."""
    trace = Trace()
    source = (HERE / f"{name}.py").read_text()
    # A busy machine blocks the loop now and then; that isn't asked here.
    with serving(folder, source, slow_callback=0) as live:
        for one in requests:
            ask(live, *one)
        live.feed.stop()
        live.drain()
    trace.feed(live.seen)
    trace.end()
    return trace


def ask(
    live: Live, method: str, path: str, headers: str = "", body: str = ""
) -> None:
    """Send a request and read its answer to the end."""
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    head = f"{method} {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
    with socket.create_connection(("127.0.0.1", live.port), 30) as sock:
        sock.sendall(f"{head}{length}{headers}\r\n{body}".encode())
        while sock.recv(1 << 16):
            pass
