"""What each stage has put into the scope, and which context variables it set.

Both are compared when the next stage is entered or one is left, by identity:
to compare values would run the user's code. Only names and types are told.
"""

import gc
from contextvars import Context, ContextVar, copy_context
from operator import is_
from typing import Any

from tracer.capture.probe import CURRENT, Note
from tracer.events import ContextChanged, ScopeChanged

PLUMBING = frozenset(
    {"current_async_library_cvar", "fastapi_effective_route_context"}
)
"""Variables by which libraries talk to themselves: sniffio's, and FastAPI's
own. Whatever else is set is told, by whomever."""

Here = object
"""A task's number, or the note of a call in a worker thread: who has a
context of its own."""

_GONE = object()


class Known:
    """What is known of one variable in one request.

    Attributes:
        value: The last that was set, `_GONE` if it was set back to none.
        here: In whose context that was.
        older: What it was before.
        told: Who was told of not to see it.
    """

    __slots__ = ("here", "older", "told", "value")

    def __init__(self, value: object, here: Here) -> None:
        self.value = value
        self.here = here
        self.older: list[object] = []
        self.told: set[Here] = set()

    def set(self, value: object, here: Here) -> None:
        """Remember another value."""
        self.older.append(self.value)
        self.value, self.here = value, here
        self.told.clear()

    def misses(self, here: Here) -> bool:
        """Say once of each whether it doesn't see what another has set."""
        missing = here != self.here and here not in self.told
        self.told.add(here)
        return missing


class Looks:
    """One request's scope and context, as they were at the last look.

    It refers to them, and they to the request's note: so it forgets all when
    the outermost stage is left.
    """

    __slots__ = ("_before", "_hamt", "_known", "_scope", "_stages")

    def __init__(self) -> None:
        self._stages: list[str] | None = []
        self._scope: Any = None
        self._before: dict[Any, Any] = {}
        self._hamt: object = None
        self._known: dict[ContextVar[Any], Known] = {}

    def enter(self, note: Note, name: str, scope: Any = None) -> None:
        """Compare, and say what the stage around has changed.

        Args:
            note: The request's.
            name: Of the stage that is entered.
            scope: What it is called with, where that is a scope.
        """
        stages = self._stages
        if stages is None:
            return
        if not stages:
            self._begin(note, scope)
        else:
            (hamt,) = gc.get_referents(copy_context())
            if hamt is not self._hamt:
                self._context(note, stages[-1])
            if type(scope) is dict and not (
                scope is self._scope
                and len(scope) == len(self._before)
                and all(map(is_, scope.values(), self._before.values()))
            ):
                self._changed(note, stages[-1], scope)
        stages.append(name)

    def leave(self, note: Note, name: str) -> None:
        """Compare the contexts as a stage is left; forget with the last."""
        stages = self._stages
        if not stages:
            return
        (hamt,) = gc.get_referents(copy_context())
        if hamt is not self._hamt:
            self._context(note, name)
        # A task that goes on may leave its stage after the one around it.
        if stages[-1] == name:
            stages.pop()
        elif name in stages:
            stages.remove(name)
        if not stages:
            self._stages = self._scope = self._hamt = None
            self._before, self._known = {}, {}

    def _begin(self, note: Note, scope: Any) -> None:
        if type(scope) is dict:
            self._scope, self._before = scope, scope.copy()
        context = copy_context()
        (self._hamt,) = gc.get_referents(context)
        here = _here(note)
        self._known = {
            variable: Known(value, here)
            for variable, value in _told(context).items()
        }

    def _changed(self, note: Note, by: str, scope: Any) -> None:
        before, first = self._before, self._scope is None
        names = tuple(
            key if type(key) is str else type(key).__name__
            for key, value in scope.items()
            if key not in before or before[key] is not value
        )
        copied = scope is not self._scope
        self._scope, self._before = scope, scope.copy()
        if not first and (names or copied):
            note(ScopeChanged, None, by, names, copied)

    def _context(self, note: Note, by: str) -> None:
        """Tell what a context has that is new, and what it lacks."""
        context = copy_context()
        (self._hamt,) = gc.get_referents(context)
        found, here = _told(context), _here(note)
        # Sorted, since a context has no order.
        names = sorted(
            _named(variable, value)
            for variable, value in found.items()
            if self._is_new(variable, value, here)
        )
        unseen = sorted(
            _named(variable, known.value)
            for variable, known in self._known.items()
            if known.value is not found.get(variable, _GONE)
            and self._is_missed(known, variable in found, here)
        )
        if names or unseen:
            note(ContextChanged, None, by, tuple(names), tuple(unseen))

    def _is_new(
        self, variable: ContextVar[Any], value: object, here: Here
    ) -> bool:
        """Say whether somebody has set it, and remember that."""
        known = self._known.get(variable)
        if known is None:
            self._known[variable] = Known(value, here)
            return True
        if known.value is value:
            return False
        if known.here != here and _among(value, known.older):
            return False  # it was set elsewhere, this is what was before
        known.set(value, here)
        return True

    def _is_missed(self, known: Known, is_set: bool, here: Here) -> bool:
        """Say whether another has set what is not to be seen here."""
        if known.here == here and not is_set:
            known.set(_GONE, here)  # by its token
            return False
        return known.misses(here)


def _here(note: Note) -> Here:
    return note.probe.task if note.thread == "loop" else note


def _told(context: Context) -> dict[ContextVar[Any], Any]:
    """Give the variables of a context that are told of."""
    return {
        variable: value
        for variable, value in context.items()
        if variable is not CURRENT and variable.name not in PLUMBING
    }


def _named(variable: ContextVar[Any], value: object) -> str:
    return f"{variable.name}: {type(value).__qualname__}"


def _among(value: object, others: list[object]) -> bool:
    return any(value is each for each in others)
