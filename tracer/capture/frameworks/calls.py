"""Instances that are called: one class may serve an app as several things.

A class's `__call__` is patched once; what an instance is to its app (a ring
of middleware, an endpoint, ...) is looked up when it is called.
"""

import functools
from collections.abc import Callable
from types import FunctionType
from typing import Any, Literal

from tracer.capture.frameworks.look import Memo
from tracer.capture.frameworks.patch import Stage, patch
from tracer.capture.frameworks.stages import (
    LAYERS,
    AppStage,
    DefaultStage,
    EndpointInstanceStage,
    LayerStage,
)
from tracer.capture.frameworks.trail import Trail
from tracer.capture.frameworks.wrap import failed, is_asgi_method
from tracer.capture.gate import Stop
from tracer.capture.probe import CURRENT, Note, now
from tracer.capture.rows import code_of
from tracer.events import MiddlewareEnter, MiddlewareExit

Role = Literal["middleware", "app", "endpoint", "default"]

_ENTER = code_of(MiddlewareEnter, 2)
_EXIT = code_of(MiddlewareExit, 2)

ROLES: Memo[Role] = Memo()
"""What an instance is to the app: one class may serve as several things."""


class CallStage(Stage):
    """`__call__` of a class of the user's, whatever its instance is for."""

    awaitable = True

    def __init__(self, call: FunctionType, owner: type, method: str) -> None:
        super().__init__(call, owner, method)
        self.stages: dict[Role, Stage] = {
            "middleware": LayerStage(call, owner, method),
            "app": AppStage(call, owner, method),
            "endpoint": EndpointInstanceStage(call, owner, method, "raw"),
            "default": DefaultStage(call, owner, method),
        }
        for stage in self.stages.values():
            stage.outer = self.outer  # emptied when it may be wrong

    def make(  # noqa: C901  # written out, for speed
        self, call: Callable[..., Any]
    ) -> Callable[..., Any]:
        """Make a function that takes the short way for middleware.

        Most calls of such classes are those of a ring that was met before,
        in a request that need not be looked through at each stage. What is
        done then stands in `Looks.enter` and `leave` too, and in `Note`.
        """
        made = super().make(call)
        if not is_asgi_method(call):
            return made
        get, rings, outer = CURRENT.get, LAYERS.found, self.outer
        layer = self.stages["middleware"]

        @functools.wraps(made)
        async def ring(  # noqa: C901  # as above
            self: Any, scope: Any, receive: Any, send: Any
        ) -> Any:
            note = get()
            if note is None:
                return await call(self, scope, receive, send)
            known = rings.get(id(self))
            trail: Trail | None = note.trail
            if (
                known is None
                or trail is None
                or not outer.get(type(self))
                or note.thread != "loop"
                or (known[1][2] and scope["type"] != "http")
            ):
                return await made(self, scope, receive, send)
            name, where, _ = known[1]
            probe, depth = note.probe, trail.depth
            if (looks := trail.looks) is not None:
                if looks.careful or scope is not looks.scope:
                    looks.enter(note, name, scope)
                else:
                    if len(scope) != looks.size:
                        looks.grown(note, scope)
                    looks.log.append(name)
            probe.say(
                (
                    _ENTER, now(), probe.turn, probe.task, where,
                    "loop", note.conn, note.req, name, depth,
                )
            )  # fmt: skip
            trail.depth = depth + 1
            try:
                if (gate := probe.gate) is not None:
                    await gate.wait(note, ("middleware.enter", name, where))
                result = await call(self, scope, receive, send)
            except BaseException as error:
                await failed(layer, note, (name, where, depth), error)
                raise
            trail.depth, trail.seen = depth, 0
            if looks is not None:
                if looks.careful:
                    looks.leave(note, name)
                else:
                    looks.log.append((name,))
            probe.say(
                (
                    _EXIT, now(), probe.turn, probe.task, where,
                    "loop", note.conn, note.req, name, depth,
                )
            )  # fmt: skip
            if (gate := probe.gate) is not None:
                await gate.wait(note, ("middleware.exit", name, where))
            return result

        return ring

    def enter(self, note: Note, args: tuple[Any, ...]) -> object:
        known = ROLES.found.get(id(args[0]))
        if known is not None:
            stage = self.stages[known[1]]
        else:  # made by the app itself while it served a request
            role = _class_roles.get(type(args[0]), "middleware")
            stage = self.stages[role]
        token = stage.enter(note, args)
        return None if token is None else (stage, token)

    def leave(self, note: Note, token: Any, result: object) -> None:
        token[0].leave(note, token[1], result)

    def fail(self, note: Note, token: Any, error: BaseException) -> None:
        token[0].fail(note, token[1], error)

    def entered(self, token: Any) -> tuple[Stop, ...]:
        stage: Stage = token[0]
        return stage.entered(token[1])

    def left(self, token: Any) -> tuple[Stop, ...]:
        stage: Stage = token[0]
        return stage.left(token[1])


_class_roles: dict[type, Role] = {}


def watch_call(thing: object, role: Role) -> None:
    """Make an instance's `__call__` visible as what it is to the app."""
    ROLES.put(thing, role)
    LAYERS.found.pop(id(thing), None)  # it may have been middleware before
    _class_roles.setdefault(type(thing), role)
    patch(type(thing), "__call__", CallStage)
