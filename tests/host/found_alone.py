"""Apps that are found only by what a whole server does."""

FEW = """
import os, resource

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        raise RuntimeError("no lifespan")
    if scope["path"] == "/few":
        free = os.dup(0)
        os.close(free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free + 1, free + 1))
    await send({"type": "http.response.start", "status": 200,
                "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})
"""
"""Once asked for `/few`, it has a descriptor for one more connection, and one
to find that nobody else has come."""

STARTS = """
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            asked = (await receive())["type"]
            await send({"type": f"{asked}.complete"})
            if asked == "lifespan.shutdown":
                return
"""

FAILS = """
async def app(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no database"})
"""

LATE = """
[[script.late]]
do = "connect"
conn = "a"
reads = "when told"

[[script.late]]
do = "send"
conn = "a"
target = "/"

[[script.late]]
do = "read"
conn = "a"
n = 65536

[[script.late]]
do = "wait"

[[script.late]]
do = "send"
conn = "a"
target = "/late"
"""
"""A client that doesn't look whether its connection is still there."""
