"""asgi-trace: the life of an HTTP request through server and framework.

`instrument` and `trace` are the public doors for those who have a server of
their own, `read` for those who ask questions about a recording. The folders
are read in the order in which a request's story is told: `capture` makes
events of bytes and calls, `events` is their vocabulary, `model` folds them
into state, `views` draws it.
"""

from collections.abc import Callable
from os import PathLike
from typing import TYPE_CHECKING, TypeVar, cast

from tracer.events import Event

if TYPE_CHECKING:
    from tracer.recording import Recording

__all__ = ["instrument", "read", "trace"]

App = TypeVar("App")


def instrument(app: App, emit: Callable[[Event], object]) -> App:
    """Watch an ASGI app from inside, under any ASGI server or TestClient.

    Each request that comes from now on is told as events: the app, its
    middleware on the way in and out, every route that was asked and what it
    answered, dependencies, the endpoint, the response, background tasks,
    exceptions, worker threads, and what passes through `receive` and `send`.
    Responses, exceptions and their order stay as they are, and so do the
    app's objects. Secrets are hidden before an event is made.

        events = []
        app = instrument(app, events.append)
        TestClient(app).get("/")
        print([event.kind for event in events])

    Calling it again for the same app does no harm; with another `emit`, both
    get the events. The text of the code that an event points to with `where`
    comes once, as a `source` event before it. Call it after the app's modules
    are imported and before a loop runs, since it reads their files.

    Args:
        app: Any ASGI app (three arguments, not the old two-step style).
        emit: Takes each event. It is called at once, from the loop's thread
            and from worker threads, so it should be quick. What it raises
            goes to the log `asgi_trace`, never to the app.

    Returns:
        The app to serve. For Starlette and FastAPI apps the same object;
        for any other ASGI callable one that wraps it.

    Source: ASGI, "Applications"; for the technique, `capture.frameworks`.
    """
    # Only who asks for it pays for importing Starlette: the views don't.
    from tracer.capture.frameworks import instrument as watch  # noqa: PLC0415

    return cast("App", watch(app, emit))


def trace(app: App, *, record: str | PathLike[str]) -> App:
    """Record an ASGI app under any server: hypercorn, daphne, granian, ...

        app = FastAPI()
        app = tracer.trace(app, record="out.jsonl")

    The recording holds what can be seen from the app's side: each scope that
    the server calls it with, what passes through `receive` and `send`, and
    everything that `instrument` shows. Sockets, bytes and the event loop are
    the server's, and not seen. Responses, exceptions and their order stay as
    they are, and secrets are hidden, as always.

    A file is made when the app is first called, so none in a process that
    only watches over others. Where several processes serve, the first one
    writes to `record` and each further one beside it: `out.2.jsonl`. What
    was there before is overwritten; only you can read what is written. It is
    complete when the lifespan has ended or the process exits; one that is
    killed loses the last hundredth of a second.

    Args:
        app: Any ASGI app (three arguments, not the old two-step style). Call
            it after the app's modules are imported, and serve what it gives.
        record: The file; compressed if it ends in `.gz`.

    Returns:
        The app to serve. For Starlette and FastAPI apps the same object;
        for any other ASGI callable one that wraps it.

    Raises:
        OSError: The file's folder isn't there. Whatever goes wrong later is
            said in the log `asgi_trace`, and the app goes on untraced.

    Source: ASGI, "Applications"
    """
    from tracer.capture.guest import trace as record_app  # noqa: PLC0415

    return cast("App", record_app(app, record))


def read(path: str | PathLike[str]) -> "Recording":
    """Read a recording that `--record` has written, plain or gzip.

        recording = tracer.read("out.jsonl")
        for request in recording.model.requests.values():
            print(request.method, request.target, request.status)

    Args:
        path: The file.

    Returns:
        Its header, its events in order, and the model they come to.

    Raises:
        OSError: It can't be opened.
        tracer.events.log.TraceError: It is no recording, of a newer format,
            or has a broken line, whose number it tells.

    Source: ours.
    """
    # The traced process imports this package too, and needs no model.
    from tracer.recording import read as whole  # noqa: PLC0415

    return whole(path)
