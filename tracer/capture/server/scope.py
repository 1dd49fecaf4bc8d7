"""A parsed request becomes the scope that the app is called with."""

from typing import Any
from urllib.parse import unquote

import h11

from tracer.capture.probe import Note
from tracer.capture.server.asgi import Scope
from tracer.capture.server.connection import lowered
from tracer.capture.server.rfc9112 import origin_form, with_host
from tracer.capture.server.shown import shown_scope
from tracer.capture.sources import place
from tracer.events import ScopeBuilt

SPEC_VERSION = "2.3"
"""The ASGI HTTP version that is kept to.

With 2.4 a `send()` after the client has left would raise OSError; uvicorn
says 2.3, and so an app is told nothing.
"""


def http_scope(  # noqa: PLR0913, PLR0917  # all that it says
    request: h11.Request,
    asgi_version: str,
    server: tuple[str, int | None] | None,
    client: tuple[str, int] | None,
    scheme: str,
    root_path: str,
    state: dict[str, Any],
) -> Scope:
    """Build the scope of one request.

    `root_path` stands in front of both paths, though the client sent neither
    with it: the server's user says that a proxy has cut it off.

    Source: ASGI HTTP, "HTTP Connection Scope"
    """
    headers = lowered(request)
    target, host = origin_form(request.target)
    if host is not None:
        headers = with_host(headers, host)
    raw_path, _, query_string = target.partition(b"?")
    return {
        "type": "http",
        "asgi": {"version": asgi_version, "spec_version": SPEC_VERSION},
        "http_version": request.http_version.decode("ascii"),
        "server": server,
        "client": client,
        "scheme": scheme,
        "method": request.method.decode("ascii"),
        "root_path": root_path,
        "path": root_path + unquote(raw_path.decode("ascii")),
        "raw_path": root_path.encode("ascii") + raw_path,
        "query_string": query_string,
        "headers": headers,
        "state": state,
    }


def note_scope(note: Note, scope: Scope, client: str, server: str) -> None:
    """Say what the scope holds, without its secrets.

    The two addresses are the connection's, and were written once.
    """
    path, target, query, headers = shown_scope(
        (
            scope["path"],
            scope["raw_path"],
            scope["query_string"],
            tuple(scope["headers"]),
        )
    )
    note(
        ScopeBuilt,
        _HTTP_SCOPE,
        scope["method"],
        path,
        target,
        query,
        scope["root_path"],
        scope["http_version"],
        scope["scheme"],
        client,
        server,
        headers,
        tuple(map(str, scope["state"])) if scope["state"] else (),
        note.req,
    )


_HTTP_SCOPE = place(http_scope)
