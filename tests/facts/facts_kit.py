"""What a run told, and clients with raw sockets to make it tell.

A test asks a `Story` for events. Which kinds it was given is kept: the table
of facts must name those, and only those.
"""

import socket
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tracer.events import ConnectionMade, ScopeBuilt
from tracer.events.log import Record

# Both know how to start a server: `live`, in a process of its own, and
# `server_running`, in a thread.
TESTS = Path(__file__).parent.parent
sys.path += [str(TESTS / "host"), str(TESTS / "capture" / "server")]

PATIENCE = 30.0

LOOKED: set[str] = set()
"""Kinds that the present test was given events of."""


class Story:
    """Events of one run, in their order, or a part of them.

    Attributes:
        got: What the clients of the run received, by name.
    """

    def __init__(
        self, records: Iterable[Record], got: dict[str, Any] | None = None
    ) -> None:
        self.records = list(records)
        self.got: dict[str, Any] = got or {}
        self.at = {id(each): n for n, each in enumerate(self.records)}

    def of(self, *kinds: str, **fields: object) -> list[Any]:
        """Give the events of these kinds with these values."""
        found = [
            each
            for each in self.records
            if each.kind in kinds
            and all(getattr(each, k) == v for k, v in fields.items())
        ]
        LOOKED.update(each.kind for each in found)
        return found

    def one(self, kind: str, **fields: object) -> Any:  # noqa: ANN401
        """Give the only one."""
        (found,) = self.of(kind, **fields)
        return found

    def first(self, kind: str, **fields: object) -> Any:  # noqa: ANN401
        found = self.of(kind, **fields)
        assert found, (kind, fields)
        return found[0]

    def kinds(self, *wanted: str) -> list[str]:
        """Give the kinds of those, in the order of their events."""
        return [each.kind for each in self.of(*wanted)]

    def names(self, *others: str) -> list[str]:
        """The same for h11's events, by their names, and others by kind."""
        return [
            getattr(each, "name", each.kind) if each.layer == "h11"
            else each.kind
            for each in self.of("h11.event", *others)
        ]  # fmt: skip

    def before(self, event: object) -> "Story":
        return Story(self.records[: self.at[id(event)]], self.got)

    def after(self, event: object) -> "Story":
        return Story(self.records[self.at[id(event)] + 1 :], self.got)

    def between(self, first: object, last: object) -> "Story":
        start, end = self.at[id(first)], self.at[id(last)]
        return Story(self.records[start + 1 : end], self.got)

    def conn(self, number: int | None) -> "Story":
        assert number is not None
        found = [each for each in self.records if each.conn == number]
        return Story(found, self.got)

    def of_client(self, name: str) -> "Story":
        """The connection of the client with that address; empty: not yet."""
        for each in self.records:
            if isinstance(each, ConnectionMade) and each.client == name:
                return self.conn(each.conn)
        return Story(())

    def req(self, number: int | None) -> "Story":
        assert number is not None
        found = [each for each in self.records if each.req == number]
        return Story(found, self.got)

    def reqs(self, target: str) -> "list[Story]":
        """All requests for such a target, each with its own events."""
        numbers = []
        for each in self.records:
            if isinstance(each, ScopeBuilt):
                path = each.raw_path.removeprefix(each.root_path)
                if target in {path, f"{path}?{each.query}"}:
                    numbers.append(each.req)
        return [self.req(number) for number in numbers]

    def asked(self, target: str) -> "Story":
        """The only request for such a target."""
        (found,) = self.reqs(target)
        return found

    def via(self, target: str) -> "Story":
        """All that happened on the connection of that request."""
        return self.conn(self.asked(target).records[0].conn)

    def task(self) -> int:
        """The number of the task that runs this request's app."""
        found = {
            each.task
            for each in self.records
            if each.kind == "run_asgi.start" and each.task is not None
        }
        (number,) = found
        return number


def in_order(story: Story, *kinds: str) -> bool:
    """Whether the first of each kind came in this order."""
    firsts = [story.at[id(story.first(kind))] for kind in kinds]
    return firsts == sorted(firsts)


class Client:
    """A raw socket to a server."""

    def __init__(self, where: int | str) -> None:
        if isinstance(where, str):
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(PATIENCE)
            self.sock.connect(where)
        else:
            self.sock = socket.create_connection(("127.0.0.1", where), PATIENCE)

        self.name = self.sock.getsockname()
        if isinstance(self.name, tuple):
            self.name = f"{self.name[0]}:{self.name[1]}"

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def ask(
        self, path: str, *headers: str, method: str = "GET", body: bytes = b""
    ) -> None:
        """Send a request, without waiting for its answer."""
        self.send(request(path, *headers, method=method) + body)

    def read_to(self, end: bytes) -> bytes:
        got = b""
        while not got.endswith(end):
            data = self.sock.recv(65536)
            assert data, f"closed after {got!r}"
            got += data
        return got

    def answer(self) -> bytes:
        """Read one response with a Content-Length."""
        got = b""
        while b"\r\n\r\n" not in got:
            data = self.sock.recv(1)
            assert data, f"closed after {got!r}"
            got += data
        length = int(value_of(got, b"content-length") or 0)
        body = b""
        while len(body) < length:
            data = self.sock.recv(length - len(body))
            assert data, f"closed after {body!r}"
            body += data
        return got + body

    def get(self, path: str, *headers: str) -> bytes:
        self.ask(path, *headers)
        return self.answer()

    def rest(self) -> bytes:
        """Read to the end of the connection."""
        got = b""
        try:
            while data := self.sock.recv(1 << 20):
                got += data
        except ConnectionResetError:
            pass
        return got

    def closed(self) -> bool:
        """Whether the server ends the connection and sends nothing more."""
        return self.rest() == b""

    def close(self) -> None:
        self.sock.close()


@contextmanager
def guests(where: int | str) -> Iterator[Callable[[], Client]]:
    """Give what opens a connection; all of them are closed at the end."""
    with ExitStack() as opened:

        def visit() -> Client:
            client = Client(where)
            opened.callback(client.close)
            return client

        yield visit


def request(path: str, *headers: str, method: str = "GET") -> bytes:
    lines = (f"{method} {path} HTTP/1.1", "Host: h", *headers, "", "")
    return "\r\n".join(lines).encode()


def value_of(head: bytes, name: bytes) -> bytes | None:
    """Give a header of a response's head."""
    for line in head.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.lower() == name:
            return value.strip()
    return None


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def turns_between(first: Any, *others: Any) -> Sequence[int]:  # noqa: ANN401
    """How many turns of the loop later each of the others came."""
    return [each.turn - first.turn for each in others]
