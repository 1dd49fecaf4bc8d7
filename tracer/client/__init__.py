"""The scripted client: a process of its own that sends what a script says.

Read `script` (what a step is) and `scenario` (scripts with parameters), then
`frame` (a step's bytes), `answers` (what comes back), `connection` (a socket
between the two), `waiting` (several at once), `play` (the steps, done one
after the other), and `__main__`. `address` says who may be sent to.
It knows nothing of the server that it talks to.
"""

from pathlib import Path

_CHECKOUT = Path(__file__).parent.parent.parent / "lessons"
_INSTALLED = Path(__file__).parent.parent / "_lessons"


def lessons_dir() -> Path:
    """Find the folder with the demo and the lessons.

    It stands beside the package in a checkout and inside it in a wheel.

    Source: ours, see `force-include` in pyproject.toml.
    """
    return _INSTALLED if _INSTALLED.is_dir() else _CHECKOUT


def demo_app_dir() -> Path:
    """Find the folder to import the demo from: `app:app`.

    Source: ours.
    """
    return lessons_dir() / "demo"
