"""Replaces functions by ones that say what happens, and puts them back.

A class's method is replaced in the class that defines it, for the life of the
process: identity, `vars`, equality and copies of the user's objects stay as
they are. Who isn't traced pays for one look at a context variable.
"""

import functools
import inspect
from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any, ClassVar

from tracer.capture.fault import fault
from tracer.capture.frameworks.look import Memo, unpartial
from tracer.capture.frameworks.trail import raised
from tracer.capture.probe import CURRENT, Note
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

    def __init__(
        self,
        call: Callable[..., Any],
        owner: type | None = None,
        method: str = "__call__",
    ) -> None:
        self.where = place(call)
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

    def leave(self, note: Note, token: Any, result: object) -> None:
        """Say that it returned; nothing, where no event exists for that."""

    def fail(self, note: Note, token: Any, error: BaseException) -> None:
        """Say that it raised."""
        raised(note, error)

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


def wrap(call: Callable[..., Any], stage: Stage) -> Callable[..., Any]:
    """Make a function of the same kind that is a stage while traced.

    Coroutine function stays coroutine function: frameworks ask.
    """
    if is_asgi_method(call):
        made = _wrap_asgi_method(call, stage)
    elif inspect.iscoroutinefunction(call):
        made = _wrap_coroutine(call, stage)
    elif stage.awaitable:
        made = _wrap_awaitable(call, stage)
    else:
        made = _wrap_function(call, stage)
    OURS.add(made.__code__)
    return made  # type: ignore[no-any-return]  # a function, as it was


OURS: set[object] = set()
"""Codes of our functions: by them what is already wrapped is known."""


STANDS_FOR: Memo[Callable[..., Any]] = Memo()
"""Functions of ours that hide what they wrap, and what that is."""


def is_ours(thing: object) -> bool:
    """Say whether a function came from `wrap`."""
    return type(thing) is FunctionType and thing.__code__ in OURS


def _wrap_coroutine(call: Callable[..., Any], stage: Stage) -> Any:
    @_like(call)
    async def traced(*args: Any, **kwargs: Any) -> Any:
        note = CURRENT.get()
        if note is None or (token := enter(stage, note, args)) is None:
            return await call(*args, **kwargs)
        try:
            result = await call(*args, **kwargs)
        except BaseException as error:
            fail(stage, note, token, error)
            raise
        leave(stage, note, token, result)
        return result

    return traced


def is_asgi_method(call: object) -> bool:
    """Say whether it is `async def m(self, scope, receive, send)`, no more.

    Its stand-in then takes these four and no others: uvicorn calls each app
    without arguments, and takes it for a factory if that raises nothing.
    """
    if type(call) is not FunctionType or not inspect.iscoroutinefunction(call):
        return False
    code = call.__code__
    plain = not code.co_kwonlyargcount and not code.co_posonlyargcount
    return (
        plain
        and not code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS)
        and code.co_varnames[: code.co_argcount] == ASGI_METHOD
        and not call.__defaults__
    )


ASGI_METHOD = ("self", "scope", "receive", "send")


def _wrap_asgi_method(call: Callable[..., Any], stage: Stage) -> Any:
    # `enter` and `leave` are written out here: a request goes through half a
    # dozen of these.
    get, begin, end = CURRENT.get, stage.enter, stage.leave

    @_like(call)
    async def traced(self: Any, scope: Any, receive: Any, send: Any) -> Any:
        note = get()
        if note is None:
            return await call(self, scope, receive, send)
        try:
            token = begin(note, (self, scope, receive, send))
        except Exception:  # noqa: BLE001 - the app must not have it
            fault()
            token = None
        if token is None:
            return await call(self, scope, receive, send)
        try:
            result = await call(self, scope, receive, send)
        except BaseException as error:
            fail(stage, note, token, error)
            raise
        try:
            end(note, token, result)
        except Exception:  # noqa: BLE001 - the app must not have it
            fault()
        return result

    return traced


def _wrap_function(call: Callable[..., Any], stage: Stage) -> Any:
    @_like(call)
    def traced(*args: Any, **kwargs: Any) -> Any:
        note = CURRENT.get()
        if note is None or (token := enter(stage, note, args)) is None:
            return call(*args, **kwargs)
        try:
            result = call(*args, **kwargs)
        except BaseException as error:
            fail(stage, note, token, error)
            raise
        leave(stage, note, token, result)
        return result

    return traced


def _wrap_awaitable(call: Callable[..., Any], stage: Stage) -> Any:
    async def last(note: Note, token: Any, result: Any) -> Any:
        try:
            answer = await result
        except BaseException as error:
            fail(stage, note, token, error)
            raise
        leave(stage, note, token, answer)
        return answer

    @_like(call)
    def traced(*args: Any, **kwargs: Any) -> Any:
        note = CURRENT.get()
        if note is None or (token := enter(stage, note, args)) is None:
            return call(*args, **kwargs)
        try:
            result = call(*args, **kwargs)
        except BaseException as error:
            fail(stage, note, token, error)
            raise
        return last(note, token, result)

    return traced


def enter(stage: Stage, note: Note, args: tuple[Any, ...]) -> Any:
    """Begin a stage. Whatever goes wrong with us, the app goes on."""
    try:
        return stage.enter(note, args)
    except Exception:  # noqa: BLE001 - the app must not have it
        fault()
        return None


def leave(stage: Stage, note: Note, token: Any, result: object) -> None:
    """End a stage that returned."""
    try:
        stage.leave(note, token, result)
    except Exception:  # noqa: BLE001 - the app must not have it
        fault()


def fail(stage: Stage, note: Note, token: Any, error: BaseException) -> None:
    """End a stage that raised."""
    try:
        stage.fail(note, token, error)
    except Exception:  # noqa: BLE001 - the app must not have it
        fault()


def _like(call: Callable[..., Any]) -> Callable[[Any], Any]:
    """As functools.wraps, but reading a partial or an instance is safe."""
    inner = unpartial(call)
    if type(inner) is FunctionType:
        return functools.wraps(inner)

    def same(made: Any) -> Any:
        made.__wrapped__ = call
        return made

    return same


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
        stage.outer.clear()


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
