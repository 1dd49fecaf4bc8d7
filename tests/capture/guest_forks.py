"""A process that serves, forks one that serves too, and is killed.

    python guest_forks.py FILE

It waits for its requests to stand in the files before it kills itself.
"""

# ruff: noqa: ANN401  (ASGI's messages pass through here)

import asyncio
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import tracer


async def app(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 204})
    await send({"type": "http.response.body"})


def serve(traced: Any, path: str) -> None:
    async def send(message: Any) -> None:
        """Take what the app answers, as a server would."""

    scope = {"type": "http", "method": "GET", "path": path, "headers": []}
    asyncio.run(traced(scope, send, send))


def wait_for(path: Path) -> None:
    until = time.monotonic() + 10
    while not path.exists() or '"app.exit"' not in path.read_text():
        if time.monotonic() > until:
            raise TimeoutError(path)
        time.sleep(0.01)


def main() -> None:
    record = Path(sys.argv[1])
    traced = tracer.trace(app, record=record)
    serve(traced, "/parent")
    child = os.fork()
    if child == 0:
        serve(traced, "/child")
        wait_for(record.with_name("out.2.jsonl"))
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    wait_for(record)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
