"""The access log: one line for each response, written when it begins."""

import logging
from urllib.parse import quote

from tracer.capture import redact
from tracer.capture.probe import Note
from tracer.capture.server.asgi import Scope
from tracer.capture.server.config import Config
from tracer.events import AccessLog


def access_logger(config: Config) -> logging.Logger | None:
    """Give the logger, if anybody hears it: a line costs its making."""
    logger = logging.getLogger(config.access_logger_name)
    heard = logger.hasHandlers() and logger.isEnabledFor(logging.INFO)
    traced = config.note is not None
    return logger if config.access_log and (heard or traced) else None


def log_access(
    logger: logging.Logger,
    scope: Scope,
    status: int,
    note: Note | None,
    where: int | None,
) -> None:
    """Write the line of one response.

    Source: uvicorn, `RequestResponseCycle.send`
    """
    client = "{}:{}".format(*scope["client"]) if scope["client"] else ""
    path = quote(scope["path"])
    if scope["query_string"]:
        path += "?" + scope["query_string"].decode("ascii")
    method, version = scope["method"], scope["http_version"]
    logger.info(
        '%s - "%s %s HTTP/%s" %d', client, method, path, version, status
    )
    if note is not None:
        path = redact.path(path.encode("ascii"))
        line = f'{client} - "{method} {path} HTTP/{version}" {status}'
        note(AccessLog, where, line)
