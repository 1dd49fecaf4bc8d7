"""The code that the trace talks about, as it stood when it was loaded."""

from dataclasses import dataclass

from tracer.events import Source
from tracer.model.safe import SafeStr, safe, safe_lines


@dataclass(frozen=True, slots=True)
class SourcePlace:
    """One function that events point to with `where`.

    Attributes:
        id: Its number in this trace.
        file: Relative to its package or to the app's folder.
        line: Number of its first line in the file, from 1.
        name: Qualified name of the function.
        lines: Its text; empty where there is none.
    """

    id: int
    file: SafeStr
    line: int
    name: SafeStr
    lines: tuple[SafeStr, ...]

    def at(self, line: int | None) -> int | None:
        """Where a line of the file stands in the text, from 0.

        None for no line, and for one that is not of this function.
        """
        if line is None or not 0 <= line - self.line < len(self.lines):
            return None
        return line - self.line

    @property
    def owner(self) -> str:
        """Whose code: `server` (ours), `framework` or `app`."""
        # Not all of ours: the demo's app is installed in tracer/_lessons.
        if self.file.startswith(("tracer/capture/", "tracer/events/")):
            return "server"
        known = ("starlette/", "fastapi/", "anyio/", "asyncio/")
        return "framework" if self.file.startswith(known) else "app"


def source_place(record: Source) -> SourcePlace:
    """Take a `source` record's place, its text made safe line by line."""
    text = (record.text or "").removesuffix("\n")
    return SourcePlace(
        record.id,
        safe(record.file),
        record.line,
        safe(record.name),
        safe_lines(text) if text else (),
    )
