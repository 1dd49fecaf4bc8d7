"""What a server that isn't ours calls the app with: `scope.built`.

Its own work is not seen, so this is the first that is known of a request.
"""

from collections.abc import MutableMapping
from typing import Any

from tracer.capture import redact
from tracer.capture.fault import fault
from tracer.capture.frameworks.look import is_a
from tracer.capture.probe import Note
from tracer.events import ScopeBuilt

Scope = MutableMapping[str, Any]

_TYPES = frozenset({"http", "websocket"})


def note_scope(note: Note, scope: Scope) -> None:
    """Say what the scope of a request holds, without its secrets.

    Nobody has checked it: what is missing, or of another type than ASGI says,
    is left out, and that is between the app and its server.

    Source: ASGI HTTP, "HTTP Connection Scope"
    """
    if scope.get("type") not in _TYPES:
        return
    try:
        note(ScopeBuilt, None, *_told(note, scope))
    except Exception:  # noqa: BLE001  # the app must not have it
        fault()


def _told(note: Note, scope: Scope) -> tuple[object, ...]:
    # First what may hold secrets: they are known again elsewhere.
    headers = redact.headers(
        [(name, value) for name, value in scope["headers"]]
    )
    query = redact.query(scope.get("query_string") or b"")
    path, raw_path = _text(scope, "path"), scope.get("raw_path")
    state = scope.get("state")
    return (
        _text(scope, "method") or "GET",
        redact.text(path),
        redact.target(raw_path if is_a(raw_path, bytes) else path.encode()),
        query,
        _text(scope, "root_path"),
        _text(scope, "http_version"),
        _text(scope, "scheme"),
        _end(scope.get("client")),
        _end(scope.get("server")),
        headers,
        tuple(map(str, state)) if is_a(state, dict) else (),
        note.req,
        scope["type"],
        tuple(map(str, scope.get("subprotocols") or ())),
    )


def _text(scope: Scope, key: str) -> str:
    found = scope.get(key)
    return found if type(found) is str else ""


def _end(found: Any) -> str:
    """Write an end of the connection: `127.0.0.1:80`, a path, or nothing."""
    if not is_a(found, (tuple, list)) or len(found) != 2:  # noqa: PLR2004
        return ""
    host, port = found
    if port is None:
        return str(host)
    return f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}"
