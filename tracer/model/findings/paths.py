"""Routes as they are labelled, compared: what a label fits, and covers.

All there is of a route in a trace is its label: `GET /items/{id:int}`,
`Mount /static`. So all that is said here is concluded, and a route class of
the app's own may know better.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

Sort = Literal["route", "mount", "websocket", "other"]

FIELD = re.compile(r"\{([a-zA-Z_]\w*)(?::([a-zA-Z_]\w*))?\}")
"""A parameter in a path.

Source: Starlette, `compile_path`
"""

CONVERTORS = {
    "str": "[^/]+",
    "path": ".*",
    "int": "[0-9]+",
    "float": r"[0-9]+(?:\.[0-9]+)?",
    "uuid": "[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}",
}
"""What each convertor takes; one of the app's own may take anything.

Source: Starlette, `convertors`
"""


@dataclass(frozen=True, slots=True)
class Label:
    """A route's label, taken apart.

    Attributes:
        sort: What it is; `other` for what nothing is concluded from.
        methods: Empty: any.
        path: Its template.
    """

    sort: Sort
    methods: frozenset[str]
    path: str


@lru_cache(4096)
def parse(label: str) -> Label:
    """Take a label apart."""
    head, _, path = label.rpartition(" ")
    if not path.startswith("/"):
        # A mount at "/" has no path of its own left.
        mount = label == "Mount"
        return Label("mount" if mount else "other", frozenset(), "")
    if head in {"", "Mount", "WebSocket"}:
        sorts: dict[str, Sort] = {"Mount": "mount", "WebSocket": "websocket"}
        return Label(sorts.get(head, "route"), frozenset(), path)
    if not re.fullmatch(r"[A-Z]+(,[A-Z]+)*", head):
        return Label("other", frozenset(), path)
    return Label("route", frozenset(head.split(",")), path)


@lru_cache(4096)
def _pattern(template: str, *, mount: bool) -> re.Pattern[str] | None:
    parts, at = [], 0
    for field in FIELD.finditer(template):
        taken = CONVERTORS.get(field[2] or "str")
        if taken is None:
            return None
        parts += [re.escape(template[at : field.start()]), taken]
        at = field.end()
    parts.append(re.escape(template[at:]))
    text = "".join(parts)
    return re.compile(f"{text.rstrip('/')}/.*" if mount else text)


def fits(label: str, path: str) -> bool:
    """Whether a route or mount of this label takes an HTTP path."""
    route = parse(label)
    if route.sort not in {"route", "mount"}:
        return False
    pattern = _pattern(route.path, mount=route.sort == "mount")
    return pattern is not None and pattern.fullmatch(path) is not None


@lru_cache(4096)
def covers(first: str, later: str) -> bool:
    """Whether the first takes all that the later one could.

    Asked in this order, the later one is never reached.
    """
    one, two = parse(first), parse(later)
    match one.sort, two.sort:
        case ("other", _) | (_, "other"):
            return False
        case "mount", sort:
            return _is_below(one.path, two.path, mount=sort == "mount")
        case "route", "route":
            wanted = two.methods
            if one.methods and not (wanted and wanted <= one.methods):
                return False
        case "websocket", "websocket":
            pass
        case _:
            return False
    return _covers_path(one.path.split("/"), two.path.split("/"))


def _is_below(prefix: str, path: str, *, mount: bool) -> bool:
    first = prefix.rstrip("/").split("/")
    later = path.rstrip("/").split("/") if mount else path.split("/")
    if len(later) < len(first) + (not mount):
        return False
    return all(map(_covers_part, first, later))


def _covers_path(first: list[str], later: list[str]) -> bool:
    tail = FIELD.fullmatch(first[-1])
    if tail is not None and tail[2] == "path":
        before = len(first) - 1
        enough = len(later) >= len(first)
        return enough and all(map(_covers_part, first[:before], later[:before]))
    same = len(first) == len(later)
    return same and all(map(_covers_part, first, later))


def _covers_part(first: str, later: str) -> bool:
    """Whether what one takes between two slashes holds what another takes."""
    if FIELD.sub(_nameless, first) == FIELD.sub(_nameless, later):
        return True
    one = FIELD.fullmatch(first)
    sort = (one[2] or "str") if one is not None else None
    takes = CONVERTORS.get(sort or "")
    if takes is None or sort == "path":
        return False
    inner = {field[2] or "str" for field in FIELD.finditer(later)}
    if not inner:
        return re.fullmatch(takes, later) is not None
    narrow = inner <= CONVERTORS.keys() - {"path"}
    return sort == "str" and narrow


def _nameless(field: re.Match[str]) -> str:
    return f"{{:{field[2] or 'str'}}}"
