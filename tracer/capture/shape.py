"""Whether a thing can be an ASGI app, told without running any code of it.

`hasattr` and `getattr` would: proxies, properties, a greedy `__getattr__`.
And a thing that is called only to see what happens has been called.
"""

import inspect
from functools import partial
from types import ModuleType

ASGI = 3
"""scope, receive and send."""


def complaint(thing: object) -> str | None:
    """Say why this is no ASGI app and what to do; None: it may be one.

    What can't be told without calling it passes: the server will see.

    Source: ASGI, "Applications"; asgiref, `is_double_callable`
    """
    kind = type(thing).__qualname__
    if isinstance(thing, ModuleType):
        return "it is a module; name the app in it, like module:app"
    if not callable(thing):
        return f"a value of type {kind} can't be called"
    needed, most = _arguments(thing)
    if isinstance(thing, type) and needed != 1 and not _awaitable(thing):
        return "it is a class; make an instance of it, or say --factory"
    if needed <= ASGI <= most:
        return None
    if needed == 0:
        return "it takes no arguments, so it looks like a factory: --factory"
    if needed == 1 and most == 1:
        return (
            "it takes one argument, as endpoints do and ASGI 2 apps did; name"
            " the app itself, or wrap an old one with asgiref.compatibility"
        )
    if needed == 2 or most == 2:  # noqa: PLR2004  # environ, start_response
        return (
            "it takes two arguments, as WSGI apps (Flask, Django's wsgi.py)"
            " do; wrap it in a2wsgi.WSGIMiddleware, or serve its asgi.py"
        )
    return (
        f"it takes {needed} arguments, and an ASGI app takes three: scope,"
        " receive, send"
    )


def _awaitable(cls: type) -> bool:
    """Whether its instances are what an app returns: then it is an app."""
    return inspect.getattr_static(cls, "__await__", None) is not None


def _arguments(thing: object) -> tuple[int, float]:
    """How many positional arguments a call needs, and how many it may get."""
    if not inspect.isroutine(thing) and not isinstance(thing, type):
        # A class's own __call__: looked up on the type, as Python does.
        call = inspect.getattr_static(type(thing), "__call__", None)
        if inspect.isfunction(call):
            needed, most = _arguments(call)
            return max(needed - 1, 0), most - 1
        if not isinstance(thing, partial):
            return ASGI, ASGI
    assert callable(thing)
    try:
        signature = inspect.signature(thing, follow_wrapped=False)
    except (TypeError, ValueError, AttributeError):
        return ASGI, ASGI
    needed, most = 0, 0.0
    for each in signature.parameters.values():
        if each.kind is each.VAR_POSITIONAL:
            most = float("inf")
        elif each.kind in {
            each.POSITIONAL_ONLY,
            each.POSITIONAL_OR_KEYWORD,
        }:
            most += 1
            needed += each.default is each.empty
    return needed, most
