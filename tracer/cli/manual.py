"""The longer texts of the command line's help."""

ABOUT = """\
See the life of an HTTP request: from accept() through the ASGI server, the
middleware and the routes to your endpoint, and back.

  asgi-trace demo               an app and a client are brought along: watch
  asgi-trace serve app:app      your own app, without a change to it
  asgi-trace replay out.jsonl   what --record has kept
  asgi-trace findings out.jsonl what is worth a look in it
  asgi-trace send URL --garbage  a client that makes trouble
  asgi-trace facts              what there is to see, fact by fact
"""

END = """\
Exit codes: 0 done; 1 something was found (findings); 2 wrong usage; 3 the app
could not be started; 4 a failure of ours; 130 and 143 cut short by SIGINT and
SIGTERM.
"""

SERVE = """\
Serve an ASGI app in a process of its own and show what happens in it. APP is
module:attribute, imported with the current folder first. The options mean
what they mean to uvicorn; variables like UVICORN_PORT are not read. The
server always runs at its own speed: slow motion is the picture's, by the keys
< and >.
"""

FINDINGS = """\
Tell what is worth a look in a recording: what held the loop, what went wrong,
what waits for nothing; with the events that prove it, and what to do. Exit
code 1 if there is anything of the wanted severity, for use in CI.

--json gives {"format", "file", "app", "started", "events", "cut_off",
"dropped", "counts", "findings": [{"rule", "severity", "inferred", "req",
"conn", "request", "title", "sentence", "do", "explains", "facts", "proofs":
[{"seq", "t", "kind", "where"}]}]}; fields may be added.
"""

FACTS = """\
List the facts about a request's life that a trace shows, from the server's
start to the endpoint: what the article that this tool follows says of it,
what has become of that (half true, changed, wrong), what is true today, in
which kinds of events it is seen, and since which version. F1 to F100 follow
the article, N1 to N12 are what it leaves out.

--json gives {"format", "lang", "facts": [{"number", "verdict", "says",
"today", "seen": [{"kind", "title"}], "since"}]}; fields may be added.
"""

FILTER = """\
show only what fits: path=/items/*, status=5*, kind=route.match; several are
joined by spaces
"""


BREAK = """\
hold each request that comes to this stage, until a key lets it go:
'endpoint.enter path=/items/*'; keys are kind, path, method, req, conn and
name; may be given several times; only with the TUI
"""
