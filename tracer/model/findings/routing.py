"""Requests that a route was there for and didn't get, and bad redirects."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar
from urllib.parse import urlsplit

from tracer.events import (
    AppEnter,
    AppSnapshot,
    ResponseStart,
    RouteHandle,
    RouteMatch,
    RouterDefault,
    RouterEnter,
    RunAsgiEnd,
    ScopeBuilt,
    SendCall,
)
from tracer.events.log import Record
from tracer.model.findings.finding import Finding, Rule, Severity, finding
from tracer.model.findings.paths import covers, fits, parse
from tracer.model.findings.response import header
from tracer.model.findings.watch import NOTHING, Memory, Sees, Watch

NOT_FOUND, NOT_ALLOWED = 404, 405
REDIRECTS = frozenset({301, 302, 303, 307, 308})

TRIED = 300
"""Routes of a search that are remembered."""


@dataclass(slots=True)
class _Search:
    """How one request is routed.

    Attributes:
        scope: Its head; None where the server is not ours.
        router: The router that searches, or has.
        tried: Its routes' answers so far.
        chosen: Whether it has chosen. FastAPI asks the routes of an included
            router again then.
        missed: A route that nearly fitted, and the path that it takes; for
            the case that the response is a 404.
        websocket: Whether it is one.
    """

    scope: ScopeBuilt | None = None
    router: RouterEnter | None = None
    tried: list[RouteMatch] = field(default_factory=list)
    chosen: bool = False
    missed: tuple[RouteMatch, str] | None = None
    websocket: bool = False


@dataclass(slots=True)
class RoutingWatch(Watch):
    """What the routers answered, and what became of it."""

    slash: ClassVar = Rule(
        "missing-slash", Severity.WARNING, "router.default", inferred=True
    )
    method: ClassVar = Rule("wrong-method", Severity.INFO, "route.match")
    redirect: ClassVar = Rule(
        "redirect-loses-origin", Severity.WARNING, "router.redirect"
    )
    shadowed: ClassVar = Rule(
        "route-shadowed", Severity.WARNING, "route.match", inferred=True
    )
    handshake: ClassVar = Rule(
        "handshake-refused", Severity.WARNING, "router.default"
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        slash, method, redirect, shadowed, handshake,
    )  # fmt: skip

    searches: Memory[int, _Search] = field(default_factory=Memory)
    judged: Memory[str, int] = field(default_factory=Memory)
    """By its first route, how far a router's list was looked at."""
    behind: Memory[tuple[str, str], bool] = field(default_factory=Memory)
    """Pairs of routes that were told: the first, and the one behind it."""

    def sees(self) -> Mapping[str, Sees]:
        return {
            "app.snapshot": self._stood,
            "scope.built": self._came,
            "app.enter": self._entered,
            "router.enter": self._began,
            "route.match": self._tried,
            "route.handle": self._chose,
            "router.default": self._missed,
            "send.call": self._answered,
            "response.start": self._responded,
            "run_asgi.end": self._ended,
        }

    def _of(self, record: Record) -> _Search:
        req = record.req or 0
        known = self.searches.get(req)
        return self.searches.keep(req, _Search()) if known is None else known

    def _came(self, record: ScopeBuilt, req: int | None) -> Iterable[Finding]:
        self._of(record).scope = record
        return NOTHING

    def _entered(self, record: AppEnter, req: int | None) -> Iterable[Finding]:
        if record.type == "websocket":
            self._of(record).websocket = True
        return NOTHING

    def _began(self, record: RouterEnter, req: int | None) -> Iterable[Finding]:
        if record.type != "lifespan":
            search = self._of(record)
            search.router, search.missed = record, None
            search.tried, search.chosen = [], False
        return NOTHING

    def _tried(self, record: RouteMatch, req: int | None) -> Iterable[Finding]:
        search = self.searches.get(record.req or 0)
        if search is not None and not search.chosen:
            search.tried.append(record)
            search.chosen = len(search.tried) >= TRIED
        return NOTHING

    def _chose(self, record: RouteHandle, req: int | None) -> Iterable[Finding]:
        search = self.searches.get(record.req or 0)
        if search is None or search.chosen:
            return NOTHING
        search.chosen = True
        return self._compare(search)

    def _missed(
        self, record: RouterDefault, req: int | None
    ) -> Iterable[Finding]:
        search = self.searches.get(record.req or 0)
        if search is None:
            return NOTHING
        if search.websocket:
            facts = {"path": _path(search)}
            return (finding(self.handshake, record, facts=facts),)
        search.missed = _toggled(search)
        return self._compare(search)

    def _answered(self, record: SendCall, req: int | None) -> Iterable[Finding]:
        search = self.searches.get(record.req or 0)
        foreign = search is not None and search.scope is None
        if search is None or not foreign or record.status is None:
            return NOTHING
        return self._judge(search, record, record.status)

    def _responded(
        self, record: ResponseStart, req: int | None
    ) -> Iterable[Finding]:
        search = self.searches.get(record.req or 0)
        if search is None:
            return NOTHING
        if record.status in REDIRECTS:
            return self._redirected(search, record)
        return self._judge(search, record, record.status)

    def _ended(self, record: RunAsgiEnd, req: int | None) -> Iterable[Finding]:
        self.searches.pop(record.req or 0, None)
        return NOTHING

    def _judge(
        self, search: _Search, record: Record, status: int
    ) -> Iterable[Finding]:
        if status == NOT_FOUND and search.missed is not None:
            match, other = search.missed
            facts = {
                "path": _path(search),
                "other": other,
                "route": match.route,
            }
            return (finding(self.slash, match, record, facts=facts),)
        partial = [e for e in search.tried if e.verdict == "PARTIAL"]
        if status == NOT_ALLOWED and partial and search.scope is not None:
            would = {m for each in partial for m in parse(each.route).methods}
            facts = {
                "method": search.scope.method,
                "path": _path(search),
                "methods": ", ".join(sorted(would)),
            }
            return (finding(self.method, *partial[:3], record, facts=facts),)
        return NOTHING

    def _redirected(
        self, search: _Search, record: ResponseStart
    ) -> Iterable[Finding]:
        location = header(record, "location")
        if search.scope is None or location is None:
            return NOTHING
        lost = _lost(dict(search.scope.headers), location)
        if not lost:
            return NOTHING
        facts = {"location": location, **lost}
        return (finding(self.redirect, search.scope, record, facts=facts),)

    # Routes behind others

    def _stood(self, record: AppSnapshot, req: int | None) -> Iterable[Finding]:
        labels = record.routes[:TRIED]
        return [
            finding(
                self.shadowed, record, facts={"first": first, "route": later}
            )
            for at, later in enumerate(labels)
            for first in labels[:at]
            if self._is_news(first, later)
        ]

    def _compare(self, search: _Search) -> Iterable[Finding]:
        tried = [each for each in search.tried if each.scan == 1]
        if not tried:
            return NOTHING
        name = tried[0].route
        known = self.judged.get(name, 0)
        if len(tried) <= known:
            return NOTHING
        self.judged.pop(name, None)
        self.judged.keep(name, len(tried))
        return [
            self._behind(first, later)
            for at, later in enumerate(tried)
            if at >= known
            for first in tried[:at]
            if self._is_news(first.route, later.route)
        ]  # fmt: skip

    def _behind(self, first: RouteMatch, later: RouteMatch) -> Finding:
        facts = {"first": first.route, "route": later.route}
        return finding(self.shadowed, first, later, facts=facts)

    def _is_news(self, first: str, later: str) -> bool:
        if (first, later) in self.behind or not covers(first, later):
            return False
        return self.behind.keep((first, later), True)


