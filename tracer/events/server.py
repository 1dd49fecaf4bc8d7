"""The server's own life: from its configuration to its exit code."""

from typing import ClassVar, Literal

from tracer.events.envelope import Event, Layer


class ServerEvent(Event, frozen=True, gc=False):
    """Something happened to the server itself."""

    layer: ClassVar[Layer] = "server"


class ServerConfig(ServerEvent, tag="server.config", frozen=True, gc=False):
    """What is about to run: loop, parser, app, limits and versions.

    The parser is h11 here. uvicorn takes httptools and uvloop instead when
    they are installed, so `uvicorn app:app` may behave otherwise.

    Source: uvicorn, `Config`
    """

    app: str
    loop: str
    http: str
    versions: dict[str, str]
    options: dict[str, str | int | float | bool | None]


class ServerRun(ServerEvent, tag="server.run", frozen=True, gc=False):
    """`Server.run` was called; there is no event loop yet.

    Source: uvicorn, `Server.run`
    """

    pid: int


class LoopCreated(ServerEvent, tag="loop.created", frozen=True, gc=False):
    """asyncio made the event loop that everything below shares.

    One loop, one thread: the housekeeping tick, every connection and every
    `async def` endpoint take turns on it.

    Source: asyncio, `Runner(loop_factory=...)`
    """

    name: str
    selector: str
    unseen: str = ""
    """What of this loop can't be seen, as a sentence; empty: nothing."""


class LifespanStartup(
    ServerEvent, tag="lifespan.startup", frozen=True, gc=False
):
    """The app was sent `lifespan.startup`, before any socket is bound.

    Source: ASGI lifespan, "Startup - receive event"
    """


class LifespanStartupComplete(
    ServerEvent, tag="lifespan.startup.complete", frozen=True, gc=False
):
    """The app said that it is ready.

    `state` names what it put into the shared state; each request gets a
    shallow copy of that dict, the same objects inside.

    Source: ASGI lifespan, "Startup Complete - send event"
    """

    state: tuple[str, ...]


class LifespanStartupFailed(
    ServerEvent, tag="lifespan.startup.failed", frozen=True, gc=False
):
    """The app's startup failed; the process ends with exit code 3.

    Source: ASGI lifespan, "Startup Failed - send event"; uvicorn, `LifespanOn`
    """

    message: str


class LifespanUnsupported(
    ServerEvent, tag="lifespan.unsupported", frozen=True, gc=False
):
    """The app raised at the lifespan scope and `auto` takes that as "no".

    A startup hook with a bug may hide here: `--lifespan on` shows it.

    Source: uvicorn, `LifespanOn.main`
    """

    type: str


class ListenBound(ServerEvent, tag="listen.bound", frozen=True, gc=False):
    """A socket is bound and listening: from now on clients can connect.

    The kernel accepts up to `backlog` of them on its own, even while the
    loop is busy.

    Source: asyncio, `loop.create_server`
    """

    origin: Literal["tcp", "unix", "fd", "inherited"]
    address: str
    backlog: int
    family: str = ""
    """What asyncio takes it for: a descriptor always for a Unix socket."""
    fd: int | None = None
    """The number of a descriptor that was handed in."""
    mode: str = ""
    """Who may connect, of a Unix socket's file: `0666` is everybody."""


class ListenFailed(ServerEvent, tag="listen.failed", frozen=True, gc=False):
    """The address could not be bound; lifespan shutdown and exit code 3.

    The app's startup and shutdown hooks both run although nothing listened.

    Source: uvicorn, `Server.startup`
    """

    address: str
    error: str


class ServerStarted(ServerEvent, tag="server.started", frozen=True, gc=False):
    """Startup is over; the main loop begins to tick.

    Source: uvicorn, `Server.startup`
    """

    url: str


class Tick(ServerEvent, tag="tick", frozen=True, gc=False):
    """The housekeeping coroutine woke up, ten times a second.

    It runs on the same loop as the requests: while a handler blocks, the
    ticks stop too. It looks at two flags and never at a socket.

    Source: uvicorn, `Server.on_tick`
    """

    counter: int
    connections: int
    tasks: int
    total_requests: int


class TickHeaders(ServerEvent, tag="tick.headers", frozen=True, gc=False):
    """The default response headers were made anew, once a second.

    `Date` is the time of this tick, not of the response that carries it.

    Source: uvicorn, `Server.on_tick`
    """

    date: str
    headers: int


class TickNotify(ServerEvent, tag="tick.notify", frozen=True, gc=False):
    """`callback_notify` was awaited: the way a worker says it is alive.

    Source: uvicorn, `Server.on_tick`
    """


class Signal(ServerEvent, tag="signal", frozen=True, gc=False):
    """A signal arrived; the handler only sets a flag.

    The flag is seen at the next tick. Only a second SIGINT forces, a second
    SIGTERM does not.

    Source: uvicorn, `Server.handle_exit`
    """

    name: str
    forces: bool


class ServerStopping(ServerEvent, tag="server.stopping", frozen=True, gc=False):
    """The main loop is left and the shutdown begins.

    Source: uvicorn, `Server.main_loop`
    """

    reason: Literal["signal", "limit_max_requests", "should_exit"]


class ShutdownStep(ServerEvent, tag="shutdown.step", frozen=True, gc=False):
    """One step of the graceful shutdown begins.

    `waiting` counts what this step waits for: connections or tasks.

    Source: uvicorn, `Server.shutdown`
    """

    step: Literal[
        "stop_accepting",
        "close_connections",
        "wait_connections",
        "wait_tasks",
        "wait_closed",
        "cancel_tasks",
    ]
    waiting: int


class ConnShutdown(ServerEvent, tag="conn.shutdown", frozen=True, gc=False):
    """The shutdown asked one connection to end.

    An idle one closes now; a busy one finishes its response first.

    Source: uvicorn, `H11Protocol.shutdown`
    """

    outcome: Literal["closed", "after response"]


class LifespanShutdown(
    ServerEvent, tag="lifespan.shutdown", frozen=True, gc=False
):
    """The app was sent `lifespan.shutdown`, after the last connection.

    Source: ASGI lifespan, "Shutdown - receive event"
    """


class LifespanShutdownComplete(
    ServerEvent, tag="lifespan.shutdown.complete", frozen=True, gc=False
):
    """The app has cleaned up.

    Source: ASGI lifespan, "Shutdown Complete - send event"
    """


class LifespanShutdownFailed(
    ServerEvent, tag="lifespan.shutdown.failed", frozen=True, gc=False
):
    """The app's shutdown hook failed; the server ends all the same.

    Or its lifespan ended by an error long before: it may have awaited
    something else than `receive()`, or have been cancelled because a forced
    end didn't tell it to shut down.

    Source: ASGI lifespan, "Shutdown Failed - send event"
    """

    message: str
    asked: bool = True
    """Whether it had been told to shut down."""


class ServerStopped(ServerEvent, tag="server.stopped", frozen=True, gc=False):
    """The server is done. Its loop still clears up after it.

    Source: uvicorn, `Server._serve`
    """

    exit_code: int
    forced: bool = False
    """Whether a second Ctrl+C cut its graceful end short."""
