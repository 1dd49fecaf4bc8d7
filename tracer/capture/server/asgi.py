"""ASGI's own words as types: scope, receive, send, and the app they call."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
"""What a connection or request is. The app may change its own copy."""

Message = MutableMapping[str, Any]
"""One event between server and app; its `type` says which."""

Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]
"""Called once for each scope.

Source: ASGI, "Applications"
"""
