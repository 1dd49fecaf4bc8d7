"""Why an address can't be had, and who has it, as a sentence for the user."""

import errno
import os
from pathlib import Path

_LISTEN = "0A"  # the state in /proc/net/tcp
_PRIVILEGED = 1024
_LONGEST_PATH = 104  # on macOS; Linux has 108


def explain(error: OSError, host: str, port: int) -> str:
    """Say in one sentence why `host` and `port` can't be listened on.

    Source: bind(2)
    """
    match error.errno:
        case errno.EADDRINUSE:
            holder = _holder(port)
            by = f" by {holder}" if holder else ""
            return (
                f"port {port} on {host} is in use{by}: stop that, or choose"
                " another with --port (0 takes any that is free)"
            )
        case errno.EACCES:
            why = f"; below {_PRIVILEGED} needs root" * (port < _PRIVILEGED)
            return (
                f"no permission to listen on port {port} of {host}{why}:"
                " choose another with --port"
            )
        case errno.EADDRNOTAVAIL:
            return (
                f"{host} is no address of this machine: choose another with"
                " --host, 127.0.0.1 for this machine only"
            )
        case _:
            reason = error.strerror or str(error)
            return f"can't listen on {host} port {port}: {reason}"


def explain_path(error: OSError, path: str) -> str:
    """Say in one sentence why there can be no Unix socket at `path`.

    Source: unix(7)
    """
    match error.errno:
        case errno.EADDRINUSE:
            return (
                f"{path} exists and is no socket, so it is left alone: remove"
                " it, or choose another with --uds"
            )
        case errno.EACCES | errno.EPERM:
            return f"no permission to make a Unix socket at {path}"
        case errno.ENOENT | errno.ENOTDIR:
            return f"can't listen on {path}: there is no such folder"
        case _ if len(os.fsencode(path)) >= _LONGEST_PATH:
            return (
                f"can't listen on {path}: the path of a Unix socket has less"
                f" than {_LONGEST_PATH} bytes"
            )
        case _:
            reason = error.strerror or str(error)
            return f"can't listen on {path}: {reason}"


def explain_fd(error: OSError, fd: int) -> str:
    """Say in one sentence why nobody can listen on a descriptor.

    Source: listen(2)
    """
    match error.errno:
        case errno.EBADF:
            why = "it isn't open in the server's process"
        case errno.EINVAL:
            why = "it is a connection already, and none can come to it"
        case _:
            why = error.strerror or str(error)
    return f"can't listen on file descriptor {fd}: {why}"


def _holder(port: int) -> str | None:
    """Name the process that listens on the port, if /proc lets us see it.

    Source: proc(5), /proc/net/tcp
    """
    inodes = {
        f"socket:[{fields[9]}]"
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for fields in _rows(table)
        if fields[3] == _LISTEN
        and int(fields[1].rpartition(":")[2], 16) == port
    }
    if not inodes:
        return None
    for folder in Path("/proc").glob("[0-9]*/fd"):
        try:
            if any(os.readlink(each) in inodes for each in folder.iterdir()):  # noqa: PTH115
                return _named(int(folder.parent.name))
        except OSError:
            continue  # another user's process, or one that just ended
    return "a process of another user"


def _rows(table: str) -> list[list[str]]:
    try:
        lines = Path(table).read_text("ascii").splitlines()
    except OSError:
        return []  # no Linux
    return [line.split() for line in lines[1:]]


def _named(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return f"process {pid}"
    shown = " ".join(Path(os.fsdecode(each)).name for each in words[:1])
    said = " ".join(os.fsdecode(each) for each in words[1:4] if each)
    return f"process {pid} ({f'{shown} {said}'.strip()[:60]})"
