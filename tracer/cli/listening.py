"""Where the server listens, by TLS or not, and whose word it takes.

The options of `serve` that are about the other side of a connection, under
the names that uvicorn gives them.
"""

import os
import socket
import stat
from argparse import ArgumentParser, BooleanOptionalAction, Namespace
from typing import Any

STANDARD = 3
"""Descriptors from here on are nobody's; those below are the terminal's."""

NAMES = (
    *("uds", "fd", "proxy_headers", "forwarded_allow_ips"),
    *("ssl_keyfile", "ssl_certfile", "ssl_keyfile_password", "ssl_version"),
    *("ssl_cert_reqs", "ssl_ca_certs", "ssl_ciphers"),
)
"""They go to the server under the names that the command line gives them."""


def fill(parser: ArgumentParser) -> None:
    """Add the options to `serve`."""
    for title, options in _GROUPS:
        add = parser.add_argument_group(title).add_argument
        for name, more in options:
            add(name, **more)


def wrong(options: Namespace) -> str | None:
    """Why nobody can listen there; None: somebody may.

    Where it listens on a standard stream, that gets a number of its own: the
    server's process has others in their places.
    """
    if options.uds is not None and options.fd is not None:
        return "--uds and --fd are two places: name one of them"
    if options.uds == "":
        return "--uds: a Unix socket needs a path"
    if (why := _wrong_tls(options)) is not None:
        return why
    if options.fd is None:
        return None
    if (why := _wrong_fd(options.fd)) is not None:
        return f"--fd {options.fd}: {why}"
    if options.fd < STANDARD:
        options.fd = os.dup(options.fd)
    return None


def _wrong_tls(options: Namespace) -> str | None:
    """Why that is no TLS.

    uvicorn takes no notice of the last two without a certificate, and then
    speaks plain HTTP with everybody.
    """
    if options.ssl_certfile:
        return None
    if options.ssl_keyfile:
        return "--ssl-keyfile needs the certificate too: --ssl-certfile"
    for name in ("ssl_ca_certs", "ssl_cert_reqs"):
        if getattr(options, name):
            option = "--" + name.replace("_", "-")
            return f"{option} means nothing without TLS: add --ssl-certfile"
    return None


def _wrong_fd(fd: int) -> str | None:
    try:
        kind = os.fstat(fd).st_mode
    except (OSError, OverflowError):
        return "no such descriptor is open here; who starts it passes one on"
    if not stat.S_ISSOCK(kind):
        return "it is no socket"
    with socket.socket(fileno=os.dup(fd)) as sock:
        if sock.type != socket.SOCK_STREAM:
            return "it is a socket, but none that clients can connect to"
    return None


def inherited(options: Namespace) -> tuple[int, ...]:
    """Which descriptors the server's process needs."""
    return () if options.fd is None else (options.fd,)


def _file(what: str) -> dict[str, Any]:
    return {"metavar": "FILE", "help": what}


_WHERE = (
    (
        "--host",
        {
            "default": "127.0.0.1",
            "help": "address or name to listen on (default: 127.0.0.1, this"
            " machine only)",
        },
    ),
    (
        "--uds",
        {"metavar": "PATH", "help": "listen on a Unix socket instead"},
    ),
    (
        "--fd",
        {
            "type": int,
            "metavar": "N",
            "help": "listen on a socket that is open already, as this"
            " descriptor",
        },
    ),
)

_PROXY = (
    (
        "--proxy-headers",
        {
            "action": BooleanOptionalAction,
            "default": True,
            "help": "whether X-Forwarded-For and X-Forwarded-Proto of a"
            " trusted proxy are believed",
        },
    ),
    (
        "--forwarded-allow-ips",
        {
            "metavar": "LIST",
            "help": "addresses and networks of trusted proxies, with commas;"
            " * trusts everybody (default: FORWARDED_ALLOW_IPS in the"
            " environment, or 127.0.0.1,::1)",
        },
    ),
)

_TLS = (
    ("--ssl-certfile", _file("speak https; the server's certificate, in PEM")),
    ("--ssl-keyfile", _file("the key to it (default: it stands there too)")),
    (
        "--ssl-keyfile-password",
        {"metavar": "WORD", "help": "opens the key; it is in no recording"},
    ),
    (
        "--ssl-version",
        {
            "type": int,
            "default": 17,
            "metavar": "N",
            "help": "a PROTOCOL constant of Python's ssl module (default: 17,"
            " what both sides know best)",
        },
    ),
    (
        "--ssl-cert-reqs",
        {
            "type": int,
            "choices": (0, 1, 2),
            "default": 0,
            "help": "whether clients show a certificate. 0: no; 1: if they"
            " like; 2: they must (default: 0)",
        },
    ),
    (
        "--ssl-ca-certs",
        _file("certificates of those who may sign the clients'"),
    ),
    (
        "--ssl-ciphers",
        {"metavar": "LIST", "help": "in OpenSSL's form (default: its own)"},
    ),
)

_GROUPS: tuple[tuple[str, tuple[tuple[str, dict[str, Any]], ...]], ...] = (
    ("where it listens", _WHERE),
    ("behind a proxy", _PROXY),
    ("TLS", _TLS),
)
