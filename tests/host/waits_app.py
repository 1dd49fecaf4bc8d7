"""An app that waits in every way there is, each on a line marked `waits`."""

import asyncio
import contextlib
import os
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import closing
from threading import Thread
from typing import Any

import anyio
import anyio.to_thread

SOON = 0.01
MEET = asyncio.Barrier(2)

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


async def sleep(receive: Receive, send: Send) -> None:
    await asyncio.sleep(SOON)  # waits


async def event(receive: Receive, send: Send) -> None:
    there = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, there.set)
    loop.call_later(SOON, os.kill, os.getpid(), signal.SIGUSR1)
    await there.wait()  # waits
    loop.remove_signal_handler(signal.SIGUSR1)


async def lock(receive: Receive, send: Send) -> None:
    one = asyncio.Lock()
    other = await begun(holds(one))
    async with one:  # waits
        await other


async def holds(one: asyncio.Lock) -> None:
    async with one:
        await asyncio.sleep(SOON)


async def begun(coro: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    task = asyncio.create_task(coro)
    await asyncio.sleep(0)
    return task


async def semaphore(receive: Receive, send: Send) -> None:
    free = asyncio.Semaphore(0)
    asyncio.get_running_loop().call_soon(free.release)
    await free.acquire()  # waits


async def condition(receive: Receive, send: Send) -> None:
    there = asyncio.Condition()
    async with there:
        other = asyncio.create_task(notifies(there))
        await there.wait()  # waits
    await other


async def notifies(there: asyncio.Condition) -> None:
    async with there:
        there.notify()


async def barrier(receive: Receive, send: Send) -> None:
    await MEET.wait()  # waits


async def queue(receive: Receive, send: Send) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SOON):
            await asyncio.Queue[None]().get()  # waits


async def worker_thread(receive: Receive, send: Send) -> None:
    await anyio.to_thread.run_sync(time.sleep, SOON)  # waits


async def free_thread(receive: Receive, send: Send) -> None:
    one = anyio.CapacityLimiter(1)
    other = await begun(sleeps_in_a_thread(one))
    await anyio.to_thread.run_sync(int, limiter=one)  # waits
    await other


async def sleeps_in_a_thread(one: anyio.CapacityLimiter) -> None:
    await anyio.to_thread.run_sync(time.sleep, SOON, limiter=one)


async def child_task(receive: Receive, send: Send) -> None:
    child = asyncio.create_task(asyncio.sleep(SOON))
    await child  # waits


async def child_tasks(receive: Receive, send: Send) -> None:
    async with asyncio.TaskGroup() as group:  # waits
        group.create_task(asyncio.sleep(SOON))


async def stream_data(receive: Receive, send: Send) -> None:
    ours, theirs = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=ours)
    with theirs, closing(writer):
        asyncio.get_running_loop().call_later(SOON, theirs.send, b"line\n")
        await reader.readline()  # waits


async def request_body(receive: Receive, send: Send) -> None:
    await receive()
    await receive()  # waits


async def client_to_read(receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200})
    part = {"type": "http.response.body", "body": bytes(1 << 24)}
    await send({**part, "more_body": True})
    await send({"type": "http.response.body", "body": b"last"})  # waits


async def socket_(receive: Receive, send: Send) -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    loop = asyncio.get_running_loop()
    with ours, theirs:
        loop.call_later(SOON, theirs.send, b"x")
        await loop.sock_recv(ours, 1)  # waits


async def subprocess(receive: Receive, send: Send) -> None:
    other = await asyncio.create_subprocess_exec("sleep", "60")
    asyncio.get_running_loop().call_later(SOON, other.terminate)
    await other.wait()  # waits


async def gave_way(receive: Receive, send: Send) -> None:
    await asyncio.sleep(0)  # waits


async def held(receive: Receive, send: Send) -> None:
    """Waits before it is called."""


async def future(receive: Receive, send: Send) -> None:
    loop = asyncio.get_running_loop()
    there = loop.create_future()
    send_in = loop.call_soon_threadsafe
    other = Thread(target=lambda: send_in(there.set_result, None))
    loop.call_later(SOON, other.start)
    await there  # waits
    other.join()


async def app(scope: Any, receive: Receive, send: Send) -> None:  # noqa: ANN401
    if scope["type"] == "lifespan":
        raise RuntimeError
    name = scope["path"].strip("/")
    await globals()[name if name != "socket" else "socket_"](receive, send)
    if name != "client_to_read":
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b""})
