"""What one request has met inside its app so far: depth, routing, exceptions.

It hangs on the request's note, so that whoever may speak for the request
finds it, in child tasks and worker threads too.
"""

from collections.abc import MutableMapping
from typing import Any

from tracer.capture import redact
from tracer.capture.frameworks.contexts import Looks
from tracer.capture.frameworks.look import (
    file_of,
    innermost,
    is_a,
    message_of,
)
from tracer.capture.probe import Note
from tracer.capture.sources import place
from tracer.events import ExceptionRaised

Scope = MutableMapping[str, Any]

LONGEST = 500
"""Characters of an exception's message that are kept."""


class Trail:
    """One request's way through its app.

    Attributes:
        scope: The scope that the app was entered with, for comparison only.
        depth: How many middleware are around whoever runs now.
        routing: The scope that the last router was entered with: a route that
            is asked about another one is asked in the second scan.
        redirecting: A route fitted in the second scan.
        serving: A route with an endpoint is at work: who handles an exception
            now stands inside it, not in ExceptionMiddleware.
        seen: The id of the last exception that was said to be raised.
        looks: Compares scope and context variables; None with `--lens off`,
            and when the app was left.
    """

    __slots__ = (
        "depth",
        "looks",
        "redirecting",
        "routing",
        "scope",
        "seen",
        "serving",
    )

    def __init__(self, scope: Scope | None) -> None:
        self.scope = scope
        self.depth = 0
        self.routing: Scope | None = None
        self.redirecting = False
        self.serving = False
        self.seen = 0
        self.looks: Looks | None = None


def trail_of(note: Note) -> Trail:
    """Give the trail of a note's request; begin one if there is none."""
    trail: Trail | None = note.trail
    if trail is None:
        trail = note.trail = Trail(None)
    return trail


def raised(note: Note, error: BaseException) -> str:
    """Say that an exception was raised, if it is seen for the first time.

    It is known by its id, not kept: to keep it would keep its frames alive,
    and all that they refer to. A cancellation is no exception of the app's.

    Returns:
        The name of its type.
    """
    name = type(error).__name__
    trail = trail_of(note)
    if trail.seen != id(error) and is_a(error, Exception):
        trail.seen = id(error)
        found = innermost(error)
        at = f"{file_of(found[0])}:{found[1]}" if found else ""
        text = redact.text(message_of(error)[: 4 * LONGEST])[:LONGEST]
        where = place(found[0]) if found else None
        note(ExceptionRaised, where, name, text, at)
    return name


def begin(note: Note, scope: Scope) -> Trail:
    """Remember that the request has entered its app with this scope."""
    trail: Trail | None = note.trail
    if trail is None:
        trail = note.trail = Trail(scope)
        if note.probe.lens != "off":
            trail.looks = Looks(note, scope)
        if note.asked is None and "path" in scope:  # by a server not ours
            note.asked = scope.get("method", "GET"), scope["path"]
    return trail


def end(note: Note) -> None:
    """Forget the scope and the context with which a request has entered.

    Said by who said `begin`: they refer to the note, and it to them.
    """
    if note.trail is not None:
        note.trail.looks = None


def entering(note: Note, name: str, scope: Any = None) -> None:
    """Look at what the stage around has changed, before one is entered.

    Args:
        note: The request's.
        name: Of the stage that is entered.
        scope: What it is called with, where that is a scope.
    """
    trail: Trail | None = note.trail
    if trail is not None and (looks := trail.looks) is not None:
        looks.enter(note, name, scope)


def leaving(note: Note, name: str) -> None:
    """Look at what a stage has changed, before it is said to be left."""
    trail: Trail | None = note.trail
    if trail is not None and (looks := trail.looks) is not None:
        looks.leave(note, name)
