"""The listening socket: which connections it gives out, and their numbers."""

import socket
from typing import Any

import pytest

from tracer.capture.loop import ListenSocket, claim
from tracer.capture.probe import Note, Probe


def test_accept_numbers_connections_until_they_are_claimed() -> None:
    events: list[Any] = []
    probe = Probe(events.append)
    with ListenSocket() as listener:
        listener.note = Note(probe)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        clients = [socket.create_connection(listener.getsockname())]
        clients.append(socket.create_connection(listener.getsockname()))
        conns = [listener.accept()[0] for _ in clients]
        names = ["{}:{}".format(*each.getsockname()) for each in clients]
        fds = [each.fileno() for each in conns]
    assert [(each.conn, each.client, each.fd) for each in events] == [
        (1, names[0], fds[0]),
        (2, names[1], fds[1]),
    ]
    assert [claim(fd, probe) for fd in reversed(fds)] == [2, 1]
    assert claim(fds[0], probe) == 3  # accepted by somebody else
    for sock in (*clients, *conns):
        sock.close()


def test_nothing_to_accept_is_said_by_nobody() -> None:
    events: list[Any] = []
    with ListenSocket() as listener:
        listener.note = Note(Probe(events.append))
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert events == []
