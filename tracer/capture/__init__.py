"""Bytes and calls become events. Runs in the traced process.

Read `probe` first (how an event is said), then `sources` (where), then
`server` and `frameworks` (what). `redact` hides what nobody should see
(`names` says what that is, `patterns` and `bodies` where it stands), `output`
hears what the app prints, `writer` and `outlet` write it all down. `child`
puts them together in a process of its own, `here` in that of the command
line; `serve`, `importer`, `shape`, `ports` and `traces` get the app to run
and say why it can't.
"""
