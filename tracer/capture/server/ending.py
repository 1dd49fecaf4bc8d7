"""How the app came to its end is logged, and said."""

import logging
from typing import assert_never

from tracer.capture.probe import Note
from tracer.capture.server.blame import message_of, place_of
from tracer.events import AppException
from tracer.events.states import Branch


def log_end(
    logger: logging.Logger,
    branch: Branch,
    result: object,
    note: Note | None,
    failed: tuple[int | None, bool, bool],
) -> None:
    """Write the line that uvicorn writes, where it writes one.

    Args:
        logger: Where it is written.
        branch: How the app ended.
        result: What it returned or raised.
        note: The request's.
        failed: What is said of an exception: the place that speaks, whether
            the response had started, whether the client had left.

    Source: uvicorn, `RequestResponseCycle.run_asgi`
    """
    match branch:
        case "raised":
            assert isinstance(result, BaseException)
            if note is not None:
                where, *rest = failed
                kind, said = type(result).__qualname__, message_of(result)
                note(AppException, where, kind, said, place_of(result), *rest)
            logger.error("Exception in ASGI application\n", exc_info=result)
        case "returned a value":
            said = "ASGI callable should return None, but returned '%s'."
            logger.error(said, result)
        case "no response":
            said = "ASGI callable returned without starting response."
            logger.error(said)
        case "incomplete":
            said = "ASGI callable returned without completing response."
            logger.error(said)
        case "complete" | "disconnected":
            pass
        case _:
            assert_never(branch)
