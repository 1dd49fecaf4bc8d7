"""Looking at objects: names, texts, files, and the search for the router."""

import functools
import sys
from pathlib import Path
from typing import Any

import pytest

from tracer.capture.frameworks.look import (
    LOOKS,
    Memo,
    attributes,
    file_of,
    find,
    innermost,
    layer_name,
    message_of,
    name_of,
)


class Named:
    def method(self) -> None: ...

    def __call__(self) -> None: ...


def outer(app: Any) -> Any:
    async def inner() -> Any:
        return app

    return inner


@pytest.mark.parametrize(
    ("thing", "name", "layer"),
    [
        (outer, "outer", "outer"),
        (outer(1), "inner", "outer"),
        (functools.partial(outer(1), 2), "inner", "outer"),
        (Named().method, "Named.method", "Named.method"),
        (Named(), "Named", "Named"),
        (Named, "Named", "Named"),
        (len, "len", "len"),
        (None, "NoneType", "NoneType"),
    ],
)
def test_a_callable_is_called_as_its_author_called_it(
    thing: Any, name: str, layer: str
) -> None:
    assert (name_of(thing), layer_name(thing)) == (name, layer)


class Detailed(Exception):  # noqa: N818
    def __init__(self) -> None:
        self.status_code = 418
        self.detail = "teapot"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ValueError("a", 1, None), "a, 1, None"),
        (ValueError(Named()), ""),
        (KeyError("k"), "k"),
        (FileNotFoundError(2, "No such file", "x.txt"), "No such file: x.txt"),
        (OSError(2, "No such file"), "No such file"),
        (Detailed(), "418: teapot"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), None),
    ],
)
def test_a_message_is_made_of_plain_arguments_only(
    error: BaseException, message: str | None
) -> None:
    if message is None:
        assert "bad" in message_of(error)
    else:
        assert message_of(error) == message


def test_an_exception_that_was_never_raised_has_no_place() -> None:
    assert innermost(ValueError()) is None


def test_the_innermost_frame_is_where_it_was_raised() -> None:
    def deep() -> None:
        raise ValueError

    try:
        deep()
    except ValueError as error:
        found = innermost(error)
    assert found == (deep.__code__, deep.__code__.co_firstlineno + 1)


def test_a_file_is_named_relative_to_where_it_was_imported_from(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def code(file: Path | str) -> Any:
        return compile("0", str(file), "exec")

    monkeypatch.setattr(sys, "path", ["", str(tmp_path), str(tmp_path / "x")])

    assert file_of(code(tmp_path / "x" / "app.py")) == "app.py"
    assert file_of(code(tmp_path / "pkg" / "app.py")) == "pkg/app.py"
    assert file_of(code("/elsewhere/deep/app.py")) == "app.py"
    assert file_of(code("<string>")) == "<string>"


class Holder:
    def __init__(self, **held: Any) -> None:
        self.__dict__.update(held)


def test_the_usual_names_are_tried_before_others() -> None:
    target = Named()
    by_app = Holder(app=target)
    start = Holder(cache=Holder(owner=target), app=by_app)

    way = find(start, lambda thing: thing is target)

    assert way is not None
    assert [thing for _, thing in way] == [start, by_app, target]


def test_a_search_ends_in_a_cycle_and_in_a_large_graph() -> None:
    ring = Holder()
    ring.app = ring  # type: ignore[attr-defined]  # as a user would
    chain = Holder()
    for _ in range(LOOKS + 10):
        chain = Holder(app=chain)

    assert find(ring, lambda thing: False) is None
    assert find(chain, lambda thing: False) is None


def test_the_excluded_is_not_looked_into() -> None:
    target = Named()
    owner = Holder(app=target)

    assert find(owner, lambda t: t is target, excluded=owner) is None


class Slots:
    __slots__ = ("empty", "nxt")


def test_what_was_found_can_be_replaced_where_it_sits() -> None:
    target = Named()
    slots = Slots()
    held = functools.partial(print, 1, target, sep=None)
    starts: list[Any] = [Holder(x=target), outer(target), held, slots]
    slots.nxt = target  # type: ignore[attr-defined]  # as a user would
    other = Named()

    for start in starts:
        way = find(start, lambda thing: thing is target)
        assert way is not None
        slot = way[-1][0]
        assert slot is not None
        assert slot.write(other)
        assert find(start, lambda thing: thing is other) is not None
        assert find(start, lambda thing: thing is target) is None


def test_a_memo_forgets_with_the_object_and_never_asks_it() -> None:
    class Equal:
        def __eq__(self, other: object) -> bool:
            raise RuntimeError

        __hash__ = None  # type: ignore[assignment]  # a user's may be so

    memo: Memo[str] = Memo()
    one, two = Equal(), Equal()
    slots = Slots()  # can't be referred to weakly, so it is kept
    memo.put(one, "one")
    memo.put(slots, "slots")

    assert (memo.get(one), memo.get(two)) == ("one", None)
    key = id(one)
    del one
    assert key not in memo.found
    assert memo.get(slots) == "slots"


def test_an_object_without_a_dict_has_no_attributes() -> None:
    assert attributes(Slots()) == attributes(3) == {}
