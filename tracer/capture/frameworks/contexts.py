"""What each stage has put into the scope, and which context variables it set.

Both are compared when the next stage is entered or one is left, by identity:
to compare values would run the user's code. Only names and types are told.
"""

from contextvars import Context, ContextVar, copy_context
from gc import get_referents as referents
from itertools import islice
from operator import is_
from typing import Any, ClassVar

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

CAREFUL = 50
"""Requests that are looked through at each stage."""


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

    A new key is noticed by the length of the scope. That under an old key
    stands another object takes a walk through the scope: at each stage of
    the first requests and of those after one in which it happened; else
    before and behind the router, and then it may have been any of the stages
    since the last walk.

    Attributes:
        stages: Names of those that were entered and not left; None after
            the last.
        scope: That of the last look.
        size: How many keys it had.
        hamt: What a context keeps its variables in. It is never changed, so
            two contexts with the same one are equal.
    """

    __slots__ = (
        "_before",
        "_first",
        "_known",
        "_sure",
        "hamt",
        "scope",
        "size",
        "stages",
    )

    walks: ClassVar[int] = CAREFUL
    """How many more requests are looked through at each stage."""

    def __init__(self) -> None:
        self.stages: list[str] | None = []
        self._sure = 0
        self.scope: Any = None
        self.size = 0
        self._before: dict[Any, Any] = {}
        self.hamt: object = None
        self._first: tuple[Context, Here] | None = None
        self._known: dict[ContextVar[Any], Known] = {}

    def enter(
        self, note: Note, name: str, scope: Any = None, walk: bool = False
    ) -> None:
        """Compare, and say what the stage around has changed.

        Args:
            note: The request's.
            name: Of the stage that is entered.
            scope: What it is called with, where that is a scope.
            walk: Whether to look at each value in the scope anyhow.
        """
        stages = self.stages
        if not stages:
            if stages is not None:
                self._begin(note, scope)
                stages.append(name)
            return
        if referents(copy_context())[0] is not self.hamt:
            self._context(note, stages[-1])
        if scope is not None:
            if len(scope) > self.size and scope is self.scope:
                self._grown(note, scope)
            if (
                walk
                or Looks.walks
                or scope is not self.scope
                or len(scope) != self.size
            ):
                self._walk(note, scope)
        stages.append(name)

    def leave(self, note: Note, name: str) -> None:
        """Compare the contexts as a stage is left; forget with the last."""
        stages = self.stages
        if not stages:
            return
        if referents(copy_context())[0] is not self.hamt:
            self._context(note, name)
        # A task that goes on may leave its stage after the one around it.
        if stages[-1] == name:
            stages.pop()
        elif name in stages:
            stages.remove(name)
        if not stages:
            self.stages = self.scope = self.hamt = None
            self._before, self._known, self._first = {}, {}, None

    def _begin(self, note: Note, scope: Any) -> None:
        if Looks.walks:
            Looks.walks -= 1
        if type(scope) is dict:
            self.scope, self._before = scope, scope.copy()
            self.size = len(scope)
        context = copy_context()
        self.hamt = referents(context)[0]
        self._first = context, _here(note)

    def _grown(self, note: Note, scope: Any) -> None:
        """Say which keys a stage has put in; they stand at the end."""
        before = self._before
        names = tuple(islice(scope, len(before), None))
        for key in names:
            if type(key) is not str or key in before:
                return  # others were taken out: see `_walk`
            before[key] = scope[key]
        self.size = len(before)
        by = self.stages[-1] if self.stages else ""
        note.three(ScopeChanged, None, by, names, False)

    def _walk(self, note: Note, scope: Any) -> None:
        """Say which keys a stage has put in, or filled anew."""
        before, stages = self._before, self.stages or [""]
        first, copied = self.scope is None, scope is not self.scope
        sure, self._sure = self._sure, len(stages)
        if (
            not copied
            and len(scope) == self.size
            and all(map(is_, scope.values(), before.values()))
        ) or type(scope) is not dict:
            return
        by = stages[-1]
        names = tuple(
            key
            for key, value in scope.items()
            if key not in before or before[key] is not value
        )
        self.scope, self._before = scope, scope.copy()
        self.size = len(scope)
        if first:
            return
        old = tuple(key for key in names if key in before)
        if old:
            # Nobody has looked since the stage that we are sure of.
            among = " or ".join(stages[sure:]) or by
            if among != by:
                Looks.walks = CAREFUL
                said = tuple(map(_word, old))
                note.three(ScopeChanged, None, among, said, False)
                names = tuple(key for key in names if key not in before)
        if names or copied:
            said = tuple(map(_word, names))
            note.three(ScopeChanged, None, by, said, copied)

    def _context(self, note: Note, by: str) -> None:
        """Tell what a context has that is new, and what it lacks."""
        if self._first is not None:
            # Only now, since most requests come to no change.
            self._known = _known_of(*self._first)
            self._first = None
        context = copy_context()
        self.hamt = referents(context)[0]
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


def _known_of(context: Context, here: Here) -> dict[ContextVar[Any], Known]:
    """Give what was set before a request came to its first stage."""
    told = _told(context)
    return {variable: Known(told[variable], here) for variable in told}


def _told(context: Context) -> dict[ContextVar[Any], Any]:
    """Give the variables of a context that are told of."""
    return {
        variable: value
        for variable, value in context.items()
        if variable is not CURRENT and variable.name not in PLUMBING
    }


def _named(variable: ContextVar[Any], value: object) -> str:
    return f"{variable.name}: {type(value).__qualname__}"


def _word(key: object) -> str:
    # A key that is none of ASGI's: to make text of it may be the user's code.
    return key if type(key) is str else type(key).__name__


def _among(value: object, others: list[object]) -> bool:
    return any(value is each for each in others)
