"""Looks at the user's objects without running a line of their code.

`hasattr` and `getattr` would run properties, proxies and a greedy
`__getattr__`; `repr` may raise, and may tell secrets. So only types, instance
dicts, slots and closure cells are read here.
"""

import functools
import sys
import weakref
from collections.abc import Callable, Iterator
from types import (
    BuiltinFunctionType,
    CellType,
    CodeType,
    FunctionType,
    MemberDescriptorType,
    MethodType,
    TracebackType,
)
from typing import Any, Generic, TypeGuard, TypeVar

T = TypeVar("T")

LOOKS = 3000
"""Objects that a search looks at before it gives up."""

FIRST = ("app", "_app", "inner", "_inner", "next_app", "next", "wrapped")
"""Where the next layer is kept as a rule: looked at before all else."""

PLAIN = (str, int, float, bool, bytes, type(None))
"""Types whose text runs nobody's code; their subclasses don't count."""

LEAVES = (*PLAIN, set, frozenset, CodeType, type(sys))
"""Types that a search doesn't look into."""

FEW = 50
"""A list or dict with more items than this holds data, not layers."""


class Memo(Generic[T]):
    """Remembers something about objects, by identity, as long as they live.

    A WeakKeyDictionary would call the user's `__hash__` and `__eq__`, which
    Starlette's routes have one of only. What can't be referred to weakly is
    kept alive, lest its id be given to another object.

    Attributes:
        found: By id: the reference, and what is remembered. To be read by
            those in a hurry.
    """

    def __init__(self) -> None:
        self.found: dict[int, tuple[object, T]] = {}

    def get(self, thing: object) -> T | None:
        found = self.found.get(id(thing))
        return None if found is None else found[1]

    def put(self, thing: object, value: T) -> T:
        key = id(thing)
        found = self.found

        def forget(_: object) -> None:
            found.pop(key, None)

        try:
            keep: object = weakref.ref(thing, forget)
        except TypeError:
            keep = thing
        found[key] = (keep, value)
        return value

    def clear(self) -> None:
        self.found.clear()


def is_a(thing: object, kinds: type[T] | tuple[type[T], ...]) -> TypeGuard[T]:
    """As isinstance, but by the type alone.

    isinstance also asks the object for its `__class__`, which may be a
    property of the user's.
    """
    return issubclass(type(thing), kinds)


def attributes(thing: object) -> dict[str, Any]:
    """Give the instance's own dict, or an empty one.

    Source: Python, `inspect.getattr_static`, which asks the same way.
    """
    try:
        found = object.__getattribute__(thing, "__dict__")
    except AttributeError:
        return {}
    return found if type(found) is dict else {}


def name_of(thing: object) -> str:
    """Give a callable's name as its author wrote it: `Items.get`, `home`."""
    thing = unpartial(thing)
    kind = type(thing)
    if kind is MethodType:
        thing = unpartial(thing.__func__)  # type: ignore[attr-defined]
        kind = type(thing)
    if kind is FunctionType:
        name: str = thing.__qualname__  # type: ignore[attr-defined]
        return name.rpartition(".<locals>.")[2]
    if kind is BuiltinFunctionType or issubclass(kind, type):
        return thing.__name__  # type: ignore[attr-defined,no-any-return]
    return kind.__name__


def unpartial(thing: object) -> Any:
    """Give what stands in a partial, however deep."""
    while is_a(thing, functools.partial):
        thing = _FUNC.__get__(thing)
    return thing


_FUNC: Any = functools.partial.__dict__["func"]


def layer_name(thing: object) -> str:
    """Give a layer's name: of a closure that of the function it was made by.

    `def timing(app)` with its inner `async def wrapped` is called `timing`.
    """
    thing = unpartial(thing)
    if is_a(thing, FunctionType):
        before, inside, _ = thing.__qualname__.rpartition(".<locals>.")
        if inside and thing.__closure__:
            return before.rpartition(".<locals>.")[2]
    return name_of(thing)


def file_of(code: CodeType) -> str:
    """Name a code's file relative to where it was imported from.

    Only by comparing text: to ask the disk would block the loop.
    """
    file = code.co_filename
    if not file.startswith("/"):
        return file
    # As text: pathlib takes a tenth of a millisecond for it.
    folders = [each.rstrip("/") + "/" for each in sys.path if each]
    roots = [each for each in folders if file.startswith(each)]
    if not roots:
        return file.rpartition("/")[2]
    return file[len(max(roots, key=len)) :]


_TRACEBACK: Any = BaseException.__dict__["__traceback__"]
_STRERROR: Any = OSError.__dict__["strerror"]
_FILENAME: Any = OSError.__dict__["filename"]
_ARGS: Any = BaseException.__dict__["args"]


def innermost(error: BaseException) -> tuple[CodeType, int] | None:
    """Give the code and line in which an exception was raised, if known."""
    trace: TracebackType | None = _TRACEBACK.__get__(error)
    if trace is None:
        return None
    while trace.tb_next is not None:
        trace = trace.tb_next
    return trace.tb_frame.f_code, trace.tb_lineno


