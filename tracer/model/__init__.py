"""Events become state; pure: no I/O, no clock, no threads, no Textual.

Read `safe` first (the door for untrusted text), then `stage` (where on the
rail an event stands), `requests` and `connections` (one value each, made
anew by each event), and `trace`, where they meet. `spans`, `playback`,
`findings` and `filter` answer questions about what was folded.
`lanes` has the loop, its tasks and the worker threads on one clock.
"""
