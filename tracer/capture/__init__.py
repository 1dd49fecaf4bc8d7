"""Bytes and calls become events. Runs in the traced process.

Read `probe` first (how an event is said), then `sources` (where), then
`server` and `frameworks` (what), and last `child`, which puts it all
together in a process of its own.
"""