def _path(search: _Search) -> str:
    return "" if search.router is None else search.router.path


def _toggled(search: _Search) -> tuple[RouteMatch, str] | None:
    """The route that would fit with one slash more or less at the end."""
    path = _path(search)
    # A router that redirects has searched so itself, and found none.
    again = any(each.scan != 1 for each in search.tried)
    if again or path in {"", "/"}:
        return None
    other = path[:-1] if path.endswith("/") else f"{path}/"
    fitting = (each for each in search.tried if fits(each.route, other))
    found = next(fitting, None)
    return None if found is None else (found, other)


def _lost(headers: Mapping[str, str], location: str) -> dict[str, str]:
    """What a proxy said that the client asked for, and the redirect forgot."""
    try:
        parts = urlsplit(location)
    except ValueError:
        return {}
    if not parts.netloc:
        return {}  # relative: the client keeps what it had
    scheme = _first(headers.get("x-forwarded-proto", ""))
    host = _first(headers.get("x-forwarded-host", ""))
    own = headers.get("host", "").lower()
    https = scheme == "https" and parts.scheme == "http"
    # To another host than either: meant so.
    other = bool(host) and host != own and parts.netloc.lower() == own
    if not (https or other):
        return {}
    what = "both" if https and other else "https" if https else "host"
    return {"lost": what, "host": host or own}


def _first(value: str) -> str:
    """The client's own, in a list to which each proxy adds."""
    return value.partition(",")[0].strip().lower()
