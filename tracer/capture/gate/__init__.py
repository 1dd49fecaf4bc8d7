"""Holds one request at a stage while all others go on, and lets it go.

`standing` is who is held, `timers` what goes on meanwhile, `gate` decides.
"""

from tracer.capture.gate.gate import Gate, Wish
from tracer.capture.gate.standing import Kept, Stop

__all__ = ["Gate", "Kept", "Stop", "Wish"]
