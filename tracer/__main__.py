"""`python -m tracer` is `asgi-trace`."""

import sys

from tracer.cli import main

if __name__ == "__main__":
    sys.exit(main())
