"""What a function waits for, by its name: a table, and nothing else.

asyncio's and anyio's own functions stand here, and those few of our server
that wait. Who is in no line of it is told by the future that it waits for.
"""

from collections.abc import Iterator, Mapping
from types import CodeType
from typing import NamedTuple

from tracer.events.tasks import WaitsFor


class Rule(NamedTuple):
    """What it means that this function stands in a chain of awaits.

    Attributes:
        own: What it waits for if nothing that is known stands inside it.
        instead: For what stands inside: the better word. Where that is the
            same word, the function lends its name only.
        name: How it is called by those who use it; empty: by its own name.
    """

    own: WaitsFor | None = None
    instead: Mapping[WaitsFor, WaitsFor] = {}
    name: str = ""


def name_of(code: CodeType, module: str, rule: Rule | None) -> str:
    """Name a function as those who use it do: `asyncio.Event.wait`."""
    if rule is not None and rule.name:
        return rule.name
    package = module.partition(".")[0]
    if rule is not None and package in {"asyncio", "anyio"}:
        return f"{package}.{code.co_qualname}"
    return code.co_qualname


def _same(*words: WaitsFor) -> Mapping[WaitsFor, WaitsFor]:
    return {word: word for word in words}


_THROUGH = Rule()
"""Goes on to what stands inside it, and has nothing to add."""

_SOCKET = Rule("socket", {"event": "socket", "stream data": "socket"})

_ASYNCIO: dict[str, dict[str, Rule]] = {
    "tasks": {
        "sleep": Rule("sleep"),
        "__sleep0": _THROUGH,
        "wait_for": _THROUGH,
        "_wait": Rule("child tasks"),
        "wait": Rule(None, _same("child tasks")),
        "_cancel_and_wait": Rule("child task"),
        "as_completed.<locals>._wait_for_one": Rule(
            None, {"queue": "child tasks"}, "asyncio.as_completed"
        ),
        "_AsCompletedIterator._wait_for_one": Rule(
            None, {"queue": "child tasks"}, "asyncio.as_completed"
        ),
        "_AsCompletedIterator.__anext__": _THROUGH,
    },
    "taskgroups": {
        "TaskGroup.__aexit__": Rule("child tasks", _same("child tasks")),
        "TaskGroup._aexit": Rule("child tasks"),
    },
    "locks": {
        "_ContextManagerMixin.__aenter__": _THROUGH,
        "Event.wait": Rule("event"),
        "Lock.acquire": Rule("lock"),
        "Semaphore.acquire": Rule("semaphore"),
        "Condition.wait": Rule("condition"),
        "Condition.wait_for": Rule(None, _same("condition")),
        "Barrier._block": Rule(None, {"condition": "barrier"}),
        "Barrier._wait": Rule(None, {"condition": "barrier"}),
        "Barrier.wait": Rule(None, _same("barrier")),
        "Barrier.__aenter__": _THROUGH,
    },
    "queues": {
        "Queue.get": Rule("queue"),
        "Queue.put": Rule("queue"),
        "Queue.join": Rule(None, {"event": "queue"}),
    },
    "threads": {"to_thread": Rule("worker thread")},
    "base_events": {
        "BaseEventLoop.getaddrinfo": Rule("worker thread"),
        "BaseEventLoop.getnameinfo": Rule("worker thread"),
        "BaseEventLoop.shutdown_default_executor": Rule("worker thread"),
        "BaseEventLoop._ensure_resolved": _THROUGH,
        "Server.wait_closed": Rule("socket"),
    },
    "selector_events": {
        f"BaseSelectorEventLoop.{name}": Rule("socket")
        for name in (
            "sock_recv",
            "sock_recv_into",
            "sock_recvfrom",
            "sock_recvfrom_into",
            "sock_sendall",
            "sock_sendto",
            "sock_connect",
            "sock_accept",
        )
    },
    "streams": {
        "StreamReader._wait_for_data": Rule("stream data"),
        "StreamReader.read": Rule(None, _same("stream data")),
        "StreamReader.readline": Rule(None, _same("stream data")),
        "StreamReader.readuntil": Rule(None, _same("stream data")),
        "StreamReader.readexactly": Rule(None, _same("stream data")),
        "StreamReader.__anext__": _THROUGH,
        "FlowControlMixin._drain_helper": Rule("socket"),
        "StreamWriter.drain": Rule(None, _same("socket")),
        "StreamWriter.wait_closed": Rule("socket"),
    },
    "base_subprocess": {
        "BaseSubprocessTransport._wait": Rule("subprocess"),
        "BaseSubprocessTransport._connect_pipes": Rule("subprocess"),
    },
    "unix_events": {
        "_UnixSelectorEventLoop._make_subprocess_transport": Rule(
            "subprocess", _same("subprocess")
        ),
    },
    "subprocess": {
        "Process.wait": Rule(None, _same("subprocess")),
        "Process.communicate": Rule("subprocess", _same("subprocess")),
    },
}

