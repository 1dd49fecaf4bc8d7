"""The parent's half: starts and stops the traced process, reads its stream.

Read `child` first (a running server as a feed), then `process` (what it
starts and how that is ended) and `queue` (between its thread and the view);
`replay` is the same for a recording.
"""
