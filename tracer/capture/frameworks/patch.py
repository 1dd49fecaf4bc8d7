"""Replaces functions by ones that say what happens, and puts them back.

A class's method is replaced in the class that defines it, for the life of the
process: identity, `vars`, equality and copies of the user's objects stay as
they are. Who isn't traced pays for one look at a context variable.
"""

from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any, ClassVar

from tracer.capture.frameworks.trail import raised
from tracer.capture.frameworks.wrap import wrap
from tracer.capture.gate import Stop
from tracer.capture.loop.lines import want
from tracer.capture.probe import Note
from tracer.capture.sources import place

ASGI_ARGUMENTS = 3
"""scope, receive, send."""


class Stage:
    """A call that is made visible: what is said before and after it.

    Attributes:
        where: The place of the function that is called.
        owner: The class whose method it is; None for a function.
        method: The method's name.
    """

    awaitable: ClassVar[bool] = False
    """A plain `def` may return something to await: the call lasts till then."""
    begins: ClassVar[str] = ""
    """The kind of the event that `enter` says, if a request can stand there."""
    ends: ClassVar[str] = ""
    """The same for `leave` and `fail`."""

    def __init__(
        self,
        call: Callable[..., Any],
        owner: type | None = None,
        method: str = "__call__",
    ) -> None:
        self.where = place(call)
        want(call)
        self.owner = owner
        self.method = method
        self.outer: dict[type, bool] = {}

    def make(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Make the function that takes the place of `call`."""
        return wrap(call, self)

    def enter(self, note: Note, args: tuple[Any, ...]) -> object:
        """Say what begins.

        Args:
            note: The request's.
            args: Positional arguments of the call; a method's `self` first.

        Returns:
            Something to give to `leave` or `fail`; None to say nothing.
        """
        raise NotImplementedError

    def token_for(self, args: tuple[Any, ...]) -> Any:
        """Give the token that `enter` will give, without a word.

        Asked on the loop of calls that enter in a worker thread.
        """
        return None

    def leave(self, note: Note, token: Any, result: object) -> None:
        """Say that it returned; nothing, where no event exists for that."""

    def fail(self, note: Note, token: Any, error: BaseException) -> None:
        """Say that it raised."""
        raised(note, error)

    def entered(self, token: Any) -> tuple[Stop, ...]:
        """Say where a request stands for which `enter` gave this token."""
        return ((self.begins, *self.named(token)),) if self.begins else ()

    def left(self, token: Any) -> tuple[Stop, ...]:
        """Say where it stands after `leave` or `fail`."""
        return ((self.ends, *self.named(token)),) if self.ends else ()

    def named(self, token: Any) -> tuple[str, int | None]:
        """Give the name and the place of what is called."""
        return "", self.where

    def outermost(self, thing: object) -> bool:
        """Say whether this method is the one that was called on `thing`.

        A subclass's method that calls `super()` would else give two events.
        """
        try:
            return self.outer[type(thing)]
        except KeyError:
            known = owner_of(type(thing), self.method) is self.owner
            self.outer[type(thing)] = known
            return known

    def forget(self) -> None:
        """Forget which method is the outermost: another class is patched."""
        self.outer.clear()


_Pair = tuple[FunctionType, Callable[..., Any]]
_patched: dict[tuple[type, str], _Pair] = {}
_made: dict[tuple[type, str], _Pair] = {}
_stages: list[Stage] = []
_replaced: dict[tuple[Any, str], tuple[Any, Any]] = {}


def patch(cls: type, method: str, stage: Callable[..., Stage]) -> None:
    """Make a method of a class visible, wherever in its bases it is defined.

    A method that is patched already stays as it is. What is no plain Python
    function, or belongs to a class that can't be changed, is left alone.
    """
    for owner in cls.__mro__:
        call = owner.__dict__.get(method)
        if type(call) is FunctionType and (owner, method) not in _patched:
            _patch_here(owner, method, call, stage)


def _patch_here(
    owner: type, method: str, call: FunctionType, stage: Callable[..., Stage]
) -> None:
    key = owner, method
    before, made = _made.get(key, (None, None))
    if before is not call or made is None:
        # Made once and used again after `restore`: bound methods that were
        # taken in between hold it.
        each = stage(call, owner, method)
        made = each.make(call)
        _stages.append(each)
        _made[key] = call, made
    try:
        # Past a metaclass's own __setattr__, which is the user's code.
        type.__setattr__(owner, method, made)
    except TypeError:
        return
    _patched[key] = call, made
    _forget_outermost()


def _forget_outermost() -> None:
    # A subclass that is patched later may be the outermost from now on.
    for stage in _stages:
        stage.forget()


def owner_of(cls: type, method: str) -> type | None:
    """Give the first patched class among a class and its bases."""
    found = (each for each in cls.__mro__ if (each, method) in _patched)
    return next(found, None)


def bind(thing: Any, method: MethodType) -> MethodType | None:
    """Give a bound method anew if it was taken before its class was patched.

    Returns:
        The new one; None where the old one is still right.
    """
    for owner in type(thing).__mro__:
        found = _patched.get((owner, method.__func__.__name__))
        if found is not None and found[0] is method.__func__:
            return MethodType(found[1], thing)
    return None


def replace(module: Any, name: str, made: Callable[..., Any]) -> None:
    """Replace a module's function, until `restore`."""
    key = module, name
    if key not in _replaced:
        _replaced[key] = module.__dict__[name], made
        setattr(module, name, made)


def restore() -> None:
    """Put all methods and functions back.

    What was put into slots of the user's objects stays there. It says
    nothing while no request is traced.
    """
    for (owner, method), (call, made) in _patched.items():
        if owner.__dict__.get(method) is made:
            type.__setattr__(owner, method, call)
    for (module, name), (call, made) in _replaced.items():
        if module.__dict__.get(name) is made:
            setattr(module, name, call)
    _patched.clear()
    _replaced.clear()
    _forget_outermost()