_BACKEND: dict[str, Rule] = {
    "Event.wait": Rule(None, _same("event")),
    "Lock.acquire": Rule("lock"),
    "Semaphore.acquire": Rule("semaphore"),
    "CapacityLimiter.acquire_on_behalf_of": Rule(None, {"event": "semaphore"}),
    "CapacityLimiter.acquire": Rule(None, _same("semaphore")),
    "CapacityLimiter.__aenter__": _THROUGH,
    "AsyncIOBackend.run_sync_in_worker_thread": Rule(
        "worker thread", {"semaphore": "free thread"}
    ),
    "AsyncIOBackend.sleep": Rule(None, _same("sleep"), "anyio.sleep"),
    "AsyncIOBackend.checkpoint": _THROUGH,
    "AsyncIOBackend.checkpoint_if_cancelled": _THROUGH,
    "AsyncIOBackend.cancel_shielded_checkpoint": _THROUGH,
    "AsyncIOBackend.wait_readable": _SOCKET,
    "AsyncIOBackend.wait_writable": _SOCKET,
    "TaskGroup.__aexit__": Rule("child tasks"),
    "TaskGroup.start": Rule("child task"),
    "SocketStream.receive": _SOCKET,
    "SocketStream.send": _SOCKET,
    "_RawSocketMixin._wait_until_readable": _SOCKET,
    "_RawSocketMixin._wait_until_writable": _SOCKET,
    "UNIXSocketStream.receive": _SOCKET,
    "UNIXSocketStream.send": _SOCKET,
    "Process.wait": Rule(None, _same("subprocess")),
}

_ANYIO: dict[str, dict[str, Rule]] = {
    "_backends._asyncio": _BACKEND,
    "_core._eventloop": {
        "sleep": Rule(None, _same("sleep")),
        "sleep_until": Rule(None, _same("sleep")),
        "sleep_forever": Rule(None, _same("sleep")),
    },
    "_core._synchronization": {
        "EventAdapter.wait": _THROUGH,
        "LockAdapter.acquire": _THROUGH,
        "LockAdapter.__aenter__": _THROUGH,
        "Lock.__aenter__": _THROUGH,
        "Semaphore.__aenter__": _THROUGH,
        "SemaphoreAdapter.acquire": _THROUGH,
        "CapacityLimiterAdapter.acquire": _THROUGH,
        "CapacityLimiterAdapter.acquire_on_behalf_of": _THROUGH,
        "CapacityLimiterAdapter.__aenter__": _THROUGH,
        "Condition.acquire": _THROUGH,
        "Condition.__aenter__": _THROUGH,
        "Condition.wait": Rule(None, {"event": "condition"}),
        "Condition.wait_for": Rule(None, _same("condition")),
    },
    "_core._tasks": {
        "TaskHandle.wait": Rule(None, {"event": "child task"}),
        "TaskHandle.__await__": _THROUGH,
    },
    "to_thread": {
        "run_sync": Rule(
            None,
            _same("worker thread", "free thread"),
            "anyio.to_thread.run_sync",
        ),
    },
    "streams.memory": {
        "MemoryObjectReceiveStream.receive": Rule(
            None, {"event": "stream data"}
        ),
        "MemoryObjectSendStream.send": Rule(None, {"event": "stream data"}),
    },
    "abc._streams": {
        "UnreliableObjectReceiveStream.__anext__": _THROUGH,
        "ByteReceiveStream.__anext__": _THROUGH,
    },
}

_OURS: dict[str, dict[str, Rule]] = {
    "capture.server.cycle": {
        "RequestResponseCycle.receive": Rule(None, {"event": "request body"}),
    },
    "capture.server.flow": {
        "FlowControl.drain": Rule(None, {"event": "client to read"}),
    },
    "capture.gate.gate": {"Gate.wait": Rule("held", {"event": "held"})},
}


def _all() -> Iterator[tuple[tuple[str, str], Rule]]:
    own = __name__.partition(".")[0]
    tables = (("asyncio", _ASYNCIO), ("anyio", _ANYIO), (own, _OURS))
    for package, modules in tables:
        for module, rules in modules.items():
            for name, rule in rules.items():
                yield (f"{package}.{module}", name), rule


RULES: Mapping[tuple[str, str], Rule] = dict(_all())
"""Module and qualified name of a function to what it waits for.

All of these names are private to their packages: who isn't found waits for a
`future`, which is true of every one of them.
"""
