"""The whole way: a key, the served process, its events, the picture."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from live import PATIENCE, Live, serving
from textual.pilot import Pilot

from tracer.model.holds import Holds
from tracer.views.tui import TraceApp

APP = """
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

async def item(request):
    return JSONResponse({"item": request.path_params["n"]})

app = Starlette(routes=[Route("/items/{n:int}", item)])
"""


class Screen:
    """The screen of a served app, looked at until something is so."""

    def __init__(self, app: TraceApp, pilot: Pilot[int]) -> None:
        self.app = app
        self.press = pilot.press

    async def until(self, so: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not so():
            assert time.monotonic() < deadline, self.app.trace.holds
            await asyncio.sleep(0.02)
            self.app.tick()

    async def until_held_at(self, stage: str) -> None:
        """Until the picture stands at the stage, with its hold."""

        def stands() -> bool:
            moment = self.app.player.moment()
            at = None if moment.held is None else moment.held[0].stage
            here = moment.record is not None and moment.record.kind == "held"
            return here and at == stage

        await self.until(stands)


async def hold_step_and_go_on(
    live: Live, screen: Screen, clients: ThreadPoolExecutor
) -> None:
    app = screen.app

    def holds() -> Holds:
        return app.trace.holds

    await screen.until(lambda: live.feed.url)
    await screen.press("B", "a", *"endpoint.enter path=/items/1", "enter")
    await screen.until(lambda: holds().breakpoints)

    held = clients.submit(live.get, "/items/1")
    await screen.until_held_at("endpoint.enter")
    assert app.player.number == 1
    other = clients.submit(live.get, "/items/2")
    await screen.until(other.done)  # all others go on
    assert other.result().endswith(b'{"item":2}')
    assert not held.done()

    await screen.press("s")
    await screen.until_held_at("endpoint.exit")
    await screen.press("s")
    await screen.until_held_at("response.call")
    await screen.press("c")
    await screen.until(held.done)
    assert held.result().endswith(b'{"item":1}')
    await screen.until(lambda: not holds().held)
    assert [each.hits for each in holds().breakpoints] == [1]


async def send_and_leave(screen: Screen) -> None:
    """A client of ours is held by the same breakpoint; leaving is at once."""
    app = screen.app
    app.player.select(1)
    await screen.press("t", "enter")
    await screen.until(lambda: app.trace.holds.held)
    assert app.trace.requests[3].path == "/items/1"
    began = time.monotonic()
    await screen.press("ctrl+q")
    await screen.until(lambda: app.return_value is not None)
    assert app.return_value == 0
    assert time.monotonic() - began < 3


def test_keys_hold_step_and_let_go_a_real_request(tmp_path: Path) -> None:
    async def go(live: Live, clients: ThreadPoolExecutor) -> None:
        app = TraceApp(live.feed, clock=time.monotonic)
        async with app.run_test(size=(120, 40)) as pilot:
            screen = Screen(app, pilot)
            await hold_step_and_go_on(live, screen, clients)
            await send_and_leave(screen)

    with serving(tmp_path, APP) as live, ThreadPoolExecutor(2) as clients:
        # The screen takes the feed's records; `live` shall not.
        asyncio.run(go(live, clients))
