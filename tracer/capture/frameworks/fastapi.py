"""FastAPI made visible: its dependencies and the real endpoint function.

FastAPI's routes are Starlette's; between `request_response` and the user's
function stand its own functions, looked up in their modules each time. Those
are replaced. It is never imported from here, and a name that another version
lacks makes only what it stood for invisible.
"""

import copy
import functools
import inspect
import sys
from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import Any

from tracer.capture.fault import fault
from tracer.capture.frameworks.look import attributes, is_a, name_of
from tracer.capture.frameworks.patch import Stage, patch, replace
from tracer.capture.frameworks.stages import EndpointStage
from tracer.capture.frameworks.trail import entering, leaving, raised
from tracer.capture.frameworks.wrap import STANDS_FOR, wrap
from tracer.capture.loop.lines import want
from tracer.capture.probe import CURRENT, Note
from tracer.capture.sources import place
from tracer.events import DependencyEnter, DependencyExit

Call = Callable[..., Any]

_made: dict[int, tuple[Call, Call]] = {}
"""By id: a dependency, kept alive, and the function that stands for it."""
_endpoints: dict[int, tuple[Call, Call]] = {}
"""The same for endpoints."""


def install() -> None:
    """Replace FastAPI's functions, if the app has imported it."""
    routing = sys.modules.get("fastapi.routing")
    utils = sys.modules.get("fastapi.dependencies.utils")
    if routing is None or utils is None:
        return
    _replace(_endpoint, "run_endpoint_function", routing)
    _replace(_dependencies, "solve_dependencies", routing, utils)
    _replace(_generator, "_solve_generator", utils)
    _replace(_generator, "solve_generator", utils)


def _replace(
    make: Callable[[Call], Call], name: str, *where: ModuleType
) -> None:
    original = attributes(where[0]).get(name)
    if not inspect.iscoroutinefunction(original):
        return
    made = functools.wraps(original)(make(original))
    for module in where:
        if attributes(module).get(name) is original:
            replace(module, name, made)


def _endpoint(original: Call) -> Call:
    """`run_endpoint_function`: calls the user's function with its values."""

    async def run_endpoint_function(**kwargs: Any) -> Any:
        return await original(**_changed(kwargs, _with_endpoint))

    return run_endpoint_function


def _changed(
    arguments: dict[str, Any], change: Callable[[dict[str, Any]], object]
) -> dict[str, Any]:
    """Give the arguments to call with: changed ones, while traced."""
    if CURRENT.get() is None or "dependant" not in arguments:
        return arguments
    changed = dict(arguments)
    try:
        change(changed)
    except Exception:  # noqa: BLE001 - the app must not have it
        fault()
        return arguments
    return changed


def _with_endpoint(arguments: dict[str, Any]) -> None:
    dependant = arguments["dependant"]
    is_async = bool(arguments.get("is_coroutine"))
    made = endpoint_for(dependant.call, is_async=is_async)
    arguments["dependant"] = _calling(dependant, made)


def endpoint_for(call: Call, *, is_async: bool) -> Call:
    """Give the function to call in place of an endpoint."""
    known = _endpoints.get(id(call))
    if known is None:
        stage = EndpointStage(call, "async" if is_async else "threadpool")
        made = _stand_in(call, stage, is_async=is_async)
        known = _endpoints[id(call)] = call, made
    return known[1]


def watch_websocket(app: object) -> None:
    """Make the endpoint of a WebSocket route visible.

    FastAPI calls it directly, out of a closure: there it gets a Dependant
    that calls a stand-in. What an error says of the endpoint, its file and
    line, FastAPI keeps by its id.
    """
    if not is_a(app, FunctionType) or app.__name__ != "app":
        return
    free = app.__code__.co_freevars
    cells = dict(zip(free, app.__closure__ or (), strict=True))
    routing = attributes(sys.modules.get("fastapi.routing"))
    known = routing.get("_endpoint_context_cache")
    look = routing.get("_extract_endpoint_context")
    if "get_websocket_app." not in app.__qualname__ or "dependant" not in cells:
        return
    dependant = cells["dependant"].cell_contents
    if dependant.call is None or STANDS_FOR.get(dependant.call) is not None:
        return
    made = endpoint_for(dependant.call, is_async=True)
    if known is not None and look is not None:
        known[id(made)] = look(dependant.call)
    cells["dependant"].cell_contents = _calling(dependant, made)


def _calling(dependant: Any, call: Call) -> Any:
    """Copy a Dependant, with another function to call."""
    copied = copy.copy(dependant)
    copied.call = call
    return copied


def _dependencies(original: Call) -> Call:
    """`solve_dependencies`: calls what a function depends on, recursively.

    It is given copies, whose functions say what happens. The user's
    Dependants stay as they are, and so does each request's cache: the same
    function has the same stand-in.
    """

    async def solve_dependencies(**kwargs: Any) -> Any:
        return await original(**_changed(kwargs, _with_dependencies))

    return solve_dependencies


def _with_dependencies(arguments: dict[str, Any]) -> None:
    dependant = arguments["dependant"]
    if dependant.dependencies:
        copied = copy.copy(dependant)
        copied.dependencies = [_watched(each) for each in copied.dependencies]
        arguments["dependant"] = copied
    provider = arguments.get("dependency_overrides_provider")
    found = attributes(provider).get("dependency_overrides")
    if found and type(provider) is not _Provider:
        arguments["dependency_overrides_provider"] = _Provider(found)


def _watched(dependant: Any) -> Any:
    made = stand_in(dependant.call)
    return dependant if made is None else _calling(dependant, made)


