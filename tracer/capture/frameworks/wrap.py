"""Makes a function of the same kind that says what happens, while traced.

Between what is said and what is called there is a gate: see `capture.gate`.
Whatever goes wrong with us, the app goes on.
"""

import functools
import inspect
from collections.abc import Callable
from types import CoroutineType, FunctionType
from typing import TYPE_CHECKING, Any

from tracer.capture.fault import fault
from tracer.capture.frameworks.look import Memo, is_a, unpartial
from tracer.capture.gate import Stop
from tracer.capture.probe import CURRENT, Note

if TYPE_CHECKING:
    from tracer.capture.frameworks.patch import Stage


def wrap(call: Callable[..., Any], stage: "Stage") -> Callable[..., Any]:
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


def _wrap_coroutine(call: Callable[..., Any], stage: "Stage") -> Any:
    get, begin, end = CURRENT.get, stage.enter, stage.leave

    @_like(call)
    async def traced(*args: Any, **kwargs: Any) -> Any:
        note = get()
        if note is None:
            return await call(*args, **kwargs)
        try:
            token = begin(note, args)
        except Exception:  # noqa: BLE001 - the app must not have it
            fault()
            token = None
        if token is None:
            return await call(*args, **kwargs)
        try:
            if (gate := note.probe.gate) is not None:
                await gate.wait(note, *stage.entered(token))
            result = await call(*args, **kwargs)
        except BaseException as error:
            await failed(stage, note, token, error)
            raise
        try:
            end(note, token, result)
        except Exception:  # noqa: BLE001 - the app must not have it
            fault()
        if (gate := note.probe.gate) is not None:
            await gate.wait(note, *stage.left(token))
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


def _wrap_asgi_method(call: Callable[..., Any], stage: "Stage") -> Any:
    # As `_wrap_coroutine`, with names for what is passed on.
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
            if (gate := note.probe.gate) is not None:
                await gate.wait(note, *stage.entered(token))
            result = await call(self, scope, receive, send)
        except BaseException as error:
            await failed(stage, note, token, error)
            raise
        try:
            end(note, token, result)
        except Exception:  # noqa: BLE001 - the app must not have it
            fault()
        if (gate := note.probe.gate) is not None:
            await gate.wait(note, *stage.left(token))
        return result

    return traced


def _wrap_function(call: Callable[..., Any], stage: "Stage") -> Any:
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

    SYNC.put(traced, stage)
    return traced


SYNC: Memo["Stage"] = Memo()
"""Functions of ours that run in worker threads, where nobody is held: who
calls them from the loop is held before and after."""


def _wrap_awaitable(call: Callable[..., Any], stage: "Stage") -> Any:
    async def last(note: Note, token: Any, result: Any) -> Any:
        try:
            if (gate := note.probe.gate) is not None:
                await _hold_before(gate, note, stage.entered(token), result)
            answer = await result
        except BaseException as error:
            await failed(stage, note, token, error)
            raise
        leave(stage, note, token, answer)
        if (gate := note.probe.gate) is not None:
            await gate.wait(note, *stage.left(token))
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


def enter(stage: "Stage", note: Note, args: tuple[Any, ...]) -> Any:
    """Begin a stage. Whatever goes wrong with us, the app goes on."""
    try:
        return stage.enter(note, args)
    except Exception:  # noqa: BLE001 - the app must not have it
        fault()
        return None


def leave(stage: "Stage", note: Note, token: Any, result: object) -> None:
    """End a stage that returned."""
    try:
        stage.leave(note, token, result)
    except Exception:  # noqa: BLE001 - the app must not have it
        fault()


def fail(stage: "Stage", note: Note, token: Any, error: BaseException) -> None:
    """End a stage that raised."""
    try:
        stage.fail(note, token, error)
    except Exception:  # noqa: BLE001 - the app must not have it
        fault()


async def failed(
    stage: "Stage", note: Note, token: Any, error: BaseException
) -> None:
    """End a stage that raised; hold its request before the exception goes on.

    A cancellation is not held up, and nor is the end of the process.
    """
    fail(stage, note, token, error)
    gate = note.probe.gate
    if gate is not None and is_a(error, Exception):
        await gate.wait(note, *stage.left(token))


async def _hold_before(
    gate: Any, note: Note, stops: tuple[Stop, ...], result: Any
) -> None:
    """Hold a request before it awaits what a plain function has returned."""
    try:
        await gate.wait(note, *stops)
    except BaseException:
        if type(result) is CoroutineType:
            result.close()  # else Python warns of one that nobody awaited
        raise


def _like(call: Callable[..., Any]) -> Callable[[Any], Any]:
    """As functools.wraps, but reading a partial or an instance is safe."""
    inner = unpartial(call)
    if type(inner) is FunctionType:
        return functools.wraps(inner)

    def same(made: Any) -> Any:
        made.__wrapped__ = call
        return made

    return same
