"""The parent's half: starts and stops the traced process, reads its stream."""
