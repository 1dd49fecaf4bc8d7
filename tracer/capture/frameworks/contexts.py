"""What each stage has put into the scope, and which context variables it set.

Both are compared when the next stage is entered or one is left, by identity:
to compare values would run the user's code. Only names and types are told.
"""

from contextvars import Context, ContextVar, copy_context
from gc import get_referents as referents
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

    It refers to them, and they to the request's note: so it is let go when
    the outermost stage is left, see `trail.end`.

    A new key is noticed by the length of the scope. That under an old key
    stands another object takes a walk through the scope, and that a variable
    was set a look at the context: at each stage of the first requests and of
    those after one in which it happened. Else the scope is walked through
    before and behind the router, and the context is looked at around the
    endpoint and behind it all; then it may have been any of the stages since
    the last walk or look.

    Attributes:
        log: The name of each stage that was entered, and `(name,)` of each
            that was left: from it is told who has run, where it is asked.
        careful: Whether this request is looked through at each stage.
        scope: That of the last look.
        size: How many keys it had.
        hamt: What a context keeps its variables in. It is never changed, so
            two contexts with the same one are equal.
    """

    __slots__ = (
        "_before",
        "_first",
        "_known",
        "_looked",
        "_task",
        "_walked",
        "careful",
        "hamt",
        "log",
        "scope",
        "size",
    )

    walks: ClassVar[int] = CAREFUL
    """How many more requests are looked through at each stage."""

    def __init__(self, note: Note, scope: Any) -> None:
        self.log: list[Any] = []
        walks = Looks.walks
        self.careful = walks > 0
        if walks:
            Looks.walks = walks - 1
        if type(scope) is dict:
            self.scope: Any = scope
            self.size = len(scope)
            self._before: dict[Any, Any] = scope.copy()
        else:
            self.scope, self.size, self._before = None, 0, {}
        self._first: Context | None = copy_context()
        self.hamt: object = referents(self._first)[0]
        self._task = note.probe.task
        self._known: dict[ContextVar[Any], Known]  # as soon as it is asked
        # How long the log was
        self._looked = 0  # when the context was looked at last
        self._walked = 0  # when the scope was walked through

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
        log = self.log
        if referents(copy_context())[0] is not self.hamt:
            self._context(note)
        if scope is not None:
            if scope is not self.scope:
                self._walk(note, scope)
            else:
                if len(scope) > self.size:
                    self._grown(note, scope)
                if walk or self.careful or len(scope) != self.size:
                    self._walk(note, scope)
        log.append(name)
        self._looked = len(log)

    def grown(self, note: Note, scope: Any) -> None:
        """Say what was put into the scope that has another length now."""
        if len(scope) > self.size:
            self._grown(note, scope)
        if len(scope) != self.size:
            self._walk(note, scope)

    def route(self, note: Note, name: str, scope: Any) -> None:
        """Enter a router, or the route that it chose: they fill the scope."""
        if (
            self.careful
            or scope is not self.scope
            or not all(map(is_, scope.values(), self._before.values()))
        ):
            self.enter(note, name, scope, walk=True)
            return
        if len(scope) != self.size:
            self._grown(note, scope)
        log = self.log
        log.append(name)
        self._walked = len(log)

    def pass_out(self, note: Note, name: str) -> None:
        """Leave a stage behind which nobody looks as a rule."""
        if self.careful:
            self.leave(note, name)
        else:
            self.log.append((name,))

    def leave(self, note: Note, name: str) -> None:
        """Compare the contexts as a stage is left."""
        if referents(copy_context())[0] is not self.hamt:
            self._context(note, name)
        log = self.log
        log.append((name,))
        self._looked = len(log)

    def _ran(self, since: int) -> list[str]:
        """Name the stages that have run since the log was so long."""
        stages: list[str] = []
        ran: dict[str, None] = {}
        for at, step in enumerate([*self.log, None]):
            if at >= since and stages:
                ran[stages[-1]] = None
            if type(step) is str:
                stages.append(step)
            # A task that goes on may leave its stage after the one around it.
            elif step is not None and step[0] in stages:
                stages.reverse()
                stages.remove(step[0])
                stages.reverse()
        return [*ran]

    def _grown(self, note: Note, scope: Any) -> None:
        """Say which keys a stage has put in; they stand at the end."""
        before, by = self._before, self.log[-1] if self.log else ""
        names = tuple([*scope][len(before) :])
        for key in names:
            if type(key) is not str or key in before:
                return  # others were taken out: see `_walk`
            before[key] = scope[key]
        self.size = len(before)
        if type(by) is not str:
            by = self._by()
        note.three(ScopeChanged, None, by, names, False)

    def _walk(self, note: Note, scope: Any) -> None:
        """Say which keys a stage has put in, or filled anew."""
        before = self._before
        first, copied = self.scope is None, scope is not self.scope
        since, self._walked = self._walked, len(self.log) + 1
        if not copied and len(scope) == self.size:
            if all(map(is_, scope.values(), before.values())):
                return
        elif type(scope) is not dict:
            return
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
            # Nobody has looked since the first of those who have run.
            ran = self._ran(since)
            if len(ran) > 1:
                Looks.walks, self.careful = CAREFUL, True
                among, said = " or ".join(ran), tuple(map(_word, old))
                note.three(ScopeChanged, None, among, said, False)
                names = tuple(key for key in names if key not in before)
        if names or copied:
            said = tuple(map(_word, names))
            note.three(ScopeChanged, None, self._by(), said, copied)

    def _context(self, note: Note, by: str = "") -> None:
        """Tell what a context has that is new, and what it lacks."""
        if self._first is not None:
            # Only now, since most requests come to no change.
            self._known = _known_of(self._first, self._task)
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
            ran = self._ran(self._looked)
            if len(ran) > 1 or not by:
                by = " or ".join(ran)
            Looks.walks, self.careful = CAREFUL, True
            note(ContextChanged, None, by, tuple(names), tuple(unseen))

    def _by(self) -> str:
        """Name the stage that runs now."""
        log = self.log
        if log and type(log[-1]) is str:
            return log[-1]
        return next(iter(self._ran(len(log))), "")

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
