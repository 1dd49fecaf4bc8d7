"""An app is given an observer: `instrument`, and its inner sister `watch`.

Here it is decided whose request a call belongs to. Our own server says so
itself, before it calls the app; under any other server each call of the app
from outside is a request, and what passes through `receive` and `send` is
seen here.
"""

import asyncio
import logging
import sys
import threading
from collections.abc import Callable
from typing import Any, Protocol

from starlette.applications import Starlette

from tracer.capture import sources
from tracer.capture.frameworks import stack, starlette
from tracer.capture.frameworks.arrival import note_scope
from tracer.capture.frameworks.look import (
    Memo,
    attributes,
    file_of,
    find,
    is_a,
)
from tracer.capture.frameworks.messages import (
    SCOPES,
    watch_receive,
    watch_send,
)
from tracer.capture.frameworks.stages import (
    AppFunctionStage,
    LayerFunctionStage,
)
from tracer.capture.frameworks.starlette import (
    WATCHED,
    App,
    Receive,
    Scope,
    Send,
)
from tracer.capture.frameworks.trail import begin, end
from tracer.capture.frameworks.wrap import wrap
from tracer.capture.probe import CURRENT, Emit, Note, Probe
from tracer.events import (
    AppSnapshot,
    Event,
    Source,
)

log = logging.getLogger("asgi_trace")


def is_new(note: Note | None, scope: Scope) -> bool:
    """Say whether a call from outside begins a request of its own.

    The context of a request may be inherited by the next one on the same
    connection: a reader that is resumed in a request's task runs in that
    task's context (CPython #140947). A server's scope never has an `app` in
    it, and that of an app below another always does. Our own server gives
    each request a note that has entered no app yet.
    """
    if note is None:
        return True
    trail = note.trail
    if trail is None or trail.scope is scope:
        return False
    return "app" not in scope


class Host(Protocol):
    """Who is to know when a server that isn't ours calls the app."""

    def begins(self) -> None:
        """A request begins, or the lifespan."""

    def ends(self) -> None:
        """The lifespan is over."""


def server_for(probe: Probe, host: Host | None = None) -> Callable[..., Any]:
    """Make what calls an app from outside, beginning a trace if need be.

    Args:
        probe: Gets the events.
        host: Is told of each such call; and of requests the scope is told.
    """

    async def serve(
        call: App, scope: Scope, receive: Receive, send: Send
    ) -> Any:
        before = CURRENT.get()
        if not is_new(before, scope):
            return await call(scope, receive, send)
        kind = scope["type"]
        if host is not None:
            host.begins()
        req = None if kind == "lifespan" else probe.next_req()
        note = Note(probe, req=req)
        if host is not None:
            note_scope(note, scope)
        begin(note, scope)
        if kind in SCOPES:
            receive = watch_receive(note, receive)
            send = watch_send(note, send)
        CURRENT.set(note)
        try:
            return await call(scope, receive, send)
        finally:
            end(note)
            CURRENT.set(before)
            if host is not None and kind == "lifespan":
                host.ends()

    return serve


class Served:
    """An app that can't be watched from inside, with an observer around it."""

    def __init__(self, app: App, serve: Callable[..., Any]) -> None:
        self.app = app
        self._serve = serve
        way = find(app, stack.is_router, narrow=True)
        if way is None:
            # Nothing inside tells of it, so it is told of from here.
            self._call: App = wrap(_calling(app), AppFunctionStage(app))
            return
        # What stands around a Starlette app is middleware.
        stack.watch_layers(way[:-1])
        self._call = app
        if is_a(app, stack.FUNCTIONS):
            self._call = wrap(app, LayerFunctionStage(app))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> Any:
        note = CURRENT.get()
        if note is None or note.trail is not None:
            return await self._serve(self._call, scope, receive, send)
        begin(note, scope)
        try:
            return await self._serve(self._call, scope, receive, send)
        finally:
            end(note)


