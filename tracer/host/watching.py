"""Folders are watched; a change that means "start again" is told.

Which folders and which files count is decided as uvicorn decides it.
"""

import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

LOOK = 500
"""Milliseconds after which it gives no files, so that its user can look."""

INCLUDED = ("*.py",)
EXCLUDED = (".*", ".py[cod]", ".sw.*", "~*")
"""What counts and what doesn't, where nothing else is said.

Source: uvicorn, `FileFilter`
"""


class Watched:
    """What is watched, and which changes in it count.

    Source: uvicorn, `Config.reload_dirs` and its sisters, `FileFilter`
    """

    def __init__(
        self,
        dirs: Iterable[str] = (),
        includes: Sequence[str] = (),
        excludes: Sequence[str] = (),
        delay: float = 0.25,
    ) -> None:
        """Settle what the command line says.

        Args:
            dirs: Folders; where none is said, the current one.
            includes: Patterns of files, and folders to watch too.
            excludes: Patterns of files that don't count, and folders.
            delay: Seconds between two looks.
        """
        self.folders = _outermost(
            {Path(each).resolve() for each in dirs} | _folders(includes),
            _folders(excludes),
        )
        patterns = (*INCLUDED, *includes)
        self._included = [each for each in patterns if each not in excludes]
        self._excluded = [each for each in EXCLUDED if each not in includes]
        self._closed: set[Path] = set()
        for each in excludes:
            if Path(each).is_dir():
                self._closed.add(Path(each).resolve())
            else:
                self._excluded.append(each)
        self._delay = delay

    def counts(self, path: Path) -> bool:
        """Whether a change of this file means: start again.

        A file that is included by its whole name counts whatever excludes
        it.
        """
        fit = [each for each in self._included if path.match(each)]
        if any(str(path).endswith(each) for each in fit):
            return True
        if not fit or not self._closed.isdisjoint(path.parents):
            return False
        return not any(path.match(each) for each in self._excluded)

    def changes(self, stop: threading.Event) -> Iterator[tuple[str, ...]]:
        """Wait for changes that count, until the event is set.

        Yields:
            The files that changed, as they are called from here; from time
            to time none.

        Source: uvicorn, `WatchFilesReload`
        """
        # Imported only now: who doesn't reload needs no watcher.
        import watchfiles  # noqa: PLC0415

        looks = watchfiles.watch(
            *self.folders,
            watch_filter=None,
            stop_event=stop,
            yield_on_timeout=True,
            ignore_permission_denied=True,
            raise_interrupt=False,
            rust_timeout=LOOK,
        )
        for seen in looks:
            paths = sorted({Path(path) for _, path in seen})
            yield tuple(_name(path) for path in paths if self.counts(path))
            if stop.wait(self._delay):
                return


def _outermost(wanted: set[Path], gone: set[Path]) -> list[Path]:
    """Those that are to be watched; none of them lies in another."""
    kept = {
        each
        for each in wanted
        if each.is_dir() and gone.isdisjoint((each, *each.parents))
    } or {Path.cwd()}
    return sorted(each for each in kept if kept.isdisjoint(each.parents))


def _folders(patterns: Iterable[str]) -> set[Path]:
    """The folders that patterns are or stand for."""
    found: set[Path] = set()
    for pattern in patterns:
        if pattern == ".*":
            continue  # else it would be every hidden folder
        if Path(pattern).is_dir():
            found.add(Path(pattern).resolve())
        elif not Path(pattern).is_absolute():
            there = Path.cwd().glob(pattern)
            found |= {each.resolve() for each in there if each.is_dir()}
    return found


def _name(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
