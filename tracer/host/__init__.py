"""The parent's half: starts and stops the traced process, reads its stream.

Read `child` first (a running server as a feed), then `process` (what it
starts and how that is ended; `input` is how it's told something), `clients`
(who sends requests to it) and `queue` (between its thread and the view);
`replay` is the same for a recording. `reload` is run after run of one app,
`watching` says when the next one begins; `foreground` is both without a view.
`interpreter` finds out whether the app can run in another Python.
"""
