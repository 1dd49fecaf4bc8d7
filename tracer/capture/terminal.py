"""The terminal as it was, put back by the child if the screen is killed.

Whoever draws on a terminal can't tidy up after kill -9. The child outlives
it by a moment and knows how the terminal was before.
"""

import os
import sys

import msgspec

if sys.platform != "win32":
    import termios

RESTORE = (
    b"\x1b[?1049l"  # the screen that was there before
    b"\x1b[?25h"  # the cursor
    b"\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1015l"  # no mouse
    b"\x1b[?1004l\x1b[?2004l\x1b[?7h"  # no focus, no paste marks, wrapping
    b"\x1b[<u\x1b[0m\r\n"  # keys as ever, no colour
)
"""Source: xterm, "Control Sequences"; kitty, "Keyboard protocol"."""

_CC = 6  # index of the special characters in what termios gives


class Terminal(msgspec.Struct, frozen=True):
    """A terminal's name and its modes before anybody drew on it."""

    path: str
    modes: tuple[int, ...]
    """iflag, oflag, cflag, lflag, ispeed, ospeed."""
    characters: tuple[int, ...]

    def restore(self) -> None:
        """Put it back; if that can't be done, nobody is there to be told."""
        try:
            fd = os.open(self.path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        except OSError:
            return
        try:
            characters: list[bytes | int] = [
                bytes([each]) for each in self.characters
            ]
            modes: list[int | list[bytes | int]] = [*self.modes, characters]
            termios.tcsetattr(fd, termios.TCSANOW, modes)
            os.write(fd, RESTORE)
        except (OSError, termios.error):
            return
        finally:
            os.close(fd)


def terminal_of(fd: int) -> Terminal | None:
    """What there is to put back; None: it is no terminal."""
    try:
        modes = termios.tcgetattr(fd)
        path = os.ttyname(fd)
    except (OSError, termios.error):
        return None
    characters = tuple(
        each if isinstance(each, int) else each[0] for each in modes[_CC]
    )
    return Terminal(path, tuple(modes[:_CC]), characters)
