"""uvicorn's own server seen from inside, when ASGI_TRACE_RECORD names a file.

`--http` and `--ws` alone show connections and requests, from the first
connection on. With `--loop tracer.capture.inside:new_event_loop` we are there
before the app is: then the event loop, the lifespan and the server's own steps
are shown too. Without ASGI_TRACE_RECORD nothing is installed, nor paid.
"""

# ruff: noqa: ANN401  (uvicorn's objects pass through here)

import asyncio
import functools
import inspect
import os
import socket
import sys
from collections.abc import Callable
from typing import Any

from tracer.capture.fault import fault
from tracer.capture.frameworks.look import layer_name
from tracer.capture.frameworks.patch import replace
from tracer.capture.guest import Guest, guest_for, log
from tracer.capture.loop import Watchdog, new_loop
from tracer.capture.probe import Note
from tracer.capture.server.address import address
from tracer.capture.server.adopt import RECORD, adopt
from tracer.capture.server.config import Config
from tracer.capture.sources import place
from tracer.events import (
    ListenBound,
    LoopCreated,
    ServerConfig,
    ServerRun,
    ServerStarted,
    ServerStopping,
    Tick,
)

SLOW_CALLBACK = 0.1
"""Seconds after which a turn has blocked the loop, as in `asgi-trace serve`."""


def guest() -> Guest | None:
    """Give the recording that the environment asks for, or None."""
    path = os.environ.get(RECORD)
    if not path:
        return None
    try:
        return guest_for(path)
    except OSError as error:
        said = "%s=%s: %s: %s; nothing is recorded"
        log.error(said, RECORD, path, error.strerror, error.filename)
        return None


def record(config: Config) -> None:
    """Record the server that a config was adopted from, if that is asked for.

    Its app is watched then, for all who serve it: its lifespan, and WebSocket
    protocols that aren't ours.
    """
    if (found := guest()) is None:
        return
    origin = config.origin()
    name = origin.app
    found.name(name if isinstance(name, str) else layer_name(name))
    found.begins()
    config.note = Note(found.probe)
    config.app = origin.loaded_app = found.watch(config.app)


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Make the loop for `uvicorn --loop`: asyncio's, under the lens if traced.

    Source: uvicorn, `Config.get_loop_factory`
    """
    if (found := guest()) is None:
        return asyncio.SelectorEventLoop()
    probe = found.probe
    found.listen()
    probe.watch = Watchdog(probe, SLOW_CALLBACK, text=True)
    note = Note(probe)
    note(ServerRun, None, os.getpid())
    loop = new_loop(probe)
    note(LoopCreated, None, "SelectorEventLoop", loop.selector_name)
    config, server = (
        getattr(sys.modules.get(f"uvicorn.{module}"), name, None)
        for module, name in (("config", "Config"), ("server", "Server"))
    )
    for owner, name, after in (
        (config, "load", _loaded),
        (server, "startup", _started),
        (server, "on_tick", _ticked),
    ):
        if owner is not None:
            _afterwards(owner, name, note, after)
    return loop


# What is said after each of uvicorn's steps. `where` is uvicorn's own code.

Step = tuple[Any, tuple[Any, ...], Any]
"""A call that is over: whose method it was, its arguments, its result."""

After = Callable[[Note, int | None, Step], None]


def _loaded(note: Note, where: int | None, step: Step) -> None:
    config, _, _ = step
    adopted = adopt(config)
    app, loop, http, versions, options = adopted.described()
    name = config.app if isinstance(config.app, str) else app
    note(ServerConfig, where, name, loop, http, versions, options)


def _started(note: Note, where: int | None, step: Step) -> None:
    server, _, _ = step
    sockets = [each for one in server.servers for each in one.sockets]
    origins = {"fd": server.config.fd, "unix": server.config.uds}
    given = [name for name, value in origins.items() if value is not None]
    for each in sockets:
        origin = given[0] if given else "tcp"
        family = socket.AddressFamily(each.family).name
        said = _address(each), server.config.backlog, family, each.fileno()
        note(ListenBound, where, origin, *said)
    scheme = "https" if server.config.is_ssl else "http"
    if sockets:
        note(ServerStarted, where, f"{scheme}://{_address(sockets[0])}")


def _address(sock: Any) -> str:
    name = sock.getsockname()
    return address(name[:2]) if isinstance(name, tuple) else str(name)


def _ticked(note: Note, where: int | None, step: Step) -> None:
    server, (counter, *_), ends = step
    state = server.server_state
    counts = len(state.connections), len(state.tasks), state.total_requests
    note(Tick, where, counter, *counts)
    if ends:
        reason = "limit_max_requests"
        if server.should_exit:
            signals = vars(server).get("_captured_signals")
            reason = "signal" if signals else "should_exit"
        note(ServerStopping, where, reason)


def _afterwards(owner: Any, name: str, note: Note, after: After) -> None:
    """Say something after a method of uvicorn's; it stays of its kind."""
    method = owner.__dict__[name]
    where = place(method)

    def tell(*step: Any) -> None:
        try:
            after(note, where, step)
        except Exception:  # noqa: BLE001  # the server must not have it
            fault()

    if inspect.iscoroutinefunction(method):

        @functools.wraps(method)
        async def seen(self: Any, *args: Any, **kwargs: Any) -> Any:
            result = await method(self, *args, **kwargs)
            tell(self, args, result)
            return result
    else:

        @functools.wraps(method)
        def seen(self: Any, *args: Any, **kwargs: Any) -> Any:
            result = method(self, *args, **kwargs)
            tell(self, args, result)
            return result

    replace(owner, name, seen)