def message_of(error: BaseException) -> str:
    """Give an exception's text, of its plain arguments only.

    `str(error)` would run a `__str__` of the user's, or the `repr` of a user's
    object among the arguments.
    """
    args = _ARGS.__get__(error)
    own = attributes(error)
    if type(own.get("status_code")) is int and type(own.get("detail")) is str:
        return f"{own['status_code']}: {own['detail']}"
    if is_a(error, OSError):
        reason, file = _STRERROR.__get__(error), _FILENAME.__get__(error)
        if type(reason) is str:
            return reason + (f": {file}" if type(file) is str else "")
    return ", ".join(_text(each) for each in args if type(each) in PLAIN)


def _text(plain: object) -> str:
    try:
        return str(plain)
    except ValueError:  # a number of more digits than Python writes
        return type(plain).__name__


class Slot:
    """A place that holds a layer and can be made to hold another."""

    def __init__(self, put: Callable[[Any], object]) -> None:
        self._put = put

    def write(self, thing: object) -> bool:
        """Put something there; False where the place doesn't let us."""
        try:
            self._put(thing)
        except (AttributeError, TypeError):
            return False
        return True


Step = tuple[Slot | None, Any]
"""What stood on the way, and the slot it was found in (None: read-only)."""


def find(
    start: object,
    wanted: Callable[[Any], bool],
    excluded: object = None,
    *,
    narrow: bool = False,
) -> list[Step] | None:
    """Search from an object through its references for one that is wanted.

    Depth first, the usual names before others, so that every layer between
    lies on the way. Known targets only: to follow `.app` blindly would lead
    through an adapter into a WSGI app.

    Args:
        start: Where the search begins.
        wanted: Says of an object whether the search is for it.
        excluded: Not looked into: the app that owns all the layers, to which
            a middleware may keep a reference.
        narrow: Follow an instance's attributes only where the next layer is
            kept as a rule. For when any object of a kind is wanted, and one
            that is merely referred to would be the wrong one.

    Returns:
        The objects on the way, `start` first, the wanted one last; None if
        it was not found.
    """
    Way = tuple[Slot | None, Any, Any]  # noqa: N806 - a type: slot, thing, way
    first: Way = (None, start, None)
    ways = [first]
    seen: set[int] = {id(excluded)}
    for _ in range(LOOKS):
        if not ways:
            return None
        way = ways.pop()
        thing = way[1]
        if wanted(thing):
            return _steps(way)
        if id(thing) in seen or is_a(thing, LEAVES):
            continue
        seen.add(id(thing))
        found = list(_references(thing, narrow=narrow))
        ways += [(*step, way) for step in reversed(found)]
    return None


def _steps(way: Any) -> list[Step]:
    steps: list[Step] = []
    while way is not None:
        steps.insert(0, (way[0], way[1]))
        way = way[2]
    return steps


def _references(thing: Any, *, narrow: bool) -> Iterator[Step]:
    kind = type(thing)
    if kind is MethodType:
        return iter([(None, thing.__self__)])
    if kind is FunctionType:
        return _cells(thing)
    if issubclass(kind, functools.partial):
        return _arguments(thing)
    if issubclass(kind, (list, tuple, dict)):
        return iter(()) if narrow else _items(thing)
    return iter(()) if issubclass(kind, type) else _own(thing, narrow)


def _own(thing: object, narrow: bool) -> Iterator[Step]:
    own = attributes(thing)
    names = [name for name in FIRST if name in own] if narrow else own
    for name in sorted(names, key=_usual):
        yield Slot(functools.partial(_set, thing, name)), own[name]
    if not narrow:
        yield from _slots(thing)


def _arguments(held: functools.partial[Any]) -> Iterator[Step]:
    for at, each in enumerate(held.args):
        yield Slot(functools.partial(_rebuild, held, at)), each
    for name, each in held.keywords.items():
        yield Slot(functools.partial(_set_key, held, name)), each
    yield None, held.func


def _items(thing: Any) -> Iterator[Step]:
    kind = type(thing)  # a subclass's own iterator would be the user's code
    if kind not in {list, tuple, dict} or len(thing) > FEW:
        return
    for key, each in list(thing.items() if kind is dict else enumerate(thing)):
        if kind is tuple:
            yield None, each
        else:
            yield Slot(functools.partial(thing.__setitem__, key)), each


def _usual(name: object) -> int:
    return FIRST.index(name) if name in FIRST else len(FIRST)


def _set(thing: object, name: str, value: object) -> None:
    object.__setattr__(thing, name, value)


def _rebuild(held: Any, at: int, value: object) -> None:
    """Put another positional argument into a partial."""
    args = (*held.args[:at], value, *held.args[at + 1 :])
    held.__setstate__((held.func, args, held.keywords, attributes(held)))


def _set_key(held: functools.partial[Any], name: str, value: object) -> None:
    held.keywords[name] = value


def _slots(thing: object) -> Iterator[Step]:
    for owner in type(thing).__mro__:
        for member in list(owner.__dict__.values()):
            if type(member) is MemberDescriptorType:
                try:
                    held = member.__get__(thing)
                except AttributeError:
                    continue
                put = functools.partial(member.__set__, thing)
                yield Slot(put), held


def _cells(function: FunctionType) -> Iterator[Step]:
    for cell in function.__closure__ or ():
        try:
            held = cell.cell_contents
        except ValueError:  # empty: its variable has no value yet
            continue
        yield Slot(functools.partial(_fill, cell)), held


def _fill(cell: CellType, value: object) -> None:
    cell.cell_contents = value
