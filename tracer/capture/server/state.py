"""What all connections of one server share."""

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tracer.capture.server.protocol import H11Protocol
    from tracer.capture.server.websocket import WSProtocol


class ServerState:
    """One object for the server and each of its protocols.

    Attributes:
        total_requests: Responses that were completed; see
            `limit_max_requests`.
        connections: The open ones. A protocol adds and removes itself.
        tasks: One for each request that is being served. Kept here since the
            loop holds its tasks only weakly.
        default_headers: What each response begins with, made anew once a
            second by `Server.on_tick`.

    Source: uvicorn, `ServerState`
    """

    def __init__(self) -> None:
        self.total_requests = 0
        self.connections: set[H11Protocol | WSProtocol] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self.default_headers: list[tuple[bytes, bytes]] = []