class _Provider:
    """Stands for the app that has `dependency_overrides`.

    It is asked with a stand-in, and answers with one.
    """

    def __init__(self, overrides: dict[Call, Call]) -> None:
        self.dependency_overrides = _Overrides(overrides)


class _Overrides:
    def __init__(self, overrides: dict[Call, Call]) -> None:
        self._overrides = overrides

    def __bool__(self) -> bool:
        return True

    def get(self, call: Call, default: Call) -> Call:
        real = _real.get(id(call), call)
        found = self._overrides.get(real)
        if found is None:
            return default
        return stand_in(found) or found


_real: dict[int, Call] = {}
"""By id of a stand-in: what it stands for."""


def stand_in(call: Call | None) -> Call | None:
    """Give the function to call in place of a dependency.

    It is of the kind that FastAPI takes the original for, shows the same
    signature and hides what it wraps: FastAPI looks through `__wrapped__` to
    tell the kinds apart.

    Returns:
        None for what is made visible otherwise: generators, in
        `_solve_generator`, and security schemes, which FastAPI must see.
    """
    if call is None or id(call) in _real:
        return None
    known = _made.get(id(call))
    if known is not None:
        return known[1]
    models = sys.modules.get("fastapi.dependencies.models")
    names = attributes(models)
    if not all(each in names for each in KINDS):
        return None
    coroutine, generator, async_generator, unwrap, scheme = (
        names[each] for each in KINDS
    )
    if generator(call) or async_generator(call):
        return None
    if isinstance(unwrap(call), scheme):
        patch(type(unwrap(call)), "__call__", SchemeStage)
        return None
    stage = DependencyStage(call)
    made = _stand_in(call, stage, is_async=coroutine(call))
    _made[id(call)] = call, made
    _real[id(made)] = call
    return made


KINDS = (
    "_is_coroutine_callable",
    "_is_gen_callable",
    "_is_async_gen_callable",
    "_unwrapped_call",
    "SecurityBase",
)
"""Names in `fastapi.dependencies.models` that tell dependencies apart."""


def _stand_in(call: Call, stage: Stage, *, is_async: bool) -> Call:
    async def awaited(*args: Any, **values: Any) -> Any:
        return await call(*args, **values)

    def called(*args: Any, **values: Any) -> Any:
        return call(*args, **values)

    made = wrap(awaited if is_async else called, stage)
    return _named(made, call)


def _named(made: Any, call: Call) -> Call:
    """Show the original's signature and name, and hide that it is wrapped."""
    utils = sys.modules.get("fastapi.dependencies.utils")
    signature = attributes(utils).get("get_typed_signature", inspect.signature)
    del made.__wrapped__
    made.__name__ = made.__qualname__ = name_of(call)
    made.__module__ = attributes(call).get("__module__", made.__module__)
    made.__signature__ = signature(call)
    STANDS_FOR.put(made, call)
    return made  # type: ignore[no-any-return]


class DependencyStage(Stage):
    """A dependency that returns its value."""

    begins = "dependency.enter"
    ends = "dependency.exit"

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self.name = name_of(call)

    def enter(self, note: Note, args: tuple[Any, ...]) -> object:
        entering(note, self.name)
        note(DependencyEnter, self.where, self.name)
        return self.name

    def token_for(self, args: tuple[Any, ...]) -> str:
        return self.name

    def named(self, token: Any) -> tuple[str, int | None]:
        return token, self.where

    def leave(self, note: Note, token: Any, result: object) -> None:
        leaving(note, token)
        note(DependencyExit, self.where, token, "returned")

    def fail(self, note: Note, token: Any, error: BaseException) -> None:
        name = raised(note, error)
        leaving(note, token)
        note(DependencyExit, self.where, token, "returned", name)


class SchemeStage(DependencyStage):
    """A security scheme, by its class's `__call__`."""

    def __init__(self, call: Call, owner: type, method: str) -> None:
        super().__init__(call)
        self.owner = owner
        self.method = method

    def enter(self, note: Note, args: tuple[Any, ...]) -> object:
        if not self.outermost(args[0]):
            return None
        name = type(args[0]).__name__
        entering(note, name)
        note(DependencyEnter, self.where, name)
        return name


def _generator(original: Call) -> Call:
    """`_solve_generator`: runs a dependency up to its `yield`.

    The code after it is run by the exit stack. A callback put there before
    is called after it.
    """

    async def _solve_generator(**kwargs: Any) -> Any:
        note = CURRENT.get()
        stack = kwargs.get("stack")
        call = kwargs.get("call") or getattr(
            kwargs.get("dependant"), "call", None
        )
        if note is None or stack is None or call is None:
            return await original(**kwargs)
        name, where = name_of(call), place(call)
        want(call)
        stack.push_async_exit(_teardown(note, where, name))
        entering(note, name)
        note(DependencyEnter, where, name)
        try:
            if (gate := note.probe.gate) is not None:
                await gate.wait(note, ("dependency.enter", name, where))
            value = await original(**kwargs)
        except BaseException as error:
            said = raised(note, error)
            leaving(note, name)
            note(DependencyExit, where, name, "yielded", said)
            raise
        leaving(note, name)
        note(DependencyExit, where, name, "yielded")
        if (gate := note.probe.gate) is not None:
            await gate.wait(note, ("dependency.exit", name, where))
        return value

    return _solve_generator


def _teardown(note: Note, where: int | None, name: str) -> Call:
    async def after(
        kind: object, error: BaseException | None, _: object
    ) -> bool:
        said = None if error is None else raised(note, error)
        note(DependencyExit, where, name, "teardown", said)
        gate = note.probe.gate
        if gate is not None and (error is None or is_a(error, Exception)):
            await gate.wait(note, ("dependency.exit", name, where))
        return False

    return after
