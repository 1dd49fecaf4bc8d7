"""An app that is careless with secrets, as apps are; `test_privacy` uses it."""

# ruff: noqa: T201  (that it prints them is the point)

import json
import logging
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

log = logging.getLogger("careless")


async def login(request: Request) -> Response:
    form = (await request.body()).decode()
    log.warning("login with %s", form)
    response = JSONResponse({"access_token": "0-niradnaM-edam"[::-1]})
    response.set_cookie("session", "0-tiucsiB-dekab"[::-1])
    return response


async def parts(request: Request) -> Response:
    form = await request.form()
    print("the file says", form["password"])
    return Response()


async def whoami(request: Request) -> Response:
    token = request.headers["authorization"].partition(" ")[2]
    print("token is", token)
    log.error("seen %s and %s", request.cookies, request.url)
    raise ValueError(f"no such user: {token}")


async def away(request: Request) -> Response:
    token = request.query_params["token"]
    return RedirectResponse(f"/there?token={token}&to=home")


async def echo(request: Request) -> Response:
    said = json.loads(await request.body())
    return Response(f"your password is {said['password']}!")


async def socket(websocket: WebSocket) -> None:
    offered = websocket.scope["subprotocols"]
    await websocket.accept(offered[0] if offered else None)
    print("socket's token is", websocket.query_params.get("token"), offered)
    while True:
        said: Any = json.loads(await websocket.receive_text())
        print("socket says", said)
        if said.get("end"):
            break
        await websocket.send_json(said)
    await websocket.close(4000, f"token={said['token']}")


app = Starlette(
    routes=[
        Route("/login", login, methods=["POST"]),
        Route("/parts", parts, methods=["POST"]),
        Route("/whoami", whoami),
        Route("/away", away),
        Route("/echo", echo, methods=["POST"]),
        WebSocketRoute("/socket", socket),
    ]
)
