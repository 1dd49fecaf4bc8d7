"""What a route is called: `GET /items/{id}`, `Mount /static`."""

from starlette.routing import Route, WebSocketRoute

from tracer.capture.frameworks.look import Memo, attributes, is_a
from tracer.capture.frameworks.trail import Scope

LABELS: Memo[str] = Memo()


def label_of(route: object) -> str:
    """Describe a route: `GET /items/{id}`, `Mount /static`."""
    known = LABELS.get(route)
    if known is None:
        known = LABELS.put(route, _describe(route))
    return known


def label_in(route: object, scope: Scope) -> str:
    """Describe a route as it stands for this scope: with FastAPI's prefix."""
    included = scope.get("fastapi")
    if included is not None:
        context = included.get("effective_route_context")
        if attributes(context).get("original_route") is route:
            return label_of(context)
    known = LABELS.found.get(id(route))
    return label_of(route) if known is None else known[1]


def _describe(route: object) -> str:
    own = attributes(route)
    path = own.get("path", own.get("host"))
    text = path if is_a(path, str) else ""
    included = own.get("include_context")
    if included is not None:  # FastAPI's include_router
        prefix = attributes(included).get("prefix", "")
        prefix += attributes(own.get("original_router")).get("prefix", "")
        return f"router {prefix}".strip()
    if is_a(route, Route) or "methods" in own:
        methods = own.get("methods") or ()
        named = sorted(each for each in methods if is_a(each, str))
        if "GET" in named and "HEAD" in named:
            named.remove("HEAD")  # Starlette adds it to every GET
        return f"{','.join(named)} {text}".strip()
    if is_a(route, WebSocketRoute):
        return f"WebSocket {text}"
    return f"{type(route).__name__} {text}".strip()