def _calling(app: App) -> App:
    async def called(scope: Scope, receive: Receive, send: Send) -> Any:
        return await app(scope, receive, send)

    return called


class Emitter:
    """Gives each event to those who asked for it, source places first.

    What they raise goes to the log, once, and never to the app.
    """

    def __init__(self) -> None:
        self.emits: tuple[Emit, ...] = ()
        self._told: dict[int, object] = {}
        self._complained = False

    def __call__(self, event: Event) -> None:
        where = event.where
        if where is not None and where not in self._told:
            me = object()
            if self._told.setdefault(where, me) is me:
                self._give(source_of(where, event))
        self._give(event)

    def add(self, emit: Emit) -> None:
        """Give events to one more; those who joined late lack no source."""
        if emit not in self.emits:
            self.emits = (*self.emits, emit)
            self._told.clear()

    def _give(self, event: Event) -> None:
        for emit in self.emits:
            try:
                emit(event)
            except Exception:
                if not self._complained:
                    self._complained = True
                    log.exception("emit() raised; events may be lost")


def source_of(where: int, event: Event) -> Source:
    """Describe a place without reading from the disk.

    It may be asked for on a running loop: files were read by `instrument`,
    and a place in any other file has no text.
    """
    code = sources.code_at(where)
    return Source(
        where,
        file_of(code),
        code.co_firstlineno,
        code.co_qualname,
        sources.text_of(code, sources.snapshot_of(code.co_filename)),
        t=event.t,
        thread=event.thread,
    )


_served: Memo[Any] = Memo()
_emitters: Memo[Emitter] = Memo()
_lock = threading.Lock()


def instrument(app: Any, emit: Emit) -> Any:
    """Have an app's events given to `emit`; see `tracer.instrument`."""
    with _lock:
        emitter = _emitters.get(app)
        if emitter is None:
            emitter = _emitters.put(app, Emitter())
        emitter.add(emit)
        served = _served.get(app)
        if served is not None:
            return served
        _snapshot_sources(app)
        served = watch(app, Probe(emitter))
        _emitters.put(served, emitter)
        _served.put(app, served)
        return _served.put(served, served)


def watch(app: Any, probe: Probe, host: Host | None = None) -> Any:
    """Make an app visible to a probe, and say what stood before we came.

    Our own server calls it with its own probe, once, before it serves. The
    notes of its requests are in `CURRENT` by the time the app is called.

    Args:
        app: Any ASGI app.
        probe: Gets its events.
        host: See `server_for`; None for our own server.

    Returns:
        The app to serve: the same object for Starlette and its heirs,
        FastAPI among them.
    """
    starlette.install()
    Note(probe)(AppSnapshot, None, *starlette.snapshot(app))
    serve = server_for(probe, host)
    if is_a(app, Starlette):
        starlette.watch_class(type(app))
        WATCHED.put(app, serve)
        return app
    return Served(app, serve)


def uninstrument() -> None:
    """Put the frameworks back as they were; for tests."""
    starlette.uninstall()
    _served.clear()
    _emitters.clear()


def _snapshot_sources(app: object) -> None:
    """Read the texts that events may point to, unless a loop waits for us."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        sources.snapshot(_files(app))


def _files(app: object) -> set[str]:
    """Name the files of the frameworks, and those of the app's functions."""
    files = set()
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in {"starlette", "fastapi"}:
            files.add(attributes(module).get("__file__"))
    things: list[object] = [app, type(app)]
    tried, around = starlette.parts(app)
    things += [attributes(each).get("endpoint") for each in tried]
    for each in around:
        things.append(attributes(each).get("cls"))
        things.append(attributes(each).get("kwargs", {}).get("dispatch"))
    codes = [sources.code_of(each) for each in things]
    files |= {each.co_filename for each in codes if each is not None}
    return {each for each in files if type(each) is str}
