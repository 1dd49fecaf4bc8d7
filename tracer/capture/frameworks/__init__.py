"""How the inside of an app is made visible, without changing the app.

Read `served` first: whose request is a call? Then `patch`, the technique:
methods are replaced in their classes and say what happens while `CURRENT`
holds a note. `stages` and `calls` have what is said of middleware, endpoints,
responses and handlers, `routes` what is said of routing; `stack`,
`endpoints` and `look` find what is the user's. `starlette`, `fastapi` and
`threads` say what is patched.

Only this package knows a framework. Starlette is always there; FastAPI is
looked for in `sys.modules` and never imported.
"""

from tracer.capture.frameworks.served import instrument, uninstrument, watch

__all__ = ["instrument", "uninstrument", "watch"]
