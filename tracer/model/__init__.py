"""Events become state; pure: no I/O, no clock, no threads, no Textual."""
