"""Another server's config becomes ours: our protocol classes inside uvicorn.

`uvicorn --http tracer.capture.server:H11Protocol` hands over a Config of its
own. What ours has under the same name is taken over; what uvicorn's lacks
keeps our default. Nothing else of the server asks whose config it is.
"""

import os
from dataclasses import fields
from typing import Any
from weakref import WeakKeyDictionary, ref

from tracer.capture.server.config import Config

RECORD = "ASGI_TRACE_RECORD"
"""The variable that names a file to record to; see `capture.inside`."""

_LOGGERS = {
    "logger_name": "uvicorn.error",
    "access_logger_name": "uvicorn.access",
}
"""Those that uvicorn's user has configured."""

_UNKNOWN = {"timeout_head": None}
"""What uvicorn doesn't do, and so isn't done for it."""

_adopted: WeakKeyDictionary[Any, Config] = WeakKeyDictionary()


def adopt(config: Any) -> Config:  # noqa: ANN401  # whoever's server it is
    """Give the config as one of ours, made once for each that is another's.

    Args:
        config: Ours, which is given back; or one with the attributes of
            uvicorn's, which is loaded if it isn't yet.
    """
    if isinstance(config, Config):
        return config
    if (known := _adopted.get(config)) is not None:
        return known
    if not config.loaded:
        config.load()
    options = {
        each.name: getattr(config, each.name)
        for each in fields(Config)
        if each.init and hasattr(config, each.name)
    }
    options |= {**_LOGGERS, **_UNKNOWN, "app": config.loaded_app}
    made = _adopted[config] = Config(**options)
    made.adopted = ref(config)
    if os.environ.get(RECORD):
        # Only who asks for it pays for importing the rest.
        from tracer.capture.inside import record  # noqa: PLC0415

        record(made)
    return made
