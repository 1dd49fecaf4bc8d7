"""Answers that the server gives by itself, without the user's app."""

from tracer.capture.server.asgi import Receive, Scope, Send


async def service_unavailable(
    scope: Scope,  # noqa: ARG001  # an ASGI app has all three
    receive: Receive,  # noqa: ARG001
    send: Send,
) -> None:
    """Answer 503: an ASGI app that stands in for the user's own.

    Source: uvicorn, `service_unavailable`
    """
    await send(
        {
            "type": "http.response.start",
            "status": 503,
            "headers": [
                (b"content-type", b"text/plain; charset=utf-8"),
                (b"content-length", b"19"),
                (b"connection", b"close"),
            ],
        }
    )
    await send(
        {
            "type": "http.response.body",
            "body": b"Service Unavailable",
            "more_body": False,
        }
    )
