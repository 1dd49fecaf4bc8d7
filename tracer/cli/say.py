"""One sentence for the user, on standard error, and the exit code with it."""

import sys

DONE = 0
FOUND = 1
USAGE = 2
NOT_STARTED = 3
OURS = 4
INTERRUPTED = 130


def fail(sentence: str, code: int) -> int:
    """Say what was wrong and what to do, and give back the code."""
    say(sentence)
    return code


def say(sentence: str) -> None:
    """Write a line to standard error, if there is one."""
    try:
        sys.stderr.write(f"asgi-trace: {sentence}\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        return  # closed: nobody listens
