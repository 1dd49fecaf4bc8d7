"""FastAPI's WebSockets: dependencies and the user's own function."""

from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, WebSocket
from fastapi.exceptions import WebSocketRequestValidationError
from frameworks_seen import Seen, as_it_was  # noqa: F401
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect


async def named(q: str = "nobody") -> str:
    return q


async def talk(
    websocket: WebSocket, item: int, q: Annotated[str, Depends(named)]
) -> None:
    await websocket.accept()
    await websocket.send_text(f"{item} {q}")
    await websocket.close()


def made() -> FastAPI:
    app = FastAPI(openapi_url=None)
    app.add_api_websocket_route("/talk/{item}", talk)
    router = APIRouter()
    router.add_api_websocket_route("/talk/{item}", talk)
    app.include_router(router, prefix="/in")
    return app


@pytest.mark.parametrize("path", ["/talk", "/in/talk"])
def test_dependencies_come_first_and_then_the_endpoint(path: str) -> None:
    app = made()
    seen = Seen(app)
    route = vars(app.routes[0]).copy()

    for _ in range(2):
        seen.events.clear()
        with seen.client.websocket_connect(f"{path}/7?q=me") as session:
            assert session.receive_text() == "7 me"
        kinds = ("dependency.", "endpoint.")
        assert [e for e in seen.story() if e.startswith(kinds)] == [
            "dependency.enter named",
            "dependency.exit named returned",
            "endpoint.enter talk function async",
            "endpoint.exit talk NoneType",
        ]

    assert vars(app.routes[0]) == route


def test_what_an_error_says_of_the_endpoint_is_the_same() -> None:
    errors: list[dict[str, Any]] = []
    for watched in (False, True):
        app = made()

        @app.exception_handler(WebSocketRequestValidationError)
        async def keep(websocket: WebSocket, error: Any) -> None:
            errors.append(vars(error) | {"said": str(error)})
            await websocket.close()

        client = Seen(app).client if watched else TestClient(app)
        refused = pytest.raises(WebSocketDisconnect)
        with refused, client.websocket_connect("/talk/x"):
            pass

    untraced, traced = errors
    assert "talk" in traced["said"]
    assert traced == untraced
