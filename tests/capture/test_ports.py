"""Why nobody can listen there, as a sentence."""

import errno
import os
import socket
from pathlib import Path

import pytest

from tracer.capture.ports import explain, explain_fd, explain_path


@pytest.mark.parametrize(
    ("number", "port", "sentence"),
    [
        (errno.EACCES, 80, "no permission to listen on port 80 of h; below"
         " 1024 needs root: choose another with --port"),
        (errno.EACCES, 8000, "no permission to listen on port 8000 of h:"
         " choose another with --port"),
        (errno.EADDRNOTAVAIL, 1, "h is no address of this machine: choose"
         " another with --host, 127.0.0.1 for this machine only"),
        (socket.EAI_NONAME, 1, "can't listen on h port 1: told"),
        (errno.EADDRINUSE, 1, "port 1 on h is in use: stop that, or choose"
         " another with --port (0 takes any that is free)"),
    ],
)  # fmt: skip
def test_each_reason_has_its_sentence(
    number: int, port: int, sentence: str
) -> None:
    assert explain(OSError(number, "told"), "h", port) == sentence


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="needs /proc")
def test_who_has_the_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = explain(OSError(errno.EADDRINUSE, ""), "127.0.0.1", port)

    assert f"is in use by process {os.getpid()} (" in said


@pytest.mark.parametrize(
    ("number", "path", "sentence"),
    [
        (
            errno.EADDRINUSE,
            "a",
            "a exists and is no socket, so it is left alone: remove it, or"
            " choose another with --uds",
        ),
        (errno.EACCES, "a", "no permission to make a Unix socket at a"),
        (errno.ENOENT, "b/a", "can't listen on b/a: there is no such folder"),
        (
            None,
            "a" * 104,
            f"can't listen on {'a' * 104}: the path of a Unix socket has less"
            " than 104 bytes",
        ),
        (errno.EIO, "a", "can't listen on a: told"),
    ],
)
def test_each_reason_of_a_path_has_its_sentence(
    number: int | None, path: str, sentence: str
) -> None:
    assert explain_path(OSError(number, "told"), path) == sentence


@pytest.mark.parametrize(
    ("number", "why"),
    [
        (errno.EBADF, "it isn't open in the server's process"),
        (
            errno.EINVAL,
            "it is a connection already, and none can come to it",
        ),
        (errno.ENOTSOCK, "told"),
    ],
)
def test_each_reason_of_a_descriptor_has_its_sentence(
    number: int, why: str
) -> None:
    said = explain_fd(OSError(number, "told"), 7)
    assert said == f"can't listen on file descriptor 7: {why}"
