"""A cycle becomes a task of the loop."""

import asyncio
import contextvars

from tracer.capture.probe import CURRENT
from tracer.capture.server.asgi import ASGIApp
from tracer.capture.server.cycle import RequestResponseCycle


def start(
    cycle: RequestResponseCycle,
    app: ASGIApp,
    loop: asyncio.AbstractEventLoop,
    *,
    in_fresh_context: bool,
) -> asyncio.Task[None]:
    """Schedule a request's task; it runs in a later turn.

    Args:
        cycle: The request.
        app: What is to be called.
        loop: Who runs it.
        in_fresh_context: Whether the app is to find no context variables,
            see `Config.reset_contextvars`.

    Source: uvicorn, `H11Protocol.handle_events`
    """
    run = cycle.run_asgi(app)
    if in_fresh_context:
        context = contextvars.Context()
        context.run(CURRENT.set, cycle.note)
        return loop.create_task(run, context=context)
    if cycle.note is None:
        return loop.create_task(run)
    # What runs here may be in another request's context, see CURRENT; the
    # new task copies the context, so it is set right first.
    token = CURRENT.set(cycle.note)
    task = loop.create_task(run)
    CURRENT.reset(token)
    return task
