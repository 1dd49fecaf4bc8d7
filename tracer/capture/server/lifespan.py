"""The app's own startup and shutdown, as one ASGI call that lasts a run."""

import asyncio
import logging
from typing import Any

from tracer.capture import redact
from tracer.capture.probe import CURRENT
from tracer.capture.server.asgi import Message, Scope
from tracer.capture.server.blame import message_of
from tracer.capture.server.config import Config
from tracer.capture.sources import Places
from tracer.events import (
    LifespanShutdown,
    LifespanShutdownComplete,
    LifespanShutdownFailed,
    LifespanStartup,
    LifespanStartupComplete,
    LifespanStartupFailed,
    LifespanUnsupported,
)

STATE_TRANSITION_ERROR = "Got invalid state transition on lifespan protocol."


class LifespanOn:
    """Calls the app once, with the lifespan scope, in a task of its own.

    Attributes:
        state: What the app puts in here each request gets a copy of.
        should_exit: Whether startup or shutdown failed.

    Source: ASGI lifespan; uvicorn, `LifespanOn`
    """

    logger_name = "asgi_trace.error"

    def __init__(self, config: Config) -> None:
        self.config = config
        self.note = config.note
        self.logger = logging.getLogger(self.logger_name)
        self.startup_event = asyncio.Event()
        self.shutdown_event = asyncio.Event()
        self.receive_queue: asyncio.Queue[Message] = asyncio.Queue()
        self.error_occurred = False
        self.startup_failed = False
        self.shutdown_asked = False
        self.shutdown_failed = False
        self.should_exit = False
        self.state: dict[str, Any] = {}
        self.task: asyncio.Task[None] | None = None

    async def startup(self) -> None:
        """Wait until the app is ready, or has no lifespan, or has failed."""
        self.logger.info("Waiting for application startup.")
        # Kept, since the loop holds its tasks only weakly.
        self.task = asyncio.get_running_loop().create_task(self.main())
        if (note := self.note) is not None:
            note(LifespanStartup, AT.startup)
        await self.receive_queue.put({"type": "lifespan.startup"})
        await self.startup_event.wait()
        if self._failed(self.startup_failed):
            self.logger.error("Application startup failed. Exiting.")
            self.should_exit = True
        else:
            self.logger.info("Application startup complete.")

    async def shutdown(self) -> None:
        """Wait until the app has cleaned up."""
        if self.error_occurred:
            return
        self.logger.info("Waiting for application shutdown.")
        if (note := self.note) is not None:
            note(LifespanShutdown, AT.shutdown)
        self.shutdown_asked = True
        await self.receive_queue.put({"type": "lifespan.shutdown"})
        await self.shutdown_event.wait()
        if self._failed(self.shutdown_failed):
            self.logger.error("Application shutdown failed. Exiting.")
            self.should_exit = True
        else:
            self.logger.info("Application shutdown complete.")

    def _failed(self, said_so: bool) -> bool:
        return said_so or (self.error_occurred and self.config.lifespan == "on")

    async def main(self) -> None:
        """Call the app; an exception may only mean that it has no lifespan."""
        CURRENT.set(self.note)
        scope: Scope = {
            "type": "lifespan",
            "asgi": {
                "version": self.config.asgi_version,
                "spec_version": "2.0",
            },
            "state": self.state,
        }
        try:
            await self.config.loaded_app(scope, self.receive, self.send)
        except BaseException as error:  # noqa: BLE001  # SystemExit as well
            self.error_occurred = True
            if not self.startup_failed and not self.shutdown_failed:
                self._report(error)
        finally:
            self.startup_event.set()
            self.shutdown_event.set()

    def _report(self, error: BaseException) -> None:
        if (note := self.note) is not None:
            name = type(error).__qualname__
            said = f"{name}: {message_of(error)}"
            if self.startup_event.is_set():
                asked = self.shutdown_asked
                note(LifespanShutdownFailed, AT.main, said, asked)
            elif self.config.lifespan == "on":
                note(LifespanStartupFailed, AT.main, said)
            else:
                note(LifespanUnsupported, AT.main, name)
        if self.config.lifespan == "auto":
            self.logger.info("ASGI 'lifespan' protocol appears unsupported.")
        else:
            said = "Exception in 'lifespan' protocol\n"
            self.logger.error(said, exc_info=error)

    async def receive(self) -> Message:
        """Give the app `lifespan.startup`, and much later the shutdown."""
        return await self.receive_queue.get()

    async def send(self, message: Message) -> None:
        """Take the app's answer to the one or the other."""
        kind = message["type"]
        assert kind in _ANSWERS
        starting = kind.startswith("lifespan.startup.")
        started, ended = (
            self.startup_event.is_set(),
            self.shutdown_event.is_set(),
        )
        assert started is not starting, STATE_TRANSITION_ERROR
        assert not ended, STATE_TRANSITION_ERROR
        self._note_answer(kind, message)
        (self.startup_event if starting else self.shutdown_event).set()
        if kind.endswith(".failed"):
            if starting:
                self.startup_failed = True
            else:
                self.shutdown_failed = True
            if message.get("message"):
                self.logger.error(message["message"])

    def _note_answer(self, kind: str, message: Message) -> None:
        if (note := self.note) is None:
            return
        said = redact.text(_gist(str(message.get("message", ""))))
        match kind:
            case "lifespan.startup.complete":
                state = tuple(map(str, self.state))
                note(LifespanStartupComplete, AT.send, state)
            case "lifespan.startup.failed":
                note(LifespanStartupFailed, AT.send, said)
            case "lifespan.shutdown.complete":
                note(LifespanShutdownComplete, AT.send)
            case _:
                asked = self.shutdown_asked
                note(LifespanShutdownFailed, AT.send, said, asked)


def _gist(message: str) -> str:
    """The last line of a traceback, which is what Starlette sends.

    The whole of it is logged, and so stands in the trace as an `app.log`.
    """
    if not message.startswith("Traceback (most recent call last):"):
        return message
    return message.rstrip().rpartition("\n")[2]


class LifespanOff:
    """Stands for an app that is asked neither to start nor to stop.

    Source: uvicorn, `LifespanOff`
    """

    def __init__(self) -> None:
        self.should_exit = False
        self.state: dict[str, Any] = {}

    async def startup(self) -> None:
        """Do nothing."""

    async def shutdown(self) -> None:
        """Do nothing."""


_ANSWERS = frozenset(
    {
        "lifespan.startup.complete",
        "lifespan.startup.failed",
        "lifespan.shutdown.complete",
        "lifespan.shutdown.failed",
    }
)

AT = Places(LifespanOn)
