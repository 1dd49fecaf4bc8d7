"""What the app printed and logged, each line with the request it is from."""

from collections.abc import Hashable, Iterable
from typing import ClassVar

from tracer.views.tui.moment import Moment
from tracer.views.tui.pieces import Line, millis, pad
from tracer.views.tui.rows import Rows

LOOKS = {"stdout": "", "stderr": "warn"}


class Output(Rows):
    """The newest lines, kept in sight."""

    TAIL = True
    HELP: ClassVar[str] = """
### Output

What the app printed (`stdout`, `stderr`) and logged. The number on the left
is the request it came from, where that is known: C code and child processes
don't say.
"""

    def key(self, moment: Moment) -> Hashable:
        output = moment.trace.output
        return (len(output), output[-1] if output else None)

    def rows(self, moment: Moment, width: int) -> Iterable[Line]:
        for line in moment.trace.output:
            whose = f"#{line.req}" if line.req else "–"
            look = LOOKS.get(line.origin, "muted")
            loud = line.origin.startswith(("ERROR", "CRITICAL"))
            yield (
                (millis(line.t, 9), "muted"),
                (pad(whose, 4, right=True) + " ", "accent"),
                (pad(line.origin.partition(" ")[0], 7), "faint"),
                (line.text, "bad" if loud else look),
            )
        if not moment.trace.output:
            yield (("nothing was printed yet", "muted"),)
