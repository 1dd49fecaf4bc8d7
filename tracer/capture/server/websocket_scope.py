"""A handshake's request becomes the scope that the app is called with."""

from typing import Any
from urllib.parse import unquote

from wsproto.events import Request

from tracer.capture import redact
from tracer.capture.probe import Note
from tracer.capture.server.address import address
from tracer.capture.server.asgi import Scope
from tracer.capture.server.proxy import FOR, PROTO, TrustedProxies, believe
from tracer.capture.server.shown import shown_scope
from tracer.capture.sources import place
from tracer.events import ScopeBuilt

SPEC_VERSION = "2.4"
"""The ASGI WebSocket version that is kept to.

Since 2.4 a `send()` after the client has left raises OSError.
"""


def websocket_scope(  # noqa: PLR0913, PLR0917  # all that it says
    request: Request,
    asgi_version: str,
    server: tuple[str, int | None] | None,
    client: tuple[str, int] | None,
    scheme: str,
    root_path: str,
    state: dict[str, Any],
) -> Scope:
    """Build the scope of one WebSocket.

    What the handshake settles is not among the headers: the extensions are
    the server's business, the subprotocols stand by themselves.

    Source: ASGI WebSocket, "WebSocket Connection Scope"
    """
    headers = [(b"host", request.host.encode())]
    headers += [(name.lower(), value) for name, value in request.extra_headers]
    raw_path, _, query_string = request.target.partition("?")
    return {
        "type": "websocket",
        "asgi": {"version": asgi_version, "spec_version": SPEC_VERSION},
        "http_version": "1.1",
        "scheme": scheme,
        "server": server,
        "client": client,
        "root_path": root_path,
        "path": root_path + unquote(raw_path),
        "raw_path": (root_path + raw_path).encode("ascii"),
        "query_string": query_string.encode("ascii"),
        "headers": headers,
        "subprotocols": request.subprotocols,
        "state": state,
        "extensions": {"websocket.http.response": {}},
    }


def seen_client(
    scope: Scope, proxies: TrustedProxies | None, note: Note | None
) -> str:
    """Give the client as text; if a trusted proxy names another, that one."""
    names = {name for name, _ in scope["headers"]}
    if proxies is None or not names & {FOR, PROTO}:
        return address(scope["client"])
    return believe(scope, proxies, note)


def note_websocket_scope(
    note: Note, scope: Scope, client: str, server: str
) -> None:
    """Say what the scope holds, without its secrets."""
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
        _WEBSOCKET_SCOPE,
        "GET",
        path,
        target,
        query,
        scope["root_path"],
        scope["http_version"],
        scope["scheme"],
        client,
        server,
        headers,
        tuple(map(str, scope["state"])),
        note.req or 0,
        "websocket",
        tuple(map(redact.text, scope["subprotocols"])),
    )


_WEBSOCKET_SCOPE = place(websocket_scope)
